"""Attributes as directions of a latent space, found from labelled latent vectors.

Logistic regression separates the vectors of examples that have an attribute from those that do
not. The normal of its plane is the direction along which the attribute changes; what is orthogonal
to it stays (Shen et al. 2020, https://arxiv.org/abs/1907.10786). How far to go is counted in
standard deviations of the vectors along it.
"""

import math
import warnings
from dataclasses import dataclass

import numpy as np

from zoo.errors import DataError
from zoo.latent import decode_grid
from zoo.protocols import Decodes

# Shapes: N labelled vectors, P images, S strengths, Z latent size.

FOLDS = 5
MAX_STEPS = 1000
CHANCE = 0.5
STANDARD_ERRORS = 3  # above chance, before a direction is more than the noise of its examples


@dataclass(frozen=True)
class Direction:
    """A direction of a latent space.

    Args:
        unit: Of length 1, (Z,).
        spread: Standard deviation of the latent vectors along it.
        accuracy: Share of held-out vectors on the right side of the plane, the mean of the share
            among those with the attribute and of the share among those without: 0.5 is chance.
        chance_error: Standard error that the accuracy would have were it chance.
    """

    unit: np.ndarray
    spread: float
    accuracy: float
    chance_error: float

    @property
    def least_accuracy(self) -> float:
        """Accuracy that so many examples would not reach without any attribute."""
        return CHANCE + STANDARD_ERRORS * self.chance_error

    @property
    def is_chance(self) -> bool:
        """Whether it may be no direction of the attribute at all."""
        return self.accuracy < self.least_accuracy


def find_direction(latents: np.ndarray, has_attribute: np.ndarray, *, seed: int = 0) -> Direction:
    """Return the direction in which latent vectors (N, Z) with an attribute lie.

    Args:
        latents: Latent vectors (N, Z).
        has_attribute: Whether each has the attribute, (N,): booleans, or 0 and 1.
        seed: Seed of the parts that are held out in turn, to judge the direction.

    Raises:
        DataError: If there are fewer than five with the attribute, or without, or not as many
            labels as latent vectors, or a latent vector that is not finite.
    """
    has_attribute = np.asarray(has_attribute, bool)
    if np.ndim(latents) != 2 or has_attribute.shape != np.shape(latents)[:1]:
        raise DataError(
            "A direction needs latent vectors (N, Z) and a label for each, (N,). Received: "
            f"latents {np.shape(latents)}, labels {has_attribute.shape}."
        )
    lost = np.count_nonzero(~np.isfinite(latents).all(axis=1))
    if lost:
        raise DataError(
            f"Latent vectors must be finite numbers. Received: {lost} of {len(latents)} that are "
            "not. Leave them out, or look at the model that encoded them."
        )
    counts = np.bincount(has_attribute, minlength=2)
    if counts.min() < FOLDS:
        raise DataError(
            f"A direction needs {FOLDS} examples with the attribute and {FOLDS} without, or more. "
            f"Received: {counts[1]} with it, {counts[0]} without."
        )
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    # One factor for all dimensions: the penalty should not depend on the unit, but dimensions in
    # which the vectors hardly differ should stay unimportant.
    scale = latents.std(axis=0).max() or 1.0
    values = (latents - latents.mean(axis=0)) / scale
    classifier = LogisticRegression(class_weight="balanced", max_iter=MAX_STEPS)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the direction has settled long before
        guessed = cross_val_predict(classifier, values, has_attribute, cv=folds)
        [normal] = classifier.fit(values, has_attribute).coef_  # (Z,)
    is_right = guessed == has_attribute
    accuracy = (is_right[has_attribute].mean() + is_right[~has_attribute].mean()) / 2
    length = np.linalg.norm(normal)
    unit = (normal / length if length else normal).astype(np.float32)
    return Direction(
        unit=unit,
        spread=float((latents @ unit).std()),
        accuracy=float(accuracy),
        chance_error=math.sqrt((1 / counts[0] + 1 / counts[1]) / 16),
    )


def slide(
    model: Decodes,
    latents: np.ndarray,
    direction: Direction,
    strengths: np.ndarray,
    labels: np.ndarray | None = None,
) -> np.ndarray:
    """Return what becomes of latent vectors (P, Z) along a direction, (P, S, ...).

    Args:
        model: What decodes.
        latents: Where to begin, (P, Z).
        direction: Where to.
        strengths: How far, in standard deviations of the latents along the direction, (S,).
        labels: Labels (P,), where the model takes them; each row keeps its own.
    """
    steps = (strengths * direction.spread)[:, None] * direction.unit  # (S, Z)
    moved = (latents[:, None] + steps).astype(latents.dtype)  # (P, S, Z)
    row_labels = None if labels is None else np.repeat(labels, len(strengths))
    return decode_grid(model, moved, row_labels)
