"""DiscoGAN: translation between two domains of images, learned without pairs."""

from typing import TYPE_CHECKING, Any

from zoo.card import ModelCard

if TYPE_CHECKING:
    from zoo_discogan.config import DiscoGANConfig
    from zoo_discogan.discogan import DiscoGAN

DISCOGAN_CARD = ModelCard(
    name="discogan",
    title="DiscoGAN",
    summary="Two generators that undo each other find what relates two domains of images.",
    paper="Kim, Cha, Kim, Lee & Kim, Learning to Discover Cross-Domain Relations with Generative "
    "Adversarial Networks",
    year=2017,
    url="https://arxiv.org/abs/1703.05192",
    kind="domains",
    data="digit-styles",
    model="zoo_discogan.discogan:DiscoGAN",
    config="zoo_discogan.config:DiscoGANConfig",
    presets="zoo_discogan.config:PRESETS",
)

_LAZY = {"DiscoGAN": "zoo_discogan.discogan", "DiscoGANConfig": "zoo_discogan.config"}
__all__ = ["DISCOGAN_CARD", "DiscoGAN", "DiscoGANConfig"]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_LAZY[name]), name)
