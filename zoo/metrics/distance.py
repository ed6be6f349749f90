"""How far samples lie from held-out examples, as two clouds of features.

The Fréchet distance is that of two Gaussians with the clouds' means and covariances (Heusel et
al. 2017, https://arxiv.org/abs/1706.08500):

    |m - m'|² + Tr(S + S' - 2 (S S')^(1/2))

The kernel distance is the unbiased estimate of the squared maximum mean discrepancy with the
kernel k(x, y) = (x·y / F + 1)³ (Bińkowski et al. 2018, https://arxiv.org/abs/1801.01401):

    mean of k(x, x'), x ≠ x'  +  mean of k(y, y'), y ≠ y'  -  2 mean of k(x, y)
"""

import math
from collections.abc import Callable

import numpy as np

from zoo.data.dataset import Dataset
from zoo.metrics import Figure, MetricError, Settings
from zoo.metrics.comparison import compare
from zoo.protocols import GenerativeModel

# Shapes: N real examples, M samples, F features.

RESAMPLES = 50  # of the bootstrap: its standard error is then known to about 10 %
FEW_RESAMPLES = 10  # where a covariance takes seconds; to about 24 %
MANY_FEATURES = 512
MAX_FEATURES = 4096  # their covariance takes 128 MB, its eigenvalues minutes
BLOCK = 1000  # rows of a matrix of kernels at once


def measure_distance(
    model: GenerativeModel, dataset: Dataset, settings: Settings
) -> dict[str, Figure]:
    """Return `frechet_distance/<net>`, `kernel_distance/<net>`, and the network's own accuracy.

    Raises:
        MetricError: If there are fewer than two real examples or samples, or the features are too
            many for a covariance.
    """
    comparison = compare(model, dataset, settings)
    name = comparison.network.name
    real = comparison.real_features  # (N, F)
    fake = comparison.sample_features(comparison.sample_count)  # (M, F)
    figures = {
        f"frechet_distance/{name}": frechet_figure(real, fake, settings.seed),
        f"kernel_distance/{name}": kernel_figure(real, fake),
    }
    if comparison.network.accuracy is not None:
        figures[f"feature_accuracy/{name}"] = comparison.network.accuracy
    return figures


def frechet_distance(real: np.ndarray, fake: np.ndarray) -> float:
    """Return the Fréchet distance between features (N, F) and (M, F)."""
    return _frechet(*_moments(real), *_moments(fake))


def frechet_figure(real: np.ndarray, fake: np.ndarray, seed: int) -> Figure:
    """Return the Fréchet distance and its standard error, by the bootstrap over both sets.

    Raises:
        MetricError: If a set has fewer than two examples, or they have too many features.
    """
    _check_counts(real, fake, 2)
    if real.shape[1] > MAX_FEATURES:
        raise MetricError(
            f"The Fréchet distance takes {MAX_FEATURES} features at most. Received: "
            f"{real.shape[1]}. Take --features classifier."
        )
    generator = np.random.default_rng(seed)
    again = RESAMPLES if real.shape[1] <= MANY_FEATURES else FEW_RESAMPLES
    redrawn = [
        frechet_distance(
            real[generator.integers(0, len(real), len(real))],
            fake[generator.integers(0, len(fake), len(fake))],
        )
        for _ in range(again)
    ]
    return Figure(
        value=frechet_distance(real, fake),
        standard_error=float(np.std(redrawn, ddof=1)),
        count=min(len(real), len(fake)),
    )


def kernel_distance(real: np.ndarray, fake: np.ndarray) -> float:
    """Return the unbiased squared maximum mean discrepancy of features (N, F) and (M, F)."""
    return kernel_figure(real, fake).value


def kernel_figure(real: np.ndarray, fake: np.ndarray) -> Figure:
    """Return the kernel distance and its standard error, by the jackknife over both sets.

    The jackknife leaves out one example at a time. All that it needs are the sums of the rows of
    the matrices of kernels.

    Raises:
        MetricError: If a set has fewer than two examples.
    """
    _check_counts(real, fake, 2)
    count, other = len(real), len(fake)
    in_real, in_fake = _own_sums(real), _own_sums(fake)  # (N,), (M,)
    across = _row_sums(real, fake), _row_sums(fake, real)  # (N,), (M,)
    within = [sums.sum() / (len(sums) * (len(sums) - 1)) for sums in (in_real, in_fake)]
    between = across[0].sum() / (count * other)
    variance = None
    if min(count, other) > 2:
        variance = 0.0
        for own, cross, others in ((in_real, across[0], other), (in_fake, across[1], count)):
            left = len(own) - 1  # where one is left out
            own_means = (own.sum() - 2 * own) / (left * (left - 1))
            cross_means = (cross.sum() - cross) / (left * others)
            # (N - 1) / N times the sum of squared deviations.
            variance += left * np.var(own_means - 2 * cross_means)
    return Figure(
        value=float(sum(within) - 2 * between),
        standard_error=None if variance is None else math.sqrt(variance),
        count=min(count, other),
    )


def _moments(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean (F,) and covariance (F, F)."""
    mean = features.mean(axis=0, dtype=np.float64)
    centred = features - mean
    return mean, centred.T @ centred / (len(features) - 1)


def _frechet(
    mean: np.ndarray, covariance: np.ndarray, other_mean: np.ndarray, other: np.ndarray
) -> float:
    # S S' and S^(1/2) S' S^(1/2) have the same eigenvalues. The latter is symmetric, so that they
    # are real and can be had from singular covariances too.
    values, vectors = np.linalg.eigh(covariance)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    products = np.linalg.eigvalsh(root @ other @ root)
    shared = np.sqrt(np.maximum(products, 0)).sum()
    spread = np.trace(covariance) + np.trace(other) - 2 * shared
    return max(0.0, float(np.square(mean - other_mean).sum() + spread))  # rounding may go below 0


def _kernel(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return (x·y / F + 1)³ of rows (N, F) and columns (M, F), (N, M)."""
    return (rows @ columns.T / rows.shape[1] + 1) ** 3


def _row_sums(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return the sums (N,) of the kernel over all columns."""
    return _by_block(rows, lambda block: _kernel(block, columns).sum(axis=1, dtype=np.float64))


def _own_sums(features: np.ndarray) -> np.ndarray:
    """Return the sums (N,) of the kernel over all but the example itself."""
    squares = np.square(features, dtype=np.float64).sum(axis=1)
    return _row_sums(features, features) - (squares / features.shape[1] + 1) ** 3


def _by_block(rows: np.ndarray, function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    starts = range(0, len(rows), BLOCK)
    return np.concatenate([function(rows[start : start + BLOCK]) for start in starts])


def _check_counts(real: np.ndarray, fake: np.ndarray, least: int) -> None:
    if min(len(real), len(fake)) < least:
        raise MetricError(
            f"Distances need {least} or more held-out examples and as many samples. Received: "
            f"{len(real)} and {len(fake)}. Raise --count and --samples."
        )
