"""Variational autoencoder (Kingma & Welling 2014, https://arxiv.org/abs/1312.6114).

An encoder gives a diagonal Gaussian q(z|x) over latent vectors, a decoder gives p(x|z), the prior
p(z) is the standard normal. Minimised is the negative evidence lower bound, in nats per image,
summed over pixels and latent dimensions and averaged over the batch:

    -log p(x) <= E_q[-log p(x|z)] + KL(q(z|x) || p(z))            (Eq. 3, one sample of z)

With `importance_samples` K > 1 it is the tighter bound of Burda et al. 2016
(https://arxiv.org/abs/1509.00519, Eq. 8):

    -log p(x) <= -E[log 1/K sum_k p(x, z_k) / q(z_k|x)]

Departures from the paper: weights start as Glorot draws with zero biases rather than N(0, 0.01),
and carry no N(0, 1) prior. Further: beta-VAE, class condition, convolutions.
"""

from collections.abc import Sequence
from typing import Any, Literal

import keras
from keras import ops

from zoo.engine import Player
from zoo.generators import LatentGenerator
from zoo.losses import bernoulli_nll_nats, gaussian_kl_nats, gaussian_nll_nats
from zoo.variational import (
    Variational,
    log_mean_exp,
    log_prior_over_posterior,
    reparameterize,
)
from zoo_vae.config import VAEConfig
from zoo_vae.networks import build_decoder, build_encoder

# Shapes: B batch, H height, W width, C channels, Z latent size, K importance samples.


class PixelLogVariance(keras.layers.Layer):
    """One learned log-variance for all pixels, the Gaussian likelihood's only extra weight."""

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.log_variance = self.add_weight(shape=(), initializer="zeros", name="log_variance")
        self.built = True


@keras.saving.register_keras_serializable(package="zoo_vae")
class VAE(Variational, LatentGenerator):
    """Variational autoencoder, dense or convolutional.

    Args:
        config: A `VAEConfig`.
    """

    config_class = VAEConfig
    likelihood_kind: Literal["exact", "bound"] = "bound"

    def __init__(self, config: VAEConfig, **kwargs: Any):
        super().__init__(config, **kwargs)
        config = self.config
        classes = config.class_count if config.class_conditional else 0
        self.encoder = build_encoder(config, 2 * config.latent_size, classes)
        self.decoder = build_decoder(config, classes)
        self.pixel_log_variance = PixelLogVariance() if config.likelihood == "gaussian" else None

    def players(self) -> Sequence[Player]:
        """Return the only player: encoder and decoder minimise the bound together."""
        networks = [self.encoder, self.decoder, self.pixel_log_variance]
        return [
            Player(
                name="vae",
                networks=[network for network in networks if network is not None],
                loss=self.negative_bound,
                terms=(self.objective_name, "reconstruction_nats", "kl_nats"),
                optimizer=self.make_optimizer,
            )
        ]

    def make_optimizer(self) -> keras.optimizers.Optimizer:
        """Return the optimizer that the configuration names."""
        rate = self.config.learning_rate
        if self.config.decay_steps:
            rate = keras.optimizers.schedules.CosineDecay(rate, self.config.decay_steps)
        if self.config.optimizer == "adam":
            return keras.optimizers.Adam(rate)
        return keras.optimizers.Adagrad(rate)

    @property
    def objective_name(self) -> str:
        """The name of what is minimised: a bound on -log p(x) only where beta is 1."""
        return "negative_bound_nats" if self.config.beta == 1 else "weighted_bound_nats"

    def negative_bound(self, x: Any, y: Any, training: bool) -> dict[str, Any]:
        """Return the negative bound and its two terms, nats per image."""
        mean, log_variance = self.posterior(x, y, training)  # (B, Z) each
        kl = gaussian_kl_nats(mean, log_variance)  # (B,)
        noise = keras.random.normal(
            (ops.shape(mean)[0], self.config.importance_samples, self.config.latent_size),
            seed=self.noise_seed(training),
        )  # (B, K, Z)
        latents = reparameterize(mean, log_variance, noise)  # (B, K, Z)
        nll = self.nll_given(x, y, latents, training)  # (B, K)
        if self.config.importance_samples == 1:
            bound = nll[:, 0] + self.config.beta * kl
        else:
            log_weights = log_prior_over_posterior(mean, log_variance, noise) - nll
            bound = -log_mean_exp(log_weights)
        return {
            self.objective_name: ops.mean(bound),
            "reconstruction_nats": ops.mean(nll),
            "kl_nats": ops.mean(kl),
        }

    def posterior(self, x: Any, y: Any, training: bool = False) -> tuple[Any, Any]:
        """Return mean and log-variance of q(z|x), (B, Z) each, for images (B, H, W, C)."""
        statistics = self.encoder(
            [x, self.one_hot(y)] if self.takes_labels else x, training=training
        )
        mean, log_variance = ops.split(ops.cast(statistics, "float32"), 2, axis=-1)
        return mean, log_variance

    def logits(self, latents: Any, y: Any, training: bool = False) -> Any:
        """Return the decoder's output (B, H, W, C) for latent vectors (B, Z)."""
        inputs = [latents, self.one_hot(y)] if self.takes_labels else latents
        return self.decoder(inputs, training=training)

    def nll_given(self, x: Any, y: Any, latents: Any, training: bool = False) -> Any:
        """Return -log p(x|z) in nats, (B, K), for latent vectors (B, K, Z)."""
        samples = ops.shape(latents)[1]
        labels = ops.repeat(y, samples, axis=0) if self.takes_labels else None
        logits = self.logits(ops.reshape(latents, (-1, latents.shape[2])), labels, training)
        logits = ops.reshape(logits, (-1, samples, *self.config.image_shape))  # (B, K, H, W, C)
        if self.pixel_log_variance is None:
            return bernoulli_nll_nats(x[:, None], logits, batch_axes=2)
        log_variance = self.pixel_log_variance.log_variance
        return gaussian_nll_nats(x[:, None], ops.sigmoid(logits), log_variance, batch_axes=2)

    def pixels(self, latents: Any, labels: Any) -> Any:
        """Return the mean of p(x|z), (B, H, W, C) in [0, 1], for latent vectors (B, Z)."""
        return ops.sigmoid(self.logits(latents, labels))

    @property
    def likelihood_of(self) -> Literal["discrete", "binary", "density"]:
        """What the likelihood is of: black-and-white pixels, or a density of real numbers."""
        return "density" if self.config.likelihood == "gaussian" else "binary"
