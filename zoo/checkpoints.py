"""Checkpoints that a kill at any instant leaves whole, and that are read with distrust.

A checkpoint is a folder `step-00001200/` of two files. `state.safetensors` holds arrays by name.
`position.json` holds where training stood, and the size and SHA-256 of the state, so that a
torn or altered checkpoint is seen before it is used. Nothing is pickled. The folder is written
under another name, synced, and renamed into place; one process at a time writes (`Run.lock`).
"""

import errno
import hashlib
import io
import json
import logging
import math
import os
import re
import secrets
import shutil
import stat
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import safetensors
from safetensors.numpy import load_file, save_file

from zoo.errors import RunError

STATE_FILE = "state.safetensors"
POSITION_FILE = "position.json"
FORMAT_VERSION = 1
MAX_JSON_BYTES = 1 << 20

# A folder that ends in "~" was replaced by one of the same step, or was about to be.
_FOLDER = re.compile(r"step-([0-9]{8,18})(~?)")
TEMPORARY = ".tmp-"  # what begins so was not finished
# Integers, floats and bool of NumPy by their type codes. Importing ml_dtypes teaches NumPy the name
# "bfloat16", under which the safetensors reader asks for it.
_DTYPES = {np.dtype(code).name for code in "?bhilBHILefd"} | {np.dtype(ml_dtypes.bfloat16).name}
_logger = logging.getLogger(__name__)


def save_checkpoint(
    directory: Path,
    step: int,
    state: Mapping[str, np.ndarray],
    position: Mapping[str, Any],
    *,
    keep: int = 2,
) -> Path:
    """Write the checkpoint of `step` into `directory` and return its folder.

    Afterwards the newest `keep` checkpoints up to this step remain. Later ones belong to a course
    of training that was left (it was resumed from before them), and go too.

    Args:
        directory: Folder of the run's checkpoints, made where it is missing in the run's folder.
        step: Steps trained.
        state: Arrays by name; any name, any type of number, any memory layout.
        position: What JSON can hold of where training stood.
        keep: Checkpoints that stay, this one included.

    Raises:
        RunError: If it cannot be written; the checkpoints from before are untouched.
    """
    if keep < 1 or step < 0:
        raise RunError(f"keep must be 1 or more and step 0 or more. Received: {keep}, {step}.")
    final = directory / f"step-{step:08d}"
    temporary = directory / f"{TEMPORARY}{secrets.token_hex(8)}"
    try:
        arrays = {name: _as_stored(name, array) for name, array in state.items()}
        # Without its parents: a run that was moved or removed is not begun anew in its old place.
        directory.mkdir(exist_ok=True)
        _remove_leftovers(directory)
        try:
            temporary.mkdir()
            _write_files(temporary, step, arrays, position)
            _replace_folder(temporary, final)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        _prune(directory, step, keep)
    except (OSError, ValueError, TypeError, safetensors.SafetensorError) as error:
        raise RunError(f"Checkpoint '{final}' could not be saved: {error}.") from error
    return final


