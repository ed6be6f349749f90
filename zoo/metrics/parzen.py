"""Log-likelihood of held-out examples under a Gaussian Parzen window on samples.

For models without a likelihood (Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661, section
5): with M samples s of D numbers each,

    log p(x) = log (1/M) Σ exp(-|x - s|² / 2 b²) - D/2 log(2 π b²)     in nats,

a density of real numbers. The bandwidth b is the one among `BANDWIDTHS` under which examples of
the training split are likeliest. It is a poor measure (Theis et al. 2016,
https://arxiv.org/abs/1511.01844): in many dimensions it stays far from the true likelihood for any
number of samples, and need not rank models as the likelihood does. It is here to compare with the
figures of that time.
"""

import numpy as np
from scipy.special import logsumexp

from zoo.data.dataset import Dataset
from zoo.metrics import Figure, MetricError, Settings
from zoo.metrics.comparison import BATCH_SIZE, MAX_SAMPLES, compare, images_of
from zoo.metrics.examples import choose, mean_figure, read_batches
from zoo.metrics.nearest import squared_distances
from zoo.protocols import GenerativeModel

# Shapes: N examples, M samples, D dimensions, S bandwidths.

BANDWIDTHS = np.geomspace(0.01, 1.0, 21)  # of pixels in [0, 1]
VALIDATION_COUNT = 1000


def measure_parzen(
    model: GenerativeModel, dataset: Dataset, settings: Settings
) -> dict[str, Figure]:
    """Return `parzen_log_likelihood_nats`, and `parzen_bandwidth` that it was measured with.

    Raises:
        MetricError: If there is no training split that the bandwidth could be chosen on.
    """
    if settings.load_train is None or dataset.split == "train":
        raise MetricError(
            "The bandwidth is chosen on the training split and the likelihood measured on another. "
            f"'{dataset.name}' has: {', '.join(dataset.splits)}. Received: '{dataset.split}'."
        )
    comparison = compare(model, dataset, settings)
    count = settings.samples or comparison.affordable(MAX_SAMPLES)
    samples = comparison.samples(count).reshape(count, -1)  # (M, D)
    train = images_of(settings.load_train())
    validation = choose(train, min(VALIDATION_COUNT, len(train)), settings.seed)
    fits = _log_likelihoods(samples, train, validation, BANDWIDTHS, settings)  # (S, N)
    bandwidth = BANDWIDTHS[fits.mean(axis=1).argmax()]
    [nats] = _log_likelihoods(
        samples, comparison.dataset, comparison.real_indices, np.array([bandwidth]), settings
    )
    name = "parzen_log_likelihood_nats"
    return {
        name: mean_figure(nats, name),
        "parzen_bandwidth": Figure(
            value=float(bandwidth), standard_error=None, count=len(validation)
        ),
    }


def log_likelihoods(x: np.ndarray, samples: np.ndarray, bandwidths: np.ndarray) -> np.ndarray:
    """Return log p of x (N, D) under windows on `samples` (M, D), in nats, (S, N)."""
    count, dimensions = samples.shape
    found = np.empty((len(bandwidths), len(x)))
    for rows, distances in squared_distances(x, samples):
        for number, bandwidth in enumerate(bandwidths):
            found[number, rows] = logsumexp(distances / (-2 * bandwidth**2), axis=1)
    normaliser = 0.5 * dimensions * np.log(2 * np.pi * np.square(bandwidths))  # (S,)
    return found - np.log(count) - normaliser[:, None]


def _log_likelihoods(
    samples: np.ndarray,
    dataset: Dataset,
    indices: np.ndarray,
    bandwidths: np.ndarray,
    settings: Settings,
) -> np.ndarray:
    """Return log p (S, N) of the examples at `indices`, which are read in batches."""
    title = f"Parzen window, {dataset.split}"
    batches = read_batches(dataset, indices, BATCH_SIZE, title, settings)
    found = [log_likelihoods(x.reshape(len(x), -1), samples, bandwidths) for x, _ in batches]
    return np.concatenate(found, axis=1)
