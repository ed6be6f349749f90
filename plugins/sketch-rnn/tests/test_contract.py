"""The contract: the three decoders, told the class, and the decoder alone."""

from zoo.testing import PluginContract

SMALL = {
    "encoder_units": 4,
    "decoder_units": 6,
    "latent_size": 3,
    "mixtures": 2,
    "class_conditional": False,
    "pen_loss_past_end": True,
}


class TestSketchRNN(PluginContract):
    model_name = "sketch-rnn"
    config = SMALL
    form = {"max_length": 24}
    batch_size = 8


class TestConditionalSketchRNNOfCutBatches(PluginContract):
    model_name = "sketch-rnn"
    config = {
        **SMALL,
        "class_conditional": True,
        "decoder": "layer-norm-lstm",
        "pen_loss_past_end": False,
    }
    form = {"max_length": 24}
    batch_size = 8


class TestHyperSketchRNN(PluginContract):
    model_name = "sketch-rnn"
    config = {**SMALL, "decoder": "hyper-lstm"}
    form = {"max_length": 24}
    batch_size = 8


class TestDecoderOnlySketchRNN(PluginContract):
    model_name = "sketch-rnn"
    config = {**SMALL, "latent_size": 0}
    form = {"max_length": 24}
    batch_size = 8
