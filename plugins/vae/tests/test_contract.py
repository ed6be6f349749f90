"""The contract, for every variant of the two models."""

from zoo.testing import PluginContract


class TestAutoencoder(PluginContract):
    model_name = "autoencoder"
    config = {"hidden_sizes": (16,), "latent_size": 3}


class TestConvolutionalAutoencoder(PluginContract):
    model_name = "autoencoder"
    config = {"architecture": "convolutional", "filters": (4, 8), "hidden_sizes": ()}


class TestVAE(PluginContract):
    model_name = "vae"
    config = {"hidden_sizes": (16,), "latent_size": 3}


class TestConvolutionalConditionalVAE(PluginContract):
    model_name = "vae"
    config = {
        "architecture": "convolutional",
        "filters": (4,),
        "kernel_size": 5,
        "hidden_sizes": (8,),
        "class_conditional": True,
    }


class TestGaussianImportanceWeightedVAE(PluginContract):
    model_name = "vae"
    config = {"likelihood": "gaussian", "importance_samples": 3, "hidden_sizes": (16,)}
