"""Text from files: lines or paragraphs, JSON, tables, and folders of them."""

import csv
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.data.arrays import check_split
from zoo.data.files import (
    MOST_BYTES,
    SPLIT_FOLDERS,
    ListedFile,
    by_split,
    list_files,
    outside,
    read_file,
    shown,
    some,
    split_folders,
)
from zoo.data.forms import TextForm
from zoo.data.texts import ArrayTexts, text_splits
from zoo.data.vocabulary import normalized
from zoo.errors import DataError

if TYPE_CHECKING:
    from _csv import Reader

TEXT_SUFFIXES = (".txt", ".text", ".json", ".jsonl", ".ndjson", ".csv", ".tsv")
# Where a table or JSON has several fields, the first of these that it has is its text.
TEXT_FIELDS = ("text", "sentence", "paragraphs", "content", "body", "lines")

_LINES_OF_JSON = (".jsonl", ".ndjson")
SEPARATORS = {".csv": ",", ".tsv": "\t"}


class UnusableTextError(ValueError):
    """A file holds no text that can be used; the message says why, without its name."""


def load_texts(name: str, *, split: str, form: TextForm | None = None) -> ArrayTexts:
    """Return a split of the passages in a file or folder of text.

    A plain text file has a passage in every line or, where the form asks for it, in every paragraph
    between empty lines, whose line breaks are kept. JSON is a list of strings or of objects, JSON
    Lines has one of them in each line, and CSV and TSV have a header; there, each entry is a
    passage. The field is `text`, `sentence`, `paragraphs`, `content`, `body` or `lines`, or is
    named as in `poems.json#verses`. A list of strings in a field is joined by line breaks.

    Lines of JSON that are none are left out and named.

    Files `train.txt`, `valid.txt` and `test.txt` of a folder, or folders of these names, are its
    splits; otherwise a hash of each passage puts about a tenth into `test`. Text is UTF-8.

    Raises:
        DataError: If there is no such file or split, or no text that can be used.
    """
    found = locate(name)
    if found is None:
        raise DataError(f"There is no file or folder '{shown(name)}'.")
    path, field = found
    left_out: tuple[str, ...] = ()
    if path.is_dir():
        root = path.resolve()
        files, left_out = list_files(root, TEXT_SUFFIXES)
    elif path.is_file():
        root, status = path.resolve().parent, path.stat()
        files = (ListedFile(path.resolve().name, status.st_size, status.st_mtime_ns),)
    else:
        raise DataError(f"'{shown(name)}' is neither a file nor a folder.")
    if not files:
        raise DataError(
            f"Folder '{shown(name)}' holds no text ({', '.join(TEXT_SUFFIXES)})."
            + (f" Left out: {some(left_out)}." if left_out else "")
        )
    splits = _load(
        name=name,
        root=root,
        files=files,
        left_out=left_out,
        is_one=not path.is_dir(),
        field=field,
        form=form or TextForm(),
    )
    check_split(shown(name), split, tuple(splits))
    return splits[split]


def locate(name: str) -> tuple[Path, str | None] | None:
    """Return the path that `name` means, and the field after its "#"; None if there is no path."""
    path = Path(name).expanduser()
    if path.exists():
        return path, None
    before, mark, field = name.rpartition("#")
    path = Path(before).expanduser()
    return (path, field) if mark and before and path.exists() else None


@lru_cache(maxsize=1)  # `train` and `test` of one text need the same vocabulary
def _load(
    *,
    name: str,
    root: Path,
    files: tuple[ListedFile, ...],
    left_out: tuple[str, ...],
    is_one: bool,
    field: str | None,
    form: TextForm,
) -> dict[str, ArrayTexts]:
    paths = [file.path for file in files]
    folders = {} if is_one else split_folders(paths)
    parts = {"train": paths} if is_one else _parts(paths, folders)
    split_of = {path: split for split, paths in parts.items() for path in paths}
    skipped = left_out + outside(paths, split_of, folders)
    passages: dict[str, list[str]] = {split: [] for split in parts}
    for file, split in split_of.items():
        try:
            found, reasons = read_passages(root / file, field, form.passages or "line")
        except (UnusableTextError, OSError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            if is_one:
                raise DataError(f"'{shown(name)}' cannot be used: {reason}.") from error
            skipped += (f"{shown(file)}: {reason}",)
            continue
        passages[split] += found
        skipped += tuple(f"{shown(file)}: {reason}" for reason in reasons)
    if not passages["train"]:
        why = f" Skipped: {some(skipped)}." if skipped else ""
        raise DataError(f"'{shown(name)}' holds no text to train on.{why}")
    return text_splits(name, passages, form, skipped)


def _parts(paths: list[str], folders: dict[str, str]) -> dict[str, list[str]]:
    """Return the files of each split of a folder; all are `train` where nothing says more."""
    if folders:
        return by_split(paths, folders)
    named: dict[str, list[str]] = {}
    for path in paths:
        split = SPLIT_FOLDERS.get(Path(path).stem.lower())
        if split is not None and "/" not in path:
            named.setdefault(split, []).append(path)
    return named if "train" in named else {"train": paths}


def read_passages(path: Path, field: str | None, passages: str) -> tuple[list[str], list[str]]:
    """Return the normalized passages in a file, and what was left out of it.

    Args:
        path: Its path; the suffix says the format, and plain text is what has no other.
        field: The field that holds the text; None looks for one.
        passages: "line" or "paragraph"; what a passage of plain text is.

    Raises:
        UnusableTextError: If it holds no text that can be used.
        OSError: If it cannot be read.
    """
    text = decode(read_file(path))
    suffix = path.suffix.lower()
    if suffix in SEPARATORS:
        return _of_table(text, SEPARATORS[suffix], field)
    if suffix == ".json":
        return _of_entries(_entries(text), field)
    if suffix in _LINES_OF_JSON:
        entries, broken = _entries_of_lines(text)
        found, missing = _of_entries(entries, field)
        return found, broken + missing
    if field is not None:
        raise UnusableTextError(f"plain text has no fields, such as '{field}'")
    return list(cut(text, passages)), []


def decode(content: bytes) -> str:
    """Return the text that UTF-8 content stands for, with or without a byte order mark.

    Raises:
        UnusableTextError: If it is empty, binary or in another encoding.
    """
    if not content:
        raise UnusableTextError("it is empty")
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise UnusableTextError("it is UTF-16; expected UTF-8. Convert it with `iconv -t UTF-8`")
    if (position := content.find(0)) >= 0:
        raise UnusableTextError(f"it is no text: a NUL byte at position {position}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnusableTextError(
            f"it is not UTF-8: byte 0x{content[error.start]:02x} at position {error.start}. "
            "Convert it with `iconv -t UTF-8`, which wants its encoding, such as `-f LATIN1`"
        ) from error


def cut(text: str, passages: str) -> Iterator[str]:
    """Yield the normalized lines, or paragraphs between empty lines, of a text."""
    lines: list[str] = []
    # Not `splitlines`, which cuts at form feeds and separators inside a line too.
    for line in (*text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), ""):
        found = normalized(line)
        if passages == "line" and found:
            yield found
        elif found:
            lines.append(found)
        elif lines:
            yield "\n".join(lines)
            lines = []


