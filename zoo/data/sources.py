"""From the name that `--data` is given to a data set."""

import os
from pathlib import Path
from typing import Any

from zoo import registry
from zoo.card import KINDS, DatasetCard, Kind, resolve
from zoo.data import tfds
from zoo.data.arrays import SPLITS
from zoo.data.dataset import Dataset
from zoo.data.files import shown
from zoo.data.forms import DomainsForm, ImageForm, make_form
from zoo.errors import DataError, did_you_mean

# Who reads a path of each kind: a function (path, *, split, form) -> Dataset.
READERS: dict[Kind, str] = {
    "image": "zoo.data.folder:load_folder",
    "waveform": "zoo.data.sound_files:load_sounds",
    "video": "zoo.data.films:load_films",
    "strokes": "zoo.data.sketch_files:load_sketches",
    "tokens": "zoo.data.text_files:load_texts",
    "domains": "zoo.data.domain_files:load_domains",
    "captioned": "zoo.data.caption_files:load_captioned",
}
# Who reads a set of TensorFlow Datasets: a function (name, *, split, form, data_dir) -> Dataset.
TFDS_READERS: dict[Kind, str] = {
    "image": "zoo.data.tfds:load_tfds",
    "waveform": "zoo.data.tfds:load_tfds_sounds",
    "tokens": "zoo.data.tfds_texts:load_tfds_texts",
    "domains": "zoo.data.tfds_domains:load_tfds_domains",
    "captioned": "zoo.data.tfds_captions:load_tfds_captioned",
}


def dataset_cards() -> tuple[dict[str, DatasetCard], tuple[str, ...]]:
    """Return the cards of all registered data sets by name, and what is wrong with the others."""
    entries = registry.dataset_entries()
    cards = {entry.name: entry.card for entry in entries if entry.card is not None}
    return cards, tuple(entry.problem for entry in entries if entry.problem is not None)


def load(
    name: str,
    *,
    split: str = "train",
    kind: Kind = "image",
    data_dir: str | Path | None = None,
    **form: Any,
) -> Dataset:
    """Return a split of the data set called `name`.

    Args:
        name: A registered name (`digits`), a path, or the name of a TensorFlow Datasets set of
            images, sounds, text or two domains (`mnist`; `tfds:mnist` where a path or a registered
            set has the same name).
        split: "train", "validation" or "test".
        kind: Kind of data wanted; files of a path are read as this kind.
        data_dir: Where TFDS sets are kept; `$ZOO_DATA_DIR`, then TFDS's own folder by default.
        **form: The form that the kind of data is wanted in, such as `image_size=32`; see
            `zoo.data.forms`.

    Raises:
        DataError: If there is no such data set or split, it cannot be read, or what is asked for
            is not of its kind.
    """
    if split not in SPLITS:
        raise DataError(f"split must be one of {', '.join(SPLITS)}. Received: {split!r}.")
    if kind not in KINDS:
        raise DataError(f"kind must be one of {', '.join(KINDS)}. Received: {kind!r}.")
    wanted = make_form(kind, form, shown(name))
    if isinstance(wanted, DomainsForm) and (wanted.data_b is not None or wanted.pair is not None):
        return _load_pair(name, split, wanted, data_dir)
    cards, problems = dataset_cards()
    if name in cards:
        found = cards[name].kind
        if found != kind:
            help_ = _help(kind, cards)
            raise DataError(f"'{name}' holds {found} data. Expected: {kind} data.{help_}")
        loaded: Dataset = resolve(cards[name].load)(split=split, form=wanted)
        return loaded
    if is_path(name):
        return _read(READERS[kind], name, split=split, form=wanted)
    if not tfds.is_known(name, data_dir):
        raise DataError(_unknown(name, cards, problems))
    if kind not in TFDS_READERS:
        raise DataError(
            f"'{shown(name)}' is a TensorFlow Datasets set, and {kind} data are not read from "
            f"there. Kinds that are: {', '.join(TFDS_READERS)}."
        )
    return _read(TFDS_READERS[kind], name, split=split, form=wanted, data_dir=data_dir)


def is_path(name: str) -> bool:
    """Return whether a name is that of a file or folder, perhaps with a field after a "#"."""
    # Not by `Path`, which raises an error for a name that is too long, or the home of nobody.
    paths = map(os.path.expanduser, (name, name.rpartition("#")[0] or name))
    return not name.startswith("tfds:") and any(map(os.path.exists, paths))


def located(name: str) -> str:
    """Return a name that means the same data from every folder: of a path the whole of it."""
    if name in dataset_cards()[0] or not is_path(name):
        return name
    return os.path.abspath(os.path.expanduser(name))


def _load_pair(name: str, split: str, form: DomainsForm, data_dir: str | Path | None) -> Dataset:
    """Return two domains that are two sets of images, or are made from one."""
    from zoo.data import domain_files, domains

    def images(name: str) -> Dataset:
        return load(name, split=split, data_dir=data_dir, image_size=form.image_size)

    if form.data_b is not None:
        with domain_files.of_domain("A"):
            a = images(name)
        with domain_files.of_domain("B"):
            b = images(form.data_b)
        splits = domain_files.common(a.splits, b.splits)
        return domains.Domains(name=name, a=a, b=b, paired=False, splits=splits)
    if form.pair == "side-by-side":
        if not is_path(name):
            raise DataError(
                f"'{shown(name)}' is not a folder. Expected, for --pair side-by-side: a folder of "
                "images, each with A in its left half and B in its right half."
            )
        size = ImageForm(image_size=form.image_size)
        return domain_files.load_side_by_side(name, split=split, form=size)
    make = domains.colourisation if form.pair == "colourisation" else domains.super_resolution
    return make(images(name))


def _help(kind: Kind, cards: dict[str, DatasetCard]) -> str:
    """Return what helps who has named a set of another kind."""
    if kind == "domains":
        return " Name the other domain with --data-b, or make it with --pair."
    names = [card.name for card in cards.values() if card.kind == kind]
    return f" Such are: {', '.join(names)}." if names else ""


def _read(reader: str, name: str, **options: Any) -> Dataset:
    dataset: Dataset = resolve(reader)(name, **options)
    return dataset


def _unknown(name: str, cards: dict[str, DatasetCard], problems: tuple[str, ...]) -> str:
    if name.startswith((".", "/", "~")) or Path(name).suffix:
        return f"There is no file or folder '{shown(name)}'."
    closest = did_you_mean(name.removeprefix("tfds:"), [*cards, *tfds.known_names()])
    return (
        f"Unknown data set '{shown(name)}'.{closest} Give a registered name "
        f"({', '.join(cards)}), a path, or the name of a TensorFlow Datasets set of images, sounds "
        "or text." + "".join(f" {problem}" for problem in problems)
    )
