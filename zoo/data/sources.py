"""From the name that `--data` is given to a data set."""

from pathlib import Path
from typing import Any

from zoo import registry
from zoo.card import KINDS, DatasetCard, Kind, resolve
from zoo.data import tfds
from zoo.data.arrays import SPLITS
from zoo.data.dataset import Dataset
from zoo.data.files import shown
from zoo.data.pixels import ImageSize
from zoo.data.waveforms import SoundForm
from zoo.errors import DataError, did_you_mean

# Who reads a path of each kind: a function (path, *, split, ...) -> Dataset, which takes the option
# of the kind below too. A kind that is not here has no reader for files yet.
READERS: dict[Kind, str] = {
    "image": "zoo.data.folder:load_folder",
    "waveform": "zoo.data.sound_files:load_sounds",
    "video": "zoo.data.films:load_films",
}
OPTIONS: dict[Kind, str] = {"image": "image_size", "video": "image_size", "waveform": "sound"}


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
    image_size: ImageSize | None = None,
    sound: SoundForm | None = None,
    data_dir: str | Path | None = None,
) -> Dataset:
    """Return a split of the data set called `name`.

    Args:
        name: A registered name (`digits`), a path, or the name of a TensorFlow Datasets set of
            images or sounds (`mnist`; `tfds:mnist` where a path or a registered set has the same
            name).
        split: "train", "validation" or "test".
        kind: Kind of data wanted; files of a path are read as this kind.
        image_size: N or (height, width) that images are cropped and resized to.
        sound: Rate, length and trimming of sounds.
        data_dir: Where TFDS sets are kept; `$ZOO_DATA_DIR`, then TFDS's own folder by default.

    Raises:
        DataError: If there is no such data set or split, it cannot be read, or what is asked for
            is not of its kind.
    """
    if split not in SPLITS:
        raise DataError(f"split must be one of {', '.join(SPLITS)}. Received: {split!r}.")
    if kind not in KINDS:
        raise DataError(f"kind must be one of {', '.join(KINDS)}. Received: {kind!r}.")
    cards, problems = dataset_cards()
    if name in cards:
        return _load_registered(cards[name], split, kind, image_size, sound)
    if not name.startswith("tfds:") and Path(name).expanduser().exists():
        return _load_path(name, split, kind, image_size, sound)
    if not tfds.is_known(name, data_dir):
        raise DataError(_unknown(name, cards, problems))
    if kind not in ("image", "waveform"):
        raise DataError(
            f"'{name}' is a TensorFlow Datasets set, and only sets of images and of sounds are "
            f"read from there. Expected: {kind} data."
        )
    option = _option(name, kind, OPTIONS[kind], image_size, sound)
    if kind == "waveform":
        return tfds.load_tfds_sounds(name, split=split, data_dir=data_dir, **option)
    return tfds.load_tfds(name, split=split, data_dir=data_dir, **option)


def _load_registered(
    card: DatasetCard,
    split: str,
    kind: Kind,
    image_size: ImageSize | None,
    sound: SoundForm | None,
) -> Dataset:
    if card.kind != kind:
        raise DataError(f"'{card.name}' holds {card.kind} data. Expected: {kind} data.")
    taken = OPTIONS[kind] if kind in ("image", "waveform") else None
    option = _option(card.name, kind, taken, image_size, sound)
    return resolve(card.load)(split=split, **option)


def _load_path(
    name: str,
    split: str,
    kind: Kind,
    image_size: ImageSize | None,
    sound: SoundForm | None,
) -> Dataset:
    if kind not in READERS:
        raise DataError(
            f"'{name}' is a path, and there is no reader yet that takes {kind} data from files. "
            f"Kinds with a reader: {', '.join(READERS)}."
        )
    option = _option(shown(name), kind, OPTIONS[kind], image_size, sound)
    return resolve(READERS[kind])(name, split=split, **option)


def _option(
    name: str,
    kind: Kind,
    taken: str | None,
    image_size: ImageSize | None,
    sound: SoundForm | None,
) -> dict[str, Any]:
    """Return the one option that data of a kind take, by name; others must not be given."""
    if image_size is not None and taken != "image_size":
        raise DataError(f"'{name}' holds {kind} data; --image-size does not suit it. Leave it out.")
    if sound is not None and sound.options() and taken != "sound":
        raise DataError(
            f"'{name}' holds {kind} data; {', '.join(sound.options())} is for sounds. Leave it out."
        )
    return {} if taken is None else {taken: image_size if taken == "image_size" else sound}


def _unknown(name: str, cards: dict[str, DatasetCard], problems: tuple[str, ...]) -> str:
    if name.startswith((".", "/", "~")) or Path(name).suffix:
        return f"There is no file or folder '{shown(name)}'."
    closest = did_you_mean(name.removeprefix("tfds:"), [*cards, *tfds.known_names()])
    return (
        f"Unknown data set '{shown(name)}'.{closest} Give a registered name "
        f"({', '.join(cards)}), a folder of images or sounds, or the name of a TensorFlow Datasets "
        "set of them." + "".join(f" {problem}" for problem in problems)
    )
