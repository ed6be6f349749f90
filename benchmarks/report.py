"""The results as an aligned table, as Markdown and as JSON."""

import dataclasses
import datetime
import importlib.metadata
import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.rows import find
from benchmarks.run import Peaks, Result, Spread

RESULTS = Path(__file__).parent / "results"
_PACKAGES = ("keras", "tensorflow", "jax", "torch", "numpy")
_HEADER = (
    "row",
    "contender",
    "examples/s",
    "spread",
    "MFLOP/ex.",
    "GFLOP/s",
    "of peak",
    "ratio",
    "spread",
    "target",
    "first step s",
    "peak MB",
    "growth MB",
    "parameters",
)


def facts(command: str) -> dict[str, Any]:
    """Return what the figures depend on, without the names of hosts and paths."""
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "command": command,
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": versions,
    }


def table(results: Sequence[Result], peak: float) -> list[tuple[str, ...]]:
    """Return the table's lines, header first."""
    lines: list[tuple[str, ...]] = [_HEADER]
    for result in results:
        gflops = result.rate.median * result.flops / 1e9
        target = find(result.row).target
        lines.append(
            (
                result.row,
                result.contender,
                _figure(result.rate.median),
                _spread(result.rate),
                f"{result.flops / 1e6:,.2f}",
                f"{gflops:,.1f}",
                f"{gflops / peak:.2f}",
                _figure(result.ratio.median) if result.ratio else "",
                _spread(result.ratio) if result.ratio else "",
                _figure(target) if result.ratio and target else "",
                f"{result.first_step_s:.1f}",
                f"{result.peak_bytes / 1e6:,.0f}",
                f"{result.growth_bytes / 1e6:,.0f}",
                f"{result.parameters:,}",
            )
        )
    return lines


def summary(result: Result) -> str:
    """Return the speed in a few words, to show before the table is complete."""
    ratio = f", {_figure(result.ratio.median)} times the reference" if result.ratio else ""
    return f"{_figure(result.rate.median)} examples/s{ratio}"


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """Return the lines in columns for a terminal, figures to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if index < 2 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def peaks_line(peaks: Peaks) -> str:
    """Return the peak and where it comes from as one sentence."""
    each = ", ".join(f"{name} {value:.0f}" for name, value in sorted(peaks.medians.items()))
    return (
        f"float32 matrix-product peak: {peaks.best:.0f} GFLOP/s (best of the medians: {each}). "
        "Ratios are to the row's first line, round by round."
    )


def notes(results: Sequence[Result]) -> str:
    """Return what there is to know of the rows, as a list in Markdown."""
    rows = [find(name) for name in dict.fromkeys(result.row for result in results)]
    lines = "".join(f"- {row.name}: {row.note}\n" for row in rows if row.note)
    return "\n" + lines if lines else ""


def write(
    name: str, results: Sequence[Result], peaks: Peaks, about: dict[str, Any]
) -> tuple[Path, Path]:
    """Write `results/NAME.json` and `results/NAME.md`; return both."""
    RESULTS.mkdir(exist_ok=True)
    content = {
        **about,
        "peak_gflops": peaks.best,
        "peak_gflops_readings": peaks.readings,
        "results": [dataclasses.asdict(result) for result in results],
    }
    as_json, as_markdown = RESULTS / f"{name}.json", RESULTS / f"{name}.md"
    as_json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    header, *lines = table(results, peaks.best)
    rule = tuple("---" if index < 2 else "---:" for index in range(len(header)))
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    as_markdown.write_text(
        f"`{about['command']}`, {about['date']}: {about['cpu']}, {about['cores']} cores, Python "
        f"{about['python']}, {versions}.\n\n{peaks_line(peaks)}\n\n"
        + "".join(f"| {' | '.join(line)} |\n" for line in (header, rule, *lines))
        + notes(results),
        encoding="utf-8",
    )
    return as_json, as_markdown


def _cpu_model() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _spread(spread: Spread) -> str:
    return f"{_figure(spread.least)}-{_figure(spread.most)}"
