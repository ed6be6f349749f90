"""`zoo latent captions`: what lies between texts, for models that make images of text."""

from pathlib import Path

import click

from zoo.commands.latent_options import (
    count_option,
    out_option,
    run_argument,
    seed_option,
    show_page,
    warn_of_unknown_words,
)
from zoo.commands.options import FilePath, Text


@click.command()
@run_argument
@click.argument("texts", type=Text(), nargs=-1, metavar="TEXT TEXT...")
@click.option(
    "--steps",
    type=click.IntRange(2, 100),
    default=8,
    show_default=True,
    help="Pictures from one text to the next, with both.",
)
@count_option("Rows, each made of other noise.", 4, 100)
@click.option(
    "--embeddings",
    type=FilePath(),
    metavar="FILE",
    help="An .npz file of embeddings of the texts, for models that were trained on such.",
)
@seed_option
@out_option("captions")
def captions(
    *,
    run: Path,
    texts: tuple[str, ...],
    steps: int,
    count: int,
    embeddings: Path | None,
    seed: int,
    out: Path | None,
) -> None:
    """Draw what lies between the texts of images that a RUN's model makes.

    What a row is made of beside text stays the same; from each TEXT to the next its embedding moves
    on a straight line.
    """
    if len(texts) < 2:
        raise click.UsageError("Give two texts or more, each in quotes.")
    from zoo.planning import open_run

    opened = open_run(run)  # before what imports Keras, for it chooses the backend
    from zoo.illustrating import open_illustrator
    from zoo.media.latent_texts import draw_between

    model = open_illustrator(opened)
    path = draw_between(
        opened, model, texts, steps=steps, count=count, seed=seed, file=embeddings, out=out
    )
    warn_of_unknown_words(opened, texts)
    show_page(path)
