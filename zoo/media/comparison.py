"""One page about several runs: what they were asked, how they learned, what they came to.

The page holds its pictures, so that it can be moved or sent without the runs.
"""

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from markupsafe import Markup

from zoo.checkpoints import write_atomically
from zoo.data.files import open_file
from zoo.errors import RunError, ZooError
from zoo.media.curves import Curve, Line, draw_lines, read_curves
from zoo.media.facts import (
    asked,
    evaluated_on,
    last_values,
    name_of,
    newest_picture,
    read_figures,
    sample_texts,
    trained,
    what_is_pictured,
)
from zoo.media.page import render, show_value
from zoo.metrics.directions import better
from zoo.planning import build_model, card_of
from zoo.runs import Run

# Of Okabe and Ito's colours, which the colour-blind tell apart, those that can be seen on white and
# on black; then two more.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#8a8a00", "#8c6bd1")
GENERATOR = b'<meta name="generator" content="zoo compare">'
NOTHING = "-"  # where a run has no such field, term or figure


@dataclass(frozen=True)
class Compared:
    """What a page says of one of its runs.

    Args:
        run: The run.
        name: Name of its folder, or its path where another run has the same name.
        colour: Colour of its lines.
    """

    run: Run
    name: str
    colour: str

    @cached_property
    def records(self) -> list[dict[str, Any]]:
        """Return what was recorded while it trained."""
        return self.run.metrics()

    @cached_property
    def curves(self) -> dict[tuple[str, str], Curve]:
        """Return the curve of each term by its name and unit."""
        return {(curve.name, curve.unit): curve for curve in read_curves(self.records)}

    @cached_property
    def figures(self) -> dict[str, dict[str, Any]]:
        """Return what `zoo evaluate` has measured, by the name of the figure."""
        return {figure["key"]: figure for figure in read_figures(self.run)}

    def asked(self) -> dict[str, str]:
        """Return what was asked for, and the versions that it ran under."""
        request = self.run.request
        versions = {f"Version of {name}": value for name, value in request.versions.items()}
        return {**asked(request), **versions}

    def came_to(self) -> dict[str, str]:
        """Return how large the model is, how long it was trained, and each term at the end."""
        facts = trained(self.records)
        rows = {
            "Weights": weight_count(self.run),
            "Epochs": f"{facts['epochs']:,}",
            "Steps": f"{facts['steps']:,}",
            "Time of training": facts["duration"],
        }
        for term in last_values(self.records):
            unit = f", {term['unit']}" if term["unit"] else ""
            for key, title in (("train", "training data"), ("held_out", "held out")):
                if term[key] is not None:
                    rows[f"{term['name']}{unit} ({title})"] = f"{term[key]:.4g}"
        return rows

    def picture(self) -> dict[str, Any] | None:
        """Return the newest picture of samples and its caption; None if there is none."""
        found = newest_picture(self.run)
        if found is None:
            return None
        epoch, path = found
        try:
            content = base64.b64encode(path.read_bytes()).decode()
        except OSError as error:
            raise RunError(f"'{path}' cannot be read: {error.strerror}.") from error
        shown = what_is_pictured(card_of(self.run.request).kind)
        return {
            "url": f"data:image/png;base64,{content}",
            "caption": f"{shown} after epoch {epoch}",
        }


def write_comparison(runs: Sequence[Run], path: Path) -> None:
    """Write a page that compares runs of any models.

    Raises:
        ZooError: If there are fewer than two runs or too many, one is given twice, or a file of a
            run is broken.
        RunError: If the page cannot be written, or would replace a file that is no such page.
    """
    if not 2 <= len(runs) <= len(COLOURS):
        raise ZooError(
            f"From 2 to {len(COLOURS)} runs can be compared on one page. Received: {len(runs)}."
        )
    folders = [run.path.resolve() for run in runs]
    twice = sorted({str(folder) for folder in folders if folders.count(folder) > 1})
    if twice:
        raise ZooError(f"Run '{twice[0]}' is given more than once. Give each run once.")
    _check_replaceable(path)
    names = [name_of(run) for run in runs]
    compared = [
        Compared(run, name if names.count(name) == 1 else str(run.path), colour)
        for run, name, colour in zip(runs, names, COLOURS, strict=False)
    ]
    panels = _panels(compared)
    page = render(
        "comparison.html",
        runs=compared,
        cards=[card_of(run.request) for run in runs],
        tables=[
            ("What was asked", _rows([run.asked() for run in compared])),
            ("Configurations", _rows([_configuration(run.run) for run in compared])),
        ],
        came_to=_rows([run.came_to() for run in compared]),
        figures=_figures(compared),
        evaluated=[evaluated_on(run.run) for run in compared],
        shared=[panel for panel in panels if len(panel["keys"]) > 1],
        single=[panel for panel in panels if len(panel["keys"]) == 1],
        pictures=[run.picture() for run in compared],
        texts=[sample_texts(run.run)[-1:] for run in compared],
    )
    write_atomically(path, page)


