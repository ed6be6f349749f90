"""Generative adversarial network of dense layers."""

from typing import TYPE_CHECKING, Any

from zoo.card import ModelCard

if TYPE_CHECKING:
    from zoo_gan.config import GANConfig
    from zoo_gan.gan import GAN

GAN_CARD = ModelCard(
    name="gan",
    title="Generative adversarial network",
    summary="A generator learns to make what a discriminator cannot tell from the data.",
    paper="Goodfellow et al., Generative Adversarial Nets",
    year=2014,
    url="https://arxiv.org/abs/1406.2661",
    kind="image",
    data="digits",
    model="zoo_gan.gan:GAN",
    config="zoo_gan.config:GANConfig",
    presets="zoo_gan.config:PRESETS",
)

_LAZY = {"GAN": "zoo_gan.gan", "GANConfig": "zoo_gan.config"}
__all__ = ["GAN", "GAN_CARD", "GANConfig"]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_LAZY[name]), name)
