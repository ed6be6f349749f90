"""What can be said of a data set before it is used."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from zoo.card import Kind
from zoo.data import tfds
from zoo.data.batches import Batches
from zoo.data.caption_files import holds_captions
from zoo.data.dataset import AT_A_GLANCE, Captioned, Dataset, Examples, Spec, Unpaired
from zoo.data.domain_files import holds_domains
from zoo.data.files import SUFFIXES, list_files
from zoo.data.films import holds_films
from zoo.data.sketch_files import STROKE_SUFFIXES
from zoo.data.sound_files import SOUND_SUFFIXES
from zoo.data.sources import dataset_cards, is_path, load
from zoo.data.text_files import TEXT_SUFFIXES

_SUFFIXES: Mapping[Kind, tuple[str, ...]] = {
    "waveform": SOUND_SUFFIXES,
    "strokes": STROKE_SUFFIXES,
    "tokens": TEXT_SUFFIXES,
}


def kind_of(name: str, form: Mapping[str, Any] | None = None) -> Kind:
    """Return the kind of a data set: registered, a path, or of TFDS; images for what is unknown.

    A form with a second domain says it. A file says it by its suffix. A folder holds images if
    there is one in it; two domains if there are folders for them; captioned images if there is a
    table of captions, or a text beside an image; films if all its images are GIF files and the
    first of them moves; or else what its files say.

    Raises:
        DataError: If the data set cannot be opened.
    """
    if form and (form.get("data_b") is not None or form.get("pair") is not None):
        return "domains"
    cards, _ = dataset_cards()
    if name in cards:
        return cards[name].kind
    if not is_path(name):
        return tfds.kind_of_set(name) if tfds.is_known(name) else "image"
    path = Path(name).expanduser()
    if not path.is_dir():
        suffix = Path(name.rpartition("#")[0] or name).suffix.lower()
        return next((kind for kind, suffixes in _SUFFIXES.items() if suffix in suffixes), "image")
    images, _ = list_files(path, SUFFIXES)
    if images:
        if holds_domains(image.path for image in images):
            return "domains"
        if holds_captions(path):
            return "captioned"
        return "video" if holds_films(path) else "image"
    return next((kind for kind, known in _SUFFIXES.items() if list_files(path, known)[0]), "image")


def describe(name: str, **form: Any) -> dict[str, Any]:
    """Return kind, form, splits with their count and fingerprint, and skipped files.

    Raises:
        DataError: If the data set cannot be loaded.
    """
    kind = kind_of(name, form)
    train = load(name, kind=kind, **form)
    splits = {
        split: train if split == train.split else load(name, split=split, kind=kind, **form)
        for split in train.splits
    }
    skipped = sorted({reason for dataset in splits.values() for reason in dataset.skipped})
    return {
        "name": name,
        "kind": kind,
        **asdict(train.spec),
        "splits": {
            split: {**_counts(dataset), "fingerprint": dataset.fingerprint}
            for split, dataset in splits.items()
        },
        "skipped": skipped,
    }


def _counts(dataset: Dataset) -> dict[str, Any]:
    if isinstance(dataset, Captioned):
        return {"count": len(dataset), "captions": int(dataset.caption_counts.sum())}
    if not isinstance(dataset, Unpaired):
        return {"count": len(dataset)}
    counts = {"count_a": len(dataset.a), "count_b": len(dataset.b)}
    return {"count": len(dataset), **counts, "paired": dataset.paired}


def examples_of(
    name: str,
    count: int | None = None,
    *,
    split: str = "train",
    **form: Any,
) -> tuple[Examples, Spec]:
    """Return up to `count` examples (N, ...) from all over a split, always the same ones.

    Those of two domains belong together where the split is paired; images have their first caption.

    Args:
        name: As for `load`.
        count: How many; by default as many as a person takes in at a glance.
        split: "train", "validation" or "test".
        **form: As for `load`.

    Raises:
        DataError: If the data set cannot be loaded.
    """
    kind = kind_of(name, form)
    dataset = load(name, split=split, kind=kind, **form)
    count = AT_A_GLANCE[kind] if count is None else count
    order = Batches(dataset, 1, seed=0).order(0)[:count]
    if isinstance(dataset, Captioned) or (isinstance(dataset, Unpaired) and dataset.paired):
        order = order[:, 0]
    return dataset.read(np.sort(order, axis=0))[0], dataset.spec
