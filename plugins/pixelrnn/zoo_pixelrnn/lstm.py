"""What the Row LSTM and the Diagonal BiLSTM share: the cell, and products with a pixel alone."""

from typing import Any

from keras import ops

from zoo_pixelrnn.layers import MaskedConv2D

# Shapes: ... any, F features in, G features out, h filters.


def lstm_cell(gates: Any, cell: Any) -> tuple[Any, Any]:
    """Return the hidden state and the cell (..., h) after one step.

    Args:
        gates: Sums (..., 4h) of the input, forget and output gate, and of the content.
        cell: The cell (..., h) before.
    """
    filters = cell.shape[-1]
    # Split, not sliced: the gradient of parts is then joined once, not added up from padded ones.
    gates, content = ops.split(gates, [3 * filters], axis=-1)
    write, keep, show = ops.split(ops.sigmoid(gates), 3, axis=-1)
    cell = keep * cell + write * ops.tanh(content)
    return show * ops.tanh(cell), cell


def pointwise_weights(layers: list[MaskedConv2D]) -> tuple[Any, Any]:
    """Return the stacked kernels (L, F, G) and biases (L, 1, G) of L layers that see one pixel."""
    kernels = ops.stack([layer.masked_kernel()[0, 0] for layer in layers])
    biases = ops.stack([ops.cast(layer.bias, layer.compute_dtype) for layer in layers])
    return kernels, biases[:, None]


def put_pixel(row: Any, features: Any, pixel: Any) -> Any:
    """Return a row (B, W, F) with the features (B, F) of one pixel replaced."""
    return ops.slice_update(row, (0, pixel, 0), features[:, None])
