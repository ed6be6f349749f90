"""Perplexity of held-out texts: among how many equally likely tokens a model wavers at each place.

    perplexity = exp( - sum of log p(x) / sum of tokens ),    in nats, the end of a text counted

A bound on the likelihood makes a bound on the perplexity: it is measured with one draw of the
latents and with K, as the negative log-likelihood is. Texts are weighted by their tokens, so that
it is no mean over texts; its standard error is the delta method's for a ratio of two sums.
"""

import logging
import math
from typing import Any

import numpy as np

from zoo.data.dataset import Dataset
from zoo.data.vocabulary import UNKNOWN, lengths_of
from zoo.errors import ZooError
from zoo.metrics import Figure, Settings, UnsuitableError
from zoo.metrics.examples import choose, read_batches
from zoo.metrics.nll import example_nats, likelihoods

# Shapes: N examples.

EXAMPLES_PER_BATCH = 10_000

_logger = logging.getLogger(__name__)


def measure_perplexity(model: Any, dataset: Dataset, settings: Settings) -> dict[str, Figure]:
    """Return `perplexity`, or `perplexity_bound` and `perplexity_iw<K>` where it is a bound.

    With it comes `unknown_share`, of the tokens that the vocabulary lacks.

    Raises:
        MetricError: If K is below 1.
        UnsuitableError: If it is beyond what a number can hold.
        NonFiniteError: If the log-likelihood of an example is NaN or infinite.
    """
    indices = choose(dataset, settings.count, settings.seed)
    batches = read_batches(dataset, indices, EXAMPLES_PER_BATCH, "tokens", settings)
    counts = [(lengths_of(x), np.sum(x == UNKNOWN, axis=1)) for x, _ in batches]
    tokens, unknown = map(np.concatenate, zip(*counts, strict=True))  # (N,) each
    figures = {
        likelihood.name.replace("nll", "perplexity"): perplexity_figure(
            example_nats(model, dataset, settings, likelihood), tokens
        )
        for likelihood in likelihoods(model, settings)
    }
    share, error = _ratio(unknown, tokens)
    figures["unknown_share"] = Figure(value=share, standard_error=error, count=len(tokens))
    if share and _is_new(settings):
        _logger.warning(
            "%.2g %% of the tokens are not in the vocabulary, and the training text has none such, "
            "so that the model has not learned how likely they are: its likelihood and perplexity "
            "say little. Train with a smaller --vocabulary-size, so that rare tokens are unknown.",
            100 * share,
        )
    return figures


def perplexity_figure(nats: np.ndarray, tokens: np.ndarray) -> Figure:
    """Return the perplexity of texts of so many nats (N,) and tokens (N,).

    Raises:
        UnsuitableError: If it is beyond what a number can hold.
    """
    per_token, error = _ratio(nats, tokens)
    try:
        value = math.exp(per_token)
        if error:
            error = math.exp(per_token + math.log(error))  # d exp(r) = exp(r) dr
    except OverflowError as overflow:
        raise UnsuitableError(
            f"The perplexity of {per_token:.4g} nats per token is beyond what a number can hold. "
            "The model may have diverged; see the curves in its report."
        ) from overflow
    return Figure(value=value, standard_error=error, count=len(nats))


def _ratio(parts: np.ndarray, tokens: np.ndarray) -> tuple[float, float | None]:
    """Return sum of parts (N,) over sum of tokens (N,), and its standard error, None for one."""
    count, total = len(parts), float(tokens.sum())
    ratio = float(parts.sum()) / total
    if count == 1:
        return ratio, None
    # Var(sum a / sum b) ~ sum of (a - ratio b)^2 / (sum b)^2.
    with np.errstate(over="ignore"):  # of a model that diverged
        squares = float(np.square(parts - ratio * tokens).sum())
    variance = count / (count - 1) * squares / total**2
    return ratio, math.sqrt(variance)


def _is_new(settings: Settings) -> bool:
    """Return whether what the model was trained on has no token that the vocabulary lacks."""
    if settings.load_seen is None:
        return False
    try:
        dataset = settings.load_seen()
    except ZooError:  # other data are measured, and the model's own are no longer there
        return False
    every = np.arange(len(dataset))
    return not any(
        np.any(dataset.read(every[start : start + EXAMPLES_PER_BATCH])[0] == UNKNOWN)
        for start in range(0, len(dataset), EXAMPLES_PER_BATCH)
    )
