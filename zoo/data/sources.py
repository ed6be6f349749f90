"""From the name that `--data` is given to a data set."""

from pathlib import Path

from zoo import registry
from zoo.card import KINDS, DatasetCard, Kind, resolve
from zoo.data import tfds
from zoo.data.arrays import SPLITS
from zoo.data.dataset import Dataset
from zoo.data.files import shown
from zoo.data.pixels import ImageSize
from zoo.errors import DataError, did_you_mean

# Who reads a path of each kind: a function (path, *, split, image_size) -> Dataset. A kind that
# is not here has no reader for files yet.
READERS: dict[Kind, str] = {"image": "zoo.data.folder:load_folder"}


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
    data_dir: str | Path | None = None,
) -> Dataset:
    """Return a split of the data set called `name`.

    Args:
        name: A registered name (`digits`), a path, or the name of a TensorFlow Datasets image
            set (`mnist`; `tfds:mnist` where a path or a registered set has the same name).
        split: "train", "validation" or "test".
        kind: Kind of data wanted; files of a path are read as this kind.
        image_size: N or (height, width) that images are cropped and resized to.
        data_dir: Where TFDS sets are kept; `$ZOO_DATA_DIR`, then TFDS's own folder by default.

    Raises:
        DataError: If there is no such data set or split, or it cannot be read.
    """
    if split not in SPLITS:
        raise DataError(f"split must be one of {', '.join(SPLITS)}. Received: {split!r}.")
    if kind not in KINDS:
        raise DataError(f"kind must be one of {', '.join(KINDS)}. Received: {kind!r}.")
    cards, problems = dataset_cards()
    if name in cards:
        return _load_registered(cards[name], split, kind, image_size)
    if not name.startswith("tfds:") and Path(name).expanduser().exists():
        return _load_path(name, split, kind, image_size)
    if not tfds.is_known(name, data_dir):
        raise DataError(_unknown(name, cards, problems))
    if kind != "image":
        raise DataError(
            f"'{name}' is a TensorFlow Datasets set, and only image sets are read from there. "
            f"Expected: {kind} data."
        )
    return tfds.load_tfds(name, split=split, image_size=image_size, data_dir=data_dir)


def _load_registered(
    card: DatasetCard, split: str, kind: Kind, image_size: ImageSize | None
) -> Dataset:
    if card.kind != kind:
        raise DataError(f"'{card.name}' holds {card.kind} data. Expected: {kind} data.")
    size = {"image_size": image_size} if kind == "image" else {}
    return resolve(card.load)(split=split, **size)


def _load_path(name: str, split: str, kind: Kind, image_size: ImageSize | None) -> Dataset:
    if kind not in READERS:
        raise DataError(
            f"'{name}' is a path, and there is no reader yet that takes {kind} data from files. "
            f"Kinds with a reader: {', '.join(READERS)}."
        )
    size = {"image_size": image_size} if kind == "image" else {}
    return resolve(READERS[kind])(name, split=split, **size)


def _unknown(name: str, cards: dict[str, DatasetCard], problems: tuple[str, ...]) -> str:
    if name.startswith((".", "/", "~")) or Path(name).suffix:
        return f"There is no file or folder '{shown(name)}'."
    closest = did_you_mean(name.removeprefix("tfds:"), [*cards, *tfds.known_names()])
    return (
        f"Unknown data set '{shown(name)}'.{closest} Give a registered name "
        f"({', '.join(cards)}), a folder of images, or the name of a TensorFlow Datasets image set."
        + "".join(f" {problem}" for problem in problems)
    )
