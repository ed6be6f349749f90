"""A folder of image files: in memory where it is small, decoded at each read where it is not."""

from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from zoo.data.arrays import ArrayImages, check_split
from zoo.data.dataset import Batch, ImageSpec
from zoo.data.files import (
    SUFFIXES,
    ListedFile,
    by_split,
    digest_of,
    folder_classes,
    inside,
    list_files,
    outside,
    shown,
    some,
    split_folders,
    thread_count,
)
from zoo.data.forms import ImageForm
from zoo.data.pixels import UnusableImageError
from zoo.data.survey import Decoded, Decoder, Half, Inspected, Survey, decode_all, survey
from zoo.errors import DataError

# Shapes: N examples, B batch, H height, W width, C channels.

MEMORY_BYTES = 512 * 1024**2  # decoded splits up to this size are kept in memory

Listed = tuple[tuple[ListedFile, ...], tuple[str, ...]]  # as `list_files` returns them


class FolderImages:
    """A split of a folder that is too large for memory: `read` decodes what is asked for.

    Args:
        name: What `--data` was given.
        split: Which split this is.
        splits: The splits that the folder has.
        spec: The description of one image.
        decoder: Reads a file.
        paths: The files, in order.
        labels: int32 (N,), or None.
        fingerprint: Digest of the content.
        skipped: "path: reason" of every file that could not be used.
    """

    def __init__(
        self,
        *,
        name: str,
        split: str,
        splits: tuple[str, ...],
        spec: ImageSpec,
        decoder: Decoder,
        paths: list[str],
        labels: np.ndarray | None,
        fingerprint: str,
        skipped: tuple[str, ...],
    ):
        self.name = name
        self.split = split
        self.splits = splits
        self.spec = spec
        self.fingerprint = fingerprint
        self.skipped = skipped
        self._decoder = decoder
        self.labels = labels
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def read(self, indices: np.ndarray) -> Batch:
        """Return the images at `indices` (B,) as float32 (B, H, W, C), and their labels.

        Raises:
            DataError: If a file cannot be decoded; the message names it.
        """
        pixels = np.empty((len(indices), *self.spec.image_shape), self._decoder.dtype)
        paths = [self.paths[index] for index in indices]
        if self._decoder.threads == 1:
            pictures: Iterator[np.ndarray] = map(self._decode, paths)
        else:
            pictures = self._threads.map(self._decode, paths)
        for row, picture in enumerate(pictures):
            pixels[row] = picture
        images = np.divide(pixels, np.float32(np.iinfo(pixels.dtype).max), dtype=np.float32)
        return images, None if self.labels is None else self.labels[indices]

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._decoder.threads, thread_name_prefix="zoo-decode")

    def _decode(self, path: str) -> np.ndarray:
        try:
            return self._decoder.decode(path)
        except UnusableImageError as error:
            raise DataError(
                f"'{shown(self._decoder.root / path)}' cannot be read: {error}. "
                "Replace or remove it."
            ) from error


def load_folder(
    name: str,
    *,
    split: str,
    form: ImageForm | None = None,
    memory_bytes: int = MEMORY_BYTES,
    folders: Mapping[str, str] | None = None,
    half: Half | None = None,
) -> ArrayImages | FolderImages:
    """Return a split of the images below the folder `name`.

    Folders `train/`, `test/` and `validation/` are the splits; without `train/` a tenth of the
    files, by a hash of their paths, is `test`. Further sub-folders are classes. The images have
    one channel if every file is grey, otherwise three.

    Files whose header cannot be read are skipped and named. A split that takes up to
    `memory_bytes` is decoded at once, and what fails then is skipped and named too; in a larger
    one a file that fails later raises a `DataError` with its name.

    Args:
        name: The folder.
        split: Which split.
        form: The form that the images are asked for in.
        memory_bytes: Most that a decoded split may take to be kept in memory.
        folders: The folder of each split; files elsewhere are not looked at.
        half: Which half of each file is the image; files that are not two images side by side
            are skipped and named.

    Raises:
        DataError: If there is no usable image or no such split, if sizes differ and no size
            is asked for, or if some images are in sub-folders and some are not.
    """
    return _load(
        listed=_listed(name, tuple((folders or {"": ""}).values())),
        root=Path(name).expanduser().resolve(),
        name=name,
        split=split,
        size=(form or ImageForm()).size(),
        memory_bytes=memory_bytes,
        folders=tuple((folders or {}).items()),
        half=half,
    )


