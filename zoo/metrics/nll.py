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

from dataclasses import dataclass
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


@dataclass(frozen=True, kw_only=True)
class Likelihood:
    """One of the likelihoods that a model has.

    Args:
        name: What its figures are called after.
        samples: Draws of the latents per example; None where it is exact.
    """

    name: str
    samples: int | None


def measure_nll(model: HasLikelihood, dataset: Dataset, settings: Settings) -> dict[str, Figure]:
    """Return the mean negative log-likelihood by name, in nats and bits per dimension.

    Raises:
        MetricError: If K is below 1.
        NonFiniteError: If the log-likelihood of an example is NaN or infinite.
    """
    figures: dict[str, Figure] = {}
    for likelihood in likelihoods(model, settings):
        figures |= _figures(model, dataset, settings, likelihood)
    return figures


def likelihoods(model: HasLikelihood, settings: Settings) -> list[Likelihood]:
    """Return the likelihood of a model that has an exact one, or the bounds of one that has not.

    Raises:
        MetricError: If K is below 1.
    """
    if model.likelihood_kind == "exact":
        return [Likelihood(name="nll", samples=None)]
    samples = settings.importance_samples
    if samples < 1:
        raise MetricError(f"importance_samples must be 1 or more. Received: {samples}.")
    bounds = [Likelihood(name="nll_bound", samples=1)]
    if samples > 1:
        bounds.append(Likelihood(name=f"nll_iw{samples}", samples=samples))
    return bounds


def example_nats(
    model: Any, dataset: Dataset, settings: Settings, likelihood: Likelihood
) -> np.ndarray:
    """Return the negative log-likelihood (N,) of each example, in nats, computed once.

    Raises:
        NonFiniteError: If one is NaN or infinite.
    """
    key = ("example_nats", likelihood)
    if key not in settings.shared:
        samples = likelihood.samples
        indices = choose(dataset, settings.count, settings.seed)
        draws = {} if samples is None else {"importance_samples": samples}
        batch_size = min(MAX_BATCH, max(1, DRAWS_PER_BATCH // (samples or 1)))
        # Each batch has a seed of its own: noise that repeats would make the batches depend on each
        # other, and the standard error too small.
        seeds = np.random.default_rng(settings.seed)
        values = []
        for x, labels in read_batches(dataset, indices, batch_size, likelihood.name, settings):
            seed = int(seeds.integers(2**31))
            log_p = model.log_likelihood(x, known_labels(model, labels), seed=seed, **draws)  # (B,)
            values.append(-np.asarray(log_p, np.float64))
        nats = np.concatenate(values)  # (N,)
        mean_figure(nats, f"{likelihood.name}_nats")  # raises where one is not finite
        settings.shared[key] = nats
    return np.asarray(settings.shared[key])


def _figures(
    model: Any, dataset: Dataset, settings: Settings, likelihood: Likelihood
) -> dict[str, Figure]:
    """Return the figures of one likelihood."""
    name = likelihood.name
    nats = example_nats(model, dataset, settings, likelihood)
    likelihood_of = getattr(model, "likelihood_of", "discrete")
    if likelihood_of == "density":
        return {f"density_{name}_nats": mean_figure(nats, f"density_{name}_nats")}
    figures = {f"{name}_nats": mean_figure(nats, f"{name}_nats")}
    if dataset.spec.kind == "tokens":  # texts differ in length: their perplexity says it per token
        return figures
    indices = choose(dataset, settings.count, settings.seed)
    if likelihood_of == "discrete" or _is_binary(dataset, indices, settings):
        [(first, _)] = read_batches(dataset, indices[:1], 1, name, settings)
        bits = nats_to_bits_per_dim(nats, first.size)
        figures[f"{name}_bits_per_dim"] = mean_figure(bits, f"{name}_bits_per_dim")
    return figures


def _is_binary(dataset: Dataset, indices: np.ndarray, settings: Settings) -> bool:
    """Return whether the examples at `indices` (N,) are black and white."""
    batches = read_batches(dataset, indices, MAX_BATCH, "levels", settings)
    return all(np.isin(x, (0, 1)).all() for x, _ in batches)
