"""Which files a folder holds, by split and class, and how they are read."""

import errno
import hashlib
import os
import stat
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeVar

from zoo.errors import DataError
from zoo.registry import printable

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")
SPLIT_FOLDERS = {
    "train": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "test": "test",
}

MOST_BYTES = 2 * 1024**3  # of a file that is read whole

_TEST_FRACTION = 0.1
_TINY_BYTES = 8192
_CHUNK = 64  # files per task: one task per file would cost more than to read a small header

Item = TypeVar("Item")
Result = TypeVar("Result")


class ListedFile(NamedTuple):
    """A file of a folder.

    Args:
        path: Its path inside the folder, with forward slashes.
        byte_count: Its size.
        changed_ns: When it was changed last.
    """

    path: str
    byte_count: int
    changed_ns: int


def list_files(
    root: Path, suffixes: tuple[str, ...], folders: Iterable[str] = ("",)
) -> tuple[tuple[ListedFile, ...], tuple[str, ...]]:
    """Return the files below `root`, sorted by path, and "path: reason" of those left out.

    Only names that end in one of `suffixes`, in any case, are looked at, of `folders` in `root` if
    some are named. Names that start with a dot, and `__MACOSX`, are what systems leave behind.

    Raises:
        DataError: If `root` cannot be listed.
    """
    try:
        with os.scandir(root):
            pass
        status = root.stat()
    except OSError as error:
        raise DataError(f"Folder '{shown(root)}' cannot be read: {error.strerror}.") from error
    found: list[ListedFile] = []
    skipped: list[str] = []
    visited = {(status.st_dev, status.st_ino)}
    pending = list(folders)
    while pending:
        folder = pending.pop()
        try:
            with os.scandir(root / folder) as scan:
                entries = sorted(scan, key=lambda entry: entry.name)
        except OSError as error:
            skipped.append(f"{shown(folder)}/: {error.strerror}")
            continue
        for entry in entries:
            if entry.name.startswith(".") or entry.name == "__MACOSX":
                continue
            path = f"{folder}/{entry.name}" if folder else entry.name
            try:
                if entry.is_dir():
                    status = entry.stat()
                    if (status.st_dev, status.st_ino) in visited:
                        skipped.append(f"{shown(path)}/: a link to a folder already read")
                        continue
                    visited.add((status.st_dev, status.st_ino))
                    pending.append(path)
                elif entry.name.lower().endswith(suffixes):
                    if not entry.is_file():  # a pipe would wait for ever
                        skipped.append(f"{shown(path)}: not a file, or a broken link")
                        continue
                    status = entry.stat()
                    found.append(ListedFile(path, status.st_size, status.st_mtime_ns))
            except OSError as error:
                skipped.append(f"{shown(path)}: {error.strerror}")
    found.sort(key=lambda file: file.path)
    return tuple(found), tuple(sorted(skipped))


def split_folders(paths: Sequence[str]) -> dict[str, str]:
    """Return the folder of each split; none where there is no folder `train/`.

    Raises:
        DataError: If two folders name one split, or all are splits but none is `train/`.
    """
    folders = sorted({path.split("/")[0] for path in paths if "/" in path})
    named: dict[str, str] = {}
    for folder in folders:
        split = SPLIT_FOLDERS.get(folder.lower())
        if split is not None and split in named:
            raise DataError(
                f"Folders '{named[split]}' and '{folder}' both name the split '{split}'. Keep one."
            )
        if split is not None:
            named[split] = folder
    if named and "train" not in named and len(named) == len(folders):
        raise DataError(
            f"There are files in {', '.join(folder + '/' for folder in folders)} but none in "
            f"train/. Add them, or rename the folders if they are classes."
        )
    return named if "train" in named else {}


def by_split(paths: Sequence[str], folders: dict[str, str]) -> dict[str, list[str]]:
    """Return the paths of each split, in order.

    `folders` of splits say it. Where there are none, a hash of each path does, so that a new file
    moves no other: about a tenth is `test`. Of two files and more neither split is empty.
    """
    if folders:
        return {
            split: [path for path in paths if path.startswith(f"{folders[split]}/")]
            for split in ("train", "validation", "test")
            if split in folders
        }
    if len(paths) < 2:
        return {"train": list(paths)}
    places = {path: hash_place(path) for path in paths}
    test = {path for path in paths if places[path] < _TEST_FRACTION}
    test.add(min(paths, key=places.__getitem__))
    if len(test) == len(paths):
        test.remove(max(paths, key=places.__getitem__))
    return {
        "train": [path for path in paths if path not in test],
        "test": [path for path in paths if path in test],
    }


