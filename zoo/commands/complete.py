"""`zoo complete`."""

from pathlib import Path
from typing import Literal

import click

from zoo.commands.latent_options import (
    Numbers,
    count_option,
    data_option,
    run_argument,
    show_page,
    split_option,
)
from zoo.commands.options import MOST, MOST_SPREAD, FilePath, Number, Text, say


@click.command()
@run_argument
@click.argument("files", nargs=-1, type=FilePath())
@click.option(
    "--known",
    type=click.Choice(["top", "left"]),
    help="Side of an image from which on it is given.  [default: top]",
)
@click.option(
    "--fraction",
    type=Number(0, 1),
    help="Share of an image, or of a sound, sketch or text from its beginning, that is given.  "
    "[default: 0.5]",
)
@click.option("--seconds", type=Number(0, 3600), help="First seconds of a sound that are given.")
@click.option(
    "--frames",
    type=click.IntRange(0, MOST),
    help="First frames of a film that are given.  [default: a half]",
)
@click.option("--index", type=Numbers(), help="Numbers of examples of the data, as in 3,14.")
@count_option("Examples of the data, where no numbers are given.", 4, 1000)
@data_option
@split_option
@click.option(
    "--class", "class_name", type=Text(), help="What to complete them as, for models that take one."
)
@click.option(
    "--variants",
    type=click.IntRange(1, 100),
    default=4,
    show_default=True,
    help="Different completions of each.",
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True)
@click.option(
    "--temperature",
    type=Number(0, MOST_SPREAD),
    help="Below 1 for more usual completions.  [default: 1]",
)
@click.option(
    "--out",
    type=FilePath(),
    help="File to write.  [default: complete.png in the run's folder; of text, .txt]",
)
def complete(
    *,
    run: Path,
    files: tuple[Path, ...],
    known: Literal["top", "left"] | None,
    fraction: float | None,
    seconds: float | None,
    frames: int | None,
    index: tuple[int, ...] | None,
    count: int,
    data: str | None,
    split: str | None,
    class_name: str | None,
    variants: int,
    seed: int,
    temperature: float | None,
    out: Path | None,
) -> None:
    """Complete begun examples by the model of a RUN.

    FILES are images, WAV files or GIF films, as the model was trained on; without any, held-out
    examples of its data are completed, or examples of --data, such as a file of your own sketches
    or text. A part of each is given, and the model makes the rest.
    """
    source = click.get_current_context().get_parameter_source("count")
    counted = source is not click.core.ParameterSource.DEFAULT
    if files and (counted or index is not None or data is not None or split is not None):
        raise click.UsageError(
            "Give files, or examples of the data with --index, --count, --data and --split."
        )
    if fraction is not None and seconds is not None:
        raise click.UsageError("Give --fraction or --seconds, not both.")
    from zoo.planning import open_run

    opened = open_run(run)  # before what imports Keras, for it chooses the backend
    from zoo.completion import Given, complete_run
    from zoo.media.completion import completion_path, save_completion
    from zoo.planning import card_of

    path = completion_path(card_of(opened.request).kind, opened.path, out)
    completion = complete_run(
        opened,
        Given(known=known, fraction=fraction, seconds=seconds, frames=frames),
        files=files,
        numbers=index,
        count=count,
        data=data,
        split=split,
        class_name=class_name,
        variants=variants,
        seed=seed,
        temperature=temperature,
        preview=path.with_name(f"{path.stem}-preview.wav"),
    )
    for number, name in enumerate(completion.begun.names):
        say(f"Row {number + 1}: {name}")
    picture, *others = save_completion(completion, path)
    for other in others:
        say(f"Beside it: {other}")
    show_page(picture)
