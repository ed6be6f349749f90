"""Code length of held-out examples for whoever knows only how often each level occurs.

    -log p(x) = - sum over i of log p(x_i),    p(k) = (n_k + 1) / (n + K)

n_k counts level k among the n elements of all training examples, whatever their place; the one
that is added leaves no level impossible. It is what a model's likelihood has to beat: the
difference is what the model knows of how elements depend on place and on each other.
"""

import math
from collections.abc import Iterator

import numpy as np
from keras import ops

from zoo.autoregression import AutoregressiveModel
from zoo.data.dataset import Dataset
from zoo.losses import nats_to_bits_per_dim
from zoo.metrics import Figure, MetricError, Settings
from zoo.metrics.examples import choose, mean_figure, read_batches

# Shapes: N examples, B batch, D elements of an example, K levels.

ELEMENTS_PER_BATCH = 1 << 22  # 32 MiB of code lengths


def measure_marginal(
    model: AutoregressiveModel, dataset: Dataset, settings: Settings
) -> dict[str, Figure]:
    """Return `marginal_nats` per example and `marginal_bits_per_dim`.

    Raises:
        MetricError: If the settings do not say what the model was trained on.
    """
    if settings.load_seen is None:
        raise MetricError(
            "The marginal is that of the training examples. Received: settings without load_seen."
        )
    nats_of_level = level_nats(model, settings.load_seen(), settings)  # (K,)
    indices = choose(dataset, settings.count, settings.seed)
    batches = _read_codes(model, dataset, indices, "marginal", settings)
    nats = np.concatenate([nats_of_level[codes].sum(axis=1) for codes in batches])  # (N,)
    bits = nats_to_bits_per_dim(nats, math.prod(model.element_shape))
    return {
        "marginal_nats": mean_figure(nats, "marginal_nats"),
        "marginal_bits_per_dim": mean_figure(bits, "marginal_bits_per_dim"),
    }


def level_nats(model: AutoregressiveModel, train: Dataset, settings: Settings) -> np.ndarray:
    """Return -log p (K,) of each level, by how often it occurs in all of `train`."""
    counts = np.ones(model.levels, np.int64)
    title = f"levels of {train.split}"
    for codes in _read_codes(model, train, np.arange(len(train)), title, settings):
        counts += np.bincount(codes.ravel(), minlength=model.levels)
    return np.log(counts.sum()) - np.log(counts)


def _read_codes(
    model: AutoregressiveModel,
    dataset: Dataset,
    indices: np.ndarray,
    title: str,
    settings: Settings,
) -> Iterator[np.ndarray]:
    """Yield the levels (B, D) of the examples at `indices`."""
    batch_size = max(1, ELEMENTS_PER_BATCH // math.prod(model.element_shape))
    for x, _ in read_batches(dataset, indices, batch_size, title, settings):
        codes = ops.convert_to_numpy(model.codes(ops.convert_to_tensor(x)))  # (B, R, M)
        yield codes.reshape(len(x), -1)
