"""Parameter types that several commands share; each knows how to complete itself."""

from collections.abc import Callable
from typing import Any

import click
from click.shell_completion import CompletionItem

from zoo import registry


class ModelName(click.ParamType):
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
            self.fail(f"'{value}' is not a size. Give N or HxW in pixels, such as 32 or 48x64.")
        height, width = int(sides[0]), int(sides[-1])
        if not (0 < height <= 4096 and 0 < width <= 4096):
            self.fail(f"'{value}' must lie between 1 and 4096 pixels a side.")
        return height, width


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
        type=click.FloatRange(0, 600, min_open=True),
        metavar="S",
        help="Length of an example; longer sounds are cut into several, shorter ones end in "
        "silence.  [default: of the longest sound, if that has at most 4 s; else 1]",
    ),
    click.option(
        "--trim-silence",
        is_flag=True,
        help="Cut what is 40 dB below its peak from both ends of a sound.",
    ),
)


def form_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say in which form images and sounds are read."""
    for option in reversed(_FORM_OPTIONS):
        command = option(command)
    return command
