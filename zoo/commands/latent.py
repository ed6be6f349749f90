"""`zoo latent`; what is about text stands in `latent_texts` and `latent_words`."""

from pathlib import Path
from typing import Literal

import click

from zoo.commands.latent_options import (
    Numbers,
    arrays,
    count_option,
    data_option,
    open_subject,
    out_option,
    run_argument,
    seed_option,
    show_page,
    source,
    split_option,
)
from zoo.commands.latent_texts import captions
from zoo.commands.latent_words import analogy, neighbours, word_map
from zoo.commands.options import MOST, MOST_SPREAD, FilePath, Number, Text, say
from zoo.registry import printable


@click.group()
def latent() -> None:
    """Explore the latent space of a trained model.

    Numbers mean the examples of a split of the data where the model has an encoder. Where it has
    none they mean the samples of --seed. `zoo latent sheet` shows them.
    """


for _command in (captions, neighbours, analogy, word_map):
    latent.add_command(_command)


@latent.command("sheet")
@run_argument
@count_option("Pictures.", 100, 1000)
@data_option
@split_option
@seed_option
@out_option("sheet")
def sheet(
    *,
    run: Path,
    count: int,
    data: str | None,
    split: str | None,
    seed: int,
    out: Path | None,
) -> None:
    """Draw examples or samples of a RUN with their numbers, to choose from."""
    subject = open_subject(run, data=data, split=split, seed=seed)
    from zoo.media.latent_pictures import draw_sheet

    path = draw_sheet(subject, count, out=out)
    click.echo(f"Numbers: {count} {source(subject)}")
    show_page(path)


@latent.command("interpolate")
@run_argument
@click.option("--from", "first", type=click.IntRange(0, MOST), help="Number to begin at.")
@click.option("--to", "last", type=click.IntRange(0, MOST), help="Number to end at.")
@count_option("Pairs to draw at random, where none is given.", 8, 1000)
@click.option("--steps", type=click.IntRange(2, 100), default=10, show_default=True)
@click.option(
    "--method",
    type=click.Choice(["slerp", "lerp"]),
    default="slerp",
    show_default=True,
    help="On an arc, or on a straight line.",
)
@data_option
@split_option
@seed_option
@out_option("interpolate")
def interpolate(
    *,
    run: Path,
    first: int | None,
    last: int | None,
    count: int,
    steps: int,
    method: Literal["slerp", "lerp"],
    data: str | None,
    split: str | None,
    seed: int,
    out: Path | None,
) -> None:
    """Draw what lies between pairs of examples of a RUN's data, or of its samples.

    Where the model has an encoder, each row begins and ends with the examples themselves.
    """
    if (first is None) != (last is None):
        raise click.UsageError("Give both --from and --to, or neither.")
    subject = open_subject(run, data=data, split=split, seed=seed)
    import numpy as np

    from zoo.media.latent_pictures import draw_interpolation, draw_pairs

    given = first is not None
    pairs = np.array([[first, last]]) if given else draw_pairs(subject, count)
    path = draw_interpolation(subject, pairs, steps=steps, method=method, out=out)
    click.echo(f"From and to: {', '.join(f'{a}-{b}' for a, b in pairs)} {source(subject)}")
    show_page(path)