def load_checkpoint(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the state and the position that `save_checkpoint` was given.

    Raises:
        RunError: If a file is missing, altered, of another format, or a symbolic link.
    """
    position = _verified_position(path)
    state_path = path / STATE_FILE
    try:
        return load_file(state_path), position
    except (OSError, AttributeError, TypeError, safetensors.SafetensorError) as error:
        raise RunError(f"'{state_path}' is not a safetensors file of arrays: {error}.") from error


def step_of(path: Path) -> int:
    """Return the step of a checkpoint that was loaded."""
    name = _FOLDER.fullmatch(path.name)
    if name is None:
        raise RunError(f"'{path}' is not a checkpoint: a folder 'step-00001200' was expected.")
    return int(name[1])


def load_latest(directory: Path) -> dict[str, np.ndarray] | None:
    """Return the state of the newest whole checkpoint, None if there is none.

    A process that trains may remove it while it is read, for newer ones are there then.

    Raises:
        RunError: As `load_checkpoint`.
    """
    while (path := latest_checkpoint(directory)) is not None:
        try:
            return load_checkpoint(path)[0]
        except RunError:
            if path.exists():
                raise
    return None


def latest_checkpoint(directory: Path) -> Path | None:
    """Return the newest whole checkpoint; each broken newer one is logged with the reason."""
    newest = None
    broken: dict[Path, RunError] = {}
    while newest is None:
        # Listed anew each time: another process may save newer ones, and remove these, meanwhile.
        listed = sorted(_checkpoints(directory), reverse=True)
        path = next((path for _, _, path in listed if path not in broken), None)
        if path is None:
            break
        try:
            _verified_position(path)
            newest = path
        except RunError as error:
            broken[path] = error
    for path, reason in broken.items():
        if path.exists():
            _logger.warning("A broken checkpoint is passed over. %s", reason)
    return newest


def read_json(path: Path) -> Any:
    """Return what the JSON file `path` holds.

    Raises:
        RunError: If it is missing, larger than a megabyte, a link, or not JSON; see `parse_json`.
    """
    with open_plain_file(path) as file:
        content = file.read(MAX_JSON_BYTES + 1)
    if len(content) > MAX_JSON_BYTES:
        raise RunError(f"'{path}' is too large: at most {MAX_JSON_BYTES} bytes were expected.")
    try:
        return parse_json(content)
    except ValueError as error:
        raise RunError(f"'{path}' is not JSON: {error}.") from error


def parse_json(content: bytes) -> Any:
    """Return what JSON in UTF-8 holds, taken to the letter, which Python's own reader does not.

    Raises:
        ValueError: If it is no JSON, has a key twice or numbers that are NaN, infinite, or integers
            beyond 64 bits, or is nested too deeply.
    """
    try:
        # A file name that is not UTF-8 was written with lone surrogates in it.
        text = content.decode("utf-8-sig", "surrogatepass")
        return json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_finite,
            parse_float=_finite,
            parse_int=_integer,
        )
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` to `path`, so that readers see the old content or the new, never a part.

    Raises:
        RunError: If it cannot be written; what stood at `path` before is untouched.
    """
    temporary = path.parent / f"{TEMPORARY}{secrets.token_hex(8)}"
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise OSError(errno.EINVAL, "it is a pipe or a device")  # which would be replaced
        try:
            with open(temporary, "xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
            sync_directory(path.parent)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise RunError(f"'{path}' could not be written: {error.strerror or error}.") from error


def sync_directory(path: Path) -> None:
    """Make renames and removals inside the folder `path` survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise ValueError(f"it has the key {twice[:40]!r} twice")
    return found


def _finite(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise ValueError(f"it holds {text[:40]}, which is no number")
    return value


def _integer(text: str) -> int:
    if len(text) > 20 or not -(2**63) <= int(text) < 2**63:
        raise ValueError(f"it holds {text[:40]}, an integer beyond 64 bits")
    return int(text)


def _as_stored(name: str, array: np.ndarray) -> np.ndarray:
    if name == "__metadata__":
        raise ValueError("the safetensors format keeps the name '__metadata__' to itself")
    if array.dtype.name not in _DTYPES:
        raise TypeError(f"'{name}' has the type {array.dtype}, which could not be read back")
    # The safetensors writer copies memory as it lies: a transposed view would come back scrambled.
    # `ascontiguousarray` alone gives a scalar a dimension.
    return np.ascontiguousarray(array).reshape(array.shape)


def _write_files(
    folder: Path, step: int, arrays: dict[str, np.ndarray], position: Mapping[str, Any]
) -> None:
    state_path = folder / STATE_FILE
    save_file(arrays, state_path)
    with open(state_path, "r+b") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
    document = {
        "format_version": FORMAT_VERSION,
        "step": step,
        "state_bytes": state_path.stat().st_size,
        "state_sha256": digest,
        "position": dict(position),
    }
    content = json.dumps(document, indent=2, allow_nan=False).encode()
    if len(content) > MAX_JSON_BYTES:
        raise ValueError(f"{POSITION_FILE} may hold {MAX_JSON_BYTES} bytes, not {len(content)}")
    with open(folder / POSITION_FILE, "xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    sync_directory(folder)


def _replace_folder(temporary: Path, final: Path) -> None:
    """Rename `temporary` to `final`; at every instant one whole folder of this step stands."""
    replaced = final.with_name(f"{final.name}~")
    if final.exists():
        if replaced.exists():
            _remove_folder(replaced)
        final.rename(replaced)
    temporary.rename(final)
    sync_directory(final.parent)
    if replaced.exists():
        _remove_folder(replaced)


def _prune(directory: Path, step: int, keep: int) -> None:
    checkpoints = sorted(_checkpoints(directory), reverse=True)
    reached = [path for other, _, path in checkpoints if other <= step]
    left = [path for other, _, path in checkpoints if other > step]
    for path in left + reached[keep:]:
        _remove_folder(path)


def _remove_folder(path: Path) -> None:
    """Remove a checkpoint; under another name first, as half of one must not look whole."""
    doomed = path.with_name(f"{TEMPORARY}{secrets.token_hex(8)}")
    path.rename(doomed)
    sync_directory(path.parent)
    shutil.rmtree(doomed)


def _remove_leftovers(directory: Path) -> None:
    """Remove what a process that was killed while saving or removing left behind."""
    for path in directory.glob(f"{TEMPORARY}*"):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _checkpoints(directory: Path) -> list[tuple[int, bool, Path]]:
    """Return (step, whether nothing replaces it, folder) of what is named as a checkpoint is."""
    if not directory.is_dir():
        return []
    return [
        (int(match[1]), not match[2], path)
        for path in directory.iterdir()
        if (match := _FOLDER.fullmatch(path.name))
    ]


def _verified_position(path: Path) -> dict[str, Any]:
    """Return the position of the checkpoint at `path`, after every check of its files."""
    step = step_of(path)
    if not path.is_dir() or path.is_symlink():
        raise RunError(f"'{path}' is not a checkpoint: a folder was expected.")
    document = _read_position(path / POSITION_FILE)
    if document["step"] != step:
        raise RunError(
            f"'{path / POSITION_FILE}' is of step {document['step']}, its folder of {step}."
        )
    state_path = path / STATE_FILE
    with open_plain_file(state_path) as file:
        size = os.fstat(file.fileno()).st_size
        if size != document["state_bytes"]:
            raise RunError(
                f"'{state_path}' has {size} bytes; {document['state_bytes']} were saved. "
                "It was cut short or altered."
            )
        if hashlib.file_digest(file, "sha256").hexdigest() != document["state_sha256"]:
            raise RunError(f"'{state_path}' is not what was saved: its SHA-256 differs.")
    return document["position"]


def _read_position(path: Path) -> dict[str, Any]:
    document = read_json(path)
    version = document.get("format_version") if isinstance(document, dict) else None
    if version != FORMAT_VERSION:
        raise RunError(
            f"'{path}' has format_version {version!r}; this version of zoo reads {FORMAT_VERSION}."
        )
    kinds = {"step": int, "state_bytes": int, "state_sha256": str, "position": dict}
    wrong = [name for name, kind in kinds.items() if not isinstance(document.get(name), kind)]
    if wrong:
        raise RunError(f"'{path}' lacks {', '.join(wrong)}, or holds another type there.")
    return document


def open_plain_file(path: Path) -> io.BufferedReader:
    """Open a file for reading.

    Raises:
        RunError: If it cannot be read, or is a link, a pipe or a device.
    """
    try:
        # O_NONBLOCK: opening a pipe that nobody writes to would wait for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        reason = "it is a symbolic link" if path.is_symlink() else error.strerror
        raise RunError(f"'{path}' cannot be read: {reason}.") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise RunError(f"'{path}' cannot be read: it is not a plain file.")
    return os.fdopen(descriptor, "rb")
