"""What latent vectors tell of examples: whether they are of use, or have collapsed.

- `kl_nats`: the mean of KL(q(z|x) || p(z)) over examples, in closed form; p(z) is the standard
  normal.
- `mutual_information_nats`: how much of it is information on x. With q(z) the mean of q(z|x) over
  examples, the aggregate posterior, E KL(q(z|x) || p(z)) = I(x; z) + KL(q(z) || p(z)) (Hoffman &
  Johnson 2016, "ELBO surgery"). Estimated is

      I = 1/N sum over n of log q(z_n|x_n) - log 1/N sum over m of q(z_n|x_m),    z_n from q(z|x_n)

  which is, but for the noise of the draws, the information of z on which of the N examples it was
  made of. It cannot pass log N, and lies below the information on all examples that there are.
- `active_units`: latent dimensions whose posterior mean has a variance over examples above 0.01
  (Burda et al. 2016, https://arxiv.org/abs/1509.00519, section 5.2).
"""

import math
from typing import Any

import numpy as np
from keras import ops

from zoo.data.dataset import Dataset
from zoo.engine import compile_function, in_batches
from zoo.metrics import Figure, Settings
from zoo.metrics.examples import choose, known_labels, mean_figure, read_batches
from zoo.protocols import HasPosterior

# Shapes: N examples, B batch, Z latent size.

EXAMPLES_PER_BATCH = 4096
EXAMPLES_PER_CALL = 256
MOST_EXAMPLES = 10_000  # whose posteriors are compared with each other
PAIRS_PER_PART = 1 << 22  # 32 MiB of log densities
ACTIVE_VARIANCE = 0.01


def measure_information(
    model: HasPosterior, dataset: Dataset, settings: Settings
) -> dict[str, Figure]:
    """Return `kl_nats`, `mutual_information_nats` and `active_units`.

    Raises:
        NonFiniteError: If a posterior is NaN or infinite.
    """

    def statistics(x: Any, labels: Any) -> Any:
        mean, log_variance = model.posterior(x, labels)
        return ops.cast(ops.concatenate([mean, log_variance], axis=-1), "float32")

    compiled = compile_function(model, statistics)
    indices = choose(dataset, settings.count, settings.seed)
    found = [
        in_batches(compiled, EXAMPLES_PER_CALL, x, known_labels(model, labels))
        for x, labels in read_batches(dataset, indices, EXAMPLES_PER_BATCH, "posterior", settings)
    ]
    mean, log_variance = np.split(np.concatenate(found).astype(np.float64), 2, axis=1)  # (N, Z)
    kl = 0.5 * (np.square(mean) + np.exp(log_variance) - 1 - log_variance).sum(axis=1)  # (N,)
    draws = np.random.default_rng(settings.seed)
    some = np.sort(draws.permutation(len(mean))[:MOST_EXAMPLES])
    information = information_terms(mean[some], log_variance[some], draws)
    active = np.count_nonzero(mean.var(axis=0) > ACTIVE_VARIANCE)
    return {
        "kl_nats": mean_figure(kl, "kl_nats"),
        "mutual_information_nats": mean_figure(information, "mutual_information_nats"),
        "active_units": Figure(value=float(active), standard_error=None, count=len(mean)),
    }


def information_terms(
    mean: np.ndarray, log_variance: np.ndarray, draws: np.random.Generator
) -> np.ndarray:
    """Return log q(z_n|x_n) - log q(z_n) of a draw z_n for each example, (N,).

    Args:
        mean: Of the posterior of each example, (N, Z).
        log_variance: The same, (N, Z).
        draws: Where the noise comes from.
    """
    count, size = mean.shape
    noise = draws.standard_normal((count, size))
    latents = mean + np.exp(0.5 * log_variance) * noise  # (N, Z)
    constant = log_variance.sum(axis=1) + size * math.log(2 * math.pi)  # (N,)
    own = -0.5 * (np.square(noise).sum(axis=1) + constant)
    # The squared distances of all pairs as products of matrices.
    precision = np.exp(-log_variance)
    offset = constant + (np.square(mean) * precision).sum(axis=1)
    terms = np.empty(count)
    part = max(1, PAIRS_PER_PART // count)
    for start in range(0, count, part):
        z = latents[start : start + part]
        log_q = -0.5 * (np.square(z) @ precision.T - 2 * z @ (mean * precision).T + offset)
        highest = log_q.max(axis=1)
        aggregate = highest + np.log(np.exp(log_q - highest[:, None]).mean(axis=1))
        terms[start : start + part] = own[start : start + part] - aggregate
    return terms
