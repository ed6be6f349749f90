"""The contract: plain and gated, black and white, grey levels, a class condition, films."""

from zoo.testing import PluginContract


class TestPixelCNN(PluginContract):
    model_name = "pixelcnn"
    config = {
        "levels": 2,
        "architecture": "plain",
        "filters": 3,
        "blocks": 1,
        "first_kernel_size": 3,
        "head_filters": 4,
    }


class TestGatedPixelCNN(PluginContract):
    model_name = "pixelcnn"
    config = {
        "levels": 5,
        "architecture": "gated",
        "filters": 4,
        "blocks": 1,
        "first_kernel_size": 5,
        "head_filters": 16,
        "class_conditional": True,
        "average": 0.9,
    }


class TestVideoPixelCNN(PluginContract):
    model_name = "video-pixelcnn"
    batch_size = 2
    config = {
        "levels": 2,
        "context_frames": 2,
        "encoder_filters": 6,
        "encoder_blocks": 1,
        "filters": 2,
        "blocks": 1,
        "first_kernel_size": 3,
        "head_filters": 8,
    }
