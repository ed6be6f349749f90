"""Autoencoder (Hinton & Salakhutdinov 2006, https://doi.org/10.1126/science.1127647).

An encoder squeezes an image x into a short code, a decoder rebuilds it. Minimised is the
cross-entropy between the image and its reconstruction, in nats per image, summed over pixels and
averaged over the batch:

    - sum_i [x_i log x'_i + (1 - x_i) log(1 - x'_i)]

Nothing is said of how codes are distributed, so the model has no samples of its own. To have
some to set beside the VAE's, codes are drawn from a diagonal Gaussian with the running mean and
variance of the training codes.

Departure from the paper: trained end to end with Adam and ReLU in place of layer-by-layer
pretraining by restricted Boltzmann machines and sigmoid units.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.engine import Player, PlayerModel, compile_function, in_batches
from zoo.examples import checked, checked_latents
from zoo.losses import bernoulli_nll_nats
from zoo.priors import draw_prior
from zoo_vae.config import AutoencoderConfig
from zoo_vae.networks import build_decoder, build_encoder

# Shapes: B batch, H height, W width, C channels, Z latent size.

IMAGES_PER_CALL = 512


class CodeStatistics(keras.layers.Layer):
    """Running mean and variance of the codes, kept as batch normalisation keeps its own.

    Args:
        size: Numbers in a code, Z.
        momentum: Weight of the old value at each update.
    """

    def __init__(self, size: int, momentum: float = 0.99, **kwargs: Any):
        super().__init__(**kwargs)
        self.momentum = momentum
        self.mean = self.add_weight(
            shape=(size,), initializer="zeros", trainable=False, name="mean"
        )
        self.variance = self.add_weight(
            shape=(size,), initializer="ones", trainable=False, name="variance"
        )
        self.built = True

    def update(self, codes: Any) -> None:
        """Move towards the mean and variance of a batch of codes (B, Z)."""
        codes = ops.stop_gradient(ops.cast(codes, "float32"))
        mean, variance = ops.moments(codes, axes=[0])
        for old, new in ((self.mean, mean), (self.variance, variance)):
            old.assign(self.momentum * old + (1 - self.momentum) * new)


@keras.saving.register_keras_serializable(package="zoo_vae")
class Autoencoder(PlayerModel):
    """Autoencoder, dense or convolutional.

    Args:
        config: An `AutoencoderConfig`.
    """

    config_class = AutoencoderConfig

    def __init__(self, config: AutoencoderConfig, **kwargs: Any):
        super().__init__(config, **kwargs)
        self.encoder = build_encoder(self.config, self.config.latent_size)
        self.decoder = build_decoder(self.config)
        self.code_statistics = CodeStatistics(self.config.latent_size)
        self.encode_compiled = compile_function(self, lambda x: self.encoder(x, training=False))
        self.pixels_compiled = compile_function(self, self.pixels)

    def players(self) -> Sequence[Player]:
        """Return the only player: encoder and decoder minimise the reconstruction error."""
        return [
            Player(
                name="autoencoder",
                networks=[self.encoder, self.decoder],
                loss=self.reconstruction,
                terms=("reconstruction_nats",),
                optimizer=lambda: keras.optimizers.Adam(self.config.learning_rate),
            )
        ]

    def reconstruction(self, x: Any, y: Any, training: bool) -> dict[str, Any]:
        """Return the cross-entropy of images (B, H, W, C) and their reconstructions."""
        codes = self.encoder(x, training=training)  # (B, Z)
        if training:
            self.code_statistics.update(codes)
        logits = self.decoder(codes, training=training)  # (B, H, W, C)
        return {"reconstruction_nats": ops.mean(bernoulli_nll_nats(x, logits))}

    def check_arrays(self, x: Any, y: Any) -> None:
        """Raise DataError where images that `fit` is given as arrays do not suit."""
        super().check_arrays(x, y)
        if x is not None:
            checked(x, self.config.image_shape)

    def pixels(self, codes: Any, labels: Any) -> Any:
        """Return images (B, H, W, C) in [0, 1] for codes (B, Z); labels are not used."""
        return ops.sigmoid(self.decoder(codes, training=False))

    # What it can do once trained: NumPy in, NumPy out.

    def sample(self, count: int, *, seed: int = 0) -> np.ndarray:
        """Return images (count, H, W, C) in [0, 1] decoded from codes drawn at random."""
        return self.decode(self.draw_latents(count, seed=seed))

    def draw_latents(self, count: int, *, seed: int = 0, temperature: float = 1.0) -> np.ndarray:
        """Return `count` codes, (count, Z), of the Gaussian that training codes were found in."""
        size = self.config.latent_size
        noise = draw_prior("normal", count, size, seed=seed, temperature=temperature)
        statistics = self.code_statistics
        mean, variance = map(ops.convert_to_numpy, (statistics.mean, statistics.variance))
        return mean + np.sqrt(variance) * noise

    def encode(self, x: Any, labels: Any = None) -> np.ndarray:
        """Return codes (B, Z) for images (B, H, W, C); labels are not used."""
        return in_batches(self.encode_compiled, IMAGES_PER_CALL, x)

    def decode(self, latents: Any, labels: Any = None) -> np.ndarray:
        """Return images (B, H, W, C) in [0, 1] for codes (B, Z); labels are not used."""
        latents = checked_latents(latents, self.config.latent_size)
        return in_batches(self.pixels_compiled, IMAGES_PER_CALL, latents, None)