def weight_count(run: Run) -> str:
    """Return how many numbers are trained; what stands for it where the model cannot be made."""
    try:
        model = build_model(run.request)
    except ZooError:  # another version of the plugin takes another configuration
        return NOTHING
    return f"{sum(math.prod(weight.shape) for weight in model.trainable_weights):,}"


def _check_replaceable(path: Path) -> None:
    try:
        with open_file(path) as file:  # a pipe would never end
            is_own = GENERATOR in file.read(1000)
    except FileNotFoundError:
        return
    except OSError as error:
        raise RunError(f"'{path}' cannot be written: {error.strerror}.") from error
    if not is_own:
        raise RunError(
            f"'{path}' exists and was not written by `zoo compare`. Give another --out, or remove "
            "it."
        )


def _configuration(run: Run) -> dict[str, str]:
    return {name: show_value(value) for name, value in run.request.config.items()}


def _rows(columns: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    """Return a row for every name in any of the columns: its values, and whether they differ."""
    names = dict.fromkeys(name for column in columns for name in column)
    rows = []
    for name in names:
        values = [column.get(name, NOTHING) for column in columns]
        rows.append({"name": name, "values": values, "differs": len(set(values)) > 1})
    return rows


def _figures(compared: Sequence[Compared]) -> list[dict[str, Any]]:
    """Return a row for every figure: each run's, and which is best, where that can be said."""
    names = dict.fromkeys(name for run in compared for name in run.figures)
    return [_figure_row(name, compared) for name in names]


def _figure_row(name: str, compared: Sequence[Compared]) -> dict[str, Any]:
    having = [run for run in compared if name in run.figures]
    direction, best = better(name), None
    if direction and len(having) > 1 and len({_seen_by(name, run.run) for run in having}) == 1:
        numbers = [run.figures[name]["number"] for run in having]
        best = min(numbers) if direction == "lower" else max(numbers)
    cells = []
    for run in compared:
        figure = run.figures.get(name)
        is_best = figure is not None and figure["number"] == best
        cells.append({"text": figure["value"] if figure else NOTHING, "is_best": is_best})
    shown = having[0].figures[name]
    return {**shown, "direction": direction, "cells": cells}


def _seen_by(name: str, run: Run) -> tuple[object, ...]:
    """Return what must be the same of two runs for their figures to be comparable."""
    request, source = run.request, evaluated_on(run)
    own = (request.fingerprint,) if source and source[0] == request.data else ()
    # Networks that see images (`frechet_distance/...`) are trained on each backend for itself.
    return (source, own, request.backend if "/" in name else None)


def _panels(compared: Sequence[Compared]) -> list[dict[str, Any]]:
    """Return a panel for every term that any run has: the lines of all that have it."""
    panels = []
    for name, unit in dict.fromkeys(term for run in compared for term in run.curves):
        lines, keys = [], []
        for run in compared:
            if (curve := run.curves.get((name, unit))) is None:
                continue
            is_measured = "held_out" in curve.points
            for series, points in curve.points.items():
                is_dotted = series == "train" and is_measured
                lines.append(Line(points, run.colour, is_dotted=is_dotted))
            last = curve.points["held_out" if is_measured else "train"][-1][1]
            keys.append({"name": run.name, "colour": run.colour, "value": last})
        drawing = Markup(draw_lines(lines, unit))  # noqa: S704  # drawn by us; Matplotlib escapes
        panels.append({"name": name, "unit": unit, "keys": keys, "drawing": drawing})
    return panels
