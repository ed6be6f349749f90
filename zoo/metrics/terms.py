"""Every term of a model's losses on held-out examples, such as a critic's `wasserstein_score`.

A term is computed for a batch, and not every one is a mean over its examples. So the value is the
mean over batches, weighted by their examples, and its standard error that of this mean.
"""

import math
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from zoo.data.dataset import Dataset
from zoo.engine import PlayerModel
from zoo.errors import NonFiniteError
from zoo.metrics import Figure, Settings
from zoo.metrics.examples import choose, read_batches

# Shapes: B batches.

BATCH_SIZE = 100


def measure_terms(model: PlayerModel, dataset: Dataset, settings: Settings) -> dict[str, Figure]:
    """Return the terms of all players' losses by name, as `fit` calls them, without training.

    Raises:
        NonFiniteError: If a term is NaN or infinite.
    """
    indices = choose(dataset, settings.count, settings.seed)
    sizes = np.diff([*range(0, len(indices), BATCH_SIZE), len(indices)])  # (B,)
    running: list[dict[str, float]] = []

    def batches() -> Iterator[tuple[Any, ...]]:
        for x, labels in read_batches(dataset, indices, BATCH_SIZE, "terms", settings):
            yield (x,) if labels is None else (x, labels)

    def keep(batch: int, logs: dict[str, Any]) -> None:
        running.append({name: float(value) for name, value in logs.items()})

    # One pass of Keras's own: each batch has other noise, and the next pass the same again.
    listener = keras.callbacks.LambdaCallback()
    listener.on_test_batch_end = keep
    model.evaluate(batches(), steps=len(sizes), verbose=0, callbacks=[listener])
    terms = [term for player in model.players() for term in player.terms]
    return {
        term: _weighted(np.array([means[term] for means in running]), sizes, term) for term in terms
    }


def _weighted(running: np.ndarray, sizes: np.ndarray, name: str) -> Figure:
    """Return the last of the `running` means (B,) over batches of `sizes` (B,), and its error."""
    if not np.isfinite(running).all():
        raise NonFiniteError(
            f"{name} is NaN or infinite in a batch of held-out examples. The model may have "
            "diverged; see the curves in its report."
        )
    error = None
    if len(sizes) > 1:
        values = np.diff(running * np.cumsum(sizes), prepend=0) / sizes  # (B,), of each batch
        deviations = sizes / sizes.sum() * (values - running[-1])
        error = math.sqrt(len(sizes) / (len(sizes) - 1) * float(np.square(deviations).sum()))
    return Figure(value=float(running[-1]), standard_error=error, count=int(sizes.sum()))
