"""Unpaired translation between two domains of images by cycle-consistent adversarial networks."""

from typing import TYPE_CHECKING, Any

from zoo.card import ModelCard

if TYPE_CHECKING:
    from zoo_cyclegan.config import CycleGANConfig
    from zoo_cyclegan.cyclegan import CycleGAN

CYCLEGAN_CARD = ModelCard(
    name="cyclegan",
    title="CycleGAN",
    summary="Translates between two sets of images without pairs: there and back is where it was.",
    paper="Zhu, Park, Isola & Efros, Unpaired Image-to-Image Translation using Cycle-Consistent "
    "Adversarial Networks",
    year=2017,
    url="https://arxiv.org/abs/1703.10593",
    kind="domains",
    data="digit-styles",
    model="zoo_cyclegan.cyclegan:CycleGAN",
    config="zoo_cyclegan.config:CycleGANConfig",
    presets="zoo_cyclegan.config:PRESETS",
)

_LAZY = {"CycleGAN": "zoo_cyclegan.cyclegan", "CycleGANConfig": "zoo_cyclegan.config"}
__all__ = ["CYCLEGAN_CARD", "CycleGAN", "CycleGANConfig"]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_LAZY[name]), name)
