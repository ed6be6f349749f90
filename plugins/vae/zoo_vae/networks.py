"""Encoder and decoder networks that the autoencoder and the VAE share."""

import math

import keras
from keras import layers

from zoo.layers import UpConv2D
from zoo_vae.config import AutoencoderConfig, VAEConfig

# Shapes: B batch, H height, W width, C channels, Z latent size, L number of classes, F filters.


def build_encoder(
    config: AutoencoderConfig | VAEConfig, output_size: int, class_count: int = 0
) -> keras.Model:
    """Build the network from images, and one-hot labels if any, to `output_size` numbers."""
    images = keras.Input(config.image_shape, name="images")  # (B, H, W, C)
    hidden = images
    if config.architecture == "convolutional":
        for filters in config.filters:  # each halves H and W
            hidden = layers.Conv2D(
                filters,
                config.kernel_size,
                strides=2,
                padding="same",
                activation=config.activation,
            )(hidden)
    hidden = layers.Flatten()(hidden)
    inputs = images
    if class_count:
        labels = keras.Input((class_count,), name="labels")  # (B, L)
        inputs = [images, labels]
        hidden = layers.Concatenate()([hidden, labels])
    for units in config.hidden_sizes:
        hidden = layers.Dense(units, activation=config.activation)(hidden)
    return keras.Model(inputs, layers.Dense(output_size)(hidden), name="encoder")


def build_decoder(config: AutoencoderConfig | VAEConfig, class_count: int = 0) -> keras.Model:
    """Build the network from a latent vector, and a one-hot label if any, to pixel logits."""
    latents = keras.Input((config.latent_size,), name="latents")  # (B, Z)
    hidden, inputs = latents, latents
    if class_count:
        labels = keras.Input((class_count,), name="labels")  # (B, L)
        inputs = [latents, labels]
        hidden = layers.Concatenate()([hidden, labels])
    build = _convolutional if config.architecture == "convolutional" else _dense
    logits = build(config, hidden)
    # Likelihoods are summed over many pixels: half precision ends before the logits.
    logits = layers.Activation("linear", dtype="float32", name="logits")(logits)
    return keras.Model(inputs, logits, name="decoder")


def _dense(config: AutoencoderConfig | VAEConfig, hidden: keras.KerasTensor) -> keras.KerasTensor:
    for units in reversed(config.hidden_sizes):
        hidden = layers.Dense(units, activation=config.activation)(hidden)
    logits = layers.Dense(math.prod(config.image_shape))(hidden)
    return layers.Reshape(config.image_shape)(logits)  # (B, H, W, C)


def _convolutional(
    config: AutoencoderConfig | VAEConfig, hidden: keras.KerasTensor
) -> keras.KerasTensor:
    height, width, channels = config.image_shape
    factor = 2 ** len(config.filters)
    shape = (height // factor, width // factor, config.filters[-1])
    hidden = layers.Dense(math.prod(shape), activation=config.activation)(hidden)
    hidden = layers.Reshape(shape)(hidden)  # (B, H / 2^n, W / 2^n, F)
    for filters in reversed(config.filters):  # each doubles H and W
        hidden = UpConv2D(filters, config.kernel_size, activation=config.activation)(hidden)
    # Transposed at stride 1 it is the same map; on two CPU cores TensorFlow takes 2/3 of the time.
    return layers.Conv2DTranspose(channels, config.kernel_size, padding="same")(
        hidden
    )  # (B, H, W, C)
