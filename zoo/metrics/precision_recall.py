"""Do samples look real, and do they reach all that is real? Two pairs of answers.

An example's ball reaches to its k-th nearest neighbour in its own set, in the space of features.
Precision and recall (Kynkäänniemi et al. 2019, https://arxiv.org/abs/1904.06991), k = 3:

- precision: share of samples that lie in the ball of some real example;
- recall: share of real examples that lie in the ball of some sample.

Density and coverage (Naeem et al. 2020, https://arxiv.org/abs/2002.09797), k = 5, build balls
around real examples alone, which outlying samples cannot enlarge:

- density: real balls that a sample lies in, divided by k; may exceed 1;
- coverage: share of real examples whose ball holds a sample.

Each is a mean over examples, and its standard error that of this mean, with the balls as they are.
"""

import numpy as np

from zoo.data.dataset import Dataset
from zoo.metrics import Figure, MetricError, Settings
from zoo.metrics.comparison import compare
from zoo.metrics.examples import mean_figure
from zoo.metrics.nearest import kth_distances, squared_distances
from zoo.protocols import GenerativeModel

# Shapes: N real examples, M samples, F features.

PRECISION_NEIGHBOURS = 3
DENSITY_NEIGHBOURS = 5


def measure_precision_recall(
    model: GenerativeModel, dataset: Dataset, settings: Settings
) -> dict[str, Figure]:
    """Return `precision`, `recall`, `density` and `coverage`, each with `/<net>` behind it.

    Raises:
        MetricError: If there are too few real examples or samples.
    """
    comparison = compare(model, dataset, settings)
    fake = comparison.sample_features(comparison.sample_count)  # (M, F)
    values = shares(comparison.real_features, fake)
    name = comparison.network.name
    return {f"{key}/{name}": mean_figure(each, key) for key, each in values.items()}


def shares(real: np.ndarray, fake: np.ndarray) -> dict[str, np.ndarray]:
    """Return the value of each example (N,) or sample (M,) that each figure is the mean of.

    Args:
        real: Features of real examples (N, F).
        fake: Features of samples (M, F).

    Raises:
        MetricError: If a set has no more examples than the neighbours that are counted.
    """
    if min(len(real), len(fake)) <= DENSITY_NEIGHBOURS:
        raise MetricError(
            f"Precision and recall look at the {DENSITY_NEIGHBOURS} nearest neighbours in each "
            f"set. Expected: {DENSITY_NEIGHBOURS + 1} or more held-out examples and samples. "
            f"Received: {len(real)} and {len(fake)}. Raise --count and --samples."
        )
    narrow = kth_distances(real, PRECISION_NEIGHBOURS)  # (N,), squared radii
    wide = kth_distances(real, DENSITY_NEIGHBOURS)  # (N,)
    of_fakes = kth_distances(fake, PRECISION_NEIGHBOURS)  # (M,)
    precision, density = np.zeros(len(fake)), np.zeros(len(fake))
    recall, coverage = np.zeros(len(real)), np.zeros(len(real))
    for rows, distances in squared_distances(real, fake):  # (B, M)
        in_wide = distances <= wide[rows, None]
        precision = np.maximum(precision, (distances <= narrow[rows, None]).any(axis=0))
        density += in_wide.sum(axis=0) / DENSITY_NEIGHBOURS
        coverage[rows] = in_wide.any(axis=1)
        recall[rows] = (distances <= of_fakes).any(axis=1)
    return {"precision": precision, "recall": recall, "density": density, "coverage": coverage}
