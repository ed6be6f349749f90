"""What is seen in a trained run's latent space, drawn, or of text written."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from zoo.errors import DataError, ZooError
from zoo.latent import Method, arithmetic, around, interpolate, manifold, traverse
from zoo.media.latent_page import Concept
from zoo.media.latent_subject import Subject, find_label, page_path
from zoo.metrics.examples import choose
from zoo.priors import Prior
from zoo.protocols import HasLikelihood

# Shapes: P pairs or examples, S steps, Z latent size, D dimensions shown, N size of the plane,
# K exemplars of a concept, ... one example in its public form.

NEIGHBOURS = 9  # of the result of arithmetic, itself among them


def draw_sheet(subject: Subject, count: int, *, out: Path | None = None) -> Path:
    """Draw examples or samples with the number of each below it.

    Raises:
        ZooError: If there are fewer than `count`, or the picture cannot be written.
    """
    path = page_path(subject.run, subject.page, "sheet", out)
    numbers = subject.draw(count)
    subject.page.sheet(subject.points(numbers).examples, list(map(str, numbers)), path)
    return path


def draw_interpolation(
    subject: Subject,
    pairs: np.ndarray,
    *,
    steps: int,
    method: Method,
    out: Path | None = None,
) -> Path:
    """Draw a row per pair of numbers (P, 2): what lies between their latent vectors.

    With an encoder, each row begins and ends with the examples themselves.

    Raises:
        ZooError: If there is no such number, or the picture cannot be written.
    """
    path = page_path(subject.run, subject.page, "interpolate", out)
    a, b = (subject.points(numbers) for numbers in pairs.T)
    rows = interpolate(
        subject.model, a.latents, b.latents, steps, method, labels_a=a.labels, labels_b=b.labels
    )  # (P, S, ...)
    if subject.dataset is not None:
        rows = np.concatenate([a.examples[:, None], rows, b.examples[:, None]], axis=1)
    subject.page.rows(rows, path)
    return path


def draw_pairs(subject: Subject, count: int) -> np.ndarray:
    """Return the numbers (P, 2) of different pairs chosen by the seed.

    Raises:
        DataError: If there are too few examples.
    """
    available = len(subject)
    if available < 2 * count:
        raise DataError(
            f"There are {available} numbers {subject}, which make {available // 2} pairs. "
            f"Received: a count of {count}."
        )
    chosen = np.random.default_rng(subject.seed).choice(available, (count, 2), replace=False)
    return np.asarray(chosen)


def draw_arithmetic(
    subject: Subject,
    plus: Sequence[np.ndarray],
    minus: Sequence[np.ndarray],
    *,
    out: Path | None = None,
) -> Path:
    """Draw what the sum of the concepts `plus`, less the concepts `minus`, is decoded to.

    A concept is the mean of the latent vectors with the numbers (K,). Each has a row that ends
    with what its mean is decoded to. The result stands in the middle of its neighbours. A model
    that takes the class is given that of a concept's first exemplar, and for the result that of
    the first concept's.

    Raises:
        ZooError: If there is no such number, or the picture cannot be written.
    """
    path = page_path(subject.run, subject.page, "arithmetic", out)
    points = [subject.points(numbers) for numbers in (*plus, *minus)]
    concepts = []
    for index, (numbers, exemplars) in enumerate(zip((*plus, *minus), points, strict=True)):
        label = None if exemplars.labels is None else exemplars.labels[:1]
        mean = subject.model.decode(exemplars.latents.mean(axis=0, keepdims=True), label)
        sign = "plus" if index < len(plus) else "minus"
        concepts.append(Concept(sign, numbers, exemplars.examples, mean))
    latents = [exemplars.latents for exemplars in points]
    result = arithmetic(latents[: len(plus)], latents[len(plus) :])  # (Z,)
    nearby = around(result, NEIGHBOURS, seed=subject.seed)
    nearby[NEIGHBOURS // 2] = result
    first = points[0].labels
    labels = None if first is None else np.repeat(first[:1], NEIGHBOURS)
    subject.page.sum(concepts, subject.model.decode(nearby, labels), path)
    return path


def draw_traversal(
    subject: Subject,
    number: int,
    *,
    steps: int,
    span: float,
    dimensions: int,
    out: Path | None = None,
) -> tuple[Path, list[int]]:
    """Draw a row per latent dimension, which varies while the others stay.

    The middle of a row is the mean of that dimension over latent vectors, its ends lie `span`
    standard deviations from it, or at the ends of a uniform prior if these are nearer. First come
    the dimensions along which what is seen varies most: a dimension that the decoder ignores does
    not show, however much it varies.

    Returns:
        The file, and the dimensions in the order of the rows.
    """
    path = page_path(subject.run, subject.page, "traverse", out)
    [latent], labels = subject.latents(np.array([number]))  # (Z,)
    mean, spread = subject.latent_statistics()  # (Z,) each
    ends = span * spread
    if getattr(subject.model, "prior", "normal") == "uniform":
        ends = np.minimum(ends, 1 - np.abs(mean))
    values = mean[:, None] + ends[:, None] * np.linspace(-1, 1, steps)  # (Z, S)
    label = None if labels is None else int(labels[0])
    rows = traverse(subject.model, latent, values, label)  # (Z, S, ...)
    order = np.argsort(-subject.page.change(rows), kind="stable")[:dimensions]
    subject.page.rows(rows[order], path)
    return path, order.tolist()


def draw_reconstruction(
    subject: Subject, count: int, *, out: Path | None = None
) -> tuple[Path, int]:
    """Draw examples in rows, and under each what is decoded from its code.

    Returns:
        The file, and how many examples it shows: all where there are fewer than `count`.

    Raises:
        ZooError: If the model has no encoder, or the picture cannot be written.
    """
    if subject.dataset is None:
        raise ZooError(
            f"'{subject.run.request.model}' has no encoder to reconstruct with. `zoo latent "
            "invert` looks for the latent vectors of images."
        )
    path = page_path(subject.run, subject.page, "reconstruct", out)
    points = subject.points(choose(subject.dataset, min(count, len(subject)), subject.seed))
    rebuilt = subject.model.decode(points.latents, points.labels)
    subject.page.pairs(points.examples, rebuilt, path)
    return path, len(rebuilt)


def draw_manifold(
    subject: Subject, size: int, *, class_name: str | None = None, out: Path | None = None
) -> Path:
    """Draw what lies in the plane of a two-dimensional latent space, N by N pictures.

    The plane is the model's `prior`, if it has that attribute, or standard normal if it has a
    likelihood; for the others it is where codes lie.

    Raises:
        ZooError: If the latent space has another size, or a class is missing or unknown.
    """
    path = page_path(subject.run, subject.page, "manifold", out)
    model = subject.model
    mean, spread = subject.latent_statistics()  # (Z,) each
    if len(mean) != 2:
        raise ZooError(
            f"The manifold is drawn for 2 latent dimensions. '{subject.run.path}' has {len(mean)}. "
            "Train with --set latent_size=2, or see `zoo latent traverse`."
        )
    prior: Prior = getattr(model, "prior", "normal")
    if isinstance(model, HasLikelihood) or hasattr(model, "prior"):
        mean, spread = np.zeros(2), np.ones(2)
    label = find_label(subject.run, model, class_name)
    rows = manifold(model, size, prior=prior, mean=mean, standard_deviation=spread, label=label)
    subject.page.rows(rows, path)
    return path
