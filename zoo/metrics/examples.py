"""What every metric begins and ends with: examples in batches, and a mean with its error."""

import logging
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from tqdm import tqdm

from zoo.autoregression import AutoregressiveModel
from zoo.data.dataset import Dataset
from zoo.errors import DataError, NonFiniteError
from zoo.metrics import Figure, Settings
from zoo.protocols import Conditional

# Shapes: N examples, B batch, ... one example in its public form.

LOOKED_AT = 32  # images whose levels are counted

_logger = logging.getLogger(__name__)


def choose(dataset: Dataset, count: int | None, seed: int) -> np.ndarray:
    """Return the indices (N,) of `count` examples drawn without replacement, in order.

    Files are often sorted by class, so that the first ones would not stand for the others.

    Raises:
        DataError: If there are fewer.
    """
    if count is None or count == len(dataset):
        return np.arange(len(dataset))
    if not 1 <= count <= len(dataset):
        raise DataError(
            f"The split '{dataset.split}' of '{dataset.name}' has {len(dataset)} examples. "
            f"Received: a count of {count}. Leave the count out to take all."
        )
    return np.sort(np.random.default_rng(seed).choice(len(dataset), count, replace=False))


def read_batches(
    dataset: Dataset, indices: np.ndarray, batch_size: int, title: str, settings: Settings
) -> Iterator[tuple[Any, np.ndarray | None]]:
    """Yield the examples at `indices`, B at a time, and their labels, with a progress bar.

    They are an array (B, ...), or one for each domain, by its name.

    Raises:
        DataError: If an example cannot be read.
    """
    # `disable=None` shows the bar on a terminal only.
    disable = None if settings.progress else True
    with tqdm(total=len(indices), desc=title, unit="example", disable=disable, leave=False) as bar:
        for start in range(0, len(indices), batch_size):
            batch = indices[start : start + batch_size]
            x, labels = dataset.read(batch)
            yield x, labels
            bar.update(len(batch))


def known_labels(model: Any, labels: np.ndarray | None) -> np.ndarray | None:
    """Return the labels if the model is to be given them, else None."""
    return labels if takes_class(model) else None


def takes_class(model: Any) -> bool:
    """Return whether the model, as configured, is conditioned on the class."""
    return isinstance(model, Conditional) and "class" in model.conditions


def warn_of_lost_levels(model: Any, dataset: Dataset) -> None:
    """Say so where a few images have more levels than the model tells apart."""
    if not isinstance(model, AutoregressiveModel) or dataset.spec.kind not in ("image", "video"):
        return
    images, _ = dataset.read(np.arange(min(LOOKED_AT, len(dataset))))
    if len(np.unique(np.asarray(images))) > model.levels:
        _logger.warning(
            "'%s' has more levels than the %d that the model tells apart. Likelihoods are those of "
            "the coarser images, and must not be set beside those of the images as they are; for "
            "these, train with --set levels=256.",
            dataset.name,
            model.levels,
        )


def mean_figure(values: np.ndarray, name: str) -> Figure:
    """Return the mean over examples of `values` (N,) and its standard error.

    Raises:
        NonFiniteError: If a value is NaN or infinite.
    """
    broken = int(np.count_nonzero(~np.isfinite(values)))
    if broken:
        raise NonFiniteError(
            f"{name} is NaN or infinite for {broken} of {len(values)} examples. "
            "The model may have diverged; see the curves in its report."
        )
    values = values.astype(np.float64)
    error = values.std(ddof=1) / math.sqrt(len(values)) if len(values) > 1 else None
    return Figure(
        value=float(values.mean()),
        standard_error=None if error is None else float(error),
        count=len(values),
    )