# A training asks for its data twice, to plan and to train, and at last for what is held out.
@lru_cache(maxsize=2)
def _load(
    *,
    listed: Listed,
    root: Path,
    name: str,
    split: str,
    size: tuple[int, int] | None,
    memory_bytes: int,
    folders: tuple[tuple[str, str], ...],
    half: Half | None,
) -> ArrayImages | FolderImages:
    # Halves are cut of each domain apart, from the same headers.
    found = survey(root, listed[0], size, memory_bytes if half is None else 0)
    usable, skipped = _usable(name, listed, found, half)
    folder_of = dict(folders or split_folders([file.path for file in usable]))
    parts = _parts(name, usable, skipped, folder_of)
    check_split(shown(name), split, tuple(parts))
    split_of = {path: part for part, paths in parts.items() for path in paths}
    skipped += outside([file.path for file in usable], split_of, folder_of)
    usable = tuple(file for file in usable if file.path in split_of)
    height, width = size or _common_size(name, usable)
    class_of = folder_classes(
        name,
        {path: inside(path, folder_of.get(part)) for path, part in split_of.items()},
        "images",
    )
    channels = 1 if all(file.header.is_grey for file in usable) else 3
    return _make(
        name=name,
        split=split,
        splits=tuple(parts),
        decoder=Decoder(
            root=root,
            image_shape=(height, width, channels),
            is_deep=any(file.header.is_deep for file in usable),
            resizes=size is not None,
            threads=thread_count(sum(file.byte_count for file in usable) / len(usable)),
            half=half,
        ),
        files=[file for file in usable if split_of[file.path] == split],
        decoded=found.decoded,
        class_of=class_of,
        skipped=skipped,
        memory_bytes=memory_bytes,
    )


def folder_paths(name: str, form: ImageForm) -> dict[str, list[str]]:
    """Return the images of each split of a folder that `load_folder` reads in `form`.

    They are images by their headers; some may turn out to be broken.

    Raises:
        DataError: If a split has no usable image.
    """
    listed = _listed(name, ("",))
    found = survey(Path(name).expanduser().resolve(), listed[0], form.size(), MEMORY_BYTES)
    usable, skipped = _usable(name, listed, found, None)
    return _parts(name, usable, skipped, split_folders([file.path for file in usable]))


def _parts(
    name: str, usable: tuple[Inspected, ...], skipped: tuple[str, ...], folders: dict[str, str]
) -> dict[str, list[str]]:
    """Return the files of each split, given the folders of the splits."""
    parts = by_split([file.path for file in usable], folders)
    empty = next((part for part, paths in parts.items() if not paths), None)
    if empty is not None:
        raise DataError(
            f"Folder '{shown(Path(name).expanduser() / folders[empty])}' holds no image that can "
            "be used." + (f" Left out: {some(skipped)}." if skipped else "")
        )
    return parts


def _listed(name: str, folders: tuple[str, ...]) -> Listed:
    """Return the image files of a folder as they are now, and those left out; see `list_files`."""
    root = Path(name).expanduser()
    if not root.is_dir():
        raise DataError(f"'{shown(name)}' is a file. Expected: a folder of images.")
    listed, left_out = list_files(root, SUFFIXES, folders)
    if not listed:
        reasons = f" Left out: {some(left_out)}." if left_out else ""
        raise DataError(f"Folder '{shown(root)}' holds no images ({', '.join(SUFFIXES)}).{reasons}")
    return listed, left_out


