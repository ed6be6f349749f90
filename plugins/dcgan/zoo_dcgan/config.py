"""Configuration and presets of the DCGAN; importable without Keras."""

from dataclasses import dataclass

from zoo.config import Preset
from zoo.errors import ConfigError
from zoo.shapes import start_grid


@dataclass(frozen=True, kw_only=True)
class DCGANConfig:
    """Configuration of the DCGAN; the defaults are the paper's.

    Args:
        image_shape: (H, W, C) of one image: a grid of 4 to 7 pixels a side, doubled as often as
            needed; 28, 32, 64 or 128 a side.
        latent_size: Numbers in the noise vector, uniform on [-1, 1].
        generator_filters: Channels of the generator's last hidden layer; each before it has twice
            as many.
        discriminator_filters: Channels of the discriminator's first layer; each after it has
            twice as many.
        kernel_size: Pixels per side of every kernel.
        class_conditional: Whether both players are given the label.
        class_count: Labels in the data; used by `class_conditional` alone.
        learning_rate: Of Adam, both players.
        beta_1: Of Adam: the momentum of the gradient's mean.
        average: Momentum of a moving average of the generator's weights, which then makes the
            samples; 0 keeps none.
    """

    image_shape: tuple[int, int, int] = (64, 64, 3)
    latent_size: int = 100
    generator_filters: int = 128
    discriminator_filters: int = 64
    kernel_size: int = 5
    class_conditional: bool = False
    class_count: int = 0
    learning_rate: float = 2e-4
    beta_1: float = 0.5
    average: float = 0.0

    def __post_init__(self) -> None:
        start_grid(self.image_shape)
        if self.image_shape[2] < 1:
            raise ConfigError(f"image_shape must have channels. Received: {self.image_shape}.")
        for name in ("latent_size", "generator_filters", "discriminator_filters"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1. Received: {getattr(self, name)}.")
        if self.kernel_size < 2:
            raise ConfigError(
                "kernel_size must be at least 2, because strides of 2 would leave pixels out. "
                f"Received: {self.kernel_size}."
            )
        for name in ("beta_1", "average"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"{name} must lie in [0, 1). Received: {getattr(self, name)}.")
        if not self.learning_rate > 0:
            raise ConfigError(f"learning_rate must be above 0. Received: {self.learning_rate}.")
        if self.class_conditional and self.class_count < 2:
            raise ConfigError(
                "class_conditional needs a class_count of at least 2; it is taken from data that "
                f"has labels. Received: class_count = {self.class_count}."
            )


_MNIST = {"generator_filters": 64, "discriminator_filters": 64, "kernel_size": 4}

PRESETS = {
    "laptop": Preset(
        summary="Handwritten digits enlarged to 16x16 pixels; two to three minutes on two cores.",
        data="digits",
        form={"image_size": 16},
        epochs=100,
        batch_size=64,
        # At 8x8 the discriminator would be a single convolution, which cannot tell the two apart.
        config={
            "latent_size": 32,
            "generator_filters": 64,
            "discriminator_filters": 16,
            "kernel_size": 4,
        },
    ),
    "paper": Preset(
        summary="64x64 pixels, 1024-512-256-128 channels, batch 128; your own --data, such as a "
        "folder of photographs.",
        data="celeb_a",
        form={"image_size": 64},
        epochs=25,
        batch_size=128,
    ),
    "mnist": Preset(
        summary="MNIST at 28x28, grid of 7x7 doubled twice; 10 epochs, half an hour.",
        data="mnist",
        epochs=10,
        batch_size=128,
        config=_MNIST,
    ),
    "conditional": Preset(
        summary="As mnist, told the digit.",
        data="mnist",
        epochs=10,
        batch_size=128,
        config={**_MNIST, "class_conditional": True},
    ),
}
