"""The contract, without and with a class condition."""

from zoo.testing import PluginContract


class TestDCGAN(PluginContract):
    model_name = "dcgan"
    config = {"latent_size": 3, "generator_filters": 2, "discriminator_filters": 2}


class TestConditionalDCGAN(PluginContract):
    model_name = "dcgan"
    config = {
        "latent_size": 3,
        "generator_filters": 2,
        "discriminator_filters": 2,
        "kernel_size": 4,
        "class_conditional": True,
        "average": 0.9,
    }