@latent.command("traverse")
@run_argument
@click.option(
    "--index",
    type=click.IntRange(0, MOST),
    default=0,
    show_default=True,
    help="Number of the example or sample whose latent vector is varied.",
)
@click.option("--steps", type=click.IntRange(2, 100), default=9, show_default=True)
@click.option(
    "--span",
    type=Number(0, MOST_SPREAD, min_open=True),
    default=3.0,
    show_default=True,
    help="How far to either side, in standard deviations of the latent vectors.",
)
@click.option(
    "--dimensions",
    type=click.IntRange(1, MOST),
    default=10,
    show_default=True,
    help="Rows at the most; those that change the picture most come first.",
)
@data_option
@split_option
@seed_option
@out_option("traverse")
def traverse(
    *,
    run: Path,
    index: int,
    steps: int,
    span: float,
    dimensions: int,
    data: str | None,
    split: str | None,
    seed: int,
    out: Path | None,
) -> None:
    """Draw what each latent dimension of a RUN's model does to an example or sample."""
    subject = open_subject(run, data=data, split=split, seed=seed)
    from zoo.media.latent_pictures import draw_traversal

    path, order = draw_traversal(
        subject, index, steps=steps, span=span, dimensions=dimensions, out=out
    )
    click.echo(
        f"Rows, the dimension that changes the picture most first: {', '.join(map(str, order))}"
    )
    show_page(path)


@latent.command("reconstruct")
@run_argument
@count_option("Examples at the most.", 16, 10_000)
@data_option
@split_option
@seed_option
@out_option("reconstruct")
def reconstruct(
    *,
    run: Path,
    count: int,
    data: str | None,
    split: str | None,
    seed: int,
    out: Path | None,
) -> None:
    """Draw examples, and under each what the model of a RUN makes of its code."""
    subject = open_subject(run, data=data, split=split, seed=seed)
    from zoo.media.latent_pictures import draw_reconstruction

    path, shown = draw_reconstruction(subject, count, out=out)
    click.echo(f"Examples: {shown} {source(subject)}")
    show_page(path)


@latent.command("manifold")
@run_argument
@click.option(
    "--size",
    type=click.IntRange(1, 100),
    default=20,
    show_default=True,
    help="Pictures along each side.",
)
@click.option(
    "--class", "class_name", type=Text(), help="Name of the class, for class-conditional models."
)
@out_option("manifold")
def manifold(*, run: Path, size: int, class_name: str | None, out: Path | None) -> None:
    """Draw the plane that a two-dimensional latent space of a RUN's model is."""
    subject = open_subject(run)
    from zoo.media.latent_pictures import draw_manifold

    show_page(draw_manifold(subject, size, class_name=class_name, out=out))


@latent.command("arithmetic")
@run_argument
@click.option("--plus", type=Numbers(), multiple=True, help="A concept to add, such as 3,14,15.")
@click.option("--minus", type=Numbers(), multiple=True, help="A concept to take away.")
@data_option
@split_option
@seed_option
@out_option("arithmetic")
def arithmetic(
    *,
    run: Path,
    plus: tuple[tuple[int, ...], ...],
    minus: tuple[tuple[int, ...], ...],
    data: str | None,
    split: str | None,
    seed: int,
    out: Path | None,
) -> None:
    """Add and subtract concepts, each the mean of several examples or samples of a RUN.

    --plus and --minus may be given several times. A class-conditional model decodes the result
    with the class of the first number.
    """
    if not plus or len(plus) + len(minus) < 2:
        raise click.UsageError("Give two concepts or more, one of them with --plus.")
    subject = open_subject(run, data=data, split=split, seed=seed)
    from zoo.media.latent_pictures import draw_arithmetic

    path = draw_arithmetic(subject, arrays(plus), arrays(minus), out=out)
    terms = [
        f"{sign} ({', '.join(map(str, numbers))})"
        for sign, numbers in [
            *(("+", numbers) for numbers in plus),
            *(("-", numbers) for numbers in minus),
        ]
    ]
    click.echo(f"Sum: {' '.join(terms)} {source(subject)}")
    show_page(path)


