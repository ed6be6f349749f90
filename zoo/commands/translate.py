"""`zoo translate`."""

from pathlib import Path
from typing import Literal

import click

from zoo.commands.latent_options import run_argument
from zoo.commands.options import MOST, FilePath, say
from zoo.registry import printable


@click.command()
@run_argument
@click.argument("paths", nargs=-1, required=True, type=FilePath())
@click.option(
    "--to",
    required=True,
    type=click.Choice(["A", "B"]),
    help="Domain to translate to; the images are taken for ones of the other.",
)
@click.option(
    "--out",
    type=FilePath(),
    help="Folder to write PNG files to.  [default: translated-to-A or -B in the run's folder]",
)
@click.option(
    "--max-pixels",
    type=click.IntRange(1, MOST),
    metavar="N",
    help="Translate an image of more pixels in tiles, to save memory; for models that take images "
    "of any size. A network that normalises each image by itself (instance normalisation) does so "
    "with each tile, whose brightness and contrast can then differ from the whole's.  "
    "[default: 1048576]",
)
def translate(
    *,
    run: Path,
    paths: tuple[Path, ...],
    to: Literal["A", "B"],
    out: Path | None,
    max_pixels: int | None,
) -> None:
    """Translate images to a domain of the model of a RUN.

    PATHS are image files and folders of them, whose sub-folders are kept. Beside the translated
    images stands sheet.png, a contact sheet of the first sixteen.
    """
    from zoo.planning import open_run

    opened = open_run(run)  # before what imports Keras, for it chooses the backend
    from zoo.translating import translate_files

    result = translate_files(opened, paths, to, out=out, max_pixels=max_pixels)
    for reason in result.skipped:
        click.echo(f"Left out: {printable(reason)}", err=True)
    if result.resized_to is not None:
        height, width = result.resized_to
        click.echo(
            f"Cropped and resized to {width}x{height} pixels, as the model was trained on them"
        )
    if result.tiled:
        click.echo(f"In tiles, because they are large: {result.tiled}")
    total = len(result.written) + len(result.skipped)
    click.echo(f"Translated to {to}: {len(result.written)} of {total} images")
    say(f"Images: {result.folder}")
    say(f"Contact sheet: {result.sheet}")
