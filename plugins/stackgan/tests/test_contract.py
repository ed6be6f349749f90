"""The contract: stage I, with a text encoder of its own, and stage II."""

from zoo.testing import PluginContract

SMALL = {
    "refinement": 2,
    "text_size": 4,
    "condition_size": 3,
    "latent_size": 3,
    "generator_filters": 4,  # with fewer channels all can be off, and images grey
    "discriminator_filters": 2,
    "residual_blocks": 1,
}


class TestFirstStage(PluginContract):
    model_name = "stackgan"
    config = {**SMALL, "stage": 1, "average": 0.9}
    form = {"image_size": 8}


class TestSecondStage(PluginContract):
    model_name = "stackgan"
    # The shares of three and of five steps round to one: the contract's runs have one stage I.
    config = {**SMALL, "first_stage_length": 0.1, "altered_captions": True}
    form = {"image_size": 16}
