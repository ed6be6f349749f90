"""Perplexity of held-out texts: among how many equally likely tokens a model wavers at each place.

    perplexity = exp( - sum of log p(x) / sum of tokens ),    in nats, the end of a text counted

A bound on the likelihood makes a bound on the perplexity: it is measured with one draw of the
latents and with K, as the negative log-likelihood is. Texts are weighted by their tokens, so that
it is no mean over texts; its standard error is the delta method's for a ratio of two sums.
"""

import math
from typing import Any

import numpy as np

from zoo.data.dataset import Dataset
from zoo.data.vocabulary import lengths_of
from zoo.metrics import Figure, Settings, UnsuitableError
from zoo.metrics.examples import choose, read_batches
from zoo.metrics.nll import example_nats, likelihoods

# Shapes: N examples.

EXAMPLES_PER_BATCH = 10_000


def measure_perplexity(model: Any, dataset: Dataset, settings: Settings) -> dict[str, Figure]:
    """Return `perplexity`, or `perplexity_bound` and `perplexity_iw<K>` where it is a bound.

    Raises:
        MetricError: If K is below 1.
        UnsuitableError: If it is beyond what a number can hold.
        NonFiniteError: If the log-likelihood of an example is NaN or infinite.
    """
    indices = choose(dataset, settings.count, settings.seed)
    batches = read_batches(dataset, indices, EXAMPLES_PER_BATCH, "tokens", settings)
    tokens = np.concatenate([lengths_of(x) for x, _ in batches])  # (N,)
    return {
        likelihood.name.replace("nll", "perplexity"): perplexity_figure(
            example_nats(model, dataset, settings, likelihood), tokens
        )
        for likelihood in likelihoods(model, settings)
    }


def perplexity_figure(nats: np.ndarray, tokens: np.ndarray) -> Figure:
    """Return the perplexity of texts of so many nats (N,) and tokens (N,).

    Raises:
        UnsuitableError: If it is beyond what a number can hold.
    """
    count = len(nats)
    total = float(tokens.sum())
    per_token = float(nats.sum()) / total
    error = None
    try:
        value = math.exp(per_token)
        if count > 1:
            # Var(sum a / sum b) ~ sum of (a - ratio b)^2 / (sum b)^2, then d exp(r) = exp(r) dr.
            residuals = nats - per_token * tokens
            variance = count / (count - 1) * float(np.square(residuals).sum()) / total**2
            error = math.exp(per_token + math.log(variance) / 2) if variance else 0.0
    except OverflowError as overflow:
        raise UnsuitableError(
            f"The perplexity of {per_token:.4g} nats per token is beyond what a number can hold. "
            "The model may have diverged; see the curves in its report."
        ) from overflow
    return Figure(value=value, standard_error=error, count=count)
