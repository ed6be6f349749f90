"""Generators and critics that the two Wasserstein GANs share."""

from typing import Any

import keras
from keras import layers

from zoo.layers import UpConv2D
from zoo.shapes import start_grid
from zoo_wgan_gp.config import Config

# Shapes: B batch, H height, W width, C channels, Z latent size, F filters, n doublings, h and w
# sides of the grid that is doubled.


def build_generator(config: Config) -> keras.Model:
    """Build the network from noise (B, Z) to images (B, H, W, C) in [0, 1]."""
    latents = keras.Input((config.latent_size,), name="latents")  # (B, Z)
    build = {
        "dense": _dense_generator,
        "convolutional": _convolutional_generator,
        "residual": _residual_generator,
    }[config.architecture]
    images = layers.Activation("tanh", dtype="float32")(build(config, latents))  # (B, H, W, C)
    images = layers.Rescaling(0.5, 0.5, dtype="float32")(images)
    return keras.Model(latents, images, name="generator")


def build_critic(config: Config, constraint: Any = None) -> keras.Model:
    """Build the network from images (B, H, W, C) in [0, 1] to scores (B, 1).

    Args:
        config: The configuration.
        constraint: Keras constraint on every weight.
    """
    images = keras.Input(config.image_shape, name="images")  # (B, H, W, C)
    hidden = layers.Rescaling(2.0, -1.0)(images)
    build = {
        "dense": _dense_critic,
        "convolutional": _convolutional_critic,
        "residual": _residual_critic,
    }[config.architecture]
    hidden = build(config, hidden, _constrained(constraint))
    # No bias: it cancels in every difference of scores.
    scores = layers.Dense(1, use_bias=False, kernel_constraint=constraint)(hidden)
    scores = layers.Activation("linear", dtype="float32")(scores)  # (B, 1)
    return keras.Model(images, scores, name="critic")


def _dense_generator(config: Config, hidden: Any) -> Any:
    for number, units in enumerate(config.generator_sizes):
        hidden = layers.Dense(units)(hidden)
        if number > 0:
            hidden = _batch_norm()(hidden)
        hidden = layers.LeakyReLU(0.2)(hidden)
    height, width, channels = config.image_shape
    hidden = layers.Dense(height * width * channels)(hidden)
    return layers.Reshape(config.image_shape)(hidden)


def _dense_critic(config: Config, hidden: Any, constrained: dict[str, Any]) -> Any:
    hidden = layers.Flatten()(hidden)
    for units in config.critic_sizes:
        hidden = layers.LeakyReLU(0.2)(layers.Dense(units, **constrained)(hidden))
    return hidden


def _convolutional_generator(config: Config, hidden: Any) -> Any:
    height, width, doublings = start_grid(config.image_shape)
    filters = config.filters * 2 ** (doublings - 1)
    hidden = layers.Dense(height * width * filters)(hidden)
    hidden = layers.Reshape((height, width, filters))(hidden)  # (B, h, w, F 2^(n-1))
    for number in reversed(range(doublings)):  # each doubles height and width
        hidden = layers.ReLU()(_batch_norm()(hidden))
        filters = config.filters * 2 ** (number - 1) if number else config.image_shape[2]
        hidden = UpConv2D(filters, 5)(hidden)
    return hidden


def _convolutional_critic(config: Config, hidden: Any, constrained: dict[str, Any]) -> Any:
    *_, doublings = start_grid(config.image_shape)
    for number in range(doublings):  # each halves height and width
        filters = config.filters * 2**number
        hidden = layers.Conv2D(filters, 5, strides=2, padding="same", **constrained)(hidden)
        if number > 0:
            hidden = _critic_norm(config, hidden, constrained)
        hidden = layers.LeakyReLU(0.2)(hidden)
    return layers.Flatten()(hidden)


def _residual_generator(config: Config, hidden: Any) -> Any:
    height, width, doublings = start_grid(config.image_shape)
    hidden = layers.Dense(height * width * config.filters)(hidden)
    hidden = layers.Reshape((height, width, config.filters))(hidden)  # (B, h, w, F)
    for _ in range(doublings):  # each doubles height and width
        shortcut = layers.UpSampling2D()(hidden)
        shortcut = layers.Conv2D(config.filters, 1)(shortcut)
        branch = layers.UpSampling2D()(layers.ReLU()(_batch_norm()(hidden)))
        branch = _conv(config, branch)
        branch = _conv(config, layers.ReLU()(_batch_norm()(branch)))
        hidden = layers.Add()([shortcut, branch])
    hidden = layers.ReLU()(_batch_norm()(hidden))
    return layers.Conv2D(config.image_shape[2], 3, padding="same")(hidden)


def _residual_critic(config: Config, hidden: Any, constrained: dict[str, Any]) -> Any:
    *_, doublings = start_grid(config.image_shape)
    # The first block has no activation or normalisation before it: its input is the image.
    shortcut = layers.Conv2D(config.filters, 1, **constrained)(layers.AveragePooling2D(2)(hidden))
    branch = layers.ReLU()(_conv(config, hidden, constrained))
    branch = layers.AveragePooling2D(2)(_conv(config, branch, constrained))
    hidden = layers.Add()([shortcut, branch])
    # Halved down to a grid of twice the generator's first, then two blocks that keep the size.
    for halves in [*[True] * (doublings - 2), False, False]:
        branch = layers.ReLU()(_critic_norm(config, hidden, constrained))
        branch = _conv(config, branch, constrained)
        branch = layers.ReLU()(_critic_norm(config, branch, constrained))
        branch = _conv(config, branch, constrained)
        shortcut = hidden
        if halves:
            shortcut = layers.Conv2D(config.filters, 1, **constrained)(shortcut)
            shortcut = layers.AveragePooling2D(2)(shortcut)
            branch = layers.AveragePooling2D(2)(branch)
        hidden = layers.Add()([shortcut, branch])
    return layers.GlobalAveragePooling2D()(layers.ReLU()(hidden))  # (B, F)


def _conv(config: Config, inputs: Any, constrained: dict[str, Any] | None = None) -> Any:
    return layers.Conv2D(
        config.filters,
        3,
        padding="same",
        kernel_initializer="he_uniform",
        **(constrained or {}),
    )(inputs)


def _critic_norm(config: Config, inputs: Any, constrained: dict[str, Any]) -> Any:
    if config.critic_norm == "none":
        return inputs
    if config.critic_norm == "layer":
        # Over height, width and channels of one example; scale and shift by channel.
        return layers.GroupNormalization(groups=1)(inputs)
    constraint = constrained.get("kernel_constraint")
    return _batch_norm(gamma_constraint=constraint, beta_constraint=constraint)(inputs)


def _batch_norm(**options: Any) -> layers.Layer:
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, **options)


def _constrained(constraint: Any) -> dict[str, Any]:
    if constraint is None:
        return {}
    return {"kernel_constraint": constraint, "bias_constraint": constraint}
