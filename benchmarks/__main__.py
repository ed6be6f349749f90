"""Command line of the benchmarks; `make bench` runs it without options."""

import argparse
import fnmatch
import importlib.util
import sys

from benchmarks import report
from benchmarks.rows import ROWS, Row
from benchmarks.run import Peaks, Result, Worker, run_row

_BACKENDS = ("tensorflow", "jax", "torch")


def main(arguments: list[str]) -> None:
    options = _parse(arguments)
    rows = _choose(options.rows)
    peaks, results = Peaks(), list[Result]()
    numpy = Worker("numpy", "numpy", [])
    try:
        numpy.ready()
        for row in rows:
            print(f"{row.name} ...", file=sys.stderr, flush=True)
            peaks.add("numpy", numpy.ask()["peak"])
            results += run_row(
                row, options.backend, seconds=options.seconds, rounds=options.rounds, peaks=peaks
            )
    finally:
        numpy.end()
    print(report.aligned(report.table(results, peaks.best)))
    print(report.peaks_line(peaks))
    if options.write:
        about = report.facts(" ".join(["python -m benchmarks", *arguments]))
        for path in report.write(options.write, results, peaks, about):
            print(f"Wrote benchmarks/results/{path.name}.")


def _parse(arguments: list[str]) -> argparse.Namespace:
    installed = [name for name in _BACKENDS if importlib.util.find_spec(name)]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rows", default="*", metavar="PATTERN", help="such as 'vae-*'")
    parser.add_argument(
        "--backend",
        type=lambda text: text.split(","),
        default=installed,
        metavar="NAMES",
        help=f"separated by commas; default: those installed ({','.join(installed)})",
    )
    parser.add_argument("--seconds", type=float, default=3.0, help="per reading (default 3)")
    parser.add_argument("--rounds", type=int, default=5, help="readings of each (default 5)")
    parser.add_argument(
        "--write", metavar="NAME", help="write benchmarks/results/NAME.json and NAME.md"
    )
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.backend if name not in installed]:
        parser.error(f"{unknown[0]} is not installed. Installed: {', '.join(installed)}.")
    if not _choose(options.rows):
        parser.error(
            f"no row matches '{options.rows}'. Rows: {', '.join(row.name for row in ROWS)}."
        )
    return options


def _choose(pattern: str) -> list[Row]:
    return [row for row in ROWS if fnmatch.fnmatch(row.name, pattern)]


if __name__ == "__main__":
    main(sys.argv[1:])