@latent.command("invert")
@run_argument
@click.argument("images", nargs=-1, type=FilePath())
@click.option("--index", type=Numbers(), help="Examples of the data in place of files, as in 3,14.")
@click.option(
    "--class", "class_name", type=Text(), help="What the files show, for class-conditional models."
)
@click.option("--steps", type=click.IntRange(1, 100_000), default=300, show_default=True)
@click.option(
    "--restarts",
    type=click.IntRange(1, 1000),
    default=8,
    show_default=True,
    help="Starts for each image, of which the best end is kept.",
)
@click.option("--save-latents", type=FilePath(), help="Keep the latent vectors as .npy.")
@data_option
@split_option
@seed_option
@out_option("invert")
def invert(
    *,
    run: Path,
    images: tuple[Path, ...],
    index: tuple[int, ...] | None,
    class_name: str | None,
    steps: int,
    restarts: int,
    save_latents: Path | None,
    data: str | None,
    split: str | None,
    seed: int,
    out: Path | None,
) -> None:
    """Find the latent vectors whose pictures come nearest to IMAGES, by gradient descent.

    Images are files, cropped around the centre and resized, or with --index examples of the data,
    whether the model has an encoder or not.
    """
    if bool(images) == (index is not None):
        raise click.UsageError("Give files, or examples of the data with --index.")
    if index is None and (data is not None or split is not None):
        raise click.UsageError("--data and --split say what --index means. Give --index.")
    if index is not None and class_name is not None:
        raise click.UsageError("--class is for files; the examples of --index have their own.")
    from zoo.planning import open_run

    opened = open_run(run)  # before what imports Keras, for it chooses the backend
    import numpy as np

    from zoo.media.latent_inversion import draw_inversion, open_inversion, read_files, read_numbers
    from zoo.media.place import place_of

    if save_latents is not None:
        save_latents = place_of(save_latents, ".npy")
    model = open_inversion(opened)
    if index is None:
        targets = read_files(opened, model, images, class_name)
    else:
        targets = read_numbers(opened, model, np.array(index), data=data, split=split)
    path, found = draw_inversion(
        opened,
        model,
        targets,
        steps=steps,
        restarts=restarts,
        seed=seed,
        latents_path=save_latents,
        out=out,
    )
    for name, error in zip(targets.names, found.squared_errors, strict=True):
        say(f"Squared error: {error:.4g} {name}")
    if save_latents is not None:
        say(f"Latents: {save_latents}")
    show_page(path)


@latent.command("attribute")
@run_argument
@click.option(
    "--class", "class_name", type=Text(), required=True, help="Class to which the direction leads."
)
@click.option("--against", type=Text(), help="Class from which it leads.  [default: all others]")
@click.option("--index", type=Numbers(), help="Numbers of the rows.  [default: drawn by --seed]")
@count_option("Rows, where no numbers are given.", 8, 100)
@click.option(
    "--strength",
    type=Number(0, MOST_SPREAD, min_open=True),
    default=3.0,
    show_default=True,
    help="How far to either side, in standard deviations of the latent vectors.",
)
@click.option("--steps", type=click.IntRange(2, 100), default=7, show_default=True)
@data_option
@split_option
@seed_option
@out_option("attribute")
def attribute(
    *,
    run: Path,
    class_name: str,
    against: str | None,
    index: tuple[int, ...] | None,
    count: int,
    strength: float,
    steps: int,
    data: str | None,
    split: str | None,
    seed: int,
    out: Path | None,
) -> None:
    """Draw images of a RUN with more and less of an attribute, which is a class of labelled data.

    A model with an encoder learns the direction from the examples of --split. Of one without, the
    samples are labelled by a classifier that is trained on the data.
    """
    subject = open_subject(run, data=data, split=split, seed=seed, labels_samples=True)
    import numpy as np

    from zoo.media.latent_attribute import draw_attribute

    path, direction, numbers = draw_attribute(
        subject,
        class_name,
        against,
        data=data,
        numbers=None if index is None else np.array(index),
        count=count,
        strength=strength,
        steps=steps,
        out=out,
    )
    click.echo(
        f"Direction: {printable(class_name)} against {printable(against or 'all others')}; "
        f"{direction.accuracy:.1%} of held-out latent vectors are on the right side (chance: 50 %)"
    )
    click.echo(f"Rows: {', '.join(map(str, numbers))} {source(subject)}")
    show_page(path)
