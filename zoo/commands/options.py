"""Parameter types that several commands share; each knows how to complete itself."""

import functools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from zoo import registry
from zoo.data.forms import OPTIONS, PAIRS


def say(line: str) -> None:
    """Print one line, in which the names of files do nothing to a terminal."""
    click.echo(registry.printable(line).replace("\n", "\\n"))


class Text(click.types.StringParamType):
    """Any text but an empty one, which a shell makes of a variable that is not set."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text."""
        return str(super().convert(_not_empty(self, value, param, ctx), param, ctx))


class FilePath(click.Path):
    """A path of a file or folder, whether it is there or not; not an empty one."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path."""
        return super().convert(_not_empty(self, value, param, ctx), param, ctx)


class Number(click.FloatRange):
    """A number in a range; neither NaN nor infinity, which click takes for one."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"'{value}' is not a finite number.", param, ctx)
        return number


MOST_SPREAD = 1000  # beyond which all numbers of a model overflow
MOST = 10**9  # of whatever is counted; what is larger is a slip, and may not fit into 64 bits


def _not_empty(
    kind: click.ParamType, value: Any, param: click.Parameter | None, ctx: click.Context | None
) -> Any:
    if value == "":
        kind.fail("'' is empty. Was a variable of the shell not set?", param, ctx)
    return value


class ModelName(Text):
    """The name of an installed model, checked by the registry when it is used."""

    name = "model"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the usable models that begin with `incomplete`, each with its summary."""
        return [
            CompletionItem(entry.name, help=registry.printable(entry.card.summary))
            for entry in registry.entries()
            if entry.card is not None and entry.name.startswith(incomplete)
        ]


model_argument = click.argument("model", type=ModelName())
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


class ImageSize(click.ParamType):
    """`N` or `HxW` in pixels, as (H, W)."""

    name = "size"

    def convert(
        self, value: str | tuple[int, int], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Return (H, W)."""
        if isinstance(value, tuple):
            return value
        sides = value.lower().split("x")
        if len(sides) > 2 or not all(side.isascii() and side.isdigit() for side in sides):
            self.fail(
                f"'{value}' is not a size. Give N or HxW in pixels, such as 32 or 48x64.",
                param,
                ctx,
            )
        # Python refuses to read a number of thousands of digits.
        height, width = (int(side) if len(side) < 10 else 10**9 for side in (sides[0], sides[-1]))
        if not (0 < height <= 4096 and 0 < width <= 4096):
            self.fail(f"'{value}' must lie between 1 and 4096 pixels a side.", param, ctx)
        return height, width


class Temperatures(click.ParamType):
    """`0.2,0.6,1` as a tuple of numbers that are not negative."""

    name = "temperatures"

    def convert(
        self,
        value: str | tuple[float, ...],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[float, ...]:
        """Return the numbers."""
        if isinstance(value, tuple):
            return value
        one = Number(0, MOST_SPREAD)
        return tuple(float(one(part.strip(), param, ctx)) for part in value.split(","))


_DOMAINS_OPTIONS = (
    click.option(
        "--data-b", type=Text(), metavar="DATA", help="Domain B, where the data are domain A alone."
    ),
    click.option(
        "--pair",
        type=click.Choice(PAIRS),
        help="Make both domains of one set of images: of the halves of each file, of colours or "
        "of sizes.",
    ),
)
_FORM_OPTIONS = (
    click.option(
        "--image-size", type=ImageSize(), help="Crop and resize images to N or HxW pixels."
    ),
    click.option(
        "--sample-rate",
        "sample_rate_hz",
        type=click.IntRange(1_000, 768_000),
        metavar="HZ",
        help="Resample sounds.",
    ),
    click.option(
        "--clip-seconds",
        type=Number(0, 600, min_open=True),
        metavar="S",
        help="Length of an example; longer sounds are cut into several, shorter ones end in "
        "silence.  [default: of the longest sound, if that has at most 4 s; else 1]",
    ),
    click.option(
        "--trim-silence",
        is_flag=True,
        help="Cut what is 40 dB below its peak from both ends of a sound.",
    ),
    click.option(
        "--max-length",
        type=click.IntRange(1, 10_000),
        metavar="N",
        help="Leave out sketches of more points, or passages and captions of more tokens.  "
        "[default: 250 points, 60 words, 200 characters]",
    ),
    click.option(
        "--tokens",
        type=click.Choice(["word", "character"]),
        help="What a token of text is.  [default: word]",
    ),
    click.option(
        "--vocabulary-size",
        type=click.IntRange(3, 1_000_000),
        metavar="N",
        help="Keep the most frequent tokens of the text.  [default: 10,000 words, 20,000 "
        "characters]",
    ),
    click.option(
        "--passages",
        type=click.Choice(["line", "paragraph"]),
        help="What an example of text is.  [default: line]",
    ),
    *_DOMAINS_OPTIONS,
    click.option(
        "--embeddings",
        type=Text(),
        metavar="FILE",
        help="An .npz file with an embedding of every caption; without, the model makes its own.",
    ),
)


def domains_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that name a second domain, or make it, as `data_b` and `pair`."""
    for option in reversed(_DOMAINS_OPTIONS):
        command = option(command)
    return command


def form_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say in which form data are read; the command takes them as `form`."""

    @functools.wraps(command)
    def with_form(**options: Any) -> Any:
        asked = {name: options.pop(name) for name in OPTIONS}
        form = {name: value for name, value in asked.items() if value not in (None, False)}
        return command(form=form, **options)

    for option in reversed(_FORM_OPTIONS):
        with_form = option(with_form)
    return with_form
