"""Generators that are so simple that what they make of a latent vector is known."""

import dataclasses

import keras
import numpy as np
from keras import layers

from zoo.generators import LatentGenerator


@dataclasses.dataclass(frozen=True, kw_only=True)
class LinearConfig:
    """Configuration of `Linear`.

    Args:
        image_shape: (H, W, C) of one image.
        latent_size: Numbers in a latent vector.
        class_conditional: Whether the label decides the offset.
        class_count: Labels.
    """

    image_shape: tuple[int, int, int] = (4, 4, 1)
    latent_size: int = 3
    class_conditional: bool = False
    class_count: int = 0


@keras.saving.register_keras_serializable(package="generators")
class Linear(LatentGenerator):
    """An image is offset + z @ weights; with classes the offset is the label's."""

    config_class = LinearConfig

    def __init__(self, config=None, prior="normal", **kwargs):
        super().__init__(config or LinearConfig(), **kwargs)
        self.prior = prior
        config = self.config
        self.numbers = layers.Dense(int(np.prod(config.image_shape)))
        noise = keras.Input((config.latent_size,))
        inputs, hidden = noise, noise
        if config.class_conditional:
            label = keras.Input((config.class_count,))
            inputs, hidden = [noise, label], layers.Concatenate()([noise, label])
        outputs = layers.Reshape(config.image_shape)(self.numbers(hidden))
        self.generator = keras.Model(inputs, outputs)

    def set(self, weights, offset):
        """Set the weights (Z + L, H * W * C) and the offset (H * W * C,)."""
        self.numbers.set_weights([weights, offset])
        return self


def orthogonal(rows, columns, seed=0):
    """Return rows of length 1 at right angles to one another."""
    matrix = np.random.default_rng(seed).normal(size=(columns, rows))
    return np.linalg.qr(matrix)[0].T.astype("float32")


class LinearAutoencoder(Linear):
    """`Linear`, and the code of an image by the least squares of its weights."""

    def encode(self, x, labels=None):
        """Return latent vectors (B, Z) of images (B, H, W, C)."""
        weights, offset = self.numbers.get_weights()
        flat = np.asarray(x).reshape(len(x), -1) - offset
        return (flat @ np.linalg.pinv(weights)).astype("float32")
