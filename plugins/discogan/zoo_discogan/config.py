"""Configuration and presets of the DiscoGAN; importable without Keras."""

from dataclasses import dataclass
from typing import Literal

from zoo.config import Preset
from zoo.errors import ConfigError
from zoo.shapes import start_grid

Variant = Literal["discogan", "one-reconstruction", "gan"]


@dataclass(frozen=True, kw_only=True)
class DiscoGANConfig:
    """Configuration of the DiscoGAN; the defaults are the paper's.

    Args:
        image_shape_a: (H, W, C) of an image of domain A: a grid of 4 to 7 pixels a side, doubled
            as often as needed; 28, 32, 64 or 128 a side.
        image_shape_b: (H, W, C) of an image of domain B, which begins with the same grid.
        variant: The paper's comparisons: "discogan" reconstructs both domains,
            "one-reconstruction" makes and judges images of B alone and reconstructs A, "gan"
            reconstructs nothing.
        generator_filters: Channels of a generator's first layer; each deeper one has twice as many.
        discriminator_filters: Channels of a discriminator's first layer; each after it has twice
            as many.
        starting_rate: Weight of reconstruction in the first `curriculum_steps` turns; what the
            discriminators say has the rest.
        rate: Weight of reconstruction after that.
        curriculum_steps: Turns, from which on the weight is `rate`.
        feature_share: Share of feature matching in what the discriminators say; the rest is
            adversarial.
        discriminator_interval: The discriminators move in the first of so many turns, the
            generators in the others.
        learning_rate: Of Adam, both players.
        beta_1: Of Adam: the momentum of the gradient's mean.
        weight_decay: Weight of half the sum of squares of a player's weights, in its objective.
    """

    image_shape_a: tuple[int, int, int] = (64, 64, 3)
    image_shape_b: tuple[int, int, int] = (64, 64, 3)
    variant: Variant = "discogan"
    generator_filters: int = 64
    discriminator_filters: int = 64
    starting_rate: float = 0.01
    rate: float = 0.5
    curriculum_steps: int = 10_000
    feature_share: float = 0.9
    discriminator_interval: int = 3
    learning_rate: float = 2e-4
    beta_1: float = 0.5
    weight_decay: float = 1e-5

    def __post_init__(self) -> None:
        grids = [start_grid(shape)[:2] for shape in (self.image_shape_a, self.image_shape_b)]
        if grids[0] != grids[1]:
            given, other = ("x".join(map(str, grid)) for grid in grids)
            raise ConfigError(
                "image_shape_a and image_shape_b must be doubled from the same grid, because an "
                "image is reduced to it and one of the other domain made of it. Received: "
                f"{self.image_shape_a} from {given}, {self.image_shape_b} from {other}. Resize "
                "with --image-size."
            )
        if min(self.image_shape_a[2], self.image_shape_b[2]) < 1:
            raise ConfigError(
                "image_shape_a and image_shape_b must have channels. Received: "
                f"{self.image_shape_a}, {self.image_shape_b}."
            )
        for name in ("generator_filters", "discriminator_filters"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1. Received: {getattr(self, name)}.")
        for name in ("starting_rate", "rate", "feature_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} must lie in [0, 1]. Received: {getattr(self, name)}.")
        for name in ("curriculum_steps", "weight_decay"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} must not be negative. Received: {getattr(self, name)}.")
        if self.discriminator_interval < 2:
            raise ConfigError(
                "discriminator_interval must be at least 2, because the generators move in the "
                f"turns that are left. Received: {self.discriminator_interval}."
            )
        if not 0 <= self.beta_1 < 1:
            raise ConfigError(f"beta_1 must lie in [0, 1). Received: {self.beta_1}.")
        if not self.learning_rate > 0:
            raise ConfigError(f"learning_rate must be above 0. Received: {self.learning_rate}.")


PRESETS = {
    "laptop": Preset(
        summary="Handwritten digits in two styles, 16x16 pixels; minutes on two cores.",
        data="digit-styles",
        epochs=100,
        batch_size=32,
        config={
            "generator_filters": 32,
            "discriminator_filters": 32,
            # Where reconstruction weighs little at first, digits can come to stand for others.
            "curriculum_steps": 0,
            "learning_rate": 1e-3,
        },
    ),
    "paper": Preset(
        summary="64x64 pixels, 64 to 512 channels, batch 64; your own --data, such as a folder "
        "with A and B.",
        data="cycle_gan/horse2zebra",
        form={"image_size": 64},
        steps=50_000,
        batch_size=64,
    ),
    "facades": Preset(
        summary="Photos and label maps of facades at 64x64, 32 to 256 channels; your own "
        "--data DIR --pair side-by-side --image-size 64.",
        data="cycle_gan/facades",
        form={"image_size": 64},
        augment="flip,crop",
        steps=4100,
        batch_size=16,
        config={"generator_filters": 32, "discriminator_filters": 32, "curriculum_steps": 0},
    ),
}
