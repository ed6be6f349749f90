"""`zoo latent interpolate|traverse|reconstruct|manifold`."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from zoo.registry import printable

if TYPE_CHECKING:
    from zoo.media.latent_pictures import Subject

run_argument = click.argument("run", type=click.Path(path_type=Path))
split_option = click.option(
    "--split",
    type=click.Choice(["train", "validation", "test"]),
    help="Where the examples come from.  [default: test, or validation, or train]",
)
seed_option = click.option(
    "--seed",
    type=click.IntRange(0, 2**31 - 1),
    default=0,
    show_default=True,
    help="Decides which examples are drawn.",
)


def out_option(name: str) -> Callable[[Any], Any]:
    """Return the option that names the picture."""
    return click.option(
        "--out",
        type=click.Path(path_type=Path),
        help=f"File to write.  [default: latent-{name}.png in the run's folder]",
    )


@click.group()
def latent() -> None:
    """Explore the latent space of a trained model."""


@latent.command("interpolate")
@run_argument
@click.option("--from", "first", type=click.IntRange(0), help="Index of the example to begin at.")
@click.option("--to", "last", type=click.IntRange(0), help="Index of the example to end at.")
@click.option(
    "-n",
    "--count",
    type=click.IntRange(1, 1000),
    default=8,
    show_default=True,
    help="Pairs to draw at random, where none is given.",
)
@click.option("--steps", type=click.IntRange(2, 100), default=10, show_default=True)
@click.option(
    "--method",
    type=click.Choice(["slerp", "lerp"]),
    default="slerp",
    show_default=True,
    help="On an arc, or on a straight line.",
)
@split_option
@seed_option
@out_option("interpolate")
def interpolate(
    *,
    run: Path,
    first: int | None,
    last: int | None,
    count: int,
    steps: int,
    method: Literal["slerp", "lerp"],
    split: str | None,
    seed: int,
    out: Path | None,
) -> None:
    """Draw what lies between pairs of examples of a RUN's data.

    Each row begins and ends with the examples themselves.
    """
    if (first is None) != (last is None):
        raise click.UsageError("Give both --from and --to, or neither.")
    subject = _open(run, split=split)
    import numpy as np

    from zoo.media.latent_pictures import draw_interpolation, draw_pairs

    given = first is not None
    pairs = np.array([[first, last]]) if given else draw_pairs(subject, count, seed)
    path = draw_interpolation(subject, pairs, steps=steps, method=method, out=out)
    click.echo(f"From and to: {', '.join(f'{a}-{b}' for a, b in pairs)} {_source(subject)}")
    click.echo(f"Picture: {path}")


@latent.command("traverse")
@run_argument
@click.option(
    "--index",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Index of the example whose code is varied.",
)
@click.option("--steps", type=click.IntRange(2, 100), default=9, show_default=True)
@click.option(
    "--span",
    type=click.FloatRange(0, min_open=True),
    default=3.0,
    show_default=True,
    help="How far to either side, in standard deviations of the codes.",
)
@click.option(
    "--dimensions",
    type=click.IntRange(1),
    default=10,
    show_default=True,
    help="Rows at the most; those that change the picture most come first.",
)
@split_option
@out_option("traverse")
def traverse(
    *,
    run: Path,
    index: int,
    steps: int,
    span: float,
    dimensions: int,
    split: str | None,
    out: Path | None,
) -> None:
    """Draw what each latent dimension of a RUN's model does to an example."""
    subject = _open(run, split=split)
    from zoo.media.latent_pictures import draw_traversal

    path, order = draw_traversal(
        subject, index, steps=steps, span=span, dimensions=dimensions, out=out
    )
    click.echo(
        f"Rows, the dimension that changes the picture most first: {', '.join(map(str, order))}"
    )
    click.echo(f"Picture: {path}")


@latent.command("reconstruct")
@run_argument
@click.option(
    "-n",
    "--count",
    type=click.IntRange(1, 10_000),
    default=16,
    show_default=True,
    help="Examples at the most.",
)
@click.option("--data", help="Name of a data set, or a folder of images.  [default: the run's own]")
@split_option
@seed_option
@out_option("reconstruct")
def reconstruct(
    *,
    run: Path,
    count: int,
    data: str | None,
    split: str | None,
    seed: int,
    out: Path | None,
) -> None:
    """Draw examples, and under each what the model of a RUN makes of its code."""
    subject = _open(run, data=data, split=split)
    from zoo.media.latent_pictures import draw_reconstruction

    path, shown = draw_reconstruction(subject, count, seed=seed, out=out)
    click.echo(f"Examples: {shown} {_source(subject)}")
    click.echo(f"Picture: {path}")


@latent.command("manifold")
@run_argument
@click.option(
    "--size",
    type=click.IntRange(1, 100),
    default=20,
    show_default=True,
    help="Pictures along each side.",
)
@click.option("--class", "class_name", help="Name of the class, for class-conditional models.")
@out_option("manifold")
def manifold(*, run: Path, size: int, class_name: str | None, out: Path | None) -> None:
    """Draw the plane that a two-dimensional latent space of a RUN's model is."""
    subject = _open(run)
    from zoo.media.latent_pictures import draw_manifold

    click.echo(f"Picture: {draw_manifold(subject, size, class_name=class_name, out=out)}")


def _open(run: Path, **source: str | None) -> "Subject":
    from zoo.planning import open_run

    opened = open_run(run)  # before what imports Keras, for it chooses the backend
    from zoo.media.latent_pictures import open_subject

    return open_subject(opened, **source)


def _source(subject: "Subject") -> str:
    return f"of the {subject.dataset.split} split of {printable(subject.dataset.name)}"
