"""Layers that plugins share."""

from typing import Any

import keras
from keras import layers, ops

# Shapes: B batch, H height, W width, C channels in, F filters, K kernel side.


@keras.saving.register_keras_serializable(package="zoo")
class UpConv2D(layers.Conv2DTranspose):
    """Transposed convolution that doubles height and width.

    It is `keras.layers.Conv2DTranspose(filters, kernel_size, strides=2, padding="same")`, with the
    same weights, initial draws and results, but for JAX on a CPU, whose transposed convolutions are
    several times slower than the same as one matrix product and a sum of shifted parts.

    Args:
        filters: Channels of the result.
        kernel_size: Pixels per side of the kernel.
        **options: As in `keras.layers.Conv2DTranspose`: `use_bias`, `activation`, initializers and
            so on.
    """

    def __init__(self, filters: int, kernel_size: Any, **options: Any):
        super().__init__(
            filters, kernel_size, strides=2, padding="same", data_format="channels_last", **options
        )

    def call(self, inputs: Any) -> Any:
        """Return the transposed convolution (B, 2H, 2W, F) of inputs (B, H, W, C)."""
        if not _transposes_slowly():
            return super().call(inputs)
        outputs = transposed_by_products(inputs, self.kernel)  # (B, 2H, 2W, F)
        if self.bias is not None:
            outputs = ops.add(outputs, self.bias)
        return outputs if self.activation is None else self.activation(outputs)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        fixed = ("strides", "padding", "data_format")
        return {name: value for name, value in super().get_config().items() if name not in fixed}


def normalised_by_batch(network: keras.Model, inputs: Any, training: bool) -> Any:
    """Return a network's outputs, with batch normalisation by the batch at hand.

    So a discriminator sees real images, and fakes, in training. Its running statistics are of both
    mixed: normalised by them, it may take all images for real, or none. They are moved in training
    alone.
    """
    if training:
        return network(inputs, training=True)
    present = [(variable, ops.convert_to_tensor(variable)) for variable in network.variables]
    with keras.StatelessScope(state_mapping=present):  # what would be moved, is not
        return network(inputs, training=True)


def transposed_by_products(inputs: Any, kernel: Any) -> Any:
    """Return the transposed convolution of stride 2 (B, 2H, 2W, F), with padding "same".

    Args:
        inputs: (B, H, W, C).
        kernel: (K, K, F, C).
    """
    products = ops.tensordot(inputs, kernel, axes=([3], [3]))  # (B, H, W, K, K, F)
    by_rows = _spread(products, axis=1)  # (B, 2H, W, K, F)
    return _spread(by_rows, axis=2)  # (B, 2H, 2W, F)


def _spread(products: Any, axis: int) -> Any:
    """Return a doubled axis on which input i has added its product k at place 2 i + k - before.

    Args:
        products: (B, H, W, K, ...), by tap of the kernel along this axis.
        axis: 1 or 2.
    """
    taps, size = products.shape[3], products.shape[axis]
    before = max(taps - 2, 0) // 2  # padded, as for the convolution of which it is the transpose
    phases: list[list[Any]] = [[], []]  # even places, odd places
    for tap in range(taps):
        shift, phase = divmod(tap - before, 2)
        phases[phase].append(_shift(products[:, :, :, tap], shift, axis, size))
    summed = [sum(parts[1:], start=parts[0]) for parts in phases]
    stacked = ops.stack(summed, axis=axis + 1)  # (B, H, 2, W, ...) or (B, 2H, W, 2, ...)
    shape = (-1, *stacked.shape[1:axis], 2 * size, *stacked.shape[axis + 2 :])
    return ops.reshape(stacked, shape)


def _shift(values: Any, by: int, axis: int, size: int) -> Any:
    """Return values moved along an axis, zeros coming in; what is moved out is lost."""
    if by == 0:
        return values
    padding = [(0, 0)] * len(values.shape)
    padding[axis] = (max(by, 0), max(-by, 0))
    start = max(-by, 0)
    index = [slice(None)] * len(values.shape)
    index[axis] = slice(start, start + size)
    return ops.pad(values, padding)[tuple(index)]


def _transposes_slowly() -> bool:
    return keras.backend.backend() == "jax" and keras.distribution.list_devices()[0].startswith(
        "cpu"
    )
