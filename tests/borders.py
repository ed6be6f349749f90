"""Stops a process at every border of a system call, and looks at what a kill would leave there.

    python tests/borders.py SCENARIO FOLDER

What a process has written when it is killed by SIGKILL is what stands on the disk when it is
stopped. So one process, traced from its first system call to its last, shows every state that a
kill can leave, but for a single `write` cut in two. Prints how many borders there were, and how
many different states of the folder.
"""

import ctypes
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from zoo.checkpoints import latest_checkpoint, load_checkpoint, save_checkpoint
from zoo.runs import Run, RunRequest

MAY_NOT_TRACE = 77
_TRACE_ME, _TO_NEXT_BORDER = 0, 24  # of ptrace(2)
REQUEST = RunRequest(
    model="vae",
    package="genzoo-vae",
    package_version="0.1.0",
    preset=None,
    config={},
    data="digits",
    form={},
    augment=None,
    fingerprint="c0ffee",
    epochs=3,
    steps=None,
    batch_size=100,
    seed=0,
    backend="tensorflow",
    precision="float32",
    versions={},
)


def states_at_borders(action: Callable[[], object], folder: Path) -> Iterator[Path]:
    """Do `action` in a process of its own; yield a copy of `folder` at each border."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes, libc.ptrace.restype = [ctypes.c_long] * 4, ctypes.c_long
    child = os.fork()
    if not child:
        if libc.ptrace(_TRACE_ME, 0, 0, 0):
            os._exit(MAY_NOT_TRACE)
        os.kill(os.getpid(), signal.SIGSTOP)
        action()
        os._exit(0)
    borders, states, before = 0, 0, None
    while os.WIFSTOPPED(status := os.waitpid(child, 0)[1]):
        borders += 1
        now = content(folder)
        if now != before:
            states += 1
            copy = folder.with_name(f"{folder.name}-as-left")
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(folder, copy)
            yield copy
        before = now
        libc.ptrace(_TO_NEXT_BORDER, child, 0, 0)
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(os.waitstatus_to_exitcode(status))
    print(borders, states)  # noqa: T201


def content(folder: Path) -> dict[str, bytes | None]:
    """Return all that stands in a folder by its path; None for folders."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def save(directory: Path, step: int, version: int = 0, keep: int = 2) -> None:
    state = {"w": np.full(3000, step), "b": np.full((), version)}
    save_checkpoint(directory, step, state, {"version": version}, keep=keep)


def check_saves(directory: Path, action: Callable[[], object], *may_be: tuple[int, int]) -> None:
    """Want one of these (step, version) whole at every border, and none before its time."""
    reached = 0
    for left in states_at_borders(action, directory):
        newest = latest_checkpoint(left)
        assert newest is not None
        state, position = load_checkpoint(newest)
        found = (int(state["w"][0]), position["version"])
        assert len(state["w"]) == 3000
        assert (state["w"] == found[0]).all()
        assert state["b"] == position["version"]
        assert may_be.index(found) >= reached
        reached = may_be.index(found)
        save(left, 90, keep=1)  # who goes on after the kill clears up
        assert [path.name for path in left.iterdir()] == ["step-00000090"]
    assert reached == len(may_be) - 1


def next_checkpoint(directory: Path) -> None:
    """The next step is saved, and the oldest goes."""
    for step in (1, 2):
        save(directory, step)
    check_saves(directory, lambda: save(directory, 3), (2, 0), (3, 0))


def same_checkpoint(directory: Path) -> None:
    """A step is saved again."""
    save(directory, 3)
    check_saves(directory, lambda: save(directory, 3, version=1), (3, 0), (3, 1))


def earlier_checkpoint(directory: Path) -> None:
    """A course that was resumed from before takes the place of the later steps.

    Which of them is newest until these are gone does not matter: each is whole.
    """
    for step in (1, 5, 6):
        save(directory, step, keep=3)
    for left in states_at_borders(lambda: save(directory, 2), directory):
        assert load_checkpoint(latest_checkpoint(left))[0]["w"][0] in (2, 5, 6)


def new_run(folder: Path) -> None:
    """A run is made: at every border it is there, or can be made there."""
    made = 0
    for left in states_at_borders(lambda: Run.create(REQUEST, folder / "run"), folder):
        path = left / "run"
        if (path / "run.json").exists():
            made += 1
            assert Run.open(path).request == REQUEST
        else:
            assert not made
            assert Run.create(REQUEST, path).request == REQUEST
        assert not list(path.glob(".tmp-*.json"))
    assert made


def longer_run(folder: Path) -> None:
    """A run is made longer: it is as long as before, or as asked."""
    run = Run.create(REQUEST, folder / "run")
    longer = replace(REQUEST, epochs=9)
    found = [
        Run.open(left / "run").request.epochs
        for left in states_at_borders(lambda: run.update_request(longer), folder)
    ]
    assert sorted(found) == found
    assert set(found) == {3, 9}


def log(folder: Path) -> None:
    """A record is logged after one that was torn, and others dropped: whole lines, and in order."""
    run = Run.create(REQUEST, folder / "run")
    for step in (1, 2, 3):
        run.log({"step": step})
    run.metrics_path.write_bytes(run.metrics_path.read_bytes()[:-3])

    def rewind_and_log() -> None:
        run.log({"step": 3})
        run.rewind_metrics(2)
        run.log({"step": 4})

    found = []
    for left in states_at_borders(rewind_and_log, folder):
        steps = [record["step"] for record in Run.open(left / "run").metrics()]
        if not found or found[-1] != steps:
            found.append(steps)
    assert found == [[1, 2], [1, 2, 3], [1, 2], [1, 2, 4]]


SCENARIOS = {
    scenario.__name__: scenario
    for scenario in (next_checkpoint, same_checkpoint, earlier_checkpoint, new_run, longer_run, log)
}

if __name__ == "__main__":
    SCENARIOS[sys.argv[1]](Path(sys.argv[2]))
