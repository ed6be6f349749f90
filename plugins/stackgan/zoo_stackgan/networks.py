"""Networks of both stages, from noise and conditions to images in [0, 1], and to logits.

Inside the networks pixels lie in [-1, 1]. Weights start from N(0, 0.02), as DCGAN's.
"""

from typing import Any

import keras
from keras import layers, ops

from zoo.layers import transposed_by_products
from zoo.shapes import start_grid
from zoo_stackgan.config import StackGANConfig

# Shapes: B batch, E numbers in an embedding, K numbers in a condition, Z latent size, H height,
# W width, C channels, F filters, n doublings, h and w sides of the smallest grid.


# Doubling by nearest neighbours puts each pixel at two places, so that on each axis a pixel meets
# the three taps of a convolution as the four of a transposed one: last, middle + last, first +
# middle, first. It is the same sum with 16 products in place of 36.
_TAPS = ((0.0, 0.0, 1.0), (0.0, 1.0, 1.0), (1.0, 1.0, 0.0), (1.0, 0.0, 0.0))


@keras.saving.register_keras_serializable(package="zoo_stackgan")
class NearestConv2D(layers.Layer):
    """Doubles height and width by nearest neighbours, and convolves by 3x3 pixels without bias.

    Args:
        filters: Channels of the result.
    """

    def __init__(self, filters: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.filters = filters

    def build(self, input_shape: Any) -> None:
        """Make the kernel (3, 3, C, F)."""
        self.kernel = self.add_weight(
            shape=(3, 3, input_shape[3], self.filters),
            initializer=_weights()["kernel_initializer"],
            name="kernel",
        )

    def call(self, inputs: Any) -> Any:
        """Return features (B, 2H, 2W, F) of features (B, H, W, C)."""
        taps = ops.convert_to_tensor(_TAPS, dtype=self.compute_dtype)
        kernel = ops.einsum("ai,bj,ijcf->abfc", taps, taps, ops.cast(self.kernel, taps.dtype))
        if keras.backend.backend() == "jax":  # whose own is several times slower on a CPU
            return transposed_by_products(inputs, kernel)
        return ops.conv_transpose(inputs, kernel, strides=2, padding="same")

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Return (B, 2H, 2W, F)."""
        batch, height, width, _ = input_shape
        return (batch, 2 * height, 2 * width, self.filters)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "filters": self.filters}


def build_conditioning(config: StackGANConfig, name: str) -> keras.Model:
    """Build conditioning augmentation: mean and log-variance of a condition, of an embedding."""
    embeddings = keras.Input((config.told_size,), name="embeddings")  # (B, E)
    hidden = layers.Dense(2 * config.condition_size, **_weights())(embeddings)
    hidden = layers.LeakyReLU(0.2, dtype="float32")(hidden)
    mean = hidden[:, : config.condition_size]
    log_variance = hidden[:, config.condition_size :]
    return keras.Model(embeddings, [mean, log_variance], name=name)


def build_first_generator(config: StackGANConfig) -> keras.Model:
    """Build stage I's generator, from a condition and noise to a small image."""
    shape = config.first_shape
    height, width, doublings = start_grid(shape)
    conditions = keras.Input((config.condition_size,), name="conditions")  # (B, K)
    noise = keras.Input((config.latent_size,), name="noise")  # (B, Z)
    hidden = layers.Concatenate()([conditions, noise])
    filters = config.generator_filters * 2**doublings
    hidden = layers.Dense(height * width * filters, use_bias=False, **_weights())(hidden)
    hidden = layers.ReLU()(_batch_norm()(hidden))  # each of the numbers by itself
    hidden = layers.Reshape((height, width, filters))(hidden)  # (B, h, w, F 2^n)
    hidden = _doubled(hidden, doublings)  # (B, H, W, F)
    return keras.Model([conditions, noise], _image(hidden, shape[2]), name="first_generator")


def build_second_generator(config: StackGANConfig) -> keras.Model:
    """Build stage II's generator, from an image of stage I and a condition to a larger image."""
    images = keras.Input(config.first_shape, name="images")  # (B, h, w, C)
    conditions = keras.Input((config.condition_size,), name="conditions")  # (B, K)
    filters = 2 * config.generator_filters
    hidden = layers.Rescaling(2.0, -1.0)(images)
    hidden = layers.ReLU()(_convolved(hidden, filters))  # (B, h, w, 2F)
    for _ in range(2):
        filters *= 2
        hidden = layers.ReLU()(_batch_norm()(_halved(hidden, filters)))
    hidden = _joined(hidden, conditions)  # (B, h/4, w/4, 8F + K)
    hidden = layers.ReLU()(_batch_norm()(_convolved(hidden, filters)))
    for _ in range(config.residual_blocks):
        branch = layers.ReLU()(_batch_norm()(_convolved(hidden, filters)))
        branch = _batch_norm()(_convolved(branch, filters))
        hidden = layers.ReLU()(layers.Add()([hidden, branch]))  # (B, h/4, w/4, 8F)
    hidden = _doubled(hidden, 2 + config.refinement.bit_length() - 1)
    image = _image(hidden, config.image_shape[2])
    return keras.Model([images, conditions], image, name="second_generator")


def build_trunk(config: StackGANConfig) -> keras.Model:
    """Build what a discriminator sees in an image, before it hears of the text."""
    _, _, halvings = start_grid(config.image_shape)
    images = keras.Input(config.image_shape, name="images")  # (B, H, W, C)
    hidden = layers.Rescaling(2.0, -1.0)(images)
    for number in range(halvings):
        hidden = _halved(hidden, config.discriminator_filters * 2**number)
        hidden = _batch_norm()(hidden) if number else hidden
        hidden = layers.LeakyReLU(0.2)(hidden)
    for number in reversed(range(3, halvings - 1)):  # back to 8F
        hidden = _convolved(hidden, config.discriminator_filters * 2**number)
        hidden = layers.LeakyReLU(0.2)(_batch_norm()(hidden))
    return keras.Model(images, hidden, name="trunk")  # (B, h, w, F')


def build_head(trunk: keras.Model, config: StackGANConfig) -> keras.Model:
    """Build what tells, of a trunk's features and an embedding, whether they belong together."""
    features = keras.Input(trunk.output.shape[1:], name="features")  # (B, h, w, F')
    embeddings = keras.Input((config.told_size,), name="embeddings")  # (B, E)
    told = layers.Dense(config.condition_size, **_weights())(embeddings)  # (B, K)
    told = layers.LeakyReLU(0.2)(told)
    hidden = _convolved(_joined(features, told), features.shape[3])
    hidden = layers.LeakyReLU(0.2)(_batch_norm()(hidden))
    return keras.Model([features, embeddings], _logits(hidden), name="head")


def build_unconditional_head(trunk: keras.Model) -> keras.Model:
    """Build what tells of a trunk's features alone whether the image is real."""
    features = keras.Input(trunk.output.shape[1:], name="features")  # (B, h, w, F')
    return keras.Model(features, _logits(features), name="unconditional_head")


def _doubled(hidden: Any, times: int) -> Any:
    """Return features doubled in height and width so many times, with half the channels each."""
    for _ in range(times):
        hidden = NearestConv2D(hidden.shape[3] // 2)(hidden)
        hidden = layers.ReLU()(_batch_norm()(hidden))
    return hidden


def _image(hidden: Any, channels: int) -> Any:
    images = layers.Activation("tanh", dtype="float32")(_convolved(hidden, channels))
    return layers.Rescaling(0.5, 0.5, dtype="float32")(images)  # (B, H, W, C)


def _joined(features: Any, conditions: Any) -> Any:
    """Return features (B, h, w, F) with the condition at every place, (B, h, w, F + K)."""
    planes = layers.Reshape((1, 1, conditions.shape[1]))(conditions)
    planes = layers.UpSampling2D(features.shape[1:3])(planes)  # (B, h, w, K)
    return layers.Concatenate()([features, planes])


def _logits(hidden: Any) -> Any:
    logits = layers.Conv2D(1, hidden.shape[1:3], **_weights())(hidden)  # (B, 1, 1, 1)
    return layers.Reshape((), dtype="float32")(logits)  # (B,)


def _convolved(hidden: Any, filters: int) -> Any:
    return layers.Conv2D(filters, 3, padding="same", use_bias=False, **_weights())(hidden)


def _halved(hidden: Any, filters: int) -> Any:
    return layers.Conv2D(filters, 4, strides=2, padding="same", use_bias=False, **_weights())(
        hidden
    )


def _weights() -> dict[str, Any]:
    return {"kernel_initializer": keras.initializers.RandomNormal(stddev=0.02)}


def _batch_norm() -> layers.Layer:
    gamma = keras.initializers.RandomNormal(mean=1.0, stddev=0.02)
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, gamma_initializer=gamma)
