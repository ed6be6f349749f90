"""Terms of losses that plugins share; likelihoods in nats per example, summed over dimensions."""

import math
from typing import Any, Literal

from keras import ops

# Shapes: B batch, ... whatever belongs to one example.

AdversarialLoss = Literal["minimax", "non-saturating", "least-squares", "hinge"]


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


def discriminator_loss(kind: AdversarialLoss, real_logits: Any, fake_logits: Any) -> Any:
    """Return what a discriminator minimises, averaged over the batches (B, ...) of logits.

    - minimax, non-saturating: -log D(real) - log(1 - D(fake)), D the sigmoid of the logit; nats
      (Goodfellow et al. 2014, Eq. 1).
    - least-squares: ((D(real) - 1)^2 + D(fake)^2) / 2, D the logit itself (Mao et al. 2017, Eq. 9).
    - hinge: max(0, 1 - D(real)) + max(0, 1 + D(fake)), D the logit itself (Lim & Ye 2017).
    """
    real, fake = ops.cast(real_logits, "float32"), ops.cast(fake_logits, "float32")
    if kind == "least-squares":
        return 0.5 * (ops.mean(ops.square(real - 1)) + ops.mean(ops.square(fake)))
    if kind == "hinge":
        return ops.mean(ops.relu(1 - real)) + ops.mean(ops.relu(1 + fake))
    return ops.mean(ops.softplus(-real)) + ops.mean(ops.softplus(fake))


def generator_loss(kind: AdversarialLoss, fake_logits: Any) -> Any:
    """Return what a generator minimises, averaged over the batch (B, ...) of logits.

    - minimax: log(1 - D(fake)); nats. Its gradient vanishes where the discriminator is sure.
    - non-saturating: -log D(fake); nats (Goodfellow et al. 2014, section 3).
    - least-squares: (D(fake) - 1)^2 / 2.
    - hinge: -D(fake).
    """
    fake = ops.cast(fake_logits, "float32")
    if kind == "minimax":
        return -ops.mean(ops.softplus(fake))
    if kind == "non-saturating":
        return ops.mean(ops.softplus(-fake))
    if kind == "least-squares":
        return 0.5 * ops.mean(ops.square(fake - 1))
    return -ops.mean(fake)


def discriminator_accuracies(
    kind: AdversarialLoss, real_logits: Any, fake_logits: Any
) -> tuple[Any, Any]:
    """Return the shares of real and of fake examples that the discriminator takes for such."""
    boundary = 0.5 if kind == "least-squares" else 0.0
    real = ops.mean(ops.cast(ops.greater(real_logits, boundary), "float32"))
    fake = ops.mean(ops.cast(ops.less(fake_logits, boundary), "float32"))
    return real, fake


def adversarial_unit(kind: AdversarialLoss) -> str:
    """Return the unit in which the two losses above are: nats, or a score without unit."""
    return "nats" if kind in ("minimax", "non-saturating") else "score"


def nats_to_bits_per_dim(nats: Any, dimensions: int) -> Any:
    """Return nats per example as bits per dimension."""
    return nats / (dimensions * math.log(2.0))


def _sum(values: Any, batch_axes: int = 1) -> Any:
    """Return the sum over all axes but the leading ones."""
    return ops.sum(values, axis=tuple(range(batch_axes, len(values.shape))))
