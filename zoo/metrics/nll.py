"""Negative log-likelihood of held-out examples, exact or bounded from above.

A bound is measured twice: with one draw of the latents, which is the bound that is trained, and
with K draws, the importance-weighted bound of Burda et al. 2016
(https://arxiv.org/abs/1509.00519, Eq. 8), which falls to the true value as K grows.

Names: `nll_nats` is exact, `nll_bound_nats` a bound, `nll_iw100_nats` the bound of K = 100. What
it is a likelihood of, a model says by an attribute `likelihood_of`:

- "discrete", as where it has none: bits per dimension are given too.
- "binary": black and white. Bits are given if the examples are; grey levels taken for
  probabilities have no code length that could be compared with one of discrete levels.
- "density": not a probability. It has no bits and can take either sign; its names begin with
  `density_`.
"""

from typing import Any

import numpy as np

from zoo.data.dataset import Dataset
from zoo.losses import nats_to_bits_per_dim
from zoo.metrics import Figure, MetricError, Settings
from zoo.metrics.examples import choose, known_labels, mean_figure, read_batches
from zoo.protocols import HasLikelihood

# Shapes: N examples, B batch, D dimensions of an example, ... one example in its public form.

# Between two steps of the progress bar; the model itself divides what it cannot hold at once.
DRAWS_PER_BATCH = 50_000
MAX_BATCH = 1000


def measure_nll(model: HasLikelihood, dataset: Dataset, settings: Settings) -> dict[str, Figure]:
    """Return the mean negative log-likelihood by name, in nats and bits per dimension.

    Raises:
        MetricError: If K is below 1.
        NonFiniteError: If the log-likelihood of an example is NaN or infinite.
    """
    if model.likelihood_kind == "exact":
        return _measure(model, dataset, settings, "nll", None)
    samples = settings.importance_samples
    if samples < 1:
        raise MetricError(f"importance_samples must be 1 or more. Received: {samples}.")
    figures = _measure(model, dataset, settings, "nll_bound", 1)
    if samples > 1:
        figures |= _measure(model, dataset, settings, f"nll_iw{samples}", samples)
    return figures


def _measure(
    model: Any, dataset: Dataset, settings: Settings, name: str, samples: int | None
) -> dict[str, Figure]:
    """Return the figures of one likelihood; `samples` is None where it is exact."""
    indices = choose(dataset, settings.count, settings.seed)
    draws = {} if samples is None else {"importance_samples": samples}
    batch_size = min(MAX_BATCH, max(1, DRAWS_PER_BATCH // (samples or 1)))
    # Each batch has a seed of its own: noise that repeats would make the batches depend on each
    # other, and the standard error too small.
    seeds = np.random.default_rng(settings.seed)
    values = []
    dimensions, is_binary = 1, True
    for x, labels in read_batches(dataset, indices, batch_size, name, settings):
        seed = int(seeds.integers(2**31))
        log_p = model.log_likelihood(x, known_labels(model, labels), seed=seed, **draws)  # (B,)
        values.append(-np.asarray(log_p, np.float64))
        dimensions = x[0].size  # D
        is_binary = is_binary and bool(np.isin(x, (0, 1)).all())
    nats = np.concatenate(values)  # (N,)
    likelihood_of = getattr(model, "likelihood_of", "discrete")
    if likelihood_of == "density":
        return {f"density_{name}_nats": mean_figure(nats, f"density_{name}_nats")}
    figures = {f"{name}_nats": mean_figure(nats, f"{name}_nats")}
    if likelihood_of == "discrete" or is_binary:
        bits = nats_to_bits_per_dim(nats, dimensions)
        figures[f"{name}_bits_per_dim"] = mean_figure(bits, f"{name}_bits_per_dim")
    return figures
