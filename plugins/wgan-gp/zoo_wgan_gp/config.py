"""Configurations and presets of the Wasserstein GANs; importable without Keras."""

from dataclasses import dataclass
from typing import Any, Literal

from zoo.config import Preset
from zoo.errors import ConfigError
from zoo.shapes import start_grid

Architecture = Literal["dense", "convolutional", "residual"]


@dataclass(frozen=True, kw_only=True)
class WGANConfig:
    """Configuration of the WGAN; the defaults are the paper's.

    Args:
        image_shape: (H, W, C) of one image; for convolutions a grid of 4 to 7 pixels a side,
            doubled as often as needed: 28, 32, 64 or 128 a side.
        architecture: Dense layers, strided convolutions, or residual blocks.
        generator_sizes: Units of the dense generator's hidden layers.
        critic_sizes: Units of the dense critic's hidden layers.
        filters: Channels next to the image, which double with every halving of it; those of every
            residual block.
        critic_norm: Normalisation in the critic after its first convolution.
        latent_size: Numbers in the noise vector, standard normal.
        clip: Largest size of a weight of the critic.
        critic_steps: Moves of the critic per move of the generator, each on fresh data.
        long_critic_steps: Moves of the critic before each of the generator's first 25 moves, and
            before every 500th; a multiple of `critic_steps`.
        learning_rate: Of RMSProp, both players.
        average: Momentum of a moving average of the generator's weights, which then makes the
            samples; 0 keeps none.
    """

    image_shape: tuple[int, int, int] = (64, 64, 3)
    architecture: Architecture = "convolutional"
    generator_sizes: tuple[int, ...] = (512, 512, 512)
    critic_sizes: tuple[int, ...] = (512, 512, 512)
    filters: int = 64
    critic_norm: Literal["none", "batch"] = "batch"
    latent_size: int = 100
    clip: float = 0.01
    critic_steps: int = 5
    long_critic_steps: int = 100
    learning_rate: float = 5e-5
    average: float = 0.0

    def __post_init__(self) -> None:
        check_networks(self)
        if not self.clip > 0:
            raise ConfigError(f"clip must be above 0. Received: {self.clip}.")
        if self.long_critic_steps < 1 or self.long_critic_steps % self.critic_steps:
            raise ConfigError(
                f"long_critic_steps must be a multiple of critic_steps = {self.critic_steps}. "
                f"Received: {self.long_critic_steps}."
            )


@dataclass(frozen=True, kw_only=True)
class WGANGPConfig:
    """Configuration of the WGAN-GP; the defaults are those of the paper's algorithm 1.

    Args:
        image_shape: (H, W, C) of one image; for convolutions a grid of 4 to 7 pixels a side,
            doubled as often as needed: 28, 32, 64 or 128 a side.
        architecture: Dense layers, strided convolutions, or residual blocks.
        generator_sizes: Units of the dense generator's hidden layers.
        critic_sizes: Units of the dense critic's hidden layers.
        filters: Channels next to the image, which double with every halving of it; those of every
            residual block.
        critic_norm: Normalisation in the critic after its first convolution; not over the batch,
            for the penalty is on the slope at each example.
        latent_size: Numbers in the noise vector, standard normal.
        penalty: Weight of the gradient penalty, lambda.
        critic_steps: Moves of the critic per move of the generator, each on fresh data.
        learning_rate: Of Adam, both players.
        beta_1: Of Adam: the momentum of the gradient's mean.
        beta_2: Of Adam: the momentum of its square.
        decay_steps: Moves of the generator over which both learning rates fall to zero along a
            line; 0 keeps them.
        average: Momentum of a moving average of the generator's weights, which then makes the
            samples; 0 keeps none.
    """

    image_shape: tuple[int, int, int] = (64, 64, 3)
    architecture: Architecture = "convolutional"
    generator_sizes: tuple[int, ...] = (512, 512, 512)
    critic_sizes: tuple[int, ...] = (512, 512, 512)
    filters: int = 64
    critic_norm: Literal["none", "layer"] = "none"
    latent_size: int = 128
    penalty: float = 10.0
    critic_steps: int = 5
    learning_rate: float = 1e-4
    beta_1: float = 0.0
    beta_2: float = 0.9
    decay_steps: int = 0
    average: float = 0.0

    def __post_init__(self) -> None:
        check_networks(self)
        if not self.penalty > 0:
            raise ConfigError(f"penalty must be above 0. Received: {self.penalty}.")
        for name in ("beta_1", "beta_2"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"{name} must lie in [0, 1). Received: {getattr(self, name)}.")
        if self.decay_steps < 0:
            raise ConfigError(f"decay_steps must be at least 0. Received: {self.decay_steps}.")


Config = WGANConfig | WGANGPConfig


def check_networks(config: Config) -> None:
    """Raise `ConfigError` unless generator and critic can be built and trained."""
    for name in ("image_shape", "generator_sizes", "critic_sizes"):
        sizes = getattr(config, name)
        if any(size < 1 for size in sizes):
            raise ConfigError(f"{name} must hold positive numbers. Received: {sizes}.")
    for name in ("filters", "latent_size", "critic_steps"):
        if getattr(config, name) < 1:
            raise ConfigError(f"{name} must be at least 1. Received: {getattr(config, name)}.")
    if not config.learning_rate > 0:
        raise ConfigError(f"learning_rate must be above 0. Received: {config.learning_rate}.")
    if not 0 <= config.average < 1:
        raise ConfigError(f"average must lie in [0, 1). Received: {config.average}.")
    if config.architecture != "dense":
        start_grid(config.image_shape)


_DIGITS: dict[str, Any] = {
    "architecture": "dense",
    "generator_sizes": (256, 256),
    "critic_sizes": (256, 256),
    "latent_size": 32,
}

WGAN_PRESETS = {
    "laptop": Preset(
        summary="Handwritten digits of 8x8 pixels; about a minute on two cores.",
        data="digits",
        epochs=400,
        batch_size=32,
        config={
            **_DIGITS,
            "critic_norm": "none",
            "long_critic_steps": 20,
            "clip": 0.05,
            "learning_rate": 5e-4,
        },
    ),
    "paper": Preset(
        summary="64x64 pixels, the DCGAN's networks, RMSProp 5e-5, clip 0.01; your own --data.",
        data="celeb_a",
        form={"image_size": 64},
        epochs=25,
        batch_size=64,
    ),
    "mnist": Preset(
        summary="MNIST at 28x28, convolutions, larger steps than the paper's; half an hour.",
        data="mnist",
        epochs=30,
        batch_size=64,
        config={
            "filters": 32,
            "long_critic_steps": 25,
            "learning_rate": 2e-4,
            "average": 0.99,
        },
    ),
}

WGAN_GP_PRESETS = {
    "laptop": Preset(
        summary="Handwritten digits of 8x8 pixels; about a minute on two cores.",
        data="digits",
        epochs=400,
        batch_size=32,
        config={**_DIGITS, "learning_rate": 5e-4, "beta_1": 0.5},
    ),
    "paper": Preset(
        summary="CIFAR-10: residual networks of 128 channels, 100,000 moves of the generator.",
        data="cifar10",
        steps=100_000,
        batch_size=64,
        config={
            "architecture": "residual",
            "filters": 128,
            "learning_rate": 2e-4,
            "decay_steps": 100_000,
        },
    ),
    "mnist": Preset(
        summary="MNIST at 28x28, convolutions; half an hour or more.",
        data="mnist",
        epochs=30,
        batch_size=64,
        config={"filters": 32, "learning_rate": 2e-4, "beta_1": 0.5, "average": 0.99},
    ),
}
