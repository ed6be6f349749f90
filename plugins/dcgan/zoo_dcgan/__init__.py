"""Deep convolutional generative adversarial network."""

from typing import TYPE_CHECKING, Any

from zoo.card import ModelCard

if TYPE_CHECKING:
    from zoo_dcgan.config import DCGANConfig
    from zoo_dcgan.dcgan import DCGAN

DCGAN_CARD = ModelCard(
    name="dcgan",
    title="Deep convolutional GAN",
    summary="A GAN of strided convolutions and batch normalisation; its features classify too.",
    paper="Radford, Metz & Chintala, Unsupervised Representation Learning with Deep Convolutional "
    "Generative Adversarial Networks",
    year=2016,
    url="https://arxiv.org/abs/1511.06434",
    kind="image",
    data="digits",
    model="zoo_dcgan.dcgan:DCGAN",
    config="zoo_dcgan.config:DCGANConfig",
    presets="zoo_dcgan.config:PRESETS",
)

_LAZY = {"DCGAN": "zoo_dcgan.dcgan", "DCGANConfig": "zoo_dcgan.config"}
__all__ = ["DCGAN", "DCGAN_CARD", "DCGANConfig"]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_LAZY[name]), name)
