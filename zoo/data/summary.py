"""What can be said of a data set before it is used."""

from dataclasses import asdict
from typing import Any

import numpy as np

from zoo.card import Kind
from zoo.data.batches import Batches
from zoo.data.pixels import ImageSize
from zoo.data.sources import dataset_cards, load
from zoo.errors import DataError


def kind_of(name: str) -> Kind:
    """Return the kind of a registered data set; images for everything else."""
    cards, _ = dataset_cards()
    return cards[name].kind if name in cards else "image"


def describe(name: str, *, image_size: ImageSize | None = None) -> dict[str, Any]:
    """Return kind, form, splits with their count and fingerprint, and skipped files.

    Raises:
        DataError: If the data set cannot be loaded.
    """
    kind = kind_of(name)
    train = load(name, kind=kind, image_size=image_size)
    splits = {
        split: train
        if split == train.split
        else load(name, split=split, kind=kind, image_size=image_size)
        for split in train.splits
    }
    skipped = sorted({reason for dataset in splits.values() for reason in dataset.skipped})
    return {
        "name": name,
        "kind": kind,
        **asdict(train.spec),
        "splits": {
            split: {"count": len(dataset), "fingerprint": dataset.fingerprint}
            for split, dataset in splits.items()
        },
        "skipped": skipped,
    }


def example_images(
    name: str, *, split: str = "train", count: int = 64, image_size: ImageSize | None = None
) -> np.ndarray:
    """Return up to `count` images (N, H, W, C) from all over a split, always the same ones.

    Raises:
        DataError: If the data set cannot be loaded, or is not one of images.
    """
    kind = kind_of(name)
    if kind != "image":
        raise DataError(f"'{name}' holds {kind} data. Only images can be shown.")
    dataset = load(name, split=split, image_size=image_size)
    chosen = Batches(dataset, 1, seed=0).order(0)[:count]
    images = dataset.read(np.sort(chosen))[0]
    return np.asarray(images)
