"""Generators and discriminators of the CycleGAN, from images in [0, 1] to images or logits.

Inside the networks pixels lie in [-1, 1]. All are fully convolutional, so that images may be larger
than those of training. Instance normalisation has no scale and no offset, as in the authors' code;
a bias before it would cancel, and is left out.
"""

from typing import Any

import keras
from keras import layers, ops

from zoo.layers import UpConv2D
from zoo_cyclegan.config import CycleGANConfig

# Shapes: B batch, H height, W width, C channels, F filters.


@keras.saving.register_keras_serializable(package="zoo_cyclegan")
class ReflectionPadding2D(layers.Layer):
    """Continues images over their edges by reflection.

    Args:
        pixels: How far, on each side.
    """

    def __init__(self, pixels: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.pixels = pixels

    def call(self, inputs: Any) -> Any:
        """Return padded inputs (B, H + 2 pixels, W + 2 pixels, C)."""
        edges = (self.pixels, self.pixels)
        return ops.pad(inputs, ((0, 0), edges, edges, (0, 0)), mode="reflect")

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Return the shape of padded inputs; a side may be unknown."""
        batch, *sides, channels = input_shape
        padded = (None if side is None else side + 2 * self.pixels for side in sides)
        return (batch, *padded, channels)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "pixels": self.pixels}


def build_generator(config: CycleGANConfig, to: str) -> keras.Model:
    """Build the network from images of the other domain to images of `to`, both in [0, 1]."""
    source, target, (downs, ups) = config.image_shape_a, config.image_shape_b, config.halvings
    if to == "A":
        source, target, downs, ups = target, source, ups, downs
    images = keras.Input((None, None, source[2]), name="images")  # (B, H, W, C)
    hidden = layers.Rescaling(2.0, -1.0)(images)
    if config.generator == "unet":
        hidden = _unet(config, hidden, downs, target[2])
    else:
        hidden = _resnet(config, hidden, downs, ups, target[2])
    made = layers.Activation("tanh", dtype="float32")(hidden)
    made = layers.Rescaling(0.5, 0.5, dtype="float32")(made)
    return keras.Model(images, made, name=f"generator_{to.lower()}")


def build_discriminator(config: CycleGANConfig, domain: str) -> keras.Model:
    """Build the network from images of a domain to a logit of "real" for each of many patches."""
    shape = config.image_shape_a if domain == "A" else config.image_shape_b
    images = keras.Input((None, None, shape[2]), name="images")  # (B, H, W, C)
    hidden = layers.Rescaling(2.0, -1.0)(images)
    for number in range(config.discriminator_layers + 1):
        filters = config.discriminator_filters * 2 ** min(number, 3)
        stride = 2 if number < config.discriminator_layers else 1
        hidden = layers.ZeroPadding2D(1)(hidden)
        hidden = layers.Conv2D(filters, 4, strides=stride, use_bias=not number, **_weights())(
            hidden
        )  # halved, then one pixel less
        if number:
            hidden = instance_norm()(hidden)
        hidden = layers.LeakyReLU(0.2)(hidden)
    logits = layers.Conv2D(1, 4, **_weights())(layers.ZeroPadding2D(1)(hidden))
    logits = layers.Activation("linear", dtype="float32")(logits)
    return keras.Model(images, logits, name=f"discriminator_{domain.lower()}")


def _resnet(config: CycleGANConfig, hidden: Any, downs: int, ups: int, channels: int) -> Any:
    filters = config.generator_filters
    hidden = _convolved(hidden, filters, 7)  # c7s1-64
    # Channels double with each of the last two halvings: d128, d256.
    for number in range(downs):
        filters = config.generator_filters * 2 ** max(0, number + 3 - downs)
        hidden = layers.ZeroPadding2D(1)(hidden)
        hidden = layers.Conv2D(filters, 3, strides=2, use_bias=False, **_weights())(hidden)
        hidden = layers.ReLU()(instance_norm()(hidden))
    for _ in range(config.residual_blocks):  # R256
        branch = _convolved(hidden, filters, 3)
        branch = ReflectionPadding2D(1)(branch)
        branch = layers.Conv2D(filters, 3, use_bias=False, **_weights())(branch)
        hidden = layers.Add()([hidden, instance_norm()(branch)])
    for number in range(ups):  # u128, u64
        filters = config.generator_filters * 2 ** max(0, 1 - number)
        hidden = UpConv2D(filters, 3, use_bias=False, **_weights())(hidden)
        hidden = layers.ReLU()(instance_norm()(hidden))
    return layers.Conv2D(channels, 7, **_weights())(ReflectionPadding2D(3)(hidden))  # c7s1-3


def _convolved(hidden: Any, filters: int, kernel_size: int) -> Any:
    hidden = ReflectionPadding2D(kernel_size // 2)(hidden)
    hidden = layers.Conv2D(filters, kernel_size, use_bias=False, **_weights())(hidden)
    return layers.ReLU()(instance_norm()(hidden))


def _unet(config: CycleGANConfig, hidden: Any, downs: int, channels: int) -> Any:
    skips = []
    for number in range(downs):
        filters = config.generator_filters * 2 ** min(number, 3)
        inner = 0 < number < downs - 1  # neither the image nor a single pixel is normalised
        if number:
            hidden = layers.LeakyReLU(0.2)(hidden)
        hidden = layers.ZeroPadding2D(1)(hidden)
        hidden = layers.Conv2D(filters, 4, strides=2, use_bias=not inner, **_weights())(hidden)
        if inner:
            hidden = instance_norm()(hidden)
        skips.append(hidden)
    skips.pop()
    while skips:  # each doubles height and width, and gets the layer of its size beside it
        skip = skips.pop()
        hidden = UpConv2D(skip.shape[3], 4, use_bias=False, **_weights())(layers.ReLU()(hidden))
        hidden = layers.Concatenate()([skip, instance_norm()(hidden)])
    return UpConv2D(channels, 4, **_weights())(layers.ReLU()(hidden))


def instance_norm() -> layers.Layer:
    """Return what normalises each channel of each example over its pixels (Ulyanov et al. 2016)."""
    return layers.GroupNormalization(groups=-1, epsilon=1e-5, center=False, scale=False)


def _weights() -> dict[str, Any]:
    return {"kernel_initializer": keras.initializers.RandomNormal(stddev=0.02)}
