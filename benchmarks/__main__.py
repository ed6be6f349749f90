"""Command line of the benchmarks; `make bench` runs it without options."""

import argparse
import fnmatch
import importlib.util
import shlex
import sys

from benchmarks import report, startup
from benchmarks.rows import ROWS, Row
from benchmarks.run import Peaks, Result, run_row
from zoo.backends import BACKENDS

_STARTUP = "startup"


def main(arguments: list[str]) -> int:
    """Measure what was asked for; return 1 if a command starts too slowly."""
    options = _parse(arguments)
    status = 0
    if _matches(_STARTUP, options.rows):
        status = startup.main()
    rows = _choose(options.rows)
    if not rows:
        return status
    peaks, results = Peaks(), list[Result]()
    for row in rows:
        print(f"{row.name} ...", file=sys.stderr, flush=True)
        measured = run_row(
            row, options.backend, seconds=options.seconds, rounds=options.rounds, peaks=peaks
        )
        for result in measured:
            print(f"  {result.contender}: {report.summary(result)}", file=sys.stderr, flush=True)
        results += measured
    if not results:
        print(f"No row is measured on {', '.join(options.backend)}.")
        return 1
    print(report.aligned(report.table(results, peaks.best)))
    print(report.peaks_line(peaks))
    if options.write:
        about = report.facts(shlex.join(["python", "-m", "benchmarks", *arguments]))
        for path in report.write(options.write, results, peaks, about):
            print(f"Wrote benchmarks/results/{path.name}.")
    return status


def _parse(arguments: list[str]) -> argparse.Namespace:
    installed = [name for name in BACKENDS if importlib.util.find_spec(name)]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rows", default="*", metavar="PATTERNS", help="such as 'vae-*,iwae'")
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
    if not _choose(options.rows) and not _matches(_STARTUP, options.rows):
        names = ", ".join([_STARTUP, *(row.name for row in ROWS)])
        parser.error(f"no row matches '{options.rows}'. Rows: {names}.")
    return options


def _choose(patterns: str) -> list[Row]:
    return [row for row in ROWS if _matches(row.name, patterns)]


def _matches(name: str, patterns: str) -> bool:
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns.split(","))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
