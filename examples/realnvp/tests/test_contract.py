"""The contract, for one channel and three."""

from zoo.testing import PluginContract


class TestRealNVP(PluginContract):
    model_name = "realnvp"
    config = {"levels": 17, "couplings": 3, "filters": 4}


class TestRealNVPOfMoreLevels(PluginContract):
    model_name = "realnvp"
    config = {"couplings": 2, "filters": 4}
    form = {"image_size": 6}
