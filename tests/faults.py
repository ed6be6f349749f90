"""Lets every operation on files fail in its turn, and looks at what is left.

    python tests/faults.py FOLDER

An audit hook raises in place of the operation, as the kernel would. It cannot be removed again:
hence a process of its own. Prints how many operations failed.
"""

import errno
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from borders import REQUEST, content, save

from zoo.checkpoints import latest_checkpoint, load_checkpoint
from zoo.errors import RunError
from zoo.runs import Run

CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate")
_failing: list[BaseException] = []  # the operation that is first in its turn takes the error away
_passing = 0


def _touch() -> None:
    """Raise the error if it is this operation's turn."""
    global _passing  # noqa: PLW0603
    if _failing and _passing == 0:
        raise _failing.pop()
    _passing -= 1


def _hook(event: str, arguments: tuple) -> None:
    if event == "os.rename":  # from another folder it could be from another file system
        assert Path(arguments[0]).parent == Path(arguments[1]).parent, arguments
    writes = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    if _failing and (writes or event in CHANGES):
        _touch()


def _fsync(descriptor: int, fsync: Callable[[int], None] = os.fsync) -> None:
    _touch()
    fsync(descriptor)


def fail_each(
    begin: Callable[[], object],
    action: Callable[[], object],
    error: BaseException,
    check: Callable[[BaseException], None],
) -> int:
    """Fail the first operation of `action`, then the second...; return how many there are."""
    global _passing  # noqa: PLW0603
    count = 0
    while True:
        begin()
        _passing = count
        _failing.append(error)
        try:
            action()
        except (RunError, KeyboardInterrupt) as raised:
            check(raised)
        if _failing:  # nobody took it: there were no more
            _failing.clear()
            return count
        count += 1


def saves(folder: Path, error: BaseException) -> int:
    """The third checkpoint is saved; before and after it is whole, and the next clears up."""
    directory = folder / "checkpoints"

    def begin() -> None:
        shutil.rmtree(directory, ignore_errors=True)
        for step in (1, 2):
            save(directory, step)

    def check(raised: BaseException) -> None:
        if isinstance(error, OSError):
            assert "step-00000003' could not be saved" in str(raised)
            assert error.strerror in str(raised)
        state, _ = load_checkpoint(latest_checkpoint(directory))
        assert state["w"][0] in (2, 3)
        save(directory, 90, keep=1)
        assert [path.name for path in directory.iterdir()] == ["step-00000090"]

    return fail_each(begin, lambda: save(directory, 3), error, check)


def new_runs(folder: Path, error: BaseException) -> int:
    """A run is made: if it fails, nothing is left; if it is interrupted, it can be made there."""
    root = folder / "deep"

    def check(raised: BaseException) -> None:
        if isinstance(raised, RunError):
            assert not root.exists(), content(root)
        Run.create(REQUEST, root / "runs" / "one")

    return fail_each(
        lambda: shutil.rmtree(root, ignore_errors=True),
        lambda: Run.create(REQUEST, root / "runs" / "one"),
        error,
        check,
    )


def logs(folder: Path, error: BaseException) -> int:
    """Records are logged, dropped and logged: all lines stay whole."""
    path = folder / "logged"

    def begin() -> None:
        shutil.rmtree(path, ignore_errors=True)
        for step in (1, 2, 3):
            (Run.open(path) if path.exists() else Run.create(REQUEST, path)).log({"step": step})

    def act() -> None:
        run = Run.open(path)
        run.rewind_metrics(2)
        run.log({"step": 4})

    def check(raised: BaseException) -> None:
        steps = [record["step"] for record in Run.open(path).metrics()]
        assert steps in ([1, 2, 3], [1, 2])
        assert not list(path.glob(".tmp-*"))

    return fail_each(begin, act, error, check)


if __name__ == "__main__":
    sys.addaudithook(_hook)
    os.fsync = _fsync
    errors = (
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
        PermissionError(errno.EACCES, os.strerror(errno.EACCES)),
        KeyboardInterrupt(),
    )
    for scenario in (saves, new_runs, logs):
        counts = {scenario(Path(sys.argv[1]), error) for error in errors}
        assert len(counts) == 1, counts
        print(scenario.__name__, *counts)  # noqa: T201
