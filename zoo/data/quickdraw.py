"""Drawings of the game Quick, Draw! in the simplified form: a JSON object in each line of a file.

`drawing` is a list of strokes [[x, ...], [y, ...]] in whole numbers from 0 to 255, y downwards;
`word` is what was to be drawn. All drawings are taken, whether the game recognised them or not, as
in the sets that Google made of the same files.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.files import by_split, open_file, shown
from zoo.data.strokes import (
    FURTHEST,
    Drawing,
    UnusableSketchError,
    checked_points,
    points_of_lines,
)
from zoo.errors import DataError

MOST_LINE_BYTES = 1_000_000
TRIED_LINES = 100  # a file of which none of these is a drawing is no Quick, Draw! file

_EXPECTED = "expected {'word': ..., 'drawing': [[[x, ...], [y, ...]], ...]}"


def read_ndjson(path: Path, most: int, label: str) -> tuple[dict[str, list[Drawing]], list[str]]:
    """Return the drawings of a `.ndjson` file by split, and "place: reason" of those left out.

    The hash of a drawing's `key_id`, or of its line where it has none, decides its split: about a
    tenth is `test`.

    Args:
        path: The file.
        most: Most points of a sketch.
        label: What the file is called in reasons.

    Raises:
        DataError: If the file cannot be read, or none of its first hundred lines is a drawing.
    """
    found: list[tuple[str, Drawing]] = []
    skipped: list[str] = []
    try:
        for number, line in enumerate(_lines(path), start=1):
            if not line.strip():
                continue
            try:
                found.append(_parse(line, most, path.stem))
            except UnusableSketchError as error:
                skipped.append(f"{label}, line {number}: {error}")
            if not found and number == TRIED_LINES:
                break
    except OSError as error:
        raise DataError(f"'{shown(path)}' cannot be read: {error.strerror}.") from error
    if not found:
        reason = skipped[0].removeprefix(f"{label}, ") if skipped else "it is empty"
        raise DataError(f"'{shown(path)}' holds no drawing of Quick, Draw!: {reason}.")
    keys = list(dict.fromkeys(key for key, _ in found))
    in_test = set(by_split(keys, {}).get("test", ()))
    drawings: dict[str, list[Drawing]] = {"train": [], "test": []}
    for key, drawing in found:
        drawings["test" if key in in_test else "train"].append(drawing)
    return drawings, skipped


def _lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file; what is longer than any drawing comes cut, as one line."""
    with open_file(path) as file:
        while line := file.readline(MOST_LINE_BYTES + 1):
            yield line
            while len(line) > MOST_LINE_BYTES and not line.endswith(b"\n"):
                line = file.readline(MOST_LINE_BYTES + 1)


def _parse(line: bytes, most: int, stem: str) -> tuple[str, Drawing]:
    """Return the key of the drawing that a line holds, and the drawing.

    Raises:
        UnusableSketchError: If there is none that can be used.
    """
    if len(line) > MOST_LINE_BYTES:
        raise UnusableSketchError(f"longer than {MOST_LINE_BYTES:,} bytes")
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UnusableSketchError(f"no JSON; {_EXPECTED}") from error
    if not isinstance(record, dict) or not isinstance(record.get("drawing"), list):
        raise UnusableSketchError(f"no drawing; {_EXPECTED}")
    strokes = [_stroke(stroke) for stroke in record["drawing"]]
    if not strokes:
        raise UnusableSketchError("no stroke")
    points = checked_points(points_of_lines(strokes), most)
    word, key = record.get("word"), record.get("key_id")
    class_name = shown(word) if isinstance(word, str) and word.strip() else shown(stem)
    has_key = isinstance(key, str | int) and key != ""
    identity = str(key) if has_key else hashlib.sha256(line.strip()).hexdigest()
    return f"{class_name}/{identity}", Drawing(points, class_name)


def _stroke(stroke: Any) -> np.ndarray:
    """Return the points (n, 2) of a stroke; a third list, the time of the raw form, is ignored."""
    try:
        positions = np.array(stroke[:2], np.float64)
    except (TypeError, ValueError, KeyError, OverflowError, IndexError) as error:
        raise UnusableSketchError(f"a stroke that is no lists of numbers; {_EXPECTED}") from error
    if positions.ndim != 2 or positions.shape[0] != 2 or not positions.shape[1]:
        raise UnusableSketchError("an empty stroke, or one without as many x as y")
    if not np.isfinite(positions).all():
        raise UnusableSketchError("positions that are NaN or infinite")
    if np.abs(positions).max() > FURTHEST:
        raise UnusableSketchError(f"a point that lies beyond {FURTHEST:g}")
    return positions.T
