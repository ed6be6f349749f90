"""Decoded images on disc: written once, whole or not at all, and mapped into memory."""

import hashlib
import json
import os
import re
import shutil
import tempfile
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from zoo.data.arrays import ArrayImages, content_digest
from zoo.data.npy import NO_HEADER
from zoo.data.pixels import fit, on_white
from zoo.errors import DataError

# Shapes: N examples, H height, W width, C channels.

_CACHE = "zoo-cache"
_ABANDONED_SECONDS = 24 * 3600
# What is raised where decoded examples are missing, out of date, or damaged: they are made anew.
BROKEN = (OSError, EOFError, IndexError, *NO_HEADER)
# Of what type each fact about decoded examples is; lists are of texts.
_TYPES = {
    "splits": list,
    "class_names": list,
    "skipped": list,
    "fingerprint": str,
    "has_labels": bool,
    "sample_rate_hz": int,
    "sizes": dict,
}
_BINARY_AFTER = 256  # images: a set whose first ones hold only 0 and 1 is binary, not black


@dataclass(frozen=True)
class Decoded:
    """What a folder of decoded images holds.

    Args:
        pixels: Mapped integers (N, H, W, C).
        labels: int32 (N,), or None.
        about: `class_names`, `splits` and `fingerprint`.
    """

    pixels: np.ndarray
    labels: np.ndarray | None
    about: dict[str, Any]

    def images(self, name: str, split: str) -> ArrayImages:
        """Return them as a data set."""
        return ArrayImages(
            name=name,
            split=split,
            splits=tuple(self.about["splits"]),
            pixels=self.pixels,
            labels=self.labels,
            class_names=tuple(self.about["class_names"]),
            white=np.iinfo(self.pixels.dtype).max,
            fingerprint=self.about["fingerprint"],
        )


def folder(root: Path, name: str, split: str, size: tuple[int, int] | None) -> Path:
    """Return where the images of a set are kept, for a split and a size."""
    shape = "native" if size is None else f"{size[0]}x{size[1]}"
    return of_set(root, name) / f"{split}-{shape}"


def forget(root: Path, name: str) -> None:
    """Remove all that was decoded of a set."""
    shutil.rmtree(of_set(root, name), ignore_errors=True)


def read(folder: Path, root: Path) -> Decoded | None:
    """Return the decoded images in `folder`; None if there are none, or they are out of date."""
    try:
        about = read_about(folder, root, "splits", "class_names", "fingerprint", "has_labels")
        pixels = load_array(folder / "images.npy", mapped=True)
        labels = read_labels(folder, about, len(pixels))
        if pixels.ndim != 4 or pixels.dtype.kind != "u":
            return None
    except BROKEN:
        return None
    # A plain view: results of reading should not be of the type of mapped arrays.
    return Decoded(np.asarray(pixels), labels, about)


def load_array(path: Path, *, mapped: bool = False) -> np.ndarray:
    """Return the array in a file, without a warning where its header is damaged.

    Raises:
        OSError, ValueError, EOFError: If the file is missing or damaged.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        array: np.ndarray = np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    return array


def read_labels(folder: Path, about: Mapping[str, Any], count: int) -> np.ndarray | None:
    """Return the labels of `count` decoded examples, None where they have none.

    Raises:
        OSError, ValueError, EOFError: If the file is missing or damaged.
    """
    if not about["has_labels"]:
        return None
    labels = load_array(folder / "labels.npy")
    if labels.shape != (count,) or labels.dtype != np.int32:
        raise ValueError
    return np.asarray(labels)


def read_about(folder: Path, root: Path, *facts: str) -> dict[str, Any]:
    """Return what `about.json` in `folder` says of the decoded examples beside it.

    Args:
        folder: Where they are.
        root: Where all prepared sets are.
        *facts: What it must say.

    Raises:
        ValueError: If they are out of date.
        OSError, KeyError, TypeError, RecursionError: If there are none, or the file is broken.
    """
    about: dict[str, Any] = json.loads((folder / "about.json").read_text("utf-8"))
    if _state_of(root / about["source"]) not in (None, about["source_state"]):
        raise ValueError
    for fact in facts:
        value = about[fact]
        texts = value if isinstance(value, list) else []
        if type(value) is not _TYPES[fact] or not all(isinstance(text, str) for text in texts):
            raise TypeError
    return about


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Images or sounds to write.

    Args:
        pairs: uint8 or uint16 images (H, W, C), C is 1, 3 or 4, or sounds (T,), and their labels
            or -1.
        count: How many there are, N.
        class_names: Name of each label.
        source: The folder that they come from; the decoded ones are out of date when it changes.
    """

    pairs: Iterable[tuple[np.ndarray, int]]
    count: int
    class_names: tuple[str, ...]
    source: Path


def write(
    folder: Path,
    examples: Examples,
    *,
    name: str,
    size: tuple[int, int] | None,
    splits: tuple[str, ...],
    root: Path,
) -> None:
    """Write `examples` into `folder`, beside it first and then renamed.

    Images are cropped and resized to `size` (H, W), if it is given.

    Raises:
        DataError: If sizes differ and `size` is None, or the images cannot be stored.
    """
    with written_whole(folder, name) as beside:
        labels = _write_images(beside / "images.npy", examples, name, size)
        # TFDS marks the examples of a test split without labels by -1.
        has_labels = bool(examples.class_names) and bool(np.all(labels >= 0))
        if has_labels:
            np.save(beside / "labels.npy", labels)
        pixels = np.load(beside / "images.npy", mmap_mode="r", allow_pickle=False)
        about = {
            "class_names": examples.class_names,
            "splits": splits,
            "has_labels": has_labels,
            "fingerprint": content_digest(pixels, labels if has_labels else None, 255),
        }
        write_about(beside, about, examples.source, root)


