"""Data sets by name, and batches of them in an order that (seed, epoch) alone decides.

The public names are imported when they are first used, so that a data set's card can be read
without importing NumPy.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoo.data.augment import RECIPES, Augmentation
    from zoo.data.batches import Batches
    from zoo.data.dataset import (
        Batch,
        CaptionedSpec,
        Dataset,
        DomainsSpec,
        Examples,
        ImageSpec,
        Spec,
        StrokesSpec,
        TokensSpec,
        VideoSpec,
        WaveformSpec,
    )
    from zoo.data.sources import dataset_cards, load
    from zoo.data.summary import describe, examples_of
    from zoo.data.tfds import prepare

_MODULES = {
    "Augmentation": "augment",
    "RECIPES": "augment",
    "Batches": "batches",
    "Batch": "dataset",
    "CaptionedSpec": "dataset",
    "Dataset": "dataset",
    "DomainsSpec": "dataset",
    "Examples": "dataset",
    "ImageSpec": "dataset",
    "Spec": "dataset",
    "StrokesSpec": "dataset",
    "TokensSpec": "dataset",
    "VideoSpec": "dataset",
    "WaveformSpec": "dataset",
    "dataset_cards": "sources",
    "describe": "summary",
    "examples_of": "summary",
    "load": "sources",
    "prepare": "tfds",
}
__all__ = [
    "RECIPES",
    "Augmentation",
    "Batch",
    "Batches",
    "CaptionedSpec",
    "Dataset",
    "DomainsSpec",
    "Examples",
    "ImageSpec",
    "Spec",
    "StrokesSpec",
    "TokensSpec",
    "VideoSpec",
    "WaveformSpec",
    "dataset_cards",
    "describe",
    "examples_of",
    "load",
    "prepare",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
