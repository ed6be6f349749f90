"""`zoo evaluate`."""

import json
import math
from pathlib import Path
from typing import Any

import click

from zoo.commands.options import MOST, FilePath, Text, domains_options, json_option, say
from zoo.metrics import FEATURES, METRICS, Settings
from zoo.registry import printable


@click.command()
@click.argument("run", type=FilePath())
@click.option(
    "--metrics",
    type=Text(),
    metavar="NAMES",
    help=f"Of {', '.join(METRICS)}, with commas between them.  [default: all that the model can "
    f"do but {', '.join(name for name, metric in METRICS.items() if not metric.is_cheap)}]",
)
@click.option(
    "--data", type=Text(), help="Name of a data set, or a path.  [default: the run's own]"
)
@domains_options
@click.option(
    "--split",
    type=click.Choice(["train", "validation", "test"]),
    help="[default: test, or validation, or train, whichever there is]",
)
@click.option("--count", type=click.IntRange(1, MOST), help="Examples to draw.  [default: all]")
@click.option(
    "--samples",
    type=click.IntRange(1, 1_000_000),
    help="Examples to generate, where samples are measured.  [default: as many as real ones, at "
    "most 10,000]",
)
@click.option(
    "--features",
    type=click.Choice(list(FEATURES)),
    default="classifier",
    show_default=True,
    help="What samples are seen by, where they are measured.",
)
@click.option(
    "--importance-samples",
    type=click.IntRange(1, 1_000_000),
    default=100,
    show_default=True,
    help="Draws per example, K, where the likelihood is a bound.",
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True)
@json_option
def evaluate(
    *,
    run: Path,
    metrics: str | None,
    data: str | None,
    data_b: str | None,
    pair: str | None,
    split: str | None,
    count: int | None,
    samples: int | None,
    features: str,
    importance_samples: int,
    seed: int,
    as_json: bool,
) -> None:
    """Measure the model of a RUN on data that it was not trained on.

    The figures are kept in the run's folder and shown in its report.
    """
    from zoo.planning import open_run

    opened = open_run(run)  # before what imports Keras, for it chooses the backend
    from zoo.metrics.evaluation import evaluate as measure

    names = [] if metrics is None else [name.strip() for name in metrics.split(",")]
    settings = Settings(
        count=count,
        samples=samples,
        features=features,
        importance_samples=importance_samples,
        seed=seed,
        progress=True,
    )
    asked = {"data_b": data_b, "pair": pair}
    form = {name: value for name, value in asked.items() if value is not None}
    document = measure(opened, names, data=data, form=form, split=split, settings=settings)
    if as_json:
        click.echo(json.dumps(document, indent=2))
        return
    click.echo(
        f"{document['model']} at step {document['step']}, "
        f"{document['split']} split of {printable(document['data'])}"
    )
    rows = [[name, *_cells(figure)] for name, figure in document["metrics"].items()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, value, error, number in rows:
        line = f"{name:<{widths[0]}}  {value:>{widths[1]}} {error:<{widths[2]}}  {number}"
        click.echo(line.rstrip())
    say(f"Report: {opened.report_path}")


def _cells(figure: dict[str, Any]) -> list[str]:
    """Return value, error and count, to the last digit that the error lets stand."""
    value, error = figure["value"], figure["standard_error"]
    digits = max(0, 1 - math.floor(math.log10(error))) if error else None
    return [
        f"{value:.4g}" if digits is None else f"{value:.{digits}f}",
        "" if digits is None else f"± {error:.{digits}f}",
        f"({figure['count']})",
    ]
