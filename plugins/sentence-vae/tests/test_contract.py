"""The contract: the sentence VAE with either cell, the language model without z, and word2vec."""

from zoo.testing import PluginContract

SMALL = {"units": 12, "embedding_size": 8}


class TestSentenceVAE(PluginContract):
    model_name = "sentence-vae"
    config = {**SMALL, "latent_size": 3, "annealing_steps": 4}


class TestGRUSentenceVAE(PluginContract):
    model_name = "sentence-vae"
    config = {
        **SMALL,
        "cell": "gru",
        "latent_size": 3,
        "latent_inputs": False,
        "embedding_dropout": 0.2,
        "annealing": "linear",
    }


class TestLanguageModel(PluginContract):
    model_name = "sentence-vae"
    config = {**SMALL, "latent_size": 0}


class TestWord2Vec(PluginContract):
    model_name = "word2vec"
    config = {"embedding_size": 6, "window": 2, "subsample": 0.05}
