"""Sketch-RNN: drawings, pen stroke by pen stroke."""

from typing import TYPE_CHECKING, Any

from zoo.card import ModelCard

if TYPE_CHECKING:
    from zoo_sketch_rnn.config import SketchRNNConfig
    from zoo_sketch_rnn.sketch_rnn import SketchRNN

SKETCH_RNN_CARD = ModelCard(
    name="sketch-rnn",
    title="Sketch-RNN",
    summary="Draws as people do, move by move of a pen, from a latent vector or from nothing.",
    paper="Ha & Eck, A Neural Representation of Sketch Drawings",
    year=2017,
    url="https://arxiv.org/abs/1704.03477",
    kind="strokes",
    data="doodles",
    model="zoo_sketch_rnn.sketch_rnn:SketchRNN",
    config="zoo_sketch_rnn.config:SketchRNNConfig",
    presets="zoo_sketch_rnn.config:PRESETS",
)

_LAZY = {"SketchRNN": "zoo_sketch_rnn.sketch_rnn", "SketchRNNConfig": "zoo_sketch_rnn.config"}
__all__ = ["SKETCH_RNN_CARD", "SketchRNN", "SketchRNNConfig"]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_LAZY[name]), name)