def _usable(
    name: str, listed: Listed, found: Survey, half: Half | None
) -> tuple[tuple[Inspected, ...], tuple[str, ...]]:
    """Return the files that can be used, and "path: reason" of the others; see `load_folder`."""
    files, left_out = listed
    usable, skipped = found.files, left_out + found.skipped
    if half is not None:
        usable, whole = _halves(usable)
        skipped += whole
    if not usable:
        raise DataError(
            f"None of the {len(files)} image files in '{shown(Path(name).expanduser())}' can be "
            f"used: {some(skipped)}."
        )
    return usable, skipped


def _halves(files: tuple[Inspected, ...]) -> tuple[tuple[Inspected, ...], tuple[str, ...]]:
    """Return files with the size of one half, and "path: reason" of those that hold no two."""
    halves, whole = [], []
    for file in files:
        height, width = file.header.size
        if width % 2 or width <= height:
            whole.append(
                f"{shown(file.path)}: {width}x{height}, width x height; expected an even width, "
                "larger than the height, of two images side by side"
            )
        else:
            header = file.header._replace(size=(height, width // 2))
            halves.append(file._replace(header=header))
    return tuple(halves), tuple(whole)


def _make(
    *,
    name: str,
    split: str,
    splits: tuple[str, ...],
    decoder: Decoder,
    files: list[Inspected],
    decoded: Decoded | None,
    class_of: dict[str, str],
    skipped: tuple[str, ...],
    memory_bytes: int,
) -> ArrayImages | FolderImages:
    class_names = tuple(sorted(set(class_of.values())))
    if len(files) * decoder.example_bytes > memory_bytes:
        decoded = None
    else:
        if decoded is None or decoded.decoder != decoder:  # the files have several forms
            decoded = decode_all(decoder, files)
        broken = decoded.broken
        lost = [file.path for file in files if file.path in broken]
        files = [file for file in files if file.path not in broken]
        skipped += tuple(f"{shown(path)}: {broken[path]}" for path in lost)
        if not files:
            raise DataError(
                f"None of the images in split '{split}' of '{shown(name)}' can be decoded: "
                f"{some(skipped)}."
            )
    label_of = {class_name: label for label, class_name in enumerate(class_names)}
    labels = None
    if class_of:
        labels = np.array([label_of[class_of[file.path]] for file in files], np.int32)
    fingerprint = digest_of(
        [(file.path, file.digest) for file in files],
        decoder.image_shape,
        decoder.is_deep,
        class_names,
        *((decoder.half,) if decoder.half else ()),
    )
    if decoded is not None:
        return ArrayImages(
            name=name,
            split=split,
            splits=splits,
            pixels=decoded.pixels,
            rows=np.array([decoded.rows[file.path] for file in files]),
            labels=labels,
            class_names=class_names,
            white=np.iinfo(decoder.dtype).max,
            fingerprint=fingerprint,
            skipped=skipped,
            paths=[file.path for file in files],
        )
    return FolderImages(
        name=name,
        split=split,
        splits=splits,
        spec=ImageSpec(image_shape=decoder.image_shape, class_names=class_names),
        decoder=decoder,
        paths=[file.path for file in files],
        labels=labels,
        fingerprint=fingerprint,
        skipped=skipped,
    )


def _common_size(name: str, files: tuple[Inspected, ...]) -> tuple[int, int]:
    sizes = Counter(file.header.size for file in files)
    if len(sizes) == 1:
        return next(iter(sizes))
    counted = [f"{width}x{height} ({count})" for (height, width), count in sizes.most_common()]
    raise DataError(
        f"The images in '{shown(name)}' have {len(sizes)} sizes, width x height: "
        f"{some(counted)}. Give one with --image-size."
    )
