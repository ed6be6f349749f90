"""Curves of what `metrics.jsonl` records, one small panel per term."""

import io
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

POSITIONS = frozenset({"step", "epoch", "seconds"})  # where a record stands, not what it measures
HELD_OUT = "val_"
MAX_POINTS = 300  # a panel is narrower than this in pixels

# Blue and orange are told apart on white, on black, and by the colour-blind.
_COLOURS = {"train": "#3987e5", "held_out": "#e8833a"}
# What is drawn in this colour takes the colour of the page's text, in the light and in the dark.
_TEXT_COLOUR = "#010203"


@dataclass
class Curve:
    """One term over the epochs.

    Args:
        name: Name of the term, its unit left out.
        unit: Unit as its axis shows it; empty where the name has none.
        points: (epoch, value) by "train" and "held_out"; a value that was not finite is NaN.
    """

    name: str
    unit: str
    points: dict[str, list[tuple[float, float]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Line:
    """A line of a panel.

    Args:
        points: (epoch, value).
        colour: Colour as Matplotlib and CSS write it.
        is_dotted: Whether it is dotted.
    """

    points: list[tuple[float, float]]
    colour: str
    is_dotted: bool = False


def read_curves(records: Iterable[Mapping[str, Any]]) -> list[Curve]:
    """Return a curve for every term in the records, in the order in which they first appear."""
    curves: dict[str, Curve] = {}
    for record in records:
        for key, value in record.items():
            if key in POSITIONS or not isinstance(value, int | float | None):
                continue
            term = key.removeprefix(HELD_OUT)
            if term not in curves:
                curves[term] = Curve(*split_unit(term))
            series = "train" if term == key else "held_out"
            epoch = record.get("epoch")
            if isinstance(epoch, int | float):
                curves[term].points.setdefault(series, []).append(
                    (float(epoch), math.nan if value is None else float(value))
                )
    return [curve for curve in curves.values() if curve.points]


def split_unit(term: str) -> tuple[str, str]:
    """Return the name and the unit of a term: `nll_bits_per_dim` is `nll` in `bits per dim`."""
    match = re.fullmatch(r"(.+)_((?:nats|bits|seconds)(?:_per_\w+)?)", term)
    return (match[1], match[2].replace("_", " ")) if match else (term, "")


def draw_curve(curve: Curve) -> str:
    """Return a panel as an `<svg>` element for the inside of a page."""
    lines = [Line(points, _COLOURS[series]) for series, points in curve.points.items()]
    return draw_lines(lines, curve.unit)


def draw_lines(lines: Iterable[Line], unit: str) -> str:
    """Return a panel of several lines as an `<svg>` element for the inside of a page.

    Lines take few points however long the training was; grid and text take the page's colour.
    """
    figure = Figure(figsize=(3.8, 2.2), layout="constrained")  # inches; no state of pyplot
    axes = figure.add_subplot()
    for line in lines:
        epochs, values = _thinned(np.array(line.points).T)
        marker = "o" if len(epochs) == 1 else None
        style = ":" if line.is_dotted else "-"
        axes.plot(epochs, values, color=line.colour, linestyle=style, linewidth=1.6, marker=marker)
    axes.set_xlabel("epoch", color=_TEXT_COLOUR)
    axes.set_ylabel(unit, color=_TEXT_COLOUR)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
    axes.tick_params(color=_TEXT_COLOUR, labelcolor=_TEXT_COLOUR, labelsize=8, length=0)
    axes.grid(color=_TEXT_COLOUR, alpha=0.15, linewidth=0.6)
    axes.spines[:].set_visible(False)
    content = io.StringIO()
    figure.savefig(content, format="svg", transparent=True, metadata={"Date": None})
    svg = content.getvalue()
    return svg[svg.index("<svg") :].replace(_TEXT_COLOUR, "currentColor")


def _thinned(points: np.ndarray) -> np.ndarray:
    """Keep the lowest and the highest point of each stretch of (2, N), so that spikes stay."""
    count = points.shape[1]
    if count <= MAX_POINTS:
        return points
    kept = set()
    for stretch in np.array_split(np.arange(count), MAX_POINTS // 2):
        values = points[1, stretch]
        if np.isfinite(values).any():
            kept |= {stretch[np.nanargmin(values)], stretch[np.nanargmax(values)]}
    return points[:, sorted(kept | {0, count - 1})]
