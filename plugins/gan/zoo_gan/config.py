"""Configuration and presets of the GAN; importable without Keras."""

from dataclasses import dataclass
from typing import Literal

from zoo.config import Preset
from zoo.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class GANConfig:
    """Configuration of the GAN; the defaults are those of the paper's MNIST experiment.

    Args:
        image_shape: (H, W, C) of one image.
        latent_size: Numbers in the noise vector.
        prior: Of the noise: uniform on [-1, 1], or the standard normal.
        generator_sizes: Units of the generator's hidden layers.
        batch_norm: Whether the generator's hidden layers after the first are normalised over the
            batch; they and the discriminator's are then leaky ReLU of slope 0.2.
        discriminator_sizes: Units of the discriminator's hidden layers.
        maxout_pieces: Linear pieces of a maxout unit; 1 makes the units leaky ReLU.
        input_dropout: Share of pixels that the discriminator does not see.
        dropout: Share of hidden units that the discriminator leaves out.
        loss: The game: `minimax`, `non-saturating`, `least-squares` or `hinge`.
        class_conditional: Whether both players are given the label.
        class_count: Labels in the data; used by `class_conditional` alone.
        optimizer: Stochastic gradient descent with momentum as in the paper, or Adam.
        learning_rate: Of the optimizer.
        average: Momentum of a moving average of the generator's weights, which then makes the
            samples; 0 keeps none.
    """

    image_shape: tuple[int, int, int] = (28, 28, 1)
    latent_size: int = 100
    prior: Literal["normal", "uniform"] = "uniform"
    generator_sizes: tuple[int, ...] = (1200, 1200)
    batch_norm: bool = False
    discriminator_sizes: tuple[int, ...] = (240, 240)
    maxout_pieces: int = 5
    input_dropout: float = 0.2
    dropout: float = 0.5
    loss: Literal["minimax", "non-saturating", "least-squares", "hinge"] = "non-saturating"
    class_conditional: bool = False
    class_count: int = 0
    optimizer: Literal["sgd", "adam"] = "sgd"
    learning_rate: float = 0.1
    average: float = 0.0

    def __post_init__(self) -> None:
        for name in ("image_shape", "generator_sizes", "discriminator_sizes"):
            sizes = getattr(self, name)
            if any(size < 1 for size in sizes):
                raise ConfigError(f"{name} must hold positive numbers. Received: {sizes}.")
        for name in ("latent_size", "maxout_pieces"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1. Received: {getattr(self, name)}.")
        for name in ("input_dropout", "dropout", "average"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"{name} must lie in [0, 1). Received: {getattr(self, name)}.")
        if not self.learning_rate > 0:
            raise ConfigError(f"learning_rate must be above 0. Received: {self.learning_rate}.")
        if self.class_conditional and self.class_count < 2:
            raise ConfigError(
                "class_conditional needs a class_count of at least 2; it is taken from data that "
                f"has labels. Received: class_count = {self.class_count}."
            )


_SMALL = {
    "latent_size": 32,
    "generator_sizes": (128, 256),
    "batch_norm": True,
    "discriminator_sizes": (256, 128),
    "maxout_pieces": 1,
    "input_dropout": 0.0,
    "dropout": 0.3,
    "optimizer": "adam",
    "learning_rate": 2e-4,
}
_LEAKY = {
    "generator_sizes": (128, 256, 512, 1024),
    "batch_norm": True,
    "discriminator_sizes": (512, 256),
    "maxout_pieces": 1,
    "input_dropout": 0.0,
    "dropout": 0.3,
    "optimizer": "adam",
    "learning_rate": 2e-4,
}

PRESETS = {
    "laptop": Preset(
        summary="Handwritten digits of 8x8 pixels; about a minute on two cores.",
        data="digits",
        epochs=300,
        batch_size=64,
        config=_SMALL,
    ),
    "paper": Preset(
        summary="MNIST: ReLU generator 100-1200-1200-784, maxout discriminator, dropout, SGD.",
        data="mnist",
        epochs=250,
        batch_size=100,
    ),
    "mnist": Preset(
        summary="MNIST: leaky ReLU, batch normalisation, Adam; 20 epochs.",
        data="mnist",
        epochs=20,
        batch_size=64,
        config=_LEAKY,
    ),
    "conditional": Preset(
        summary="As mnist, told the digit.",
        data="mnist",
        epochs=20,
        batch_size=64,
        config={**_LEAKY, "class_conditional": True},
    ),
}
