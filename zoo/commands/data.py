"""`zoo data`: what data sets there are, what one holds, and how one is brought in."""

import json
from pathlib import Path
from typing import Any

import click

from zoo.commands.options import MOST, FilePath, Text, form_options, json_option, say
from zoo.registry import printable

_SOURCES = (
    "Also: images, sounds, films, sketches and text by their path, and any TensorFlow Datasets set "
    "of images, sounds or text by its name (mnist, or tfds:mnist). Two domains: a folder of A/ and "
    "B/, cycle_gan/horse2zebra and its kin, two sets (--data-b), or one (--pair). Images with "
    "captions: a folder with captions.tsv, captions.csv or a .txt beside each image, and "
    "coco_captions and its kin."
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
            say(f"{card.name}  {card.kind}  {card.summary}  [{card.licence}]")
        click.echo(_SOURCES)
    for problem in problems:
        click.echo(f"warning: {problem}", err=True)


@data.command()
@click.argument("name", type=Text())
@form_options
@json_option
def info(name: str, as_json: bool, form: dict[str, Any]) -> None:
    """Show what a data set holds."""
    from zoo.data import describe

    facts = describe(name, **form)
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    splits, skipped = facts.pop("splits"), facts.pop("skipped")
    for key, value in facts.items():
        click.echo(f"{key}: {_text(value)}")
    for split, about in splits.items():
        click.echo(f"{split}: {_examples(about)}, fingerprint {about['fingerprint'][:16]}")
    click.echo(f"skipped: {len(skipped)}")
    for reason in skipped:
        say(f"  {reason}")


def _examples(about: dict[str, Any]) -> str:
    if "captions" in about:
        return f"{about['count']} examples with {about['captions']} captions"
    if "paired" not in about:
        return f"{about['count']} examples"
    pairs = ", in pairs" if about["paired"] else ""
    return f"{about['count_a']} examples of A and {about['count_b']} of B{pairs}"


def _text(value: object) -> str:
    if not isinstance(value, list | tuple):
        return str(value)
    more = f" ... ({len(value)})" if len(value) > _LISTED else ""
    items = [printable(str(item)).replace("\n", "\\n") for item in value[:_LISTED]]
    return ", ".join(items) + more or "none"


@data.command()
@click.argument("name", type=Text())
@click.option(
    "--out",
    type=FilePath(),
    help="File to write.  [default: NAME-SPLIT.png; of text, .txt]",
)
@click.option(
    "-n",
    "--count",
    type=click.IntRange(1, MOST),
    help="How many.  [default: 64; 32 with captions, 16 films, 8 sounds, 8 of each domain]",
)
@click.option(
    "--split", type=Text(), default="train", show_default=True, help="train, validation or test."
)
@form_options
def show(
    name: str,
    out: Path | None,
    count: int | None,
    split: str,
    form: dict[str, Any],
) -> None:
    """Write a picture of examples, or text; sounds are written as WAV too, beside it."""
    from zoo.data import examples_of
    from zoo.media import save_samples
    from zoo.media.samples import samples_suffix

    examples, spec = examples_of(name, count, split=split, **form)
    stem = Path(name.removeprefix("tfds:")).resolve().name
    path = out or Path(f"{stem}-{split}{samples_suffix(spec.kind)}")
    written = save_samples(spec, examples, path)
    say(f"Examples: {', '.join(map(str, written))}")


@data.command()
@click.argument("name", type=Text())
@click.option("--from", "source", required=True, type=FilePath(), help="Folder of its files.")
def prepare(name: str, source: Path) -> None:
    """Prepare a TensorFlow Datasets set from files, without a network."""
    from zoo.data import prepare as prepare_set

    say(f"Prepared: {prepare_set(name, source)}")
