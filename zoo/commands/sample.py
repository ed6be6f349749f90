"""`zoo sample`."""

from pathlib import Path

import click


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "-n",
    "--count",
    type=click.IntRange(1, 100_000),
    help="How many.  [default: 64 images, 16 films, 8 sounds]",
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True)
@click.option("--class", "class_name", help="Name of the class, for class-conditional models.")
@click.option(
    "--temperature", type=click.FloatRange(0), help="Spread of the latents; 1 is the prior's own."
)
@click.option(
    "--truncation",
    type=click.FloatRange(0, min_open=True),
    help="Largest size of a number of a latent; for models with a normal prior.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(0, min_open=True),
    help="Length of sounds; for models that can make any.  [default: as in training]",
)
@click.option(
    "--sample-rate",
    "sample_rate_hz",
    type=int,
    help="Rate in Hz of the WAV files.  [default: the model's]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Picture to write; sounds are written as WAV too, beside it.  [default: samples.png in "
    "the run's folder]",
)
def sample(
    *,
    run: Path,
    count: int | None,
    seed: int,
    class_name: str | None,
    temperature: float | None,
    truncation: float | None,
    seconds: float | None,
    sample_rate_hz: int | None,
    out: Path | None,
) -> None:
    """Draw samples from a trained RUN and write them as a picture, a film, or sounds."""
    from zoo.planning import open_run

    opened = open_run(run)  # before what imports Keras, for it chooses the backend
    from zoo.sampling import write_samples

    written = write_samples(
        opened,
        count,
        seed=seed,
        class_name=class_name,
        temperature=temperature,
        truncation=truncation,
        seconds=seconds,
        sample_rate_hz=sample_rate_hz,
        out=out,
    )
    click.echo(f"Samples: {', '.join(map(str, written))}")
