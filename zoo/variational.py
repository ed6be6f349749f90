"""What every model with an approximate posterior over latent vectors can do.

An encoder gives a diagonal Gaussian q(z|x) over latent vectors z, a decoder gives p(x|z), and the
prior p(z) is the standard normal. Then, for every K,

    log p(x) >= E[log 1/K sum_k p(x, z_k) / q(z_k|x)], z_k from q(z|x)

(Kingma & Welling 2014, Eq. 3, where K is 1; Burda et al. 2016, Eq. 8), and the right side rises to
the left one as K grows.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from zoo.conditions import ClassConditional
from zoo.engine import call_size, compile_function, in_batches
from zoo.errors import DataError

# Shapes: B batch, Z latent size, K importance samples, ... one example in its public form.


class Variational(ClassConditional):
    """Mixed into a `PlayerModel` whose configuration has `latent_size`.

    A subclass says what q(z|x) and p(x|z) are.
    """

    config: Any
    evaluation_seed_generator: keras.random.SeedGenerator  # of the `PlayerModel`
    encoded_per_call: ClassVar[int] = 512
    decoded_per_call: ClassVar[int] = 5000  # examples times importance samples
    mean_compiled: Any
    log_weights_compiled: Any

    def __init__(self, config: Any, **kwargs: Any):
        super().__init__(config, **kwargs)  # type: ignore[call-arg]  # of the model
        self.mean_compiled = compile_function(self, lambda x, y: self.posterior(x, y)[0])
        self.log_weights_compiled = compile_function(self, self.log_weights)

    # What a subclass says.

    def posterior(self, x: Any, y: Any, training: bool = False) -> tuple[Any, Any]:
        """Return mean and log-variance of q(z|x), (B, Z) each, for examples (B, ...)."""
        raise NotImplementedError

    def nll_given(self, x: Any, y: Any, latents: Any, training: bool = False) -> Any:
        """Return -log p(x|z) in nats, (B, K), for latent vectors (B, K, Z)."""
        raise NotImplementedError

    def cut(self, x: np.ndarray) -> np.ndarray:
        """Return a batch of examples (B, ...) without what fills them up; by default as it is."""
        return x

    # What follows from it.

    def log_weights(self, x: Any, y: Any, noise: Any) -> Any:
        """Return log p(x, z) / q(z|x) in nats, (B, K), for the draws `noise` (B, K, Z)."""
        mean, log_variance = self.posterior(x, y)
        nll = self.nll_given(x, y, reparameterize(mean, log_variance, noise))
        return log_prior_over_posterior(mean, log_variance, noise) - nll

    def encode(self, x: Any, labels: Any = None) -> np.ndarray:
        """Return the mean of q(z|x), (B, Z), for examples (B, ...)."""
        labels = self.labels_of(len(x), labels)

        def mean(x: np.ndarray, y: Any) -> Any:
            return self.mean_compiled(self.cut(x), y)

        return in_batches(mean, self.encoded_per_call, x, labels)

    def log_likelihood(
        self, x: Any, labels: Any = None, *, importance_samples: int = 1, seed: int = 0
    ) -> np.ndarray:
        """Return a lower bound on log p(x) in nats, (B,), for examples (B, ...).

        With one importance sample it is a draw of the evidence lower bound; with K it is the
        importance-weighted bound, which rises to log p(x) as K grows.

        Raises:
            DataError: If there is not at least one importance sample, or labels do not suit.
        """
        if importance_samples < 1:
            raise DataError(
                f"importance_samples must be at least 1. Received: {importance_samples}."
            )
        labels = self.labels_of(len(x), labels)
        if not len(x):
            return np.zeros(0, "float32")
        samples = min(importance_samples, self.decoded_per_call)
        size = call_size(len(x), max(1, self.decoded_per_call // samples))
        bounds = []
        with _seeded(self.evaluation_seed_generator, seed) as seeds:
            for start in range(0, len(x), size):
                # The last batch is filled up, so that the function is compiled for few shapes.
                indices = np.minimum(np.arange(start, start + size), len(x) - 1)
                batch = self.cut(x[indices])
                batch_labels = None if labels is None else labels[indices]
                chunks = []
                for first in range(0, importance_samples, samples):
                    count = min(samples, importance_samples - first)
                    noise = keras.random.normal((size, count, self.config.latent_size), seed=seeds)
                    chunks.append(self.log_weights_compiled(batch, batch_labels, noise))
                bounds.append(ops.convert_to_numpy(log_mean_exp(ops.concatenate(chunks, axis=1))))
        return np.concatenate(bounds)[: len(x)]


@contextmanager
def _seeded(generator: keras.random.SeedGenerator, seed: int) -> Iterator[Any]:
    """Let a generator draw as a new one would; TensorFlow never frees all that a new one takes."""
    state = generator.state
    kept = ops.convert_to_numpy(state.value).copy()
    state.assign(np.array([seed, 0], kept.dtype))
    try:
        yield generator
    finally:
        state.assign(kept)


def reparameterize(mean: Any, log_variance: Any, noise: Any) -> Any:
    """Return draws of N(mean, variance), (B, K, Z), for standard normal `noise` (B, K, Z)."""
    return mean[:, None] + ops.exp(0.5 * log_variance)[:, None] * noise


def log_prior_over_posterior(mean: Any, log_variance: Any, noise: Any) -> Any:
    """Return log p(z) - log q(z|x) in nats, (B, K), at the draws that `noise` (B, K, Z) gives."""
    latents = reparameterize(mean, log_variance, noise)
    ratio = ops.square(noise) - ops.square(latents) + log_variance[:, None]
    return 0.5 * ops.sum(ratio, axis=-1)


def log_mean_exp(log_weights: Any) -> Any:
    """Return log of the mean of exp over the K samples, (B, K) to (B,)."""
    return ops.logsumexp(log_weights, axis=1) - np.log(log_weights.shape[1])
