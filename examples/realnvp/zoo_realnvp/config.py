"""Configuration and presets of RealNVP; importable without Keras."""

from dataclasses import dataclass
from math import prod

from zoo.config import Preset
from zoo.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class RealNVPConfig:
    """Configuration of RealNVP.

    Args:
        image_shape: (H, W, C) of one image.
        levels: Values that a pixel can take in the data: 256, or 17 of `digits`.
        couplings: Coupling layers; each changes every second pixel.
        filters: Channels of the convolutions that scale and shift.
        learning_rate: Of Adam.
    """

    image_shape: tuple[int, int, int] = (32, 32, 3)
    levels: int = 256
    couplings: int = 8
    filters: int = 64
    learning_rate: float = 1e-3

    def __post_init__(self) -> None:
        for field, least in (("levels", 2), ("couplings", 2), ("filters", 1)):
            if (value := getattr(self, field)) < least:
                raise ConfigError(f"{field} must be at least {least}. Received: {value}.")

    @property
    def latent_size(self) -> int:
        """As many numbers as an image has."""
        return prod(self.image_shape)


LAPTOP = {"levels": 17, "filters": 32}
PRESETS = {
    "laptop": Preset(
        summary="Digits, 8x8.", data="digits", epochs=100, batch_size=64, config=LAPTOP
    ),
    "paper": Preset(summary="The length is ours.", data="cifar10", epochs=100, batch_size=64),
}
