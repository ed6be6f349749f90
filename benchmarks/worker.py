"""One process that measures: `python -m benchmarks.worker '{"row": …, "contenders": […]}'`.

It builds its contenders, warms them up, and then answers each line of JSON on its standard input
with another, so that several such processes can take turns on one machine:

    {"measure": index, "seconds": …} -> {"rate": examples/s}
    {"memory": true} -> {"peak_bytes": …, "growth_bytes": …}
    {"peaks": true} -> {"numpy": GFLOP/s, backend: GFLOP/s}

A contender is "zoo" or the name of a reference. The backend is that of `KERAS_BACKEND`.
"""

import json
import math
import operator
import os
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.captions import make_captions, make_embeddings
from benchmarks.peak import backend_peak, numpy_peak
from benchmarks.references import REFERENCES, Contender, fitted, parameter_count
from benchmarks.rows import Row, find
from benchmarks.sequences import make_sentences, make_sketches
from zoo.backends import use_backend

EXAMPLES = 60_000  # as many as MNIST has for training; of large images fewer
_MOST_BYTES = 2**28  # of examples
NEVER = -100.0  # a logit


def main(asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the facts of every contender, then an answer to each request."""
    row = find(asked["row"])
    backend = use_backend()
    examples = examples_of(row, epoch(row))
    before = _memory("VmRSS")
    contenders, facts = [], []
    for name in asked["contenders"]:
        start = time.perf_counter()
        contender, fact = build(row, name, examples)
        contender.run(row.examples_per_turn)
        contenders.append(contender)
        facts.append({**fact, "first_step_s": time.perf_counter() - start})
    # One length for all contenders and rounds, the fastest seen so far: what a run costs once, and
    # not per step, then weighs the same on each.
    fastest = max(_warm_up(contender, row) for contender in contenders)
    yield {"contenders": facts}
    for line in sys.stdin:
        request = json.loads(line)
        if "memory" in request:
            most = _memory("VmHWM")
            yield {"peak_bytes": most, "growth_bytes": most - before}
        elif "peaks" in request:
            yield {"numpy": numpy_peak(), backend: backend_peak()}
        else:
            contender = contenders[request["measure"]]
            rate = measure(contender, row, fastest * request["seconds"])
            fastest = max(fastest, rate)
            yield {"rate": rate * row.counted}


def examples_of(row: Row, count: int) -> np.ndarray:
    """Return examples (N, ...) for a row."""
    if row.examples == "sketches":
        return make_sketches(count, row.example_shape[0])
    if row.examples == "sentences":
        return make_sentences(count, row.example_shape[0], len(row.config["vocabulary"]))
    return make_examples(count, row.example_shape)


def make_examples(count: int, shape: tuple[int, ...]) -> np.ndarray:
    """Return examples of noise (N, ...) in [0, 1]; speed does not depend on what they show."""
    return np.random.default_rng(0).random((count, *shape), dtype="float32")


def build(row: Row, name: str, examples: np.ndarray) -> tuple[Contender, dict[str, Any]]:
    """Return a contender, with its parameters and the operations per example if it is ours."""
    if name != "zoo":
        contender = REFERENCES[name].build(row, examples)
        fact: dict[str, Any] = {}
    else:
        import keras

        import zoo
        from benchmarks.flops import flops_per_example

        model = zoo.create(row.model, **row.full_config)
        fact = {"flops": round(flops_per_example(model, row.passes) / row.counted)}
        if row.kind == "training":
            on_torch = keras.backend.backend() == "torch"  # whose trainer takes one step a call
            model.compile(steps_per_execution=1 if on_torch else row.steps_per_execution)
            contender = fitted(model, given_to_fit(row, examples), row.examples_per_turn)
        elif row.examples == "domains":
            contender = _translator(model, row, examples)
        else:
            contender = _sampler(model, row)
    stated = row.parameters
    if name != "zoo" and row.reference_parameters is not None:
        stated = row.reference_parameters
    if contender.parameters != stated:
        raise ValueError(
            f"Row '{row.name}' states {stated:,} parameters, but {name} has "
            f"{contender.parameters:,}. Make config and parameters of the row agree."
        )
    return contender, {**fact, "parameters": contender.parameters}


def given_to_fit(row: Row, examples: np.ndarray) -> Any:
    """Return examples (N, ...) as a model of their kind is trained on them."""
    if row.examples == "captioned":
        count, size = len(examples), row.config["embedding_size"]
        embeddings = make_embeddings(count, size)
        return {"image": examples, "caption": make_captions(count), "embedding": embeddings}
    if row.examples != "domains":
        return examples
    return {"A": examples[:, 0].copy(), "B": examples[:, 1].copy()}


def measure(contender: Contender, row: Row, examples: float) -> float:
    """Return the examples/s of one run of about that many examples."""
    count = whole(examples, row)
    start = time.perf_counter()
    contender.run(count)
    return contender.share * count / (time.perf_counter() - start)


def epoch(row: Row) -> int:
    """Return the number of examples in the data: whole calls, for others compile anew."""
    examples = min(EXAMPLES, _MOST_BYTES // (4 * math.prod(row.example_shape)))
    return examples // row.examples_per_call * row.examples_per_call


def whole(examples: float, row: Row) -> int:
    """Return the nearest number of examples below that is whole calls, or whole epochs."""
    if row.kind == "training" and examples >= epoch(row):
        return int(examples // epoch(row)) * epoch(row)
    return max(1, int(examples // row.examples_per_call)) * row.examples_per_call


def _sampler(model: Any, row: Row) -> Contender:
    """Return the contender that samples a batch of examples per call."""
    if row.end_bias is not None:
        name, place = row.end_bias
        bias = operator.attrgetter(name)(model)
        values = np.zeros(bias.shape, "float32")
        values[place] = NEVER
        bias.assign(values)

    def run(examples: int) -> None:
        for seed in range(examples // row.batch_size):
            model.sample(row.batch_size, seed=seed)

    return Contender(run, parameter_count(model))


def _translator(model: Any, row: Row, examples: np.ndarray) -> Contender:
    """Return the contender that translates a batch of images of A per call."""
    images = examples[: row.batch_size, 0].copy()

    def run(count: int) -> None:
        for _ in range(count // row.batch_size):
            model.translate(images, to="B")

    return Contender(run, parameter_count(model))


def _warm_up(contender: Contender, row: Row) -> float:
    """Run until nothing happens for the first time any more; return the examples/s."""
    rate = measure(contender, row, 0)
    for seconds in (0.2, 0.5):
        rate = measure(contender, row, rate * seconds)
    return rate


def _memory(field: str) -> int:
    """Return VmRSS (now) or VmHWM (the most so far) of this process in bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return 1024 * int(lines[field].split()[0])
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # elsewhere only the most is known
    return most if sys.platform == "darwin" else 1024 * most


if __name__ == "__main__":
    # Libraries print to standard output too: the answers keep a descriptor of their own.
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        for answer in main(json.loads(sys.argv[1])):
            answers.write(json.dumps(answer) + "\n")
            answers.flush()
