"""The contract, for the paper's units and for those of the presets."""

from zoo.testing import PluginContract


class TestMaxoutGAN(PluginContract):
    model_name = "gan"
    config = {"latent_size": 3, "generator_sizes": (8,), "discriminator_sizes": (4,)}


class TestConditionalLeastSquaresGAN(PluginContract):
    model_name = "gan"
    config = {
        "latent_size": 3,
        "prior": "normal",
        "generator_sizes": (8, 8),
        "batch_norm": True,
        "discriminator_sizes": (8,),
        "maxout_pieces": 1,
        "loss": "least-squares",
        "class_conditional": True,
        "optimizer": "adam",
        "learning_rate": 1e-3,
        "average": 0.9,
    }
