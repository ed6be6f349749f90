"""Files of records, one JSON object a line, that a kill at any instant leaves readable."""

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zoo.checkpoints import open_plain_file, parse_json, write_atomically
from zoo.errors import RunError


def append_record(path: Path, record: Mapping[str, Any]) -> None:
    """Append one record to a file; NaN and infinity become `null`.

    Raises:
        RunError: If it cannot be written.
    """
    line = _line(record)
    try:
        with path.open("a+b") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":  # a kill tore the last line
                    _write(path, read_records(path))
        # Opened anew, because a torn file was replaced.
        with path.open("ab") as file:
            file.write(line)
    except OSError as error:
        raise RunError(f"'{path}': {error.strerror}.") from error


def read_records(path: Path) -> list[dict[str, Any]]:
    """Return the records of a file so far, none if it is missing; a torn last line is left out.

    Raises:
        RunError: If another line is not a JSON object.
    """
    if not path.exists() and not path.is_symlink():
        return []
    with open_plain_file(path) as file:
        lines = file.read().split(b"\n")
    records = []
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        try:
            record = parse_json(line)
            if not isinstance(record, dict):
                raise ValueError("it is not an object")
        except ValueError as error:
            if number == len(lines):
                break
            raise RunError(f"Line {number} of '{path}' is not a JSON record: {error}.") from error
        records.append(record)
    return records


def rewind_records(path: Path, step: int) -> None:
    """Drop the records beyond `step`, if there is such a file.

    Raises:
        RunError: If the file is broken or cannot be written.
    """
    if path.exists():
        _write(path, [record for record in read_records(path) if _step_of(record) <= step])


def _step_of(record: Mapping[str, Any]) -> float:
    """Return the step of a record; 0 where it says none, and so will always be kept."""
    step = record.get("step")
    return step if isinstance(step, int | float) else 0


def _write(path: Path, records: list[dict[str, Any]]) -> None:
    write_atomically(path, b"".join(map(_line, records)))


def _line(record: Mapping[str, Any]) -> bytes:
    values = {name: _plain(value) for name, value in record.items()}
    try:
        return f"{json.dumps(values, allow_nan=False)}\n".encode()
    except (ValueError, TypeError) as error:
        raise RunError(f"A record must hold plain numbers and texts: {error}.") from error


def _plain(value: Any) -> Any:
    if hasattr(value, "item"):  # a number of NumPy, or an array of one element
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
