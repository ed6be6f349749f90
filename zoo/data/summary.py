"""What can be said of a data set before it is used."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from zoo.card import Kind
from zoo.data import tfds
from zoo.data.batches import Batches
from zoo.data.dataset import AT_A_GLANCE, Spec
from zoo.data.files import SUFFIXES, list_files
from zoo.data.films import holds_films
from zoo.data.pixels import ImageSize
from zoo.data.sound_files import SOUND_SUFFIXES
from zoo.data.sources import dataset_cards, load
from zoo.data.waveforms import SoundForm


def kind_of(name: str) -> Kind:
    """Return the kind of a data set: registered, a path, or of TFDS; images for what is unknown.

    A folder holds sounds where there are WAV files in it and no images, and films where all images
    in it are GIF files and the first of them moves.

    Raises:
        DataError: If the data set cannot be opened.
    """
    cards, _ = dataset_cards()
    if name in cards:
        return cards[name].kind
    path = Path(name).expanduser()
    if not name.startswith("tfds:") and path.exists():
        is_folder = path.is_dir()
        if is_folder and list_files(path, SOUND_SUFFIXES)[0] and not list_files(path, SUFFIXES)[0]:
            return "waveform"
        if is_folder:
            return "video" if holds_films(path) else "image"
        return "waveform" if path.suffix.lower() in SOUND_SUFFIXES else "image"
    return tfds.kind_of_set(name) if tfds.is_known(name) else "image"


def describe(
    name: str, *, image_size: ImageSize | None = None, sound: SoundForm | None = None
) -> dict[str, Any]:
    """Return kind, form, splits with their count and fingerprint, and skipped files.

    Raises:
        DataError: If the data set cannot be loaded.
    """
    kind = kind_of(name)
    train = load(name, kind=kind, image_size=image_size, sound=sound)
    splits = {
        split: train
        if split == train.split
        else load(name, split=split, kind=kind, image_size=image_size, sound=sound)
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


def examples_of(
    name: str,
    count: int | None = None,
    *,
    split: str = "train",
    image_size: ImageSize | None = None,
    sound: SoundForm | None = None,
) -> tuple[np.ndarray, Spec]:
    """Return up to `count` examples (N, ...) from all over a split, always the same ones.

    Args:
        name: As for `load`.
        count: How many; by default as many as a person takes in at a glance.
        split: "train", "validation" or "test".
        image_size: As for `load`.
        sound: As for `load`.

    Raises:
        DataError: If the data set cannot be loaded.
    """
    kind = kind_of(name)
    dataset = load(name, split=split, kind=kind, image_size=image_size, sound=sound)
    count = AT_A_GLANCE[kind] if count is None else count
    chosen = np.sort(Batches(dataset, 1, seed=0).order(0)[:count])
    return np.asarray(dataset.read(chosen)[0]), dataset.spec
