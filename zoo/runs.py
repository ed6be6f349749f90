"""A run: the folder that holds what was asked for, what was measured, and what came of it.

    runs/vae-digits-1/    run.json · metrics.jsonl · samples/ · report.html · README.md
                          checkpoints/step-00001200/ · model.keras

`run.json` is a `RunRequest`. `metrics.jsonl` holds one record per line: `step`, `epoch`, the
`seconds` that it took since the record before, and every term measured, `val_` before those on
held-out data. A value that is NaN or infinite, which JSON cannot write, is kept as `null`.
`findings.jsonl`, where there is one, holds what the doctor found.
"""

import fcntl
import itertools
import json
import os
import re
import shutil
import stat
import types
import typing
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_args, get_origin

from zoo.checkpoints import TEMPORARY, read_json, write_atomically
from zoo.data.forms import OPTIONS
from zoo.errors import RunError, did_you_mean
from zoo.records import append_record, read_records, rewind_records

FORMAT_VERSION = 2
REQUEST_FILE = "run.json"
LOCK_FILE = ".lock"
MAX_SLUG_LENGTH = 40
MAX_VALUE_LENGTH = 200  # of a value in a message

# How long to train, and on what, may change on resuming; versions are recorded, and may have
# moved on.
_MAY_DIFFER = {"epochs", "steps", "devices", "package_version", "versions"}


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """Everything that a run was asked for.

    Args:
        model: Name of the model.
        package: Distribution that the model comes from.
        package_version: Version of that distribution.
        preset: Name of the preset, or None.
        config: The model's configuration in its JSON form.
        data: What `--data` was given; a path in full.
        form: Form that the data were asked for in, by field of `zoo.data.forms`.
        augment: What `--augment` was given, or None.
        fingerprint: Fingerprint of the data.
        epochs: Passes over the data, or None where `steps` says how long.
        steps: Optimiser steps, or None where `epochs` says how long.
        batch_size: Examples per step.
        seed: Seed of everything random.
        backend: Keras backend.
        precision: Keras dtype policy.
        versions: Version of zoo, Keras, the backend, Python, by name.
        devices: Devices that share each batch out.
        class_names: Name of each class of the data; None in runs that were made before it was kept.
    """

    model: str
    package: str
    package_version: str
    preset: str | None
    config: dict[str, Any]
    data: str
    form: dict[str, Any]
    augment: str | None
    fingerprint: str
    epochs: int | None
    steps: int | None
    batch_size: int
    seed: int
    backend: str
    precision: str
    versions: dict[str, str]
    devices: int = 1
    class_names: list[str] | None = None


