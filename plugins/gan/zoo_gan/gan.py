"""Generative adversarial network (Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661).

A generator G makes images of noise z, a discriminator D says with what probability an image is
real. They play

    min_G max_D  E[log D(x)] + E[log(1 - D(G(z)))]                  (Eq. 1, in nats)

in turns of one move each. At the optimum of D it is 2 JSD(data, G) - log 4. With `loss =
non-saturating` G minimises -log D(G(z)) in place of log(1 - D(G(z))): the same fixed point with a
gradient that does not vanish while D is sure (section 3). Further games: least squares (Mao et al.
2017, https://arxiv.org/abs/1611.04076) and hinge (Lim & Ye 2017, https://arxiv.org/abs/1705.02894).
With `class_conditional` both players are given the label (Mirza & Osindero 2014,
https://arxiv.org/abs/1411.1784).

Departures from the paper: momentum stays at 0.5 in place of rising to 0.7; the layers and the
optimizer of the presets other than `paper`.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops

from zoo.engine import Player
from zoo.generators import LatentGenerator
from zoo.losses import (
    adversarial_unit,
    discriminator_accuracies,
    discriminator_loss,
    generator_loss,
)
from zoo_gan.config import GANConfig

# Shapes: B batch, H height, W width, C channels, Z latent size, L number of classes, U units,
# P pieces.

# Constants of the authors' code for MNIST.
GENERATOR_RANGE, DISCRIMINATOR_RANGE = 0.05, 0.005  # initial weights are uniform in +- this
MOMENTUM = 0.5
DECAY_PER_STEP = 1 / 1.000004  # of the learning rate


@keras.saving.register_keras_serializable(package="zoo_gan")
class Maxout(layers.Layer):
    """The largest of several linear pieces per unit (Goodfellow et al. 2013).

    Args:
        units: Outputs, U.
        pieces: Linear pieces per unit, P.
    """

    def __init__(self, units: int, pieces: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.units = units
        self.pieces = pieces
        self.linear = layers.Dense(
            units * pieces,
            kernel_initializer=_uniform(DISCRIMINATOR_RANGE),
            dtype=self.dtype_policy,
        )

    def build(self, input_shape: Any) -> None:
        """Build the linear pieces."""
        self.linear.build(input_shape)

    def call(self, inputs: Any) -> Any:
        """Return the largest pieces (B, U)."""
        pieces = ops.reshape(self.linear(inputs), (-1, self.units, self.pieces))  # (B, U, P)
        return ops.max(pieces, axis=-1)  # (B, U)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "units": self.units, "pieces": self.pieces}


def build_generator(config: GANConfig) -> keras.Model:
    """Build the network from noise, and a one-hot label if any, to an image in [0, 1]."""
    latents = keras.Input((config.latent_size,), name="latents")  # (B, Z)
    inputs, hidden = _with_label(config, latents, latents)
    weights = {} if config.batch_norm else {"kernel_initializer": _uniform(GENERATOR_RANGE)}
    for number, units in enumerate(config.generator_sizes):
        hidden = layers.Dense(units, **weights)(hidden)
        if config.batch_norm and number > 0:
            hidden = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(hidden)
        slope = 0.2 if config.batch_norm else 0.0
        hidden = layers.LeakyReLU(slope)(hidden)
    height, width, channels = config.image_shape
    hidden = layers.Dense(height * width * channels, **weights)(hidden)
    images = layers.Reshape(config.image_shape)(hidden)
    images = layers.Activation("sigmoid", dtype="float32")(images)  # (B, H, W, C)
    return keras.Model(inputs, images, name="generator")


def build_discriminator(config: GANConfig) -> keras.Model:
    """Build the network from an image, and a one-hot label if any, to the logit of "real"."""
    images = keras.Input(config.image_shape, name="images")  # (B, H, W, C)
    inputs, hidden = _with_label(config, images, layers.Flatten()(images))
    if config.input_dropout:
        hidden = layers.Dropout(config.input_dropout)(hidden)
    for units in config.discriminator_sizes:
        if config.maxout_pieces > 1:
            hidden = Maxout(units, config.maxout_pieces)(hidden)
        else:
            hidden = layers.LeakyReLU(0.2)(layers.Dense(units)(hidden))
        if config.dropout:
            hidden = layers.Dropout(config.dropout)(hidden)
    has_maxout = config.maxout_pieces > 1
    weights = {"kernel_initializer": _uniform(DISCRIMINATOR_RANGE)} if has_maxout else {}
    logits = layers.Dense(1, **weights)(hidden)
    logits = layers.Activation("linear", dtype="float32")(logits)  # (B, 1)
    return keras.Model(inputs, logits, name="discriminator")


def _uniform(limit: float) -> keras.initializers.Initializer:
    return keras.initializers.RandomUniform(-limit, limit)


@keras.saving.register_keras_serializable(package="zoo_gan")
class GAN(LatentGenerator):
    """Generative adversarial network of dense layers.

    Args:
        config: A `GANConfig`.
    """

    config_class = GANConfig

    def __init__(self, config: GANConfig, **kwargs: Any):
        super().__init__(config, **kwargs)
        self.prior = self.config.prior
        self.generator = build_generator(self.config)
        self.discriminator = build_discriminator(self.config)
        self.smallest_batch = 2 if self.config.batch_norm else 1

    def players(self) -> Sequence[Player]:
        """Return the discriminator, which moves first, and the generator."""
        unit = adversarial_unit(self.config.loss)
        return [
            Player(
                name="discriminator",
                networks=[self.discriminator],
                loss=self.discriminator_loss,
                terms=(f"discriminator_{unit}", "real_accuracy", "fake_accuracy"),
                optimizer=self.make_optimizer,
            ),
            Player(
                name="generator",
                networks=[self.generator],
                loss=self.generator_loss,
                terms=(f"generator_{unit}",),
                optimizer=lambda: self.make_optimizer(self.config.average),
            ),
        ]

    def make_optimizer(self, average: float = 0.0) -> keras.optimizers.Optimizer:
        """Return the optimizer that the configuration names, averaging weights if asked to."""
        averaging: dict[str, Any] = {"use_ema": average > 0}
        if average:
            averaging["ema_momentum"] = average
        rate = self.config.learning_rate
        if self.config.optimizer == "adam":
            return keras.optimizers.Adam(rate, beta_1=0.5, **averaging)
        schedule = keras.optimizers.schedules.ExponentialDecay(rate, 1, DECAY_PER_STEP)
        return keras.optimizers.SGD(schedule, momentum=MOMENTUM, **averaging)

    def discriminator_loss(self, x: Any, y: Any, training: bool) -> dict[str, Any]:
        """Return the discriminator's loss on images (B, H, W, C) and as many fakes."""
        loss = self.config.loss
        fakes = ops.stop_gradient(self.fakes(ops.shape(x)[0], y, training))
        real_logits = self.logits(x, y, training)  # (B, 1)
        fake_logits = self.logits(fakes, y, training)
        real_accuracy, fake_accuracy = discriminator_accuracies(loss, real_logits, fake_logits)
        return {
            f"discriminator_{adversarial_unit(loss)}": discriminator_loss(
                loss, real_logits, fake_logits
            ),
            "real_accuracy": real_accuracy,
            "fake_accuracy": fake_accuracy,
        }

    def generator_loss(self, x: Any, y: Any, training: bool) -> dict[str, Any]:
        """Return the generator's loss on as many fakes as there are images."""
        logits = self.logits(self.fakes(ops.shape(x)[0], y, training), y, training)
        loss = self.config.loss
        return {f"generator_{adversarial_unit(loss)}": generator_loss(loss, logits)}

    def logits(self, images: Any, labels: Any, training: bool) -> Any:
        """Return the discriminator's logits (B, 1) of "real" for images (B, H, W, C)."""
        inputs = [images, self.one_hot(labels)] if self.takes_labels else images
        return self.discriminator(inputs, training=training)


def _with_label(config: GANConfig, inputs: Any, vectors: Any) -> tuple[Any, Any]:
    """Return a network's inputs, and the vectors (B, U) joined with the label if it has one."""
    if not config.class_conditional:
        return inputs, vectors
    labels = keras.Input((config.class_count,), name="labels")  # (B, L)
    return [inputs, labels], layers.Concatenate()([vectors, labels])
