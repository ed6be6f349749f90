"""Folders that hold images of two domains: one folder for each, or pairs side by side in files."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from zoo.data.dataset import DOMAINS, Dataset
from zoo.data.domains import Domains
from zoo.data.files import SUFFIXES, list_files, outside, shown
from zoo.data.folder import load_folder
from zoo.data.forms import DomainsForm, ImageForm
from zoo.errors import DataError

_LAYOUT = "A/ and B/, or trainA/ and trainB/ (and testA/ and testB/, valA/ and valB/)"
_PREFIXES = {"train": "train", "validation": "val", "test": "test"}


def load_domains(name: str, *, split: str, form: DomainsForm | None = None) -> Domains:
    """Return a split of the two domains in the folder `name`.

    `A/` and `B/` are folders of images each, with splits and classes of their own. Where there are
    `trainA/` and `trainB/`, these are the training split, `testA/` and `testB/` the test split, and
    `valA/` and `valB/` the validation split.

    Raises:
        DataError: If a domain is missing, empty or has no such split.
    """
    form = form or DomainsForm()
    root = Path(name).expanduser()
    if not root.is_dir():
        raise DataError(f"'{shown(name)}' is a file. Expected: a folder that holds {_LAYOUT}.")
    files, _ = list_files(root, SUFFIXES)
    paths = [file.path for file in files]
    splits = _splits(name, _folders(paths))
    images = ImageForm(image_size=form.image_size)
    parts: list[Dataset] = []
    used: dict[str, str] = {}
    for letter in DOMAINS:
        folders = {part: _PREFIXES[part] + letter for part in splits} or {"train": letter}
        used |= {folder: folder for folder in folders.values()}
        with of_domain(letter):
            if len(folders) > 1:
                part = load_folder(name, split=split, form=images, folders=folders)
            else:  # with splits of its own, or one made by a hash of each path
                part = load_folder(str(root / folders["train"]), split=split, form=images)
        parts.append(part)
    a, b = parts
    domains = Domains(name=name, a=a, b=b, paired=False, splits=common(a.splits, b.splits))
    domains.skipped += outside(paths, {p: "" for p in paths if p.split("/")[0] in used}, used)
    return domains


def load_side_by_side(name: str, *, split: str, form: ImageForm) -> Domains:
    """Return the left halves of the image files below the folder `name` as A, the right ones as B.

    Files whose width is odd or no larger than their height are skipped and named.

    Raises:
        DataError: As for a folder of images.
    """
    a = load_folder(name, split=split, form=form, half="left")
    b = load_folder(name, split=split, form=form, half="right")
    return Domains(name=name, a=a, b=b, paired=True, splits=a.splits, skipped=a.skipped)


def holds_domains(paths: Iterable[str]) -> bool:
    """Return whether images stand in `trainA/` and `trainB/`, or in `A/` and `B/` and nowhere else.

    `A/`, `B/` and others are classes of one set.
    """
    paths = list(paths)
    folders = _folders(paths)
    loose = any("/" not in path for path in paths)
    return {"trainA", "trainB"} <= set(folders) or (folders == list(DOMAINS) and not loose)


def common(of_a: tuple[str, ...], of_b: tuple[str, ...]) -> tuple[str, ...]:
    """Return the splits that both domains have."""
    return tuple(split for split in of_a if split in of_b)


@contextmanager
def of_domain(letter: str) -> Iterator[None]:
    """Let a `DataError` say which domain it is about."""
    try:
        yield
    except DataError as error:
        raise DataError(f"Domain {letter}: {error}") from error


def _folders(paths: Iterable[str]) -> list[str]:
    return sorted({path.split("/")[0] for path in paths if "/" in path})


def _splits(name: str, folders: list[str]) -> tuple[str, ...]:
    """Return the splits that have folders such as `testA/`, none for `A/` and `B/`.

    Raises:
        DataError: If a folder of one domain is missing, or there are both layouts.
    """
    of_split = {split: [prefix + d for d in DOMAINS] for split, prefix in _PREFIXES.items()}
    there = [split for split, both in of_split.items() if {*both} & {*folders}]
    needed = [f for split in dict.fromkeys(("train", *there)) for f in of_split[split]]
    missing = [f"{f}/" for f in (needed if there else DOMAINS) if f not in folders]
    if missing:
        found = ", but in: " + ", ".join(f"{shown(f)}/" for f in folders) if folders else ""
        raise DataError(
            f"Folder '{shown(name)}' holds no images in {' and '.join(missing)}{found}. Expected: "
            f"{_LAYOUT}. Two other sets are named by --data and --data-b; one set becomes two "
            "domains by --pair."
        )
    if there and {*DOMAINS} <= {*folders}:
        raise DataError(
            f"Folder '{shown(name)}' has both A/ and B/, and trainA/ and trainB/. Keep one."
        )
    return tuple(there)
