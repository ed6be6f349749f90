"""Configuration and presets of the CycleGAN; importable without Keras."""

from dataclasses import dataclass
from typing import Literal

from zoo.config import Preset
from zoo.errors import ConfigError

DOWNS = 2  # halvings in a residual generator between domains of one size
BESIDE_CYCLE = 0.5  # weight of the identity terms, as a share of the cycles'


@dataclass(frozen=True, kw_only=True)
class CycleGANConfig:
    """Configuration of the CycleGAN; the defaults are the paper's at 256x256 pixels.

    Args:
        image_shape_a: (H, W, C) of an image of domain A.
        image_shape_b: (H, W, C) of an image of domain B. Its size may be 2, 4, ... times that
            of A, or the reverse; channels may differ.
        generator: Residual blocks, or a U-Net.
        generator_filters: Channels of a generator's first layer.
        residual_blocks: Of a residual generator; the paper has 6 at 128x128 pixels and below.
        discriminator_filters: Channels of a discriminator's first layer.
        discriminator_layers: Layers of stride 2 in a discriminator: 3 see patches of 70x70 pixels,
            2 of 34x34, 1 of 16x16.
        adversarial: What the discriminators play for: least squares, or cross-entropy
            (`non-saturating`).
        cycle_weight: Of an image's distance to itself after a round trip, pixels in [-1, 1].
        identity_weight: Of an image's distance to itself translated to its own domain; none is half
            of `cycle_weight`, or 0 where the domains' shapes differ.
        pool_size: Fakes that are kept for the discriminators, of each domain.
        learning_rate: Of Adam, both players.
        beta_1: Of Adam: the momentum of the gradient's mean.
        constant_steps: Steps before the learning rate falls.
        decay_steps: Steps in which it falls to 0, in a line; 0 keeps it.
    """

    image_shape_a: tuple[int, int, int] = (256, 256, 3)
    image_shape_b: tuple[int, int, int] = (256, 256, 3)
    generator: Literal["resnet", "unet"] = "resnet"
    generator_filters: int = 64
    residual_blocks: int = 9
    discriminator_filters: int = 64
    discriminator_layers: int = 3
    adversarial: Literal["least-squares", "non-saturating"] = "least-squares"
    cycle_weight: float = 10.0
    identity_weight: float | None = None
    pool_size: int = 50
    learning_rate: float = 2e-4
    beta_1: float = 0.5
    constant_steps: int = 0
    decay_steps: int = 0

    def __post_init__(self) -> None:
        for name in (
            "generator_filters",
            "residual_blocks",
            "discriminator_filters",
            "discriminator_layers",
            "pool_size",
        ):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1. Received: {getattr(self, name)}.")
        for name in ("cycle_weight", "constant_steps", "decay_steps"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} must be 0 or more. Received: {getattr(self, name)}.")
        if not self.learning_rate > 0:
            raise ConfigError(f"learning_rate must be above 0. Received: {self.learning_rate}.")
        if not 0 <= self.beta_1 < 1:
            raise ConfigError(f"beta_1 must lie in [0, 1). Received: {self.beta_1}.")
        self._check_identity()
        self._check_sizes()

    @property
    def identity(self) -> float:
        """Weight of the identity terms."""
        if self.identity_weight is not None:
            return self.identity_weight
        same = self.image_shape_a == self.image_shape_b
        return BESIDE_CYCLE * self.cycle_weight if same else 0.0

    @property
    def halvings(self) -> tuple[int, int]:
        """How often the generator to B halves, and how often it doubles; that to A the reverse."""
        if self.generator == "unet":
            downs = min(self.image_shape_a[:2]).bit_length() - 1
            return downs, downs
        small, large = sorted((self.image_shape_a[0], self.image_shape_b[0]))
        more = DOWNS + (large // small).bit_length() - 1
        return (DOWNS, more) if self.image_shape_a[0] == small else (more, DOWNS)

    def _check_identity(self) -> None:
        weight, a, b = self.identity_weight, self.image_shape_a, self.image_shape_b
        if weight is not None and weight < 0:
            raise ConfigError(f"identity_weight must be none, 0 or more. Received: {weight}.")
        if weight and a != b:
            raise ConfigError(
                "identity_weight must be 0 where the domains' shapes differ, because no image of "
                f"one can be an image of the other. Received: {weight}, shapes {a} and {b}."
            )

    def _check_sizes(self) -> None:
        a, b = self.image_shape_a, self.image_shape_b
        if min(*a, *b) < 1:
            raise ConfigError(f"Image shapes must hold positive numbers. Received: {a} and {b}.")
        small, large = sorted((a[:2], b[:2]))
        ratio = large[0] // small[0]
        if large != (ratio * small[0], ratio * small[1]) or ratio & (ratio - 1):
            raise ConfigError(
                "The sizes of the two domains must be equal, or both sides of one 2, 4, 8, ... "
                f"times those of the other. Received: {_size(a)} and {_size(b)}. Resize with "
                "--image-size."
            )
        if self.generator == "unet":
            self._check_unet()
        elif min(small) < 2 * 2**DOWNS or any(side % 2**DOWNS for side in small):
            raise ConfigError(
                f"The sides of images must be multiples of {2**DOWNS} and at least "
                f"{2 * 2**DOWNS}, because the generators halve them {DOWNS} times. Received: "
                f"{_size(a)} and {_size(b)}. Resize with --image-size."
            )
        fitting = (min(small) // 3).bit_length() - 1
        if self.discriminator_layers > fitting:  # its power of two may fit no memory
            raise ConfigError(
                f"A discriminator with discriminator_layers = {self.discriminator_layers} needs "
                f"sides of at least 3 x 2^{self.discriminator_layers} pixels. Received: "
                f"{_size(a)} and {_size(b)}. Set discriminator_layers={fitting}, or resize with "
                "--image-size."
            )

    def _check_unet(self) -> None:
        sides = (*self.image_shape_a[:2], *self.image_shape_b[:2])
        if self.image_shape_a[:2] != self.image_shape_b[:2]:
            raise ConfigError(
                "A U-Net translates between domains of one size. Received: "
                f"{_size(self.image_shape_a)} and {_size(self.image_shape_b)}. Set "
                "generator=resnet, or resize with --image-size."
            )
        if min(sides) < 4 or any(side & (side - 1) for side in sides):
            raise ConfigError(
                "The sides of images must be powers of 2 from 4 on, because a U-Net halves them "
                f"down to 1. Received: {_size(self.image_shape_a)}. Set generator=resnet, or "
                "resize with --image-size."
            )


def _size(shape: tuple[int, int, int]) -> str:
    return f"{shape[0]}x{shape[1]}"


PRESETS = {
    "laptop": Preset(
        summary="Handwritten digits in two styles at 16x16; seven minutes on two busy cores.",
        data="digit-styles",
        epochs=30,
        batch_size=8,
        config={
            "generator_filters": 16,
            "residual_blocks": 2,
            "discriminator_filters": 32,
            "discriminator_layers": 2,
            # What is bright in one style is dark in the other: colours are not to be kept.
            "identity_weight": 0.0,
            "constant_steps": 1350,
            "decay_steps": 1350,
        },
    ),
    "paper": Preset(
        summary="Horses and zebras at 256x256, nine blocks, batch 1, 200 epochs; for a GPU.",
        data="cycle_gan/horse2zebra",
        form={"image_size": 256},
        augment="flip,crop",
        epochs=200,
        batch_size=1,
        config={"constant_steps": 133_400, "decay_steps": 133_400},  # 1,334 zebras an epoch
    ),
    "facades": Preset(
        summary="Photos and label maps of facades at 64x64, six blocks of 128 channels; your own "
        "--data DIR --pair side-by-side --image-size 64.",
        data="cycle_gan/facades",
        form={"image_size": 64},
        augment="flip,crop",
        steps=6000,
        batch_size=1,
        config={
            "generator_filters": 32,
            "residual_blocks": 6,
            "discriminator_filters": 32,
            "discriminator_layers": 2,
            "identity_weight": 0.0,
            "constant_steps": 3000,
            "decay_steps": 3000,
        },
    ),
    "super-resolution": Preset(
        summary="MNIST at 8x8 pixels and at 32x32, unpaired; any images with --data and "
        "--pair super-resolution.",
        data="mnist",
        form={"pair": "super-resolution", "image_size": 32},
        steps=4000,
        batch_size=8,
        config={
            "generator_filters": 16,
            "residual_blocks": 2,
            "discriminator_filters": 32,
            "discriminator_layers": 1,
        },
    ),
}
