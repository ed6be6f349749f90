"""One process that measures: `python -m benchmarks.worker '{"row": …, "contenders": […]}'`.

It builds its contenders, warms them up, and then answers one line of JSON for each on its standard
input, so that processes can take turns on one machine:

    {"contender": index, "seconds": seconds} -> {"rate": examples/s, "peak": GFLOP/s}
    {"stop": true} -> {"peak_bytes": …, "growth_bytes": …}

A contender is "zoo" or the name of a reference. The row "numpy" measures NumPy's peak alone.
"""

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from benchmarks.peak import backend_peak, numpy_peak
from benchmarks.references import REFERENCES, Contender, fitted
from benchmarks.rows import Row, find

EXAMPLES = 60_000  # as many as MNIST has; an epoch is never longer
_IMAGE_SHAPE = (28, 28, 1)


def main() -> None:
    # Libraries print to standard output; what this process answers must stay apart from that.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    asked = json.loads(sys.argv[1])
    if asked["row"] == "numpy":
        _answer(answers, {"ready": []})
        for _ in sys.stdin:
            _answer(answers, {"peak": numpy_peak()})
        return
    row = find(asked["row"])
    _import_backend()
    before = _memory("VmRSS")
    contenders, ready = [], []
    for name in asked["contenders"]:
        start = time.perf_counter()
        contender, facts = build(row, name)
        contender.run(row.batch_size)
        contenders.append(contender)
        ready.append({**facts, "first_step_s": time.perf_counter() - start})
    guesses = [_warm_up(contender, row) for contender in contenders]
    _answer(answers, {"ready": ready})
    for line in sys.stdin:
        request = json.loads(line)
        if "stop" in request:
            peak = _memory("VmHWM")
            _answer(answers, {"peak_bytes": peak, "growth_bytes": peak - before})
            return
        index = request["contender"]
        rate = measure(contenders[index], row, guesses[index], request["seconds"])
        _answer(answers, {"rate": rate, "peak": backend_peak()})


def build(row: Row, name: str) -> tuple[Contender, dict[str, Any]]:
    """Return a contender, and its parameters and operations per example."""
    images = np.random.default_rng(0).random((EXAMPLES, *_IMAGE_SHAPE), dtype="float32")
    if name != "zoo":
        contender = REFERENCES[name].build(row, images)
        _check_parameters(row, name, contender.parameters)
        return contender, {"parameters": contender.parameters}
    import zoo
    from benchmarks.flops import flops_per_example

    model = zoo.create(row.model, **row.config)
    if row.kind == "training":
        model.compile()
        contender = fitted(model, images, row.batch_size)
    else:
        contender = _sampler(model, row.batch_size)
    _check_parameters(row, name, contender.parameters)
    flops = flops_per_example(model, row.passes, training=row.kind == "training")
    return contender, {"parameters": contender.parameters, "flops": flops}


def measure(contender: Contender, row: Row, guess: float, seconds: float) -> float:
    """Return the examples/s of one run that should take about `seconds`."""
    examples = _batches(guess * seconds, row)
    start = time.perf_counter()
    contender.run(examples)
    return examples / (time.perf_counter() - start)


def _sampler(model: Any, count: int) -> Contender:
    """Return the contender that samples `count` examples per call."""

    def run(examples: int) -> None:
        for seed in range(examples // count):
            model.sample(count, seed=seed)

    return Contender(run, sum(int(np.prod(v.shape)) for v in model.trainable_variables))


def _warm_up(contender: Contender, row: Row) -> float:
    """Run until nothing is done for the first time any more; return a guess at examples/s."""
    rate = 0.0
    for seconds in (0.0, 0.2, 0.5):
        rate = measure(contender, row, rate, seconds)
    return rate


def _batches(examples: float, row: Row) -> int:
    """Return the number of examples in whole batches, two at least."""
    return max(2, int(examples) // row.batch_size) * row.batch_size


def _check_parameters(row: Row, name: str, parameters: int) -> None:
    if parameters != row.parameters:
        raise ValueError(
            f"Row '{row.name}' states {row.parameters:,} parameters, but {name} has "
            f"{parameters:,}. Make its config and its count agree in benchmarks/rows.py."
        )


def _import_backend() -> None:
    """Import the backend, so that what is measured later is the model's memory alone."""
    import keras

    keras.utils.set_random_seed(0)
    keras.ops.convert_to_numpy(keras.ops.ones(1))


def _memory(field: str) -> int:
    """Return VmRSS (now) or VmHWM (the most so far) of this process in bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return 1024 * int(lines[field].split()[0])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # elsewhere only the most is known
    return peak if sys.platform == "darwin" else 1024 * peak


def _answer(answers: TextIO, content: dict[str, Any]) -> None:
    answers.write(json.dumps(content) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
