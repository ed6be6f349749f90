"""Pictures of an attribute's direction: images that have it less to the left, more to the right.

With an encoder, labelled codes say where an attribute lies. Without one, samples do, which a
classifier labels that was trained on the labelled data.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from zoo.attributes import FOLDS, Direction, find_direction, slide
from zoo.errors import DataError, ZooError, did_you_mean
from zoo.media.latent_subject import Subject, page_path
from zoo.metrics.evaluation import load_examples
from zoo.metrics.examples import takes_class
from zoo.metrics.features import feature_network

# Shapes: P examples, B batch, N labelled latent vectors, S strengths, Z latent size, ... one
# example in its public form.

ENOUGH = 1000  # labelled latent vectors with the attribute, and as many without
LABELLED_PER_CALL = 500


@dataclass(frozen=True)
class Labelled:
    """Latent vectors of two classes.

    Args:
        numbers: What each stands for in its subject, (N,).
        latents: Latent vectors (N, Z).
        has_attribute: Whether each is of the class asked for, (N,).
    """

    numbers: np.ndarray
    latents: np.ndarray
    has_attribute: np.ndarray


def draw_attribute(
    subject: Subject,
    class_name: str,
    against: str | None = None,
    *,
    data: str | None = None,
    numbers: np.ndarray | None = None,
    count: int = 8,
    strength: float = 3.0,
    steps: int = 7,
    out: Path | None = None,
) -> tuple[Path, Direction, np.ndarray]:
    """Draw a row per image, which goes along the direction of a class from left to right.

    Args:
        subject: What is explored.
        class_name: The class to which the direction leads.
        against: The class from which it leads; None takes all others.
        data: Labelled data of a subject without an encoder; None takes the run's own.
        numbers: Which images, (P,); None draws `count` of those that have said where to go.
        count: Rows where no numbers are given.
        strength: How far to either side, in standard deviations.
        steps: Columns.
        out: File of the picture.

    Returns:
        The file, the direction, and the numbers of the rows.

    Raises:
        ZooError: If the data have no labels or no such class, or the direction is no better than
            chance.
    """
    path = page_path(subject.run, subject.page, "attribute", out)
    labelled = _label_latents(subject, class_name, against, data)
    direction = find_direction(labelled.latents, labelled.has_attribute, seed=subject.seed)
    if direction.is_chance:
        conditioned = " It is given the class, so that latent vectors need not say it."
        raise ZooError(
            f"The latent vectors of '{subject.run.request.model}' do not tell '{class_name}' from "
            f"{'the others' if against is None else repr(against)}: {direction.accuracy:.1%} of "
            f"those held out are on the right side. Expected: {direction.least_accuracy:.1%} or "
            "more, three standard errors above chance."
            f"{conditioned if takes_class(subject.model) else ''}"
        )
    if numbers is None:
        generator = np.random.default_rng(subject.seed)
        available = len(labelled.numbers)
        chosen = generator.choice(available, min(count, available), replace=False)
        numbers = np.sort(labelled.numbers[chosen])
    latents, labels = subject.latents(numbers)
    strengths = np.linspace(-strength, strength, steps)  # (S,)
    rows = slide(subject.model, latents, direction, strengths, labels)  # (P, S, ...)
    headings = [f"{value:+.3g}" if value else "0" for value in strengths]
    subject.page.rows(rows, path, headings=headings)
    return path, direction, numbers


def _label_latents(
    subject: Subject, class_name: str, against: str | None, data: str | None
) -> Labelled:
    """Return labelled latent vectors, until there are enough of either kind or no more."""
    class_names, label_of = _labeller(subject, data)
    label = _find_class(class_names, class_name)
    other = None if against is None else _find_class(class_names, against)
    if label == other:
        raise DataError(f"A class has no direction against itself. Received: '{class_name}' twice.")
    generator = np.random.default_rng(subject.seed)
    order = generator.permutation(len(subject))
    parts: list[tuple[np.ndarray, np.ndarray]] = []
    counts = np.zeros(2, int)  # without, with
    with tqdm(total=len(order), desc="labelling", disable=None, leave=False) as bar:
        for start in range(0, len(order), LABELLED_PER_CALL):
            numbers = order[start : start + LABELLED_PER_CALL]
            labels = label_of(numbers)
            has_attribute = labels == label
            taken = has_attribute | (labels == other if other is not None else ~has_attribute)
            parts.append((numbers[taken], has_attribute[taken]))
            counts += np.bincount(has_attribute[taken].astype(int), minlength=2)
            bar.update(len(numbers))
            if counts.min() >= ENOUGH:
                break
    if counts.min() < FOLDS:
        raise DataError(
            f"There are {counts[1]} of class '{class_name}' and {counts[0]} of "
            f"{'the others' if against is None else repr(against)} among those {subject}. "
            f"Expected: {FOLDS} or more of both."
        )
    numbers, has_attribute = map(np.concatenate, zip(*parts, strict=True))
    latents = [
        subject.latents(numbers[start : start + LABELLED_PER_CALL])[0]
        for start in range(0, len(numbers), LABELLED_PER_CALL)
    ]
    return Labelled(numbers, np.concatenate(latents), has_attribute)


def _labeller(
    subject: Subject, data: str | None
) -> tuple[tuple[str, ...], Callable[[np.ndarray], np.ndarray]]:
    """Return the names of the classes, and what gives the labels (B,) of numbers (B,)."""
    dataset = subject.dataset
    if dataset is None:
        # Their labels are for the classifier; the model is told none of them.
        dataset = load_examples(subject.run, subject.model, data, "train", with_classes=False)
    class_names = getattr(dataset.spec, "class_names", ())  # text has none
    if len(class_names) < 2:
        has = f"one class, '{class_names[0]}'" if class_names else "no labels"
        raise DataError(
            f"An attribute is found from examples with labels of two classes or more. "
            f"'{dataset.name}' has {has}. Give other data with --data, such as a folder with one "
            "sub-folder per class."
        )
    if subject.dataset is not None:
        return class_names, lambda numbers: np.asarray(dataset.read(numbers)[1])
    network = feature_network("classifier", dataset, progress=True)
    classify = network.classify
    if classify is None:
        raise DataError(f"'{dataset.name}' has no labels that a classifier could learn.")
    return class_names, lambda numbers: classify(subject.points(numbers).examples)


def _find_class(class_names: tuple[str, ...], name: str) -> int:
    if name not in class_names:
        raise DataError(
            f"Unknown class '{name}'.{did_you_mean(name, class_names)} Classes: "
            f"{', '.join(class_names)}."
        )
    return class_names.index(name)