@contextmanager
def table_rows(text: str, separator: str) -> Iterator["Reader"]:
    """Give the rows of a table inside a `with`, however long their cells are.

    Raises:
        UnusableTextError: If they cannot be read; the message names the line.
    """
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    limit = csv.field_size_limit(MOST_BYTES)
    try:
        yield rows
    except csv.Error as error:
        raise UnusableTextError(
            f"{error}, in line {rows.line_num}. Text that holds quotes stands "
            'between quotes, in which each is doubled: "a ""red"" door"'
        ) from error
    finally:
        csv.field_size_limit(limit)


def _entries(text: str) -> list[Any]:
    try:
        entries = json.loads(text)
    except json.JSONDecodeError as error:
        raise UnusableTextError(f"it is no JSON ({error})") from error
    # A plain ValueError: an integer of thousands of digits.
    except (RecursionError, ValueError) as error:
        raise UnusableTextError(f"it cannot be read ({error})") from error
    if not isinstance(entries, list):
        about = f"the fields {_names(entries)}" if isinstance(entries, dict) else "no list"
        raise UnusableTextError(f"it holds {about}; expected a list of strings or of objects")
    return entries


def _entries_of_lines(text: str) -> tuple[list[Any], list[str]]:
    """Return what the lines of JSON Lines hold, and "line 7: reason" of those that are no JSON."""
    entries, broken = [], []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            entries.append(json.loads(line))
        except (RecursionError, ValueError) as error:
            reason = str(error)
            if isinstance(error, json.JSONDecodeError):  # which would call every line the first
                reason = f"{error.msg}: column {error.colno}"
            broken.append(f"line {number}: it is no JSON ({reason})")
    if broken and not entries:
        raise UnusableTextError(broken[0])
    return entries, broken


def _of_entries(entries: list[Any], field: str | None) -> tuple[list[str], list[str]]:
    fields = list(
        dict.fromkeys(key for entry in entries if isinstance(entry, dict) for key in entry)
    )
    chosen = _choose(fields, field) if fields or field is not None else None
    values = (entry.get(chosen) if isinstance(entry, dict) else entry for entry in entries)
    where = "" if chosen is None else f" in '{chosen}'"
    return _texts_of(values, f"without text{where}")


def _of_table(text: str, separator: str, field: str | None) -> tuple[list[str], list[str]]:
    with table_rows(text, separator) as rows:
        header = [name.strip() for name in next(rows, [])]
        column = header.index(_choose(header, field))
        # A row with more cells than the header has a text without quotes, cut at its comma.
        values = (row[column] if len(row) == len(header) else None for row in rows if row)
        without = f"without text in '{header[column]}', or not as long as the header"
        return _texts_of(values, without)


def _texts_of(values: Iterator[Any], without: str) -> tuple[list[str], list[str]]:
    """Return the texts among the values of entries, and how many entries are without."""
    texts, missing = [], 0
    for value in values:
        is_list = isinstance(value, list) and all(isinstance(line, str) for line in value)
        joined = "\n".join(value) if is_list else value
        text = normalized(joined) if isinstance(joined, str) else ""
        if text:
            texts.append(text)
        else:
            missing += 1
    return texts, [f"{missing} entries {without}"] if missing else []


def _choose(fields: list[str], wanted: str | None) -> str:
    """Return the field that holds the text: the wanted one, or the first that is called so."""
    names = {name.lower(): name for name in reversed(fields)}
    for name in TEXT_FIELDS if wanted is None else (wanted.lower(),):
        if name in names:
            return names[name]
    expected = f"'{wanted}'" if wanted is not None else ", ".join(TEXT_FIELDS)
    raise UnusableTextError(
        f"no field is called {expected}. Its fields: {_names(fields)}. Name the one that holds the "
        "text after the path, as in 'poems.json#verses'"
    )


def _names(fields: Any) -> str:
    return some([f"'{shown(str(name))[:40]}'" for name in fields]) or "none"
