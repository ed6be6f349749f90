"""What the commands of `zoo latent` share: their options, and how they open a run."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zoo.commands.options import FilePath, Text, say
from zoo.registry import printable

if TYPE_CHECKING:
    import numpy as np

    from zoo.media.latent_subject import Subject
    from zoo.runs import Run


class Numbers(click.ParamType):
    """`3,14,15` as a tuple of whole numbers."""

    name = "numbers"

    def convert(
        self,
        value: str | tuple[int, ...],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[int, ...]:
        """Return the numbers."""
        if isinstance(value, tuple):
            return value
        parts = [part.strip() for part in value.split(",")]
        if not all(part.isascii() and part.isdigit() and len(part) < 10 for part in parts):
            self.fail(f"'{value}' is no list of numbers. Give them as in 3,14,15.", param, ctx)
        return tuple(map(int, parts))


run_argument = click.argument("run", type=FilePath())
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
    help="Decides which samples have the numbers, and what is drawn at random.",
)
# `--data` where it replaces the run's own.
data_option = click.option(
    "--data",
    type=Text(),
    help="Name of a data set, or a path.  [default: the run's own]",
)


def out_option(name: str) -> Callable[[Any], Any]:
    """Return the option that names the picture."""
    return click.option(
        "--out",
        type=FilePath(),
        help=f"File to write.  [default: latent-{name}.png in the run's folder; of text, .txt]",
    )


def count_option(help_text: str, default: int, most: int) -> Callable[[Any], Any]:
    """Return the option that says how many."""
    return click.option(
        "-n",
        "--count",
        type=click.IntRange(1, most),
        default=default,
        show_default=True,
        help=help_text,
    )


def open_subject(run: Path, **options: Any) -> "Subject":
    """Return what is explored, on the backend that the run was trained on."""
    from zoo.planning import open_run

    opened = open_run(run)  # before what imports Keras, for it chooses the backend
    from zoo.media import latent_subject

    return latent_subject.open_subject(opened, **options)


def show_page(path: Path) -> None:
    """Say where a page is; what is text is shown too."""
    if path.suffix == ".txt":
        click.echo(path.read_text(encoding="utf-8"), nl=False)
        say(f"Text: {path}")
    else:
        say(f"Picture: {path}")


def source(subject: "Subject") -> str:
    """Return what the numbers of a subject mean."""
    return printable(str(subject))


def arrays(concepts: tuple[tuple[int, ...], ...]) -> "list[np.ndarray]":
    """Return the numbers of each concept as an array."""
    import numpy as np

    return [np.array(numbers) for numbers in concepts]


def warn_of_unknown_words(run: "Run", texts: Sequence[str]) -> None:
    """Name on stderr the words of texts that the model of a run does not know, if any."""
    from zoo.illustrating import warning_of_unknown_words

    warning = warning_of_unknown_words(run.request.config, texts)
    if warning is not None:
        click.echo(f"warning: {warning}", err=True)
