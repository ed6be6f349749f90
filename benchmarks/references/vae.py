"""References of the VAE's rows.

- `torch_vae`: PyTorch modules in a plain loop, as PyTorch's own VAE example goes: binary
  cross-entropy plus KL divergence, Adam, a step per batch.
- `torch_iwae`: the same loop around the importance-weighted bound.
- `keras_convolutional_vae`: a functional encoder and decoder in a `keras.Model` with a
  `train_step` of its own on TensorFlow, as Keras's VAE example goes.
- `keras_train_step`: the zoo's own networks and the zoo's own loss in such a `train_step`; what
  the engine adds to it is the engine's cost.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.references.contender import Contender, fitted, shuffled_batches
from benchmarks.rows import Row

# Shapes: B batch, P pixels, U hidden units, Z latent size, K importance samples.


def _torch_loop(
    modules: Any, negative_bound: Callable[[Any], Any], row: Row, images: np.ndarray
) -> Contender:
    """Return the contender that trains torch modules in a plain loop."""
    import torch

    optimizer = torch.optim.Adam(modules.parameters(), lr=row.config["learning_rate"])
    pixels = torch.from_numpy(images.reshape(len(images), -1))  # (N, P)

    def run(examples: int) -> None:
        total = 0.0
        for x in shuffled_batches(pixels, examples, row.batch_size):
            optimizer.zero_grad()
            loss = negative_bound(x)
            loss.backward()
            total += loss.item()
            optimizer.step()

    return Contender(run, sum(parameter.numel() for parameter in modules.parameters()))


def _torch_networks(row: Row, pixels: int) -> Any:
    """Return encoder and decoder of one hidden layer each."""
    from torch import nn

    [units], latents = row.config["hidden_sizes"], row.config["latent_size"]
    return nn.ModuleDict(
        {
            "hidden": nn.Sequential(nn.Linear(pixels, units), nn.ReLU()),
            "mean": nn.Linear(units, latents),
            "log_variance": nn.Linear(units, latents),
            "decoder": nn.Sequential(
                nn.Linear(latents, units), nn.ReLU(), nn.Linear(units, pixels)
            ),
        }
    )


def torch_vae(row: Row, images: np.ndarray) -> Contender:
    """Return the dense VAE as a plain PyTorch loop."""
    import torch
    from torch.nn import functional

    networks = _torch_networks(row, images[0].size)

    def negative_bound(x: Any) -> Any:
        hidden = networks["hidden"](x)  # (B, U)
        mean, log_variance = networks["mean"](hidden), networks["log_variance"](hidden)  # (B, Z)
        latents = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        logits = networks["decoder"](latents)  # (B, P)
        nll = functional.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        kl = -0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp())
        return (nll + kl) / len(x)

    return _torch_loop(networks, negative_bound, row, images)


def torch_iwae(row: Row, images: np.ndarray) -> Contender:
    """Return the importance-weighted bound as a plain PyTorch loop."""
    import torch
    from torch.nn import functional

    networks = _torch_networks(row, images[0].size)
    samples = row.config["importance_samples"]

    def negative_bound(x: Any) -> Any:
        hidden = networks["hidden"](x)  # (B, U)
        mean, log_variance = networks["mean"](hidden), networks["log_variance"](hidden)  # (B, Z)
        mean, log_variance = mean.unsqueeze(1), log_variance.unsqueeze(1)  # (B, 1, Z)
        noise = torch.randn(len(x), samples, mean.shape[2])
        latents = mean + torch.exp(0.5 * log_variance) * noise  # (B, K, Z)
        logits = networks["decoder"](latents)  # (B, K, P)
        targets = x.unsqueeze(1).expand_as(logits)
        nll = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
        log_prior = -0.5 * latents.pow(2).sum(2)  # (B, K), both without the same constant
        log_posterior = -0.5 * (noise.pow(2) + log_variance).sum(2)
        log_weights = log_prior - log_posterior - nll.sum(2)
        return -(torch.logsumexp(log_weights, 1) - np.log(samples)).mean()

    return _torch_loop(networks, negative_bound, row, images)


def keras_convolutional_vae(row: Row, images: np.ndarray) -> Contender:
    """Return the convolutional VAE as a Keras model with a `train_step` of its own."""
    import keras
    import tensorflow as tf
    from keras import layers

    first, second = row.config["filters"]
    [units], latent_size = row.config["hidden_sizes"], row.config["latent_size"]
    height, width, channels = images.shape[1:]

    inputs = keras.Input(images.shape[1:])
    x = layers.Conv2D(first, 3, strides=2, padding="same", activation="relu")(inputs)
    x = layers.Conv2D(second, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.Dense(units, activation="relu")(layers.Flatten()(x))
    statistics = [layers.Dense(latent_size)(x), layers.Dense(latent_size)(x)]
    encoder = keras.Model(inputs, statistics)

    latents = keras.Input((latent_size,))
    x = layers.Dense(height // 4 * (width // 4) * second, activation="relu")(latents)
    x = layers.Reshape((height // 4, width // 4, second))(x)
    x = layers.Conv2DTranspose(second, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.Conv2DTranspose(first, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.Conv2DTranspose(channels, 3, padding="same", activation="sigmoid")(x)
    decoder = keras.Model(latents, x)

    def terms(images: Any) -> tuple[Any, Any]:
        mean, log_variance = encoder(images)
        noise = tf.random.normal(tf.shape(mean))
        pixels = decoder(mean + tf.exp(0.5 * log_variance) * noise)
        cross_entropy = keras.losses.binary_crossentropy(images, pixels)  # (B, H, W)
        reconstruction = tf.reduce_mean(tf.reduce_sum(cross_entropy, axis=(1, 2)))
        kl = -0.5 * (1 + log_variance - tf.square(mean) - tf.exp(log_variance))
        return reconstruction, tf.reduce_mean(tf.reduce_sum(kl, axis=1))

    return fitted(_keras_model([encoder, decoder], terms, row), images, row.batch_size)


def keras_train_step(row: Row, images: np.ndarray) -> Contender:
    """Return the zoo's VAE without the zoo's engine."""
    import keras
    from keras import ops
    from zoo_vae.config import VAEConfig
    from zoo_vae.networks import build_decoder, build_encoder

    from zoo.losses import bernoulli_nll_nats, gaussian_kl_nats

    config = VAEConfig(**row.config)
    encoder = build_encoder(config, 2 * config.latent_size)
    decoder = build_decoder(config)
    seeds = keras.random.SeedGenerator()

    def terms(images: Any) -> tuple[Any, Any]:
        mean, log_variance = ops.split(encoder(images, training=True), 2, axis=-1)
        noise = keras.random.normal(ops.shape(mean), seed=seeds)
        logits = decoder(mean + ops.exp(0.5 * log_variance) * noise, training=True)
        nll = ops.mean(bernoulli_nll_nats(images, logits))
        return nll, ops.mean(gaussian_kl_nats(mean, log_variance))

    return fitted(_keras_model([encoder, decoder], terms, row), images, row.batch_size)


def _keras_model(networks: list[Any], terms: Callable[[Any], tuple[Any, Any]], row: Row) -> Any:
    """Return a compiled Keras model that minimises the sum of two terms."""
    import keras
    import tensorflow as tf

    class Model(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.networks = networks
            self.means = [keras.metrics.Mean(name=name) for name in ("loss", "nll", "kl")]
            self.built = True

        @property
        def metrics(self) -> list[keras.metrics.Metric]:
            return self.means

        def train_step(self, data: Any) -> dict[str, Any]:
            with tf.GradientTape() as tape:
                nll, kl = terms(data)
                loss = nll + kl
            gradients = tape.gradient(loss, self.trainable_weights)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
            for mean, value in zip(self.means, (loss, nll, kl), strict=True):
                mean.update_state(value)
            return {mean.name: mean.result() for mean in self.means}

    model = Model()
    model.compile(optimizer=keras.optimizers.Adam(row.config["learning_rate"]))
    return model
