"""Sketches in files, as a data set: of Sketch-RNN, of Quick, Draw!, and SVG pictures."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

from zoo.data.files import (
    ListedFile,
    by_split,
    folder_classes,
    inside,
    list_files,
    outside,
    shown,
    some,
    split_folders,
)
from zoo.data.forms import StrokesForm
from zoo.data.npz_sketches import read_npz
from zoo.data.quickdraw import read_ndjson
from zoo.data.strokes import (
    ArraySketches,
    Drawing,
    UnusableSketchError,
    make_dataset,
    most_points,
)
from zoo.data.svg_strokes import read_svg
from zoo.errors import DataError

STROKE_SUFFIXES = (".npz", ".ndjson", ".svg")

Read = tuple[dict[str, list[Drawing]], list[str]]  # by split, and "place: reason" of what is not


def load_sketches(name: str, *, split: str, form: StrokesForm | None = None) -> ArraySketches:
    """Return a split of the sketches in a file, or in the files of one kind below a folder.

    - `.npz` of Sketch-RNN, which has its splits. Of a folder, each file is a class.
    - `.ndjson` of Quick, Draw!, simplified. Classes are the words; about a tenth is `test`.
    - A folder of `.svg`, a sketch each. Splits and classes are as those of a folder of images.

    Sketches that cannot be used, or have more points than asked for, are left out and named.

    Raises:
        DataError: If there is no usable sketch or no such split, if a file is not what its suffix
            says, or if a folder holds files of several kinds.
    """
    path = Path(name).expanduser()
    if path.is_dir():
        listed, left_out = list_files(path, STROKE_SUFFIXES)
        kinds = sorted({Path(file.path).suffix.lower() for file in listed})
        if len(kinds) != 1:
            found = f"files of several kinds ({', '.join(kinds)})" if kinds else "no sketches"
            reasons = f" Left out: {some(left_out)}." if left_out else ""
            raise DataError(
                f"Folder '{shown(name)}' holds {found}. Expected: files that all end in one of "
                f"{', '.join(STROKE_SUFFIXES)}.{reasons}"
            )
        root, suffix = path, kinds[0]
    else:
        root, suffix, left_out = path.parent, path.suffix.lower(), ()
        if suffix not in (".npz", ".ndjson"):
            raise DataError(
                f"'{shown(name)}' is no file of sketches. Expected: .npz of Sketch-RNN, .ndjson of "
                "Quick, Draw!, or a folder of those or of .svg."
            )
        listed = (_listed(path),)
    drawings, skipped = _READERS[suffix](root.resolve(), listed, most_points(form))
    return make_dataset(name, split, drawings, [*left_out, *skipped])


def _listed(path: Path) -> ListedFile:
    try:
        status = path.stat()
    except OSError as error:
        raise DataError(f"'{shown(path)}' cannot be read: {error.strerror}.") from error
    return ListedFile(path.name, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=2)  # `train` and `test` of one folder ask for the same files
def _read_npz_files(root: Path, files: tuple[ListedFile, ...], most: int) -> Read:
    return _join(
        [
            read_npz(root / file.path, most, _stem(file.path), shown(file.path))
            for file in _with_bar(files)
        ]
    )


@lru_cache(maxsize=2)
def _read_ndjson_files(root: Path, files: tuple[ListedFile, ...], most: int) -> Read:
    return _join(
        [read_ndjson(root / file.path, most, shown(file.path)) for file in _with_bar(files)]
    )


@lru_cache(maxsize=2)
def _read_svg_files(root: Path, files: tuple[ListedFile, ...], most: int) -> Read:
    points, skipped = {}, []
    for file in _with_bar(files):
        try:
            points[file.path] = read_svg(root / file.path, most)
        except (UnusableSketchError, OSError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            skipped.append(f"{shown(file.path)}: {reason}")
    folders = split_folders(list(points))
    parts = by_split(list(points), folders)
    split_of = {path: part for part, paths in parts.items() for path in paths}
    skipped += outside(points, split_of, folders)
    rests = {path: inside(path, folders.get(part)) for path, part in split_of.items()}
    class_of = folder_classes(str(root), rests, "sketches")
    drawings = {
        part: [Drawing(points[path], shown(class_of.get(path, ""))) for path in paths]
        for part, paths in parts.items()
    }
    return drawings, skipped


_READERS: dict[str, Callable[[Path, tuple[ListedFile, ...], int], Read]] = {
    ".npz": _read_npz_files,
    ".ndjson": _read_ndjson_files,
    ".svg": _read_svg_files,
}


def _join(read: Sequence[Read]) -> Read:
    drawings: dict[str, list[Drawing]] = {}
    skipped: list[str] = []
    for by_part, reasons in read:
        for part, some_drawings in by_part.items():
            drawings.setdefault(part, []).extend(some_drawings)
        skipped += reasons
    return drawings, skipped


def _stem(path: str) -> str:
    return shown(path[: -len(Path(path).suffix)])


def _with_bar(files: tuple[ListedFile, ...]) -> Sequence[ListedFile]:
    from tqdm import tqdm

    # `disable=None` shows the bar on a terminal only.
    return tqdm(files, desc="Reading sketches", unit="file", disable=None, leave=False)
