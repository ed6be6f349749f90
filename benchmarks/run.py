"""Processes that take turns: every contender of a row is measured once per round.

A ratio is taken within a round, where both sides saw the same machine; then the median of all
rounds counts.
"""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from benchmarks.references import REFERENCES
from benchmarks.rows import Row

_ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Median, least and most of some readings."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, readings: Sequence[float]) -> "Spread":
        """Return the spread of at least one reading."""
        return cls(median=statistics.median(readings), least=min(readings), most=max(readings))


@dataclass(frozen=True, kw_only=True)
class Result:
    """What was measured of one contender of one row.

    Args:
        row: Name of the row.
        contender: Backend of the zoo's model, or the reference's name.
        rate: Examples/s.
        ratio: Rate over the reference's, round by round; None where there is no reference.
        flops: Floating-point operations per example.
        parameters: Trainable parameters.
        first_step_s: Time to build, compile and run one step.
        peak_bytes: Most memory of the process, its libraries and the data included.
        growth_bytes: How much of it came after the backend was imported.
    """

    row: str
    contender: str
    rate: Spread
    ratio: Spread | None
    flops: int
    parameters: int
    first_step_s: float
    peak_bytes: int
    growth_bytes: int


class Worker:
    """A process that builds contenders, and measures one whenever it is asked.

    Args:
        row: Name of the row.
        backend: Keras backend.
        contenders: "zoo", or names of references.
    """

    def __init__(self, row: str, backend: str, contenders: Sequence[str]):
        self.row, self.backend, self.contenders = row, backend, contenders
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115, lives as long as the process
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "benchmarks.worker"),
                json.dumps({"row": row, "contenders": contenders}),
            ],
            cwd=_ROOT,
            env={**os.environ, "KERAS_BACKEND": backend, "CUDA_VISIBLE_DEVICES": ""},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def ready(self) -> list[dict[str, Any]]:
        """Wait until all is built; return the facts of every contender."""
        return self._answer()["contenders"]

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send a request and wait for its answer."""
        stream: IO[str] = self._process.stdin  # type: ignore[assignment]
        stream.write(json.dumps(request) + "\n")
        stream.flush()
        return self._answer()

    def end(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def _answer(self) -> dict[str, Any]:
        stream: IO[str] = self._process.stdout  # type: ignore[assignment]
        if line := stream.readline():
            return json.loads(line)
        self._process.wait()
        self._errors.seek(0)
        raise RuntimeError(
            f"Measuring '{self.row}' on {self.backend} ended with status "
            f"{self._process.returncode}:\n{self._errors.read()}"
        )


@contextlib.contextmanager
def workers(row: Row, backends: Sequence[str]) -> Iterator[list[Worker]]:
    """Start the row's processes; end them on leaving."""
    plans = [(backend, ["zoo"]) for backend in backends if backend in row.backends]
    if row.reference is not None and plans:
        if row.one_process:
            plans = [(backend, [*row.references, *zoo]) for backend, zoo in plans]
        else:
            plans = [(REFERENCES[name].backend, [name]) for name in row.references] + plans
    started: list[Worker] = []
    try:
        for backend, contenders in plans:
            started.append(Worker(row.name, backend, contenders))
        yield started
    finally:
        for worker in started:
            worker.end()


class Peaks:
    """The matrix-product peak by library, GFLOP/s, read again in every process."""

    def __init__(self) -> None:
        self.readings: dict[str, list[float]] = {}

    def add(self, readings: Mapping[str, float]) -> None:
        """Keep a reading of each library."""
        for library, reading in readings.items():
            self.readings.setdefault(library, []).append(reading)

    @property
    def medians(self) -> dict[str, float]:
        """The median reading of every library."""
        return {name: statistics.median(values) for name, values in self.readings.items()}

    @property
    def best(self) -> float:
        """The highest of the medians."""
        return max(self.medians.values())


def run_row(
    row: Row, backends: Sequence[str], *, seconds: float, rounds: int, peaks: Peaks
) -> list[Result]:
    """Measure every contender of a row, the reference first."""
    with workers(row, backends) as started:
        turns = [
            (worker, index, contender)
            for worker in started
            for index, contender in enumerate(worker.ready())
        ]
        rates: list[list[float]] = [[] for _ in turns]
        for round_ in range(rounds):
            # Each round begins with another one, so that no contender always runs after the same.
            for shift in range(len(turns)):
                turn = (round_ + shift) % len(turns)
                worker, index, _ = turns[turn]
                rates[turn].append(worker.ask(measure=index, seconds=seconds)["rate"])
        memory = {worker: worker.ask(memory=True) for worker in started}
        for worker in started:
            peaks.add(worker.ask(peaks=True))
    flops = next((contender["flops"] for *_, contender in turns if "flops" in contender), 0)
    results = []
    for (worker, index, contender), readings in zip(turns, rates, strict=True):
        name = worker.contenders[index]
        ratio = None
        if row.reference is not None and name != row.reference:
            ratio = Spread.of([a / b for a, b in zip(readings, rates[0], strict=True)])
        results.append(
            Result(
                row=row.name,
                contender=worker.backend if name == "zoo" else name,
                rate=Spread.of(readings),
                ratio=ratio,
                flops=flops,
                parameters=contender["parameters"],
                first_step_s=contender["first_step_s"],
                **memory[worker],
            )
        )
    return results