class Run:
    """One run directory; `create` makes one, `open` finds one.

    Args:
        path: The folder.
        request: What was asked for.
    """

    def __init__(self, path: Path, request: RunRequest) -> None:
        self.path = path
        self.request = request
        self.checkpoints_path = path / "checkpoints"
        self.samples_path = path / "samples"  # drawn while training: epoch-0003.png
        self.metrics_path = path / "metrics.jsonl"
        self.findings_path = path / "findings.jsonl"  # of the doctor; none: no file
        self.evaluation_path = path / "evaluation.json"  # what `zoo evaluate` measured last
        self.model_path = path / "model.keras"  # for `zoo.load_model`
        self.report_path = path / "report.html"
        self.card_path = path / "README.md"
        self._undo = ExitStack()  # of the folders that `create` made

    @classmethod
    def create(
        cls, request: RunRequest, out: Path | None = None, root: Path = Path("runs")
    ) -> "Run":
        """Make the folder of a new run, which no other process then takes.

        Args:
            request: What is asked for.
            out: The folder itself; it must be missing or empty, or what a process left of it that
                was killed while it made a run there.
            root: Where `<model>-<data>-<n>` is made if `out` is None; n is the first free number.

        Raises:
            RunError: If the folder is not empty or cannot be made; nothing is left of it then.
        """
        content = _request_json(request)
        try:
            with ExitStack() as undo:
                _make_parents(root if out is None else out.parent, undo)
                path = _make_numbered(root, request, undo) if out is None else _make(out, undo)
                with _locked(path), ExitStack() as undo_contents:
                    _check_free(path)  # again: two processes may find it empty at once
                    undo_contents.callback(_remove_contents, path)
                    for left in path.glob(f"{TEMPORARY}*"):
                        left.unlink()
                    (path / "samples").mkdir(exist_ok=True)
                    write_atomically(path / REQUEST_FILE, content)
                    run = cls.open(path)
                    undo_contents.pop_all()
                run._undo = undo.pop_all()
                return run
        except OSError as error:
            raise RunError(
                f"The folder of the run could not be made: {error.strerror}: '{error.filename}'."
            ) from error

    @classmethod
    def open(cls, path: Path) -> "Run":
        """Return the run whose folder is `path`.

        Raises:
            RunError: If there is none, its `run.json` is not what `create` writes, or it holds
                links, pipes or devices.
        """
        if not path.exists():
            runs = [file.parent.name for file in path.parent.glob(f"*/{REQUEST_FILE}")]
            raise RunError(
                f"There is no run '{path}'.{did_you_mean(path.name, runs)} "
                "Expected: the folder that `zoo train` named at its end."
            )
        if not path.is_dir():
            raise RunError(f"'{path}' is a file. Expected: the folder of a run.")
        if not (path / REQUEST_FILE).exists():
            raise RunError(
                f"'{path}' is not a run: it holds no '{REQUEST_FILE}'. "
                "Expected: the folder that `zoo train` named at its end."
            )
        _refuse_links(path)
        return cls(path, _parse_request(path / REQUEST_FILE))

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep every other process out of the run for as long as the context lasts.

        Raises:
            RunError: If another process holds the run; the message names it.
        """
        with _locked(self.path):
            yield

    def remove(self) -> None:
        """Delete all that is in the folder, and the folders that were made for it."""
        _remove_contents(self.path)
        self._undo.close()

    def update_request(self, request: RunRequest) -> None:
        """Replace what was asked for, as when a run is made longer.

        Raises:
            RunError: If `run.json` cannot be written; the old one stays then.
        """
        write_atomically(self.path / REQUEST_FILE, _request_json(request))
        self.request = _parse_request(self.path / REQUEST_FILE)

    def log(self, record: Mapping[str, Any]) -> None:
        """Append one record to `metrics.jsonl`; NaN and infinity become `null`.

        Raises:
            RunError: If it cannot be written.
        """
        append_record(self.metrics_path, record)

    def metrics(self) -> list[dict[str, Any]]:
        """Return the records so far; a last line that a kill tore is left out.

        Raises:
            RunError: If another line is not a JSON object.
        """
        return read_records(self.metrics_path)

    def log_finding(self, finding: Mapping[str, Any]) -> None:
        """Append one finding of the doctor to `findings.jsonl`.

        Raises:
            RunError: If it cannot be written.
        """
        append_record(self.findings_path, finding)

    def findings(self) -> list[dict[str, Any]]:
        """Return what the doctor found so far, as `metrics` does.

        Raises:
            RunError: If a line that is not the last is not a JSON object.
        """
        return read_records(self.findings_path)

    def rewind_metrics(self, step: int) -> None:
        """Drop metrics and findings beyond `step`: training that resumes there logs them again.

        Raises:
            RunError: If a file is broken or cannot be written.
        """
        rewind_records(self.metrics_path, step)
        rewind_records(self.findings_path, step)


def _refuse_links(path: Path) -> None:
    """Raise a `RunError` if a run holds anything but files and folders.

    What is written into a run would end up elsewhere through a link, and a pipe never ends.
    """
    for folder, folders, files in os.walk(path):
        for name in (*folders, *files):
            found = Path(folder, name)
            with suppress(FileNotFoundError):  # a temporary file of another process
                mode = found.lstat().st_mode
                if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
                    raise RunError(
                        f"'{found}' is a link, a pipe or a device. Expected: a run of plain files "
                        "and folders, for what is written into it is to stay there. Put what it "
                        "leads to in its place, or remove it."
                    )


def differences(asked: RunRequest, recorded: RunRequest) -> list[str]:
    """Return a line for everything that makes `asked` another training than `recorded`."""
    asked_values, recorded_values = _flat(asked), _flat(recorded)
    return [
        f"{name}: run has {_short(before)}, asked {_short(now)}"
        for name in recorded_values | asked_values
        if (before := recorded_values.get(name, "nothing"))
        != (now := asked_values.get(name, "nothing"))
    ]


def _flat(request: RunRequest) -> dict[str, str]:
    """Return what decides the course of training, by dotted name, as text."""
    values = json.loads(_request_json(request))
    config = {f"config.{name}": value for name, value in values.pop("config").items()}
    form = values.pop("form")
    return {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in (values | form | config).items()
        if name not in _MAY_DIFFER
    }


def _short(value: str) -> str:
    """Return a value as it is named in a message: of a vocabulary its beginning."""
    return value if len(value) <= MAX_VALUE_LENGTH else f"{value[:MAX_VALUE_LENGTH]}..."


def _request_json(request: RunRequest) -> bytes:
    try:
        text = json.dumps(
            {"format_version": FORMAT_VERSION, **asdict(request)},
            indent=2,
            ensure_ascii=False,
            allow_nan=False,
        )
    except (ValueError, TypeError) as error:
        raise RunError(f"'{REQUEST_FILE}' cannot hold what was asked for: {error}.") from error
    # A file name that is not UTF-8 reaches Python with lone surrogates in it.
    return f"{text}\n".encode("utf-8", "surrogatepass")


def _parse_request(path: Path) -> RunRequest:
    """Return the request in `path`, after a check of every field."""
    document = read_json(path)
    version = document.pop("format_version", None) if isinstance(document, dict) else None
    if version != FORMAT_VERSION:
        raise RunError(
            f"'{path}' has format_version {version!r}; this version of zoo reads {FORMAT_VERSION}."
        )
    hints = typing.get_type_hints(RunRequest)
    optional = {field.name for field in fields(RunRequest) if field.default is not MISSING}
    unknown = sorted(set(document) - set(hints))
    missing = sorted(set(hints) - optional - set(document))
    if unknown or missing:
        raise RunError(
            f"'{path}' is not what `zoo train` writes. "
            f"Missing: {missing or 'nothing'}. Unknown: {_short(str(unknown or 'nothing'))}."
        )
    for name, value in document.items():
        if not _fits(value, hints[name]):
            raise RunError(
                f"'{path}': {name} must be {getattr(hints[name], '__name__', hints[name])}. "
                f"Received: {_short(repr(value))}."
            )
    request = RunRequest(**document)
    problem = _problem(request)
    if problem is not None:
        raise RunError(f"'{path}': {problem}.")
    return request


def _problem(request: RunRequest) -> str | None:
    """Return what of a request no training can have been asked for; None if all can."""
    if (request.epochs is None) == (request.steps is None):
        return "either epochs or steps must be a number, and the other null"
    for name in ("epochs", "steps", "batch_size", "devices"):
        value = getattr(request, name)
        if value is not None and value < 1:
            return f"{name} must be 1 or more. Received: {value}"
    if request.seed < 0:
        return f"seed must be 0 or more. Received: {request.seed}"
    unknown = sorted(set(request.form) - set(OPTIONS))
    if unknown:
        return f"there is no form {_short(repr(unknown[0]))} of data. Forms: {', '.join(OPTIONS)}"
    return None


def _fits(value: Any, hint: Any) -> bool:
    """Return whether a value from JSON is of the annotated type."""
    kind, arguments = get_origin(hint) or hint, get_args(hint)
    if kind is types.UnionType:
        return any(_fits(value, argument) for argument in arguments)
    if kind is dict:
        return isinstance(value, dict) and all(_fits(v, arguments[1]) for v in value.values())
    if kind is list:
        return isinstance(value, list) and all(_fits(v, arguments[0]) for v in value)
    if kind is tuple:
        same_length = isinstance(value, list) and len(value) == len(arguments)
        return same_length and all(map(_fits, value, arguments))
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return kind is Any or isinstance(value, kind)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock of a run's folder, as `Run.lock` does."""
    file = path / LOCK_FILE
    with ExitStack() as held:  # closing the file, or the end of the process, ends the lock
        try:
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
            held.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Who held it before may have removed the folder, and another made it anew.
            if not os.path.samestat(os.fstat(descriptor), file.stat()):
                raise RunError(f"Run '{path}' cannot be locked: it was removed meanwhile.")
            with suppress(OSError):  # on a full disk nobody is told the number, that is all
                os.ftruncate(descriptor, os.pwrite(descriptor, str(os.getpid()).encode(), 0))
        except BlockingIOError:
            holder = os.pread(descriptor, 20, 0).decode(errors="replace") or "(unknown)"
            raise RunError(
                f"Run '{path}' is in use by process {holder}. Wait until it ends, or end it."
            ) from None
        except OSError as error:
            raise RunError(f"Run '{path}' cannot be locked: {error.strerror}.") from error
        yield


