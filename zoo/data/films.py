"""Films as one array in memory, and a folder of GIF files read into one."""

from collections import Counter
from functools import lru_cache
from pathlib import Path

import numpy as np

from zoo.data.arrays import check_split, content_digest
from zoo.data.dataset import Batch, VideoSpec
from zoo.data.files import (
    SUFFIXES,
    ListedFile,
    by_split,
    in_threads,
    list_files,
    outside,
    read_file,
    shown,
    some,
    split_folders,
    thread_count,
)
from zoo.data.forms import ImageForm
from zoo.data.pixels import UnusableImageError, decode_frames
from zoo.errors import DataError

# Shapes: N films, B batch, T frames, H height, W width, C channels.

FILM_SUFFIXES = (".gif",)
MEMORY_BYTES = 1024**3  # most that the decoded films of a folder may take


class ArrayFilms:
    """Films that stand as integers in an array.

    Args:
        name: What `--data` was given.
        split: Which split this is.
        splits: The splits that the data set has.
        pixels: Integers (N, T, H, W, C).
        white: The integer that stands for 1.0.
        skipped: "path: reason" of every file that could not be used.
    """

    def __init__(
        self,
        *,
        name: str,
        split: str,
        splits: tuple[str, ...],
        pixels: np.ndarray,
        white: int = 255,
        skipped: tuple[str, ...] = (),
    ):
        _, frames, height, width, channels = pixels.shape
        self.name = name
        self.split = split
        self.splits = splits
        self.spec = VideoSpec(video_shape=(frames, height, width, channels))
        self.fingerprint = content_digest(pixels, None, white)
        self.skipped = skipped
        self._pixels = pixels
        self._white = np.float32(white)

    def __len__(self) -> int:
        return len(self._pixels)

    def read(self, indices: np.ndarray) -> Batch:
        """Return the films at `indices` (B,) as float32 (B, T, H, W, C); they have no labels."""
        return np.divide(self._pixels[indices], self._white, dtype=np.float32), None


def load_films(name: str, *, split: str, form: ImageForm | None = None) -> ArrayFilms:
    """Return a split of the GIF files below the folder `name`.

    Folders `train/`, `test/` and `validation/` are the splits; without `train/` a tenth of the
    files, by a hash of their paths, is `test`. All films have as many frames. They have one channel
    if every pixel of all is grey, otherwise three. A file that cannot be read is skipped and named.

    Raises:
        DataError: If there is no usable film or no such split, if lengths differ, if sizes differ
            and none is asked for, or if the films take more memory than 1 GiB.
    """
    size = (form or ImageForm()).size()
    root = Path(name).expanduser()
    if not root.is_dir():
        raise DataError(f"'{shown(name)}' is a file. Expected: a folder of GIF files.")
    files, left_out = list_files(root, FILM_SUFFIXES)
    if not files:
        reasons = f" Left out: {some(left_out)}." if left_out else ""
        raise DataError(
            f"Folder '{shown(name)}' holds no films ({', '.join(FILM_SUFFIXES)}).{reasons}"
        )
    films, broken = _decode_all(root.resolve(), files, size)
    skipped = left_out + broken
    if not films:
        raise DataError(
            f"None of the {len(files)} GIF files in '{shown(name)}' can be used: {some(skipped)}."
        )
    _check_alike(name, films)
    folders = split_folders(list(films))
    parts = by_split(list(films), folders)
    check_split(shown(name), split, tuple(parts))
    split_of = {path: part for part, paths in parts.items() for path in paths}
    skipped += outside(films, split_of, folders)
    pixels = np.stack([films[path] for path in parts[split]])  # (N, T, H, W, 3)
    if not any((film != film[..., :1]).any() for film in films.values()):
        pixels = pixels[..., :1]  # all are grey
    return ArrayFilms(name=name, split=split, splits=tuple(parts), pixels=pixels, skipped=skipped)


def holds_films(root: Path) -> bool:
    """Return whether all image files below a folder are GIF files, and the first of them moves."""
    files, _ = list_files(root, SUFFIXES)
    if not files or not all(file.path.lower().endswith(FILM_SUFFIXES) for file in files):
        return False
    try:
        first = read_file(root / files[0].path)
        return len(decode_frames(first, channels=3, image_size=None)) > 1
    except (OSError, UnusableImageError):
        return False


def read_film(path: Path, shape: tuple[int, int, int, int]) -> np.ndarray:
    """Return the frames of a GIF file as float32 (T, H, W, C); T is the file's, the rest `shape`'s.

    Raises:
        DataError: If it cannot be read, or its frames have another size.
    """
    _, height, width, channels = shape
    try:
        film = decode_frames(read_file(path), channels=channels, image_size=None)
    except (OSError, UnusableImageError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(
            f"'{shown(path)}' cannot be read: {reason}. Expected: a GIF file."
        ) from error
    if film.shape[1:3] != (height, width):
        raise DataError(
            f"The frames of '{shown(path)}' have {film.shape[2]}x{film.shape[1]} pixels, width x "
            f"height. The model was trained on {width}x{height}. Crop and resize it first."
        )
    return np.divide(film, np.float32(255), dtype=np.float32)


@lru_cache(maxsize=1)  # `train` and `test` of one folder are made of the same films
def _decode_all(
    root: Path, files: tuple[ListedFile, ...], image_size: tuple[int, int] | None
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """Return films (T, H, W, 3) by path, and "path: reason" of those that are unusable."""

    def attempt(file: ListedFile) -> np.ndarray | str:
        try:
            content = read_file(root / file.path)
            film = decode_frames(content, channels=3, image_size=image_size)
        except (UnusableImageError, OSError) as error:
            return str(getattr(error, "strerror", None) or error)
        return film if len(film) > 1 else "it has one frame, so it is no film"

    films: dict[str, np.ndarray] = {}
    broken: list[str] = []
    taken = 0
    threads = thread_count(sum(file.byte_count for file in files) / len(files))
    results = in_threads(attempt, files, threads, "Decoding films")
    for file, result in zip(files, results, strict=True):
        if isinstance(result, str):
            broken.append(f"{shown(file.path)}: {result}")
            continue
        films[file.path] = result
        taken += result.nbytes
        if taken > MEMORY_BYTES:
            raise DataError(
                f"The films in '{shown(root)}' take more than {MEMORY_BYTES // 1024**2} MiB "
                f"decoded, and are kept in memory: {len(films)} of {len(files)} already do. Give "
                "a smaller --image-size, or fewer files."
            )
    return films, tuple(broken)


def _check_alike(name: str, films: dict[str, np.ndarray]) -> None:
    sizes = Counter(f"{film.shape[2]}x{film.shape[1]}" for film in films.values())
    if len(sizes) > 1:
        raise DataError(
            f"The films in '{shown(name)}' have {len(sizes)} sizes, width x height: "
            f"{_counted(sizes)}. Give one with --image-size."
        )
    lengths = Counter(f"{len(film)} frames" for film in films.values())
    if len(lengths) > 1:
        shortest = min(films, key=lambda path: len(films[path]))
        raise DataError(
            f"The films in '{shown(name)}' have {len(lengths)} lengths: {_counted(lengths)}. The "
            f"shortest is '{shown(shortest)}'. Expected: all of one length. Cut the longer ones, "
            "or take the shorter ones out."
        )


def _counted(values: Counter[str]) -> str:
    return some([f"{value} ({count})" for value, count in values.most_common()])
