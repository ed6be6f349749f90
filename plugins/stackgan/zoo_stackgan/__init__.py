"""Images of text in two stages of adversarial networks."""

from typing import TYPE_CHECKING, Any

from zoo.card import ModelCard

if TYPE_CHECKING:
    from zoo_stackgan.config import StackGANConfig
    from zoo_stackgan.stackgan import StackGAN

STACKGAN_CARD = ModelCard(
    name="stackgan",
    title="StackGAN",
    summary="Makes images of text in two stages: a small sketch, then the same refined.",
    paper="Zhang, Xu, Li, Zhang, Wang, Huang & Metaxas, StackGAN: Text to Photo-realistic Image "
    "Synthesis with Stacked Generative Adversarial Networks",
    year=2017,
    url="https://arxiv.org/abs/1612.03242",
    kind="captioned",
    data="captioned-digits",
    model="zoo_stackgan.stackgan:StackGAN",
    config="zoo_stackgan.config:StackGANConfig",
    presets="zoo_stackgan.config:PRESETS",
    trainer="zoo_stackgan.training:StagedTrainer",
)

_LAZY = {"StackGAN": "zoo_stackgan.stackgan", "StackGANConfig": "zoo_stackgan.config"}
__all__ = ["STACKGAN_CARD", "StackGAN", "StackGANConfig"]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_LAZY[name]), name)
