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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

from benchmarks.references import REFERENCES
from benchmarks.rows import Row


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
        self._errors = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "benchmarks.worker"),
                json.dumps({"row": row, "contenders": contenders}),
            ],
            env={**os.environ, "KERAS_BACKEND": backend, "CUDA_VISIBLE_DEVICES": ""},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def ready(self) -> list[dict[str, Any]]:
        """Wait until all is built; return the facts of every contender."""
        return self._answer()["ready"]

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
            plans = [(backend, [row.reference, *zoo]) for backend, zoo in plans]
        else:
            plans.insert(0, (REFERENCES[row.reference].backend, [row.reference]))
    started: list[Worker] = []
    try:
        for backend, contenders in plans:
            started.append(Worker(row.name, backend, contenders))
        yield started
    finally:
        for worker in started:
            worker.end()


class Peaks:
    """The matrix-product peak by library, GFLOP/s, read again in every round."""

    def __init__(self) -> None:
        self.readings: dict[str, list[float]] = {}

    def add(self, library: str, reading: float) -> None:
        """Keep a reading."""
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
        turns, facts = [], []
        for worker in started:
            for index, fact in enumerate(worker.ready()):
                turns.append((worker, index))
                facts.append(fact)
        rates: list[list[float]] = [[] for _ in turns]
        for round_ in range(rounds):
            # Each round begins with another one, so that no contender always runs after the same.
            order = [(round_ + shift) % len(turns) for shift in range(len(turns))]
            for turn in order:
                worker, index = turns[turn]
                answer = worker.ask(contender=index, seconds=seconds)
                rates[turn].append(answer["rate"])
                peaks.add(worker.backend, answer["peak"])
        memory = {id(worker): worker.ask(stop=True) for worker in started}
    flops = next((fact["flops"] for fact in facts if "flops" in fact), 0)
    results = []
    for (worker, index), fact, readings in zip(turns, facts, rates, strict=True):
        name = worker.contenders[index]
        ratio = None
        if row.reference is not None and name != row.reference:
            pairs = zip(readings, rates[0], strict=True)
            ratio = Spread.of([ours / reference for ours, reference in pairs])
        results.append(
            Result(
                row=row.name,
                contender=worker.backend if name == "zoo" else name,
                rate=Spread.of(readings),
                ratio=ratio,
                flops=flops,
                parameters=fact["parameters"],
                first_step_s=fact["first_step_s"],
                **memory[id(worker)],
            )
        )
    return results
