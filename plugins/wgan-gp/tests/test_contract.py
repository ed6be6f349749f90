"""The contract, for both models and every architecture."""

from zoo.testing import PluginContract

SMALL = {"generator_sizes": (8, 8), "critic_sizes": (8,), "filters": 2, "latent_size": 3}


class TestWGAN(PluginContract):
    model_name = "wgan"
    config = {**SMALL, "architecture": "convolutional", "critic_steps": 2, "long_critic_steps": 2}
    batch_size = 8


class TestWGANGP(PluginContract):
    model_name = "wgan-gp"
    config = {**SMALL, "architecture": "dense", "critic_steps": 2, "average": 0.9}
    batch_size = 8


class TestResidualWGANGP(PluginContract):
    model_name = "wgan-gp"
    config = {
        **SMALL,
        "architecture": "residual",
        "critic_norm": "layer",
        "critic_steps": 1,
        "decay_steps": 100,
    }
    batch_size = 8
