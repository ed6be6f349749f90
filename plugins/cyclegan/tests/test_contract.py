"""The contract, for both generators and both losses."""

from zoo.testing import PluginContract

SMALL = {
    "generator_filters": 2,
    "residual_blocks": 1,
    "discriminator_filters": 2,
    "discriminator_layers": 2,
    "pool_size": 3,
}


class TestCycleGAN(PluginContract):
    model_name = "cyclegan"
    config = {**SMALL, "constant_steps": 2, "decay_steps": 100}
    batch_size = 2


class TestUNetCycleGAN(PluginContract):
    model_name = "cyclegan"
    config = {**SMALL, "generator": "unet", "adversarial": "non-saturating", "identity_weight": 0.0}
    batch_size = 2
