"""`zoo data`: what data sets there are, what one holds, and how one is brought in."""

import json
from pathlib import Path
from typing import Any

import click

from zoo.commands.options import form_options, json_option

_SOURCES = (
    "Also: a folder of images or of sounds by its path, and any TensorFlow Datasets set of images "
    "or sounds by its name (mnist, or tfds:mnist)."
)

_LISTED = 20  # class names that a screen has room for


@click.group()
def data() -> None:
    """List, show and prepare data sets."""


@data.command("list")
@json_option
def list_data(as_json: bool) -> None:
    """List the data sets that have a name."""
    from dataclasses import asdict

    from zoo.data import dataset_cards

    cards, problems = dataset_cards()
    if as_json:
        click.echo(json.dumps([asdict(card) for card in cards.values()], indent=2))
    else:
        for card in cards.values():
            click.echo(f"{card.name}  {card.kind}  {card.summary}  [{card.licence}]")
        click.echo(_SOURCES)
    for problem in problems:
        click.echo(f"warning: {problem}", err=True)


@data.command()
@click.argument("name")
@form_options
@json_option
def info(name: str, as_json: bool, image_size: tuple[int, int] | None, **sound: Any) -> None:
    """Show what a data set holds."""
    from zoo.data import SoundForm, describe

    facts = describe(name, image_size=image_size, sound=SoundForm(**sound))
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    splits, skipped = facts.pop("splits"), facts.pop("skipped")
    for key, value in facts.items():
        click.echo(f"{key}: {_text(value)}")
    for split, about in splits.items():
        click.echo(f"{split}: {about['count']} examples, fingerprint {about['fingerprint'][:16]}")
    click.echo(f"skipped: {len(skipped)}")
    for reason in skipped:
        click.echo(f"  {reason}")


def _text(value: object) -> str:
    if not isinstance(value, list | tuple):
        return str(value)
    more = f" ... ({len(value)})" if len(value) > _LISTED else ""
    return ", ".join(map(str, value[:_LISTED])) + more or "none"


@data.command()
@click.argument("name")
@click.option(
    "--out", type=click.Path(path_type=Path), help="PNG file; <name>-<split>.png if not given."
)
@click.option(
    "-n",
    "--count",
    type=click.IntRange(min=1),
    help="How many.  [default: 64 images, 16 films, 8 sounds]",
)
@click.option("--split", default="train", show_default=True, help="train, validation or test.")
@form_options
def show(
    name: str,
    out: Path | None,
    count: int | None,
    split: str,
    image_size: tuple[int, int] | None,
    **sound: Any,
) -> None:
    """Write a picture of examples; sounds are written as WAV too, beside it."""
    from zoo.data import SoundForm, examples_of
    from zoo.media import save_samples

    examples, spec = examples_of(
        name, count, split=split, image_size=image_size, sound=SoundForm(**sound)
    )
    path = out or Path(f"{Path(name.removeprefix('tfds:')).resolve().name}-{split}.png")
    written = save_samples(spec, examples, path)
    click.echo(f"Examples: {', '.join(map(str, written))}")


@data.command()
@click.argument("name")
@click.option(
    "--from", "source", required=True, type=click.Path(path_type=Path), help="Folder of its files."
)
def prepare(name: str, source: Path) -> None:
    """Prepare a TensorFlow Datasets set from files, without a network."""
    from zoo.data import prepare as prepare_set

    click.echo(f"Prepared: {prepare_set(name, source)}")
