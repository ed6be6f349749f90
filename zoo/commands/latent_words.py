"""`zoo latent neighbours|analogy|map`: the vectors that a model has for words."""

from pathlib import Path
from typing import Any, Literal

import click

from zoo.commands.latent_options import count_option, run_argument, seed_option
from zoo.commands.options import FilePath, Text, say
from zoo.registry import printable


@click.command()
@run_argument
@click.argument("words", type=Text(), nargs=-1, required=True, metavar="WORD...")
@count_option("Neighbours of each.", 10, 1000)
def neighbours(*, run: Path, words: tuple[str, ...], count: int) -> None:
    """Show the words nearest to each WORD by the vectors of a RUN's model."""
    model = open_words(run)
    from zoo.words import nearest_words

    for word in words:
        _show(printable(word), nearest_words(model, word, count))


@click.command()
@run_argument
@click.argument("a", type=Text())
@click.argument("b", type=Text())
@click.argument("c", type=Text())
@count_option("Answers.", 5, 1000)
def analogy(*, run: Path, a: str, b: str, c: str, count: int) -> None:
    """Show the words nearest to A - B + C, as in king man woman.

    B is to A as C is to the answer.
    """
    model = open_words(run)
    from zoo import words

    _show(f"{printable(a)} - {printable(b)} + {printable(c)}", words.analogy(model, a, b, c, count))


@click.command("map")
@run_argument
@click.argument("words", type=Text(), nargs=-1, metavar="[WORD]...")
@count_option("Most frequent words to show, where none are given.", 100, 2000)
@click.option(
    "--method",
    type=click.Choice(["pca", "tsne"]),
    default="pca",
    show_default=True,
    help="Along the two directions in which the words differ most, or so that near words stay "
    "near.",
)
@seed_option
@click.option(
    "--out",
    type=FilePath(),
    help="PNG or SVG to write.  [default: latent-map.png in the run's folder]",
)
def word_map(
    *,
    run: Path,
    words: tuple[str, ...],
    count: int,
    method: Literal["pca", "tsne"],
    seed: int,
    out: Path | None,
) -> None:
    """Draw a map of words by the vectors of a RUN's model: of each WORD, or of frequent ones."""
    if out is not None and out.suffix.lower() not in ("", ".png", ".svg"):
        raise click.UsageError(f"The map is written as .png or .svg. Received: '{out.name}'.")
    model = open_words(run)
    from zoo.media.place import place_of
    from zoo.words import frequent_words, save_word_map
    from zoo.words import word_map as places_of

    path = out or run / "latent-map.png"
    path = place_of(path, path.suffix.lower() or ".png")
    shown = list(words) or frequent_words(model, count)
    save_word_map(shown, places_of(model, shown, method, seed=seed), path)
    say(f"Picture: {path}")


def open_words(run: Path) -> Any:
    """Return the model of a run, which has vectors for words.

    Raises:
        ZooError: If it has none.
    """
    from zoo.errors import ZooError
    from zoo.planning import open_run

    opened = open_run(run)  # before what imports Keras, for it chooses the backend
    from zoo.training import load_model
    from zoo.words import HasWordVectors

    model = load_model(opened)
    if not isinstance(model, HasWordVectors):
        raise ZooError(
            f"'{opened.request.model}' has no vectors of words. Expected: the run of a model that "
            "does, such as word2vec."
        )
    return model


def _show(title: str, found: list[tuple[str, float]]) -> None:
    click.echo(title)
    for word, cosine in found:
        click.echo(f"  {cosine:.3f}  {printable(word)}")
