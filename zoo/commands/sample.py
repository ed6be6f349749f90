"""`zoo sample`."""

from pathlib import Path

import click

from zoo.commands.latent_options import warn_of_unknown_words
from zoo.commands.options import MOST, FilePath, Number, Temperatures, Text, say


@click.command()
@click.argument("run", type=FilePath())
@click.option(
    "-n",
    "--count",
    type=click.IntRange(1, 100_000),
    help="How many.  [default: 64; 32 with captions, 16 films, 8 sounds, 8 of each text, 10 of "
    "each of several temperatures]",
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True)
@click.option(
    "--class", "class_name", type=Text(), help="Name of the class, for class-conditional models."
)
@click.option(
    "--temperature",
    "temperatures",
    type=Temperatures(),
    default=(),
    help="Spread of the latents, or of the draws of elements; 1 is the model's own. Several, as in "
    "0.2,0.6,1, are shown one below the other.",
)
@click.option(
    "--truncation",
    type=Number(0, min_open=True),
    help="Largest size of a number of a latent; for models with a normal prior.",
)
@click.option(
    "--top-k",
    type=click.IntRange(1, MOST),
    help="Draw each token from the K most likely ones alone; for models of text.",
)
@click.option(
    "--nucleus",
    type=Number(0, 1, min_open=True),
    help="Draw each token from the fewest that have this probability together; for models of text.",
)
@click.option(
    "--seconds",
    type=Number(0, 3600, min_open=True),
    help="Length of sounds; for models that can make any.  [default: as in training]",
)
@click.option(
    "--sample-rate",
    "sample_rate_hz",
    type=int,
    help="Rate in Hz of the WAV files.  [default: the model's]",
)
@click.option(
    "--text",
    "texts",
    type=Text(),
    multiple=True,
    help="What to make images of; for models that take text. Can be given again: a row for each.",
)
@click.option(
    "--texts",
    "texts_file",
    type=FilePath(),
    metavar="FILE",
    help="File with a text a line, in place of --text or beside it.",
)
@click.option(
    "--embeddings",
    type=FilePath(),
    metavar="FILE",
    help="An .npz file of embeddings, for models that were trained on such: of the texts that are "
    "given, or else images of all that it holds are made.",
)
@click.option(
    "--out",
    type=FilePath(),
    help="File to write; sounds are written as WAV too, beside the picture.  [default: samples.png "
    "in the run's folder; of text, .txt]",
)
def sample(
    *,
    run: Path,
    count: int | None,
    seed: int,
    class_name: str | None,
    temperatures: tuple[float, ...],
    truncation: float | None,
    top_k: int | None,
    nucleus: float | None,
    seconds: float | None,
    sample_rate_hz: int | None,
    texts: tuple[str, ...],
    texts_file: Path | None,
    embeddings: Path | None,
    out: Path | None,
) -> None:
    """Draw samples from a trained RUN and write them as a picture, a film, sounds, or text."""
    from zoo.planning import open_run

    opened = open_run(run)  # before what imports Keras, for it chooses the backend
    from zoo.illustrating import read_texts
    from zoo.sampling import write_samples

    asked = [*texts, *(read_texts(texts_file) if texts_file is not None else ())]
    written = write_samples(
        opened,
        count,
        seed=seed,
        class_name=class_name,
        temperatures=temperatures,
        options={"truncation": truncation, "top_k": top_k, "nucleus": nucleus},
        seconds=seconds,
        sample_rate_hz=sample_rate_hz,
        texts=asked,
        embeddings=embeddings,
        out=out,
    )
    if asked:
        warn_of_unknown_words(opened, asked)
    if written[0].suffix == ".txt":
        click.echo(written[0].read_text(encoding="utf-8"), nl=False)
    say(f"Samples: {', '.join(map(str, written))}")
