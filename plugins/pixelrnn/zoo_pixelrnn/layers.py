"""Masked convolutions, over a whole image and pixel by pixel."""

from typing import Any, Literal

import numpy as np
from keras import layers, ops

# Shapes: B batch, H height, W width, C channels, F features in, G features out, k pixels per side.

Mask = Literal["A", "B"]


class MaskedConv2D(layers.Layer):
    """Convolution over a pixel's own row up to the pixel itself, and over rows above it.

    Features are shared out in order among the image's channels. Of a pixel's own features, those
    of earlier channels may be seen, and with mask B those of the same channel too. The rows below
    the pixel, which the paper's masks always blot out, are not stored.

    Args:
        filters: Features out, G.
        above: Rows above, k // 2 of the paper's kernel.
        left: Pixels to the left, k // 2.
        right: Pixels to the right, in rows above.
        mask: "A" for the first layer, which may not see what it predicts; "B" after it.
        channels: Channels of the image, C.
        parts: Of how many equal parts the features out consist; each is shared out by itself.
    """

    def __init__(
        self,
        filters: int,
        *,
        above: int = 0,
        left: int = 0,
        right: int = 0,
        mask: Mask = "B",
        channels: int = 1,
        parts: int = 1,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.filters, self.mask, self.channels, self.parts = filters, mask, channels, parts
        self.above, self.left, self.right = above, left, right

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Add the weights, for inputs (B, H, W, F)."""
        shape = (self.above + 1, self.left + 1 + self.right, input_shape[-1], self.filters)
        self.kernel = self.add_weight(shape=shape, initializer="glorot_uniform", name="kernel")
        self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")
        allowed = np.ones(shape, "float32")
        allowed[-1, self.left + 1 :] = 0
        allowed[-1, self.left] = channel_mask(
            shape[2], self.filters // self.parts, self.mask, self.channels, self.parts
        )
        self.allowed = allowed

    def call(self, inputs: Any) -> Any:
        """Return the features (B, H, W, G) of inputs (B, H, W, F)."""
        padding = ((0, 0), (self.above, 0), (self.left, self.right), (0, 0))
        padded = ops.pad(inputs, padding)
        return ops.conv(padded, self.masked_kernel()) + ops.cast(self.bias, self.compute_dtype)

    def masked_kernel(self) -> Any:
        """Return the kernel with what may not be seen blotted out."""
        allowed = ops.convert_to_tensor(self.allowed, self.compute_dtype)
        return ops.cast(self.kernel, self.compute_dtype) * allowed


def channel_mask(inputs: int, outputs: int, mask: Mask, channels: int, parts: int) -> np.ndarray:
    """Return 1 where a pixel's feature out (F, G) may look at a feature in of the same pixel."""
    before = np.arange(inputs)[:, None] * channels // inputs
    after = np.tile(np.arange(outputs) * channels // outputs, parts)[None, :]
    return (before < after) if mask == "A" else (before <= after)


class KeptConv:
    """A `MaskedConv2D` that is computed pixel by pixel, and keeps the rows it will look at.

    What the rows above give to a whole row is computed once, when the row begins.

    Args:
        layer: The layer whose weights to use.
        width: Pixels per row, W.
    """

    def __init__(self, layer: MaskedConv2D, width: int):
        kernel = layer.masked_kernel()  # (above + 1, left + 1 + right, F, G)
        self.layer, self.width = layer, width
        self.features, self.filters = kernel.shape[2:]
        self.above_kernel = kernel[:-1]
        self.own_kernel = ops.reshape(kernel[-1, : layer.left + 1], (-1, self.filters))
        self.bias = ops.cast(layer.bias, layer.compute_dtype)

    def start(self, count: int) -> dict[str, Any]:
        """Return the state above the first row: everything outside the image is 0."""
        layer, dtype = self.layer, self.layer.compute_dtype
        padded = layer.left + self.width + layer.right
        return {
            "rows": ops.zeros((count, layer.above, padded, self.features), dtype),
            "own": ops.zeros((count, padded, self.features), dtype),
            "seen": ops.zeros((count, self.width, self.filters), dtype),
        }

    def begin_row(self, state: dict[str, Any]) -> dict[str, Any]:
        """Return the state before the first pixel of the next row."""
        rows, own, seen = state["rows"], state["own"], state["seen"]
        if self.layer.above:
            rows = ops.concatenate([rows[:, 1:], own[:, None]], axis=1)
            seen = ops.conv(rows, self.above_kernel)[:, 0] + self.bias  # (B, W, G)
        return {"rows": rows, "own": ops.zeros_like(own), "seen": seen}

    def with_row(self, state: dict[str, Any], row: Any) -> dict[str, Any]:
        """Return the state with all inputs (B, W, F) of the pixel's row, as far as they are made.

        For the layer that sees the image: a pixel is made only after it was predicted.
        """
        return {**state, "own": ops.pad(row, ((0, 0), (self.layer.left, self.layer.right), (0, 0)))}

    def step(self, state: dict[str, Any], inputs: Any, pixel: Any) -> tuple[Any, dict[str, Any]]:
        """Return the features (B, G) of a pixel whose inputs are (B, F), and the state."""
        if not self.layer.above and not self.layer.left:
            return ops.matmul(inputs, self.own_kernel) + self.bias, state
        place = (0, pixel + self.layer.left, 0)
        state = {**state, "own": ops.slice_update(state["own"], place, inputs[:, None])}
        return self.look(state, pixel), state

    def look(self, state: dict[str, Any], pixel: Any) -> Any:
        """Return the features (B, G) of a pixel whose inputs stand in the state."""
        own, left = state["own"], self.layer.left
        count = own.shape[0]
        window = ops.slice(own, (0, pixel, 0), (count, left + 1, self.features))
        outputs = ops.matmul(ops.reshape(window, (count, -1)), self.own_kernel)
        return outputs + (at_pixel(state["seen"], pixel) if self.layer.above else self.bias)


def at_pixel(row: Any, pixel: Any) -> Any:
    """Return the features (B, F) of one pixel of a row (B, W, F)."""
    count, _, features = row.shape
    return ops.slice(row, (0, pixel, 0), (count, 1, features))[:, 0]


def gate(features: Any) -> Any:
    """Return tanh(a) * sigmoid(b) of features [a, b]."""
    a, b = ops.split(features, 2, axis=-1)
    return ops.tanh(a) * ops.sigmoid(b)