def inside(path: str, folder: str | None) -> str:
    """Return a path inside the folder of its split, if there is one."""
    return path.removeprefix(f"{folder}/") if folder else path


def folder_classes(name: str, parts: dict[str, str], what: str) -> dict[str, str]:
    """Return the class of each path, given what follows its split's folder; or nothing.

    Raises:
        DataError: If some of the files, which are `what`, are in class folders and some are not.
    """
    loose = [path for path, rest in parts.items() if "/" not in rest]
    if len(loose) == len(parts):
        return {}
    classes = {path: rest.split("/")[0] for path, rest in parts.items()}
    if loose:
        names = sorted({classes[path] for path in parts} - {parts[path] for path in loose})
        raise DataError(
            f"'{shown(name)}' has {len(loose)} {what} beside its class folders "
            f"({some([shown(class_name) for class_name in names])}), such as "
            f"'{shown(loose[0])}'. Put every one into a class folder, or none."
        )
    return classes


def outside(
    paths: Iterable[str], split_of: dict[str, str], folders: dict[str, str]
) -> tuple[str, ...]:
    """Return "path: reason" of the files that stand in no folder of a split."""
    names = ", ".join(f"{folder}/" for folder in folders.values())
    return tuple(f"{shown(path)}: outside {names}" for path in paths if path not in split_of)


def hash_place(path: str) -> float:
    """Return where in [0, 1) the hash of `path` puts it, on every system alike."""
    # macOS decomposes accents in file names, others do not.
    name = unicodedata.normalize("NFC", path).encode("utf-8", "surrogateescape")
    return int.from_bytes(hashlib.sha256(name).digest()[:6]) / 2**48


def in_threads(
    function: Callable[[Item], Result], items: Sequence[Item], threads: int, title: str
) -> Iterator[Result]:
    """Yield `function(item)` in order, computed in threads, with a bar on a terminal."""
    from tqdm import tqdm

    def work(start: int) -> list[Result]:
        return [function(item) for item in items[start : start + _CHUNK]]

    starts = range(0, len(items), _CHUNK)
    executor = ThreadPoolExecutor(threads)
    try:
        # `disable=None` shows the bar on a terminal only.
        with tqdm(total=len(items), desc=title, unit="file", disable=None, leave=False) as bar:
            # One thread is this one: another would give and take Python's lock at every file.
            for chunk in map(work, starts) if threads == 1 else executor.map(work, starts):
                yield from chunk
                bar.update(len(chunk))
    finally:
        executor.shutdown(cancel_futures=True)


def thread_count(mean_bytes: float) -> int:
    """Return how many threads should decode files of about `mean_bytes`.

    With tiny files threads only hand Python's lock to each other: one alone was twice as fast.
    """
    return 1 if mean_bytes < _TINY_BYTES else min(16, os.cpu_count() or 1)


def open_file(path: str | Path, *, buffering: int = -1) -> BinaryIO:
    """Open a file for reading, unless it is a pipe or a device, which might never end.

    Raises:
        OSError: If it cannot be opened, or is no file.
    """
    # O_NONBLOCK: opening a pipe that nobody writes to would wait for ever.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb", buffering)
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise OSError(errno.EINVAL, "it is a pipe or a device", str(path))


def read_file(path: str | Path) -> bytes:
    """Return the content of a file; see `open_file`.

    Raises:
        OSError: If it cannot be read, or is larger than 2 GiB.
    """
    with open_file(path, buffering=0) as file:  # to read at once; a buffer would take time to make
        if os.fstat(file.fileno()).st_size > MOST_BYTES:
            limit = f"it is larger than {MOST_BYTES // 1024**3} GiB"
            raise OSError(errno.EFBIG, limit, str(path))
        return file.read()


def shown(path: str | Path) -> str:
    """Return `path` so that it can be printed on one line, whatever bytes its name holds."""
    return printable(os.fspath(path)).replace("\n", "\\n")


def some(items: Sequence[str]) -> str:
    """Return the first three of `items`, and how many more there are."""
    more = f" and {len(items) - 3} more" if len(items) > 3 else ""
    return ", ".join(items[:3]) + more


def digest_of(files: Iterable[tuple[str, bytes]], *parts: object) -> str:
    """Return the sha256 of (path, content digest) pairs and of further parts."""
    total = hashlib.sha256(repr(parts).encode())
    for path, digest in files:
        name = path.encode("utf-8", "surrogateescape")
        total.update(len(name).to_bytes(4) + name + digest)
    return total.hexdigest()
