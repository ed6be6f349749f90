"""WaveNet: sound, sample by sample."""

from typing import TYPE_CHECKING, Any

from zoo.card import ModelCard

if TYPE_CHECKING:
    from zoo_wavenet.config import WaveNetConfig
    from zoo_wavenet.wavenet import WaveNet

WAVENET_CARD = ModelCard(
    name="wavenet",
    title="WaveNet",
    summary="Predicts each sample of a sound from those before it by dilated causal convolutions.",
    paper="van den Oord et al., WaveNet: A Generative Model for Raw Audio",
    year=2016,
    url="https://arxiv.org/abs/1609.03499",
    kind="waveform",
    data="notes",
    model="zoo_wavenet.wavenet:WaveNet",
    config="zoo_wavenet.config:WaveNetConfig",
    presets="zoo_wavenet.config:PRESETS",
)

_LAZY = {"WaveNet": "zoo_wavenet.wavenet", "WaveNetConfig": "zoo_wavenet.config"}
__all__ = ["WAVENET_CARD", "WaveNet", "WaveNetConfig"]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_LAZY[name]), name)
