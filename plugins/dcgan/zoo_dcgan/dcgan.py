"""Deep convolutional GAN (Radford et al. 2016, https://arxiv.org/abs/1511.06434).

The game is that of the GAN, non-saturating, in nats:

    discriminator:  - E[log D(x)] - E[log(1 - D(G(z)))]
    generator:      - E[log D(G(z))]

What the paper adds is networks that hold the balance: strided convolutions in place of pooling, no
dense hidden layers, batch normalisation everywhere but at the generator's output and the
discriminator's input, ReLU in the generator and leaky ReLU in the discriminator, weights from
N(0, 0.02), Adam with beta_1 = 0.5. Real and generated batches are normalised apart. Features of the
discriminator, each layer pooled to 4 x 4, serve a classifier (section 5.1).

Departures from the paper: no biases before or beside batch normalisation; further sizes than 64,
each a grid of 4 to 7 pixels doubled, so that 28 = 7 x 2 x 2 is not stretched; class condition.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from zoo.engine import Player, compile_function, in_batches
from zoo.errors import DataError
from zoo.generators import IMAGES_PER_CALL, LatentGenerator
from zoo.layers import UpConv2D, normalised_by_batch
from zoo.losses import discriminator_accuracies, discriminator_loss, generator_loss
from zoo.shapes import start_grid
from zoo_dcgan.config import DCGANConfig

# Shapes: B batch, H height, W width, C channels, Z latent size, L number of classes, F filters,
# n doublings, h and w sides of the grid that is doubled.

FEATURE_GRID = 4  # pixels per side to which each layer is pooled for the classifier


def build_generator(config: DCGANConfig) -> keras.Model:
    """Build the network from noise, and a one-hot label if any, to an image in [0, 1]."""
    height, width, doublings = start_grid(config.image_shape)
    latents = keras.Input((config.latent_size,), name="latents")  # (B, Z)
    inputs, hidden = latents, latents
    if config.class_conditional:
        labels = keras.Input((config.class_count,), name="labels")  # (B, L)
        inputs, hidden = [latents, labels], layers.Concatenate()([latents, labels])
    filters = config.generator_filters * 2 ** (doublings - 1)
    # On a grid of one pixel the transposed convolution is a matrix product.
    hidden = layers.Dense(height * width * filters, use_bias=False, **_weights())(hidden)
    hidden = layers.Reshape((height, width, filters))(hidden)  # (B, h, w, F 2^(n-1))
    for number in reversed(range(doublings)):
        hidden = layers.ReLU()(_batch_norm()(hidden))
        filters = config.generator_filters * 2 ** (number - 1) if number else 0
        hidden = UpConv2D(
            filters or config.image_shape[2], config.kernel_size, use_bias=False, **_weights()
        )(hidden)
    images = layers.Activation("tanh", dtype="float32")(hidden)  # (B, H, W, C)
    images = layers.Rescaling(0.5, 0.5, dtype="float32")(images)
    return keras.Model(inputs, images, name="generator")


def build_discriminator(config: DCGANConfig) -> keras.Model:
    """Build the network from an image, and a one-hot label if any, to the logit of "real".

    Further outputs are the hidden layers, (B, H / 2^i, W / 2^i, F 2^(i-1)) each.
    """
    *_, doublings = start_grid(config.image_shape)
    images = keras.Input(config.image_shape, name="images")  # (B, H, W, C)
    inputs, hidden = images, layers.Rescaling(2.0, -1.0)(images)
    if config.class_conditional:
        labels = keras.Input((config.class_count,), name="labels")  # (B, L)
        planes = layers.Reshape((1, 1, config.class_count))(labels)
        planes = layers.UpSampling2D(config.image_shape[:2])(planes)  # (B, H, W, L)
        inputs, hidden = [images, labels], layers.Concatenate()([hidden, planes])
    features = []
    for number in range(doublings):
        hidden = layers.Conv2D(
            config.discriminator_filters * 2**number,
            config.kernel_size,
            strides=2,
            padding="same",
            use_bias=False,
            **_weights(),
        )(hidden)
        if number > 0:
            hidden = _batch_norm()(hidden)
        hidden = layers.LeakyReLU(0.2)(hidden)
        features.append(hidden)
    logits = layers.Dense(1, use_bias=False, **_weights())(layers.Flatten()(hidden))
    logits = layers.Activation("linear", dtype="float32")(logits)  # (B, 1)
    return keras.Model(inputs, [logits, *features], name="discriminator")


@keras.saving.register_keras_serializable(package="zoo_dcgan")
class DCGAN(LatentGenerator):
    """Deep convolutional generative adversarial network.

    Args:
        config: A `DCGANConfig`.
    """

    config_class = DCGANConfig
    prior = "uniform"
    smallest_batch = 2  # batch normalisation needs a variance

    def __init__(self, config: DCGANConfig, **kwargs: Any):
        super().__init__(config, **kwargs)
        self.generator = build_generator(self.config)
        self.discriminator = build_discriminator(self.config)
        self.features_compiled = compile_function(self, self.pooled_features)

    def players(self) -> Sequence[Player]:
        """Return the discriminator, which moves first, and the generator."""
        return [
            Player(
                name="discriminator",
                networks=[self.discriminator],
                loss=self.discriminator_loss,
                terms=("discriminator_nats", "real_accuracy", "fake_accuracy"),
                optimizer=self.make_optimizer,
            ),
            Player(
                name="generator",
                networks=[self.generator],
                loss=self.generator_loss,
                terms=("generator_nats",),
                optimizer=lambda: self.make_optimizer(self.config.average),
            ),
        ]

    def make_optimizer(self, average: float = 0.0) -> keras.optimizers.Optimizer:
        """Return Adam as the paper sets it, averaging the weights if asked to."""
        averaging: dict[str, Any] = {"use_ema": True, "ema_momentum": average} if average else {}
        return keras.optimizers.Adam(
            self.config.learning_rate, beta_1=self.config.beta_1, **averaging
        )

    def discriminator_loss(self, x: Any, y: Any, training: bool) -> dict[str, Any]:
        """Return the discriminator's loss on images (B, H, W, C) and as many fakes."""
        fakes = ops.stop_gradient(self.fakes(ops.shape(x)[0], y, training))
        real_logits = self.logits(x, y, training)  # (B, 1)
        fake_logits = self.logits(fakes, y, training)
        real_accuracy, fake_accuracy = discriminator_accuracies(
            "non-saturating", real_logits, fake_logits
        )
        return {
            "discriminator_nats": discriminator_loss("non-saturating", real_logits, fake_logits),
            "real_accuracy": real_accuracy,
            "fake_accuracy": fake_accuracy,
        }

    def generator_loss(self, x: Any, y: Any, training: bool) -> dict[str, Any]:
        """Return the generator's loss on as many fakes as there are images."""
        logits = self.logits(self.fakes(ops.shape(x)[0], y, training), y, training)
        return {"generator_nats": generator_loss("non-saturating", logits)}

    def logits(self, images: Any, labels: Any, training: bool) -> Any:
        """Return the discriminator's logits (B, 1) of "real" for images (B, H, W, C)."""
        inputs = [images, self.one_hot(labels)] if self.takes_labels else images
        return normalised_by_batch(self.discriminator, inputs, training)[0]

    def pooled_features(self, images: Any) -> Any:
        """Return the discriminator's layers, pooled to 4 x 4, as vectors (B, 16 F (2^n - 1))."""
        _, *features = self.discriminator(images, training=False)
        pooled = []
        for feature in features:  # (B, H / 2^i, W / 2^i, F 2^(i-1))
            size = tuple(-(-side // FEATURE_GRID) for side in feature.shape[1:3])
            pooled.append(ops.max_pool(feature, size, strides=size, padding="same"))
        flat = [ops.reshape(layer, (ops.shape(layer)[0], -1)) for layer in pooled]
        return ops.cast(ops.concatenate(flat, axis=1), "float32")

    # What it can do once trained: NumPy in, NumPy out.

    @property
    def lacks(self) -> tuple[str, ...]:
        """The protocols that this model, as configured, does not fulfil."""
        return ("HasFeatures",) if self.takes_labels else ()

    def features(self, x: Any) -> np.ndarray:
        """Return features (B, 16 F (2^n - 1)) of images (B, H, W, C) for a linear classifier.

        Raises:
            DataError: If the discriminator is told the class.
        """
        if self.takes_labels:
            raise DataError(
                "Features of images are those of a discriminator that is not told their class. "
                "Expected: a model with class_conditional=false."
            )
        return in_batches(self.features_compiled, IMAGES_PER_CALL, x)


def _weights() -> dict[str, Any]:
    return {"kernel_initializer": keras.initializers.RandomNormal(stddev=0.02)}


def _batch_norm() -> layers.Layer:
    gamma = keras.initializers.RandomNormal(mean=1.0, stddev=0.02)
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, gamma_initializer=gamma)
