"""Configurations and presets of PixelCNN and PixelRNN; importable without Keras."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from zoo.config import Preset
from zoo.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class PixelCNNConfig:
    """Configuration of PixelCNN; the defaults are the paper's on CIFAR-10.

    Args:
        image_shape: (H, W, C) of one image.
        levels: Values that a channel of a pixel can take; 2 is black and white, with a Bernoulli
            likelihood, more a softmax.
        architecture: Masked convolutions in residual blocks, or the gated vertical and horizontal
            stacks that have no blind spot.
        filters: Features inside a block, h; the residual path of `plain` has twice as many.
        blocks: Blocks after the first convolution.
        first_kernel_size: Pixels per side of the first convolution, mask A.
        kernel_size: Pixels per side of the blocks' convolutions, mask B.
        head_filters: Features of the two 1x1 layers before the output.
        class_conditional: Whether the network is given the label.
        class_count: Labels in the data; used by `class_conditional` alone.
        learning_rate: Of RMSProp.
        gradient_clip: Largest size of an element of the gradient of the mean over elements.
        decay_steps: Steps over which the learning rate falls to zero along a cosine; 0 keeps it.
        average: Momentum of a moving average of the weights, which is then what samples and is
            measured; 0 keeps none.
    """

    image_shape: tuple[int, int, int] = (32, 32, 3)
    levels: int = 256
    architecture: Literal["plain", "gated"] = "plain"
    filters: int = 128
    blocks: int = 15
    first_kernel_size: int = 7
    kernel_size: int = 3
    head_filters: int = 1024
    class_conditional: bool = False
    class_count: int = 0
    learning_rate: float = 1e-3
    gradient_clip: float = 1.0
    decay_steps: int = 0
    average: float = 0.0

    def __post_init__(self) -> None:
        check_pixels(self)
        check_kernels(self)


@dataclass(frozen=True, kw_only=True)
class PixelRNNConfig:
    """Configuration of PixelRNN; the defaults are the paper's on CIFAR-10.

    Args:
        image_shape: (H, W, C) of one image.
        levels: Values that a channel of a pixel can take; 2 is black and white, with a Bernoulli
            likelihood, more a softmax.
        architecture: The Row LSTM, which sees a triangle above a pixel, or the Diagonal BiLSTM,
            which sees all before it; the row above's last pixel by the first convolution alone.
        filters: Features of an LSTM's state, h; the residual path has twice as many.
        layers: LSTM layers after the first convolution.
        first_kernel_size: Pixels per side of the first convolution, mask A.
        head_filters: Features of the 1x1 layer before the output.
        class_conditional: Whether the network is given the label.
        class_count: Labels in the data; used by `class_conditional` alone.
        learning_rate: Of RMSProp.
        gradient_clip: Largest size of an element of the gradient of the mean over elements.
        decay_steps: Steps over which the learning rate falls to zero along a cosine; 0 keeps it.
        average: Momentum of a moving average of the weights, which is then what samples and is
            measured; 0 keeps none.
    """

    image_shape: tuple[int, int, int] = (32, 32, 3)
    levels: int = 256
    architecture: Literal["row", "diagonal"] = "diagonal"
    filters: int = 128
    layers: int = 12
    first_kernel_size: int = 7
    head_filters: int = 1024
    class_conditional: bool = False
    class_count: int = 0
    learning_rate: float = 1e-3
    gradient_clip: float = 1.0
    decay_steps: int = 0
    average: float = 0.0

    def __post_init__(self) -> None:
        check_pixels(self)
        for name in ("filters", "layers", "head_filters"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1. Received: {getattr(self, name)}.")
        if self.first_kernel_size < 3 or self.first_kernel_size % 2 == 0:
            raise ConfigError(
                "first_kernel_size must be odd and at least 3, for a pixel stands in its middle. "
                f"Received: {self.first_kernel_size}."
            )
        if min(self.image_shape[:2]) < 2:
            raise ConfigError(
                "image_shape must have at least 2 rows and 2 columns, for an LSTM walks along "
                f"them. Received: {self.image_shape}."
            )


@dataclass(frozen=True, kw_only=True)
class VideoPixelCNNConfig:
    """Configuration of the PixelCNN of films.

    Args:
        video_shape: (T, H, W, C) of one film.
        levels: Values that a channel of a pixel can take; 2 is black and white.
        context_frames: Frames before the one in the making that the encoder sees.
        encoder_filters: Features of the encoder of those frames.
        encoder_blocks: Residual blocks of the encoder, two 3x3 convolutions each.
        filters: Features inside a gated block of the network that makes a frame.
        blocks: Gated blocks after the first.
        first_kernel_size: Pixels per side of the first convolution of the frame in the making.
        kernel_size: Pixels per side of the others.
        head_filters: Features of the 1x1 layer before the output.
        learning_rate: Of RMSProp.
        gradient_clip: Largest size of an element of the gradient of the mean over elements.
        decay_steps: Steps over which the learning rate falls to zero along a cosine; 0 keeps it.
        average: Momentum of a moving average of the weights, which is then what samples and is
            measured; 0 keeps none.
    """

    architecture: ClassVar[str] = "gated"

    video_shape: tuple[int, int, int, int] = (20, 64, 64, 1)
    levels: int = 256
    context_frames: int = 4
    encoder_filters: int = 128
    encoder_blocks: int = 8
    filters: int = 128
    blocks: int = 12
    first_kernel_size: int = 7
    kernel_size: int = 3
    head_filters: int = 128
    learning_rate: float = 3e-4
    gradient_clip: float = 1.0
    decay_steps: int = 0
    average: float = 0.0

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C) of one frame."""
        return self.video_shape[1:]

    def __post_init__(self) -> None:
        check_pixels(self)
        check_kernels(self)
        for name in ("encoder_filters", "encoder_blocks"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1. Received: {getattr(self, name)}.")
        frames = self.video_shape[0]
        if not 1 <= self.context_frames < frames:
            raise ConfigError(
                f"context_frames must lie between 1 and {frames - 1}, because a film has {frames} "
                f"frames. Received: {self.context_frames}."
            )


def check_kernels(config: Any) -> None:
    """Raise ConfigError unless convolutions can be built of the fields that say how."""
    for name in ("filters", "blocks", "head_filters"):
        if getattr(config, name) < 1:
            raise ConfigError(f"{name} must be at least 1. Received: {getattr(config, name)}.")
    for name in ("first_kernel_size", "kernel_size"):
        size = getattr(config, name)
        if size < 3 or size % 2 == 0:
            raise ConfigError(
                f"{name} must be odd and at least 3, for a pixel stands in its middle. "
                f"Received: {size}."
            )


def check_pixels(config: Any) -> None:
    """Raise ConfigError unless the fields that all models of pixels have are in order."""
    channels = config.image_shape[2]
    if any(side < 1 for side in config.image_shape):
        raise ConfigError(
            f"image_shape must hold positive numbers. Received: {config.image_shape}."
        )
    if not 2 <= config.levels <= 256:
        raise ConfigError(f"levels must lie between 2 and 256. Received: {config.levels}.")
    if config.filters < channels or config.head_filters < channels:
        raise ConfigError(
            f"filters and head_filters must be at least {channels}, because the features are "
            "shared out among the image's channels. Received: "
            f"{config.filters} and {config.head_filters}."
        )
    if getattr(config, "class_conditional", False) and config.class_count < 2:
        raise ConfigError(
            "class_conditional needs a class_count of at least 2; it is taken from data that has "
            f"labels. Received: class_count = {config.class_count}."
        )
    for name in ("learning_rate", "gradient_clip"):
        if not getattr(config, name) > 0:
            raise ConfigError(f"{name} must be above 0. Received: {getattr(config, name)}.")
    if config.decay_steps < 0:
        raise ConfigError(f"decay_steps must be at least 0. Received: {config.decay_steps}.")
    if not 0 <= config.average < 1:
        raise ConfigError(f"average must lie in [0, 1). Received: {config.average}.")


_BINARY = {"levels": 2, "head_filters": 32, "average": 0.999}

PIXELCNN_PRESETS = {
    "laptop": Preset(
        summary="Handwritten digits of 8x8 pixels and 17 grey levels.",
        data="digits",
        epochs=30,
        batch_size=32,
        config={
            "levels": 17,
            "architecture": "gated",
            "filters": 32,
            "blocks": 4,
            "first_kernel_size": 5,
            "head_filters": 64,
        },
    ),
    "paper": Preset(
        summary="CIFAR-10 in 256 levels, 15 blocks of 128 features.",
        data="cifar10",
        epochs=200,
        batch_size=16,
    ),
    "binarized-mnist": Preset(
        summary="Black-and-white MNIST, 6 gated blocks of 32 features and 5x5 pixels.",
        data="binarized_mnist",
        epochs=10,
        batch_size=16,
        config={
            **_BINARY,
            "architecture": "gated",
            "filters": 32,
            "blocks": 6,
            "kernel_size": 5,  # 15 rows upwards; with 3 it sees 9, and begins a digit under a digit
            "head_filters": 64,
            "decay_steps": 31_250,
        },
    ),
    "binarized-mnist-plain": Preset(
        summary="Black-and-white MNIST, 15 plain blocks of 16 features.",
        data="binarized_mnist",
        epochs=10,
        batch_size=16,
        config={**_BINARY, "filters": 16, "decay_steps": 31_250},
    ),
}

PIXELRNN_PRESETS = {
    "laptop": Preset(
        summary="Handwritten digits of 8x8 pixels and 17 grey levels, two Row LSTM layers.",
        data="digits",
        epochs=30,
        batch_size=32,
        config={
            "levels": 17,
            "architecture": "row",
            "filters": 32,
            "layers": 2,
            "first_kernel_size": 5,
            "head_filters": 64,
        },
    ),
    "paper": Preset(
        summary="CIFAR-10 in 256 levels, 12 Diagonal BiLSTM layers of 128 features.",
        data="cifar10",
        epochs=200,
        batch_size=16,
    ),
    "binarized-mnist": Preset(
        summary="Black-and-white MNIST, 7 Diagonal BiLSTM layers of 16 features.",
        data="binarized_mnist",
        epochs=10,
        batch_size=16,
        config={**_BINARY, "filters": 16, "layers": 7, "decay_steps": 31_250},
    ),
    "binarized-mnist-row": Preset(
        summary="Black-and-white MNIST, 7 Row LSTM layers of 16 features.",
        data="binarized_mnist",
        epochs=10,
        batch_size=16,
        config={
            **_BINARY,
            "architecture": "row",
            "filters": 16,
            "layers": 7,
            "decay_steps": 31_250,
        },
    ),
}

VIDEO_PRESETS = {
    "laptop": Preset(
        summary="Two digits that move in a frame of 20x20 pixels; black and white.",
        data="moving-digits",
        steps=3000,
        batch_size=4,  # films, which are forty frames
        config={
            "levels": 2,
            "context_frames": 3,
            "encoder_filters": 64,
            "encoder_blocks": 3,
            "filters": 16,
            "blocks": 3,
            "first_kernel_size": 5,
            "head_filters": 32,
            "learning_rate": 1e-3,
            "decay_steps": 3000,
            "average": 0.995,
        },
    ),
    "paper": Preset(
        summary="64x64 pixels, 256 levels and networks of 128 features; your own --data, a folder "
        "of films.",
        data="moving-digits",
        epochs=100,
        batch_size=16,
    ),
}
