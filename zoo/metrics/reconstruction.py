"""Reconstruction error: what an example loses on its way through its code and back."""

import numpy as np

from zoo.data.dataset import Dataset
from zoo.latent import reconstruct
from zoo.metrics import Figure, Settings
from zoo.metrics.examples import choose, known_labels, mean_figure, read_batches
from zoo.protocols import Encodes

BATCH_SIZE = 512


def measure_reconstruction(
    model: Encodes, dataset: Dataset, settings: Settings
) -> dict[str, Figure]:
    """Return `reconstruction_mse`, the squared error per dimension, averaged over examples."""
    indices = choose(dataset, settings.count, settings.seed)
    errors = []
    for x, labels in read_batches(dataset, indices, BATCH_SIZE, "reconstruction", settings):
        rebuilt = reconstruct(model, x, known_labels(model, labels))  # as x
        squares = np.square(rebuilt.astype(np.float64) - x)
        errors.append(squares.reshape(len(x), -1).mean(axis=1))
    return {"reconstruction_mse": mean_figure(np.concatenate(errors), "reconstruction_mse")}
