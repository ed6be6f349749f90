"""`zoo data`: what data sets there are, what one holds, and how one is brought in."""

import json
from pathlib import Path

import click

from zoo.commands.options import ImageSize, json_option

_SOURCES = (
    "Also: a folder of images by its path, and any TensorFlow Datasets image set by its name "
    "(mnist, or tfds:mnist)."
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


_image_size = click.option(
    "--image-size", type=ImageSize(), help="Crop and resize images to N or HxW pixels."
)


@data.command()
@click.argument("name")
@_image_size
@json_option
def info(name: str, image_size: tuple[int, int] | None, as_json: bool) -> None:
    """Show what a data set holds."""
    from zoo.data import describe

    facts = describe(name, image_size=image_size)
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
@click.option("-n", "--count", type=click.IntRange(min=1), default=64, show_default=True)
@click.option("--split", default="train", show_default=True, help="train, validation or test.")
@_image_size
def show(
    name: str, out: Path | None, count: int, split: str, image_size: tuple[int, int] | None
) -> None:
    """Write a picture of examples."""
    from zoo.data import example_images
    from zoo.media import save_grid

    images = example_images(name, split=split, count=count, image_size=image_size)
    path = out or Path(f"{Path(name.removeprefix('tfds:')).resolve().name}-{split}.png")
    save_grid(images, path)
    click.echo(f"Examples: {path}")


@data.command()
@click.argument("name")
@click.option(
    "--from", "source", required=True, type=click.Path(path_type=Path), help="Folder of its files."
)
def prepare(name: str, source: Path) -> None:
    """Prepare a TensorFlow Datasets set from files, without a network."""
    from zoo.data import prepare as prepare_set

    click.echo(f"Prepared: {prepare_set(name, source)}")
