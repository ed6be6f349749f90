"""Terms of losses that plugins share; each is in nats per example, summed over its dimensions."""

import math
from typing import Any

from keras import ops

# Shapes: B batch, ... whatever belongs to one example.


def bernoulli_nll_nats(targets: Any, logits: Any, batch_axes: int = 1) -> Any:
    """Return -log p(targets) of independent Bernoulli variables, (B, ...) to (B,).

    The leading `batch_axes` axes are kept; `targets` may broadcast over them.

    Targets in [0, 1]: sum of softplus(logit) - target * logit. For grey levels it is the
    cross-entropy with a black-and-white pixel whose probability is the grey level.
    """
    logits = ops.cast(logits, "float32")
    return _sum(ops.softplus(logits) - ops.cast(targets, "float32") * logits, batch_axes)


def gaussian_nll_nats(targets: Any, mean: Any, log_variance: Any, batch_axes: int = 1) -> Any:
    """Return -log p(targets), a density, of independent Gaussian variables, (B, ...) to (B,).

    The leading `batch_axes` axes are kept; `targets` may broadcast over them.
    """
    mean, log_variance = ops.cast(mean, "float32"), ops.cast(log_variance, "float32")
    squares = ops.square(ops.cast(targets, "float32") - mean) * ops.exp(-log_variance)
    return 0.5 * _sum(squares + log_variance + math.log(2 * math.pi), batch_axes)


def gaussian_kl_nats(mean: Any, log_variance: Any) -> Any:
    """Return KL(N(mean, variance) || N(0, 1)), (B, ...) to (B,).

    Source: Kingma & Welling 2014, appendix B.
    """
    mean, log_variance = ops.cast(mean, "float32"), ops.cast(log_variance, "float32")
    return 0.5 * _sum(ops.square(mean) + ops.exp(log_variance) - 1.0 - log_variance)


def nats_to_bits_per_dim(nats: Any, dimensions: int) -> Any:
    """Return nats per example as bits per dimension."""
    return nats / (dimensions * math.log(2.0))


def _sum(values: Any, batch_axes: int = 1) -> Any:
    """Return the sum over all axes but the leading ones."""
    return ops.sum(values, axis=tuple(range(batch_axes, len(values.shape))))
