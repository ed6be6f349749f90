"""The contract."""

from zoo.testing import PluginContract


class TestDiscoGAN(PluginContract):
    model_name = "discogan"
    config = {"generator_filters": 2, "discriminator_filters": 2}