def _make_parents(path: Path, undo: ExitStack) -> None:
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        undo.callback(_remove_if_empty, folder)


def _make_numbered(root: Path, request: RunRequest, undo: ExitStack) -> Path:
    for number in itertools.count(1):
        path = root / f"{request.model}-{_slug(request.data)}-{number}"
        with suppress(FileExistsError):
            path.mkdir()
            break
    undo.callback(_remove_if_empty, path)
    return path


def _make(out: Path, undo: ExitStack) -> Path:
    """Make the folder `out`, or take it if it is free."""
    try:
        out.mkdir()
    except FileExistsError:
        _check_free(out)
    else:
        undo.callback(_remove_if_empty, out)
    return out


def _check_free(path: Path) -> None:
    """Raise a `RunError` unless a folder is empty, or as a kill left it before there was a run."""
    names = set(os.listdir(path)) if path.is_dir() else {path.name}
    begun = {LOCK_FILE, "samples"} | {name for name in names if name.startswith(TEMPORARY)}
    if names and not (LOCK_FILE in names and names <= begun and not any(path.glob("samples/*"))):
        raise RunError(
            f"'{path}' exists and is not an empty folder. "
            "Give another --out, or --resume it if it is a run."
        )


def _remove_if_empty(path: Path) -> None:
    with suppress(OSError):  # another process may have put its run there
        path.rmdir()


def _remove_contents(path: Path) -> None:
    for child in path.iterdir():
        if child.is_dir():
            shutil.rmtree(child)
        else:
            child.unlink()


def _slug(data: str) -> str:
    """Return a name for the data that any file system takes as part of a folder's name."""
    if data.startswith("tfds:"):
        name = data.removeprefix("tfds:")
    else:
        name = Path(data).name or Path(data).resolve().name
        name = name if name != ".." else Path(data).resolve().name
    name = unicodedata.normalize("NFC", name)
    kept = "".join(c if unicodedata.category(c)[0] in "LMN" or c in "._-" else "-" for c in name)
    return re.sub("-+", "-", kept).strip("-._")[:MAX_SLUG_LENGTH] or "data"