def write_about(folder: Path, about: dict[str, Any], source: Path, root: Path) -> None:
    """Write `about.json` into `folder`, with the state of the `source` that it is made from."""
    origin = {"source": str(source.relative_to(root)), "source_state": _state_of(source)}
    (folder / "about.json").write_text(json.dumps(about | origin), "utf-8")


@contextmanager
def written_whole(folder: Path, name: str) -> Iterator[Path]:
    """Give a new folder, which takes the place of `folder` if nothing fails, and else goes.

    Raises:
        DataError: If it cannot be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(folder)
        beside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    except OSError as error:
        raise DataError(f"'{folder.parent}' cannot be written: {error.strerror}.") from error
    try:
        yield beside
        _replace(beside, folder)
    except OSError as error:
        raise DataError(
            f"The decoded examples of '{name}' cannot be written to '{folder.parent}': "
            f"{error.strerror or error}."
        ) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _remove_abandoned(folder: Path) -> None:
    """Remove what processes that were killed have left beside `folder`."""
    for beside in folder.parent.glob(f".{folder.name}-*"):
        if time.time() - beside.stat().st_mtime > _ABANDONED_SECONDS:
            shutil.rmtree(beside, ignore_errors=True)


def of_set(root: Path, name: str) -> Path:
    """Return where all that is decoded of a set is kept."""
    return root / _CACHE / re.sub(r"[^\w.+-]", "-", name)


def _state_of(source: Path) -> str | None:
    try:
        return hashlib.sha256((source / "dataset_info.json").read_bytes()).hexdigest()
    except OSError:
        return None


def _write_images(
    path: Path, examples: Examples, name: str, size: tuple[int, int] | None
) -> np.ndarray:
    from tqdm import tqdm

    count = examples.count
    labels = np.full(count, -1, np.int32)
    form: tuple[tuple[int, ...], np.dtype] | None = None
    is_binary = False
    written = 0
    # Not a mapped file: where the disc is full, a write raises, a mapped page kills.
    with path.open("wb") as file:
        for images, chunk_labels in _chunks(
            tqdm(examples.pairs, total=count, desc=f"Decoding {name}", disable=None, leave=False)
        ):
            if form is None:
                # 0 and 1 of 255 would be black and nearly black: such images are masks.
                is_binary = max(image.max() for image in images) <= 1
            for image in images:
                pixels = _normal(image, name, is_binary)
                pixels = pixels if size is None else fit(pixels, size)
                if form is None:
                    form = (pixels.shape, pixels.dtype)
                    _write_header(file, (count, *pixels.shape), pixels.dtype)
                if form != (pixels.shape, pixels.dtype):
                    raise DataError(_differ(name, form[0], pixels.shape))
                file.write(np.ascontiguousarray(pixels).data)
            labels[written : written + len(images)] = chunk_labels
            written += len(images)
        file.flush()
        os.fsync(file.fileno())
    if written != count or form is None:
        raise DataError(f"'{name}' should hold {count} images. Read: {written}.")
    return labels


def _chunks(
    examples: Iterable[tuple[np.ndarray, int]],
) -> Iterable[tuple[list[np.ndarray], list[int]]]:
    images: list[np.ndarray] = []
    labels: list[int] = []
    for image, label in examples:
        images.append(image)
        labels.append(int(label))
        if len(images) == _BINARY_AFTER:
            yield images, labels
            images, labels = [], []
    if images:
        yield images, labels


def _normal(image: np.ndarray, name: str, is_binary: bool) -> np.ndarray:
    if image.dtype not in (np.uint8, np.uint16) or image.shape[-1] not in (1, 3, 4):
        raise DataError(
            f"The images of '{name}' are {image.dtype} with {image.shape[-1]} channels. "
            "Expected: uint8 or uint16 with 1, 3 or 4."
        )
    if is_binary:
        if image.max() > 1:
            raise DataError(f"'{name}' begins with images of 0 and 1, but others hold more.")
        image = image * np.iinfo(image.dtype).max
    return on_white(image) if image.shape[-1] == 4 else image


def _write_header(file: BinaryIO, shape: tuple[int, ...], dtype: np.dtype) -> None:
    header = {
        "descr": np.lib.format.dtype_to_descr(dtype),
        "fortran_order": False,
        "shape": shape,
    }
    np.lib.format.write_array_header_1_0(file, header)


def _differ(name: str, first: tuple[int, ...], other: tuple[int, ...]) -> str:
    return (
        f"The images of '{name}' have several sizes, such as {first[1]}x{first[0]} and "
        f"{other[1]}x{other[0]} (width x height). Give one with --image-size."
    )


def _replace(beside: Path, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)  # what is out of date or broken
    try:
        beside.rename(folder)
    except OSError:
        if not (folder / "about.json").exists():  # another process may have been faster
            raise
