"""A folder of image files with captions: in a table, or in a text file beside each image."""

import posixpath
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from zoo.data.captioned import CaptionedImages, captioned
from zoo.data.captions import caption_of
from zoo.data.files import SPLIT_FOLDERS, SUFFIXES, ListedFile, list_files, read_file, shown, some
from zoo.data.folder import folder_paths, load_folder
from zoo.data.forms import CaptionedForm, ImageForm
from zoo.data.text_files import SEPARATORS, UnusableTextError, cut, decode, table_rows
from zoo.errors import DataError

SIDECAR_SUFFIX = ".txt"
HEADERS = ("file", "filename", "file_name", "image", "path")  # first cells that are no file

_TABLES = tuple(f"captions{suffix}" for suffix in SEPARATORS)


def load_captioned(name: str, *, split: str, form: CaptionedForm | None = None) -> CaptionedImages:
    """Return a split of the images below the folder `name` that have captions.

    Captions stand in a table `captions.tsv` or `captions.csv`, in the folder or in those of its
    splits: a file in the first column, as a path from where the table is, and a caption in every
    further one; several lines may name one file. Where there is no table, each line of `a.txt` is
    a caption of `a.png` beside it. Text is UTF-8. For splits, classes and large folders see
    `zoo.data.folder.load_folder`.

    Images without captions, captions without an image, and captions that are empty or too long are
    left out, and named or counted.

    Raises:
        DataError: If there are no usable images or captions, or two tables in one folder.
    """
    form = form or CaptionedForm()
    of_images = ImageForm(image_size=form.image_size)
    images = load_folder(name, split=split, form=of_images)
    found, problems = _read(Path(name).expanduser().resolve(), *_listed(name))
    train_captions = [found.get(_key(path), ()) for path in folder_paths(name, of_images)["train"]]
    if not any(train_captions):
        raise DataError(
            f"No training image in '{shown(name)}' has a caption. Expected: {' or '.join(_TABLES)} "
            "in it with a file and its captions in each line, or a.txt beside each a.png."
            + (f" Left out: {some(problems)}." if problems else "")
        )
    captions = [found.get(_key(path), ()) for path in images.paths]
    bare = zip(images.paths, captions, strict=True)
    return captioned(
        name=name,
        images=images,
        captions=captions,
        train_captions=train_captions,
        form=form,
        skipped=(*problems, *(f"{shown(path)}: no caption" for path, texts in bare if not texts)),
    )


def holds_captions(folder: str | Path) -> bool:
    """Return whether a folder has a table of captions, or a text beside one of its images."""
    images, texts = _listed(folder)
    stems = {_stem(image.path) for image in images}
    return any(_is_table(text.path) or _stem(text.path) in stems for text in texts)


def _listed(folder: str | Path) -> tuple[tuple[ListedFile, ...], tuple[ListedFile, ...]]:
    """Return the images of a folder, and the files that may hold captions."""
    root = Path(folder).expanduser()
    texts, _ = list_files(root, (*_TABLES, SIDECAR_SUFFIX))
    candidates = (t for t in texts if _is_table(t.path) or t.path.lower().endswith(SIDECAR_SUFFIX))
    return list_files(root, SUFFIXES)[0], tuple(candidates)


def _is_table(path: str) -> bool:
    """Return whether a file is a table of captions, where one is looked for."""
    folder, name = posixpath.split(path.lower())
    return name in _TABLES and folder in ("", *SPLIT_FOLDERS)


@lru_cache(maxsize=1)  # `train` and `test` of one folder ask for the same captions
def _read(
    root: Path, images: tuple[ListedFile, ...], texts: tuple[ListedFile, ...]
) -> tuple[dict[str, list[str]], tuple[str, ...]]:
    """Return the captions of each image by its key, and "path: reason" of what has no use."""
    tables = [text.path for text in texts if _is_table(text.path)]
    _check_one_each(root, tables)
    stems: dict[str, list[str]] = {}
    for image in images:
        stems.setdefault(_stem(image.path), []).append(_key(image.path))
    keys = {key for same in stems.values() for key in same}
    found: dict[str, list[str]] = {}
    problems: dict[str, None] = {}
    if tables:
        for table in tables:
            for path, captions in _rows(root, table):
                if _key(path) not in keys:
                    problems[f"{shown(table)}: there is no image '{shown(path)}'"] = None
                found.setdefault(_key(path), []).extend(captions)
    else:
        for text in texts:
            if _stem(text.path) not in stems:
                problems[f"{shown(text.path)}: no image of this name"] = None
                continue
            try:
                lines = list(cut(decode(read_file(root / text.path)), "line"))
            except (UnusableTextError, OSError) as error:
                reason = error.strerror if isinstance(error, OSError) else error
                problems[f"{shown(text.path)}: {reason}"] = None
                continue
            for key in stems[_stem(text.path)]:
                found[key] = [caption_of(line) for line in lines]
    return {key: list(dict.fromkeys(texts)) for key, texts in found.items()}, tuple(problems)


def _check_one_each(root: Path, tables: list[str]) -> None:
    """Raise a `DataError` if a folder has two tables."""
    folders: dict[str, str] = {}
    for table in tables:
        other = folders.setdefault(posixpath.dirname(table), table)
        if other != table:
            raise DataError(
                f"Folder '{shown(root)}' has two tables of captions, '{shown(other)}' and "
                f"'{shown(table)}'. Keep one."
            )


def _rows(root: Path, table: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the path inside the folder of each file of a table, and its captions.

    Raises:
        DataError: If the table cannot be read.
    """
    separator = SEPARATORS[posixpath.splitext(table.lower())[1]]
    try:
        with table_rows(decode(read_file(root / table)), separator) as rows:
            for row in rows:
                file, *captions = [cell.strip() for cell in row] or [""]
                if (rows.line_num == 1 and file.lower() in HEADERS) or not any(row):
                    continue
                path = posixpath.normpath(posixpath.join(posixpath.dirname(table), file))
                yield path, [caption_of(caption) for caption in captions]
    except (UnusableTextError, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"'{shown(root / table)}' cannot be read: {reason}.") from error


def _key(path: str) -> str:
    """Return a path that is equal for equal names: macOS decomposes accents, tables do not."""
    return unicodedata.normalize("NFC", path)


def _stem(path: str) -> str:
    return _key(posixpath.splitext(path)[0])
