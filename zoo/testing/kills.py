"""Trainings that are killed at random moments, and must end as if they never had been.

    python -m zoo.testing.kills RUN WHOLE KILLS SEED

trains the request of the run `RUN` in processes that it kills by SIGKILL one after the other, then
to its end; and that of `WHOLE` in one. It prints a line for each kill. The processes are forked
from one that has imported all and computed nothing, so that each of them starts at once.
"""

import importlib
import json
import math
import os
import random
import signal
import subprocess
import sys
import time
import traceback
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from zoo.checkpoints import TEMPORARY, latest_checkpoint, load_checkpoint, step_of

STEPS = 100
MOST_CHECKPOINTS = 10  # that a process may write until its kill is near
LONGEST_DELAY_S = 0.05
LONGEST_START_S = 3.0
PATIENCE_S = 900.0


class Kills:
    """The test; the fixtures are those of `PluginContract`.

    Attributes:
        kills: How many processes are killed. The first is killed while it starts; of the others
            every second one as soon as it is seen writing a checkpoint.
    """

    kills: ClassVar[int] = 4

    @pytest.mark.slow
    def test_kills_at_random_moments_change_no_bit(
        self, request: pytest.FixtureRequest, request_: Any, tmp_path: Path, capsys: Any
    ) -> None:
        """Killed by SIGKILL again and again, and resumed, training ends on the same bits."""
        import dataclasses

        from zoo.runs import Run

        if "slow" not in str(request.config.getoption("markexpr")):
            pytest.skip("It takes a minute; run it with -m slow.")
        asked = dataclasses.replace(request_, epochs=None, steps=STEPS)
        killed, whole = (Run.create(asked, tmp_path / name) for name in ("killed", "whole"))
        seed = zlib.crc32(type(self).__name__.encode())
        arguments = (str(killed.path), str(whole.path), str(self.kills), str(seed))
        done = subprocess.run(
            [sys.executable, "-m", "zoo.testing.kills", *arguments],
            check=False,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert done.returncode == 0, done.stderr
        assert_same_course(killed.path, whole.path)
        moments = [json.loads(line) for line in done.stdout.splitlines()]
        assert len(moments) == self.kills
        with capsys.disabled():
            steps = " ".join(str(moment["step"]) for moment in moments)
            writing = sum(moment["writing"] for moment in moments)
            print(  # noqa: T201
                f"\n| {asked.backend} | {type(self).__name__} | {asked.model} | {len(moments)} | "
                f"{writing} | {steps} | yes |"
            )


def assert_same_course(one: Path, other: Path) -> None:
    """Compare two runs, and the runs within them: newest checkpoints by bits, and the records.

    Variables are compared by their order: Keras numbers the layers of a process through, and so
    their names.
    """
    from zoo.runs import Run

    folders = sorted(path.relative_to(one).parent for path in one.rglob("checkpoints"))
    assert folders == sorted(path.relative_to(other).parent for path in other.rglob("checkpoints"))
    for folder in folders:
        states = [sorted(_newest_state(run / folder).items()) for run in (one, other)]
        different = [
            name
            for (name, a), (_, b) in zip(*states, strict=True)
            if (a.dtype, a.shape, a.tobytes()) != (b.dtype, b.shape, b.tobytes())
        ]
        assert not different, f"These differ after resuming: {different}"
        logged, expected = (_records(Run.open(run / folder).metrics()) for run in (one, other))
        assert logged == expected


def _newest_state(run: Path) -> dict[str, np.ndarray]:
    path = latest_checkpoint(run / "checkpoints")
    assert path is not None, f"'{run}' has no checkpoint."
    return load_checkpoint(path)[0]


def _records(records: list[dict[str, Any]]) -> list[Mapping[str, Any]]:
    """Return records without the time that they took."""
    return [{name: value for name, value in r.items() if name != "seconds"} for r in records]


def _kill_one(run: Path, number: int, moments: random.Random) -> None:
    """Train in a process of its own until a random moment, and say what was there then."""
    wanted = _progress(run) + moments.randint(0, MOST_CHECKPOINTS)
    delay = moments.uniform(0, LONGEST_DELAY_S if number else LONGEST_START_S)
    until = time.monotonic() + delay
    child = _fork_training(run)
    if number:
        _wait(child, 0.01, lambda: _progress(run) >= wanted)
    if number % 2:
        _wait(child, 0.0002, lambda: _is_writing(run))
    elif number:
        time.sleep(delay)
    else:  # while it starts: a small model is at its end within a second of its first checkpoint
        _wait(child, 0.001, lambda: time.monotonic() >= until or _progress(run) > 0)
    os.kill(child, signal.SIGKILL)
    if os.waitpid(child, 0)[1] != signal.SIGKILL:
        raise SystemExit(f"'{run}' ended before it was killed.")
    print(json.dumps({"step": _progress(run), "writing": _is_writing(run)}))  # noqa: T201


def _wait(child: int, pause_s: float, is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not is_so():
        if os.waitpid(child, os.WNOHANG) != (0, 0):
            raise SystemExit("A training ended before it was killed.")
        if time.monotonic() > until:
            os.kill(child, signal.SIGKILL)
            raise SystemExit(f"A training came to nothing in {PATIENCE_S:g} s.")
        time.sleep(pause_s)


def _train_to_the_end(run: Path) -> None:
    status = os.waitpid(_fork_training(run), 0)[1]
    if status != 0:
        raise SystemExit(f"'{run}' could not be trained to its end: status {status}.")


def _fork_training(path: Path) -> int:
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # the lines on kills alone are read
    status = 1
    try:
        from zoo import recording
        from zoo.planning import open_run
        from zoo.training import train_on

        recording.CHECKPOINT_SHARE = math.inf  # a checkpoint after every step, however long
        run = open_run(path)
        train_on(run, run.request, progress=False, checkpoint_seconds=0)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def _folders(run: Path) -> list[Path]:
    """Return the folders of checkpoints of a run and of those within it."""
    # `Path.rglob` fails where a folder goes while it looks.
    return [Path(path) for path, _, _ in os.walk(run) if path.endswith("/checkpoints")]


def _progress(run: Path) -> int:
    """Return the newest step of a run and of those within it, added up."""
    return sum(max(_steps(os.listdir(folder)), default=0) for folder in _folders(run))


def _steps(names: list[str]) -> list[int]:
    return [step_of(Path(name)) for name in names if not name.startswith(TEMPORARY)]


def _is_writing(run: Path) -> bool:
    return any(name.startswith(TEMPORARY) for f in _folders(run) for name in os.listdir(f))


def _main() -> None:
    killed, whole, kills, seed = sys.argv[1:]
    _import_all(Path(killed))
    moments = random.Random(int(seed))  # noqa: S311
    for number in range(int(kills)):
        _kill_one(Path(killed), number, moments)
    _train_to_the_end(Path(killed))
    _train_to_the_end(Path(whole))


def _import_all(run: Path) -> None:
    """Import what takes long, and make no tensor: threads of a backend do not survive a fork."""
    from zoo.card import resolve
    from zoo.planning import card_of
    from zoo.runs import Run

    request = Run.open(run).request
    os.environ["KERAS_BACKEND"] = request.backend
    importlib.import_module(request.backend)
    card = card_of(request)
    for reference in (card.trainer, card.model):
        resolve(reference)


if __name__ == "__main__":
    _main()
