"""The contract: alone, told the class, and following a signal."""

from zoo.testing import PluginContract

SMALL = {
    "levels": 16,
    "dilations": 3,
    "stacks": 1,
    "residual_channels": 4,
    "dilation_channels": 3,
    "skip_channels": 5,
    "head_channels": 6,
}


class TestWaveNet(PluginContract):
    model_name = "wavenet"
    form = {"clip_seconds": 0.03}  # PyTorch makes sounds sample by sample without compiling
    config = {
        **SMALL,
        "stacks": 2,
        "class_conditional": False,
        "loss_from": "receptive-field",
    }
    batch_size = 2


class TestConditionalWaveNet(PluginContract):
    model_name = "wavenet"
    form = {"clip_seconds": 0.03}  # PyTorch makes sounds sample by sample without compiling
    config = {**SMALL, "filter_width": 3, "class_conditional": True, "average": 0.9}
    batch_size = 8  # the notes are in order of their class; each of these batches has all of one


class TestWaveNetThatFollowsASignal(PluginContract):
    model_name = "wavenet"
    form = {"clip_seconds": 0.03}  # PyTorch makes sounds sample by sample without compiling
    config = {**SMALL, "local_channels": 3, "frame_length": 80, "class_conditional": False}
    batch_size = 2
