"""The Row LSTM: a state for each pixel of a row, from three states of the row above.

    i, f, o, g = [sigmoid, sigmoid, sigmoid, tanh](K_is * x_row + K_ss * h_above)
    c_row = f c_above + i g,  h_row = o tanh(c_row)

`*` is a convolution along the row: three taps of the row above; of the row itself, the pixel to the
left and the pixel, under mask B. A layer's output is x + 1x1(h). What a state of the row above has
seen comes before every channel of every pixel of this row, so that K_ss needs no mask.

Layer l is at row t when layer l-1 is at row t+1: all layers advance together, as one product with
stacked kernels, in H + L - 1 steps in place of H L.
"""

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from zoo_pixelrnn.config import PixelRNNConfig
from zoo_pixelrnn.layers import KeptConv, MaskedConv2D, at_pixel
from zoo_pixelrnn.lstm import lstm_cell, pointwise_weights, put_pixel

# Shapes: B batch, H height, W width, L layers, A layers that are inside the image at one step,
# h filters, F features of the residual path (2h).


class RowLSTM(layers.Layer):
    """A stack of Row LSTM layers with residual connections.

    Args:
        config: The configuration.
    """

    def __init__(self, config: PixelRNNConfig, **kwargs: Any):
        super().__init__(**kwargs)
        self.filters, count, channels = config.filters, config.layers, config.image_shape[2]
        self.inputs_to_state = [
            MaskedConv2D(4 * config.filters, left=1, channels=channels, parts=4)
            for _ in range(count)
        ]
        self.widen = [MaskedConv2D(2 * config.filters, channels=channels) for _ in range(count)]
        self.label = (
            layers.Dense(4 * config.filters * count, use_bias=False)
            if config.class_conditional
            else None
        )
        self.class_count = config.class_count

    def build(self, input_shape: tuple[Any, ...], *_: Any) -> None:
        """Add the weights, for inputs (B, H, W, F)."""
        h = self.filters
        self.state_to_state = [
            self.add_weight(
                shape=(3, h, 4 * h), initializer="glorot_uniform", name=f"state_{index}"
            )
            for index in range(len(self.widen))
        ]
        for conv in self.inputs_to_state:
            conv.build((None, None, None, input_shape[-1]))
        for conv in self.widen:
            conv.build((None, None, None, h))
        if self.label is not None:
            self.label.build((None, self.class_count))

    def call(self, features: Any, labels: Any = None) -> Any:
        """Return features (B, H, W, F) of features (B, H, W, F) and one-hot labels (B, N)."""
        rows = ops.transpose(features, (1, 0, 2, 3))  # (H, B, W, F)
        weights = (self.gate_kernels(), self.gate_biases(labels), *pointwise_weights(self.widen))
        nothing = ops.zeros_like(rows[:1, ..., : self.filters])  # (1, B, W, h)
        # XLA takes six times as long to compile unrolled steps. Elsewhere they spare the layers
        # that are outside the image.
        walk = walk_all_layers if keras.config.backend() == "jax" else walk_layers_inside
        return ops.transpose(walk(rows, nothing, weights), (1, 0, 2, 3))

    def gate_kernels(self) -> Any:
        """Return the kernels (L, 2F + 3h, 4h), in the order in which `taps` joins what they see."""
        own = ops.stack([conv.masked_kernel()[0] for conv in self.inputs_to_state])  # (L, 2, F, 4h)
        above = ops.stack([ops.cast(w, self.compute_dtype) for w in self.state_to_state])
        parts = [own[:, 0], own[:, 1], above[:, 0], above[:, 1], above[:, 2]]
        return ops.concatenate(parts, axis=1)

    def gate_biases(self, labels: Any) -> Any:
        """Return what is added to the gates, (L, 1, 1, 4h), or (L, B, 1, 4h) with labels (B, N)."""
        biases = [ops.cast(conv.bias, self.compute_dtype) for conv in self.inputs_to_state]
        return ops.stack(biases)[:, None, None] + self.told(labels)

    def told(self, labels: Any) -> Any:
        """Return what one-hot labels (B, N) add to the gates, (L, B, 1, 4h); 0 without labels."""
        if self.label is None:
            return 0.0
        told = ops.reshape(self.label(labels), (-1, len(self.widen), 1, 4 * self.filters))
        return ops.transpose(told, (1, 0, 2, 3))


def walk_layers_inside(rows: Any, nothing: Any, weights: tuple[Any, ...]) -> Any:
    """Return what the last layer makes of an image's rows, (H, B, W, F).

    Args:
        rows: The rows, (H, B, W, F).
        nothing: The state above the first row, (1, B, W, h).
        weights: Of all L layers, as `advance` takes them.
    """
    height, count = rows.shape[0], weights[0].shape[0]
    inputs = rows[:1]
    hidden = cell = nothing
    outputs = []
    for step in range(height + count - 1):
        first, last = max(0, step - height + 1), min(step, count - 1)
        chosen = weights
        if last - first + 1 < count:
            chosen = tuple(weight[first : last + 1] for weight in weights)
        made, hidden, cell = advance(inputs, hidden, cell, chosen)
        if last == count - 1:
            outputs.append(made[-1])
            made = made[:-1]
        else:
            hidden = ops.concatenate([hidden, nothing])
            cell = ops.concatenate([cell, nothing])
        if step + 1 < height:
            made = ops.concatenate([rows[step + 1 : step + 2], made])
        else:
            hidden, cell = hidden[1:], cell[1:]
        inputs = made
    return ops.stack(outputs)


def walk_all_layers(rows: Any, nothing: Any, weights: tuple[Any, ...]) -> Any:
    """Return what `walk_layers_inside` does, by a loop in which every layer makes every step."""
    count = weights[0].shape[0]
    steps = rows.shape[0] + count - 1
    rows = ops.pad(rows, ((0, count - 1), (0, 0), (0, 0), (0, 0)))
    # Layer l is at row 0 at step l; what it made before stands above the image, and is nothing.
    is_below = (np.arange(steps)[:, None] > np.arange(count)).astype("float32")

    def step(carried: tuple[Any, Any, Any], given: tuple[Any, Any]) -> tuple[Any, Any]:
        (made, hidden, cell), (row, kept) = carried, given
        inputs = ops.concatenate([row[None], made[:-1]])
        made, hidden, cell = advance(inputs, hidden * kept, cell * kept, weights)
        return (made, hidden, cell), made[-1]

    states = ops.repeat(nothing, count, axis=0)
    is_below = ops.cast(is_below[..., None, None, None], rows.dtype)  # (T, L, 1, 1, 1)
    start = (ops.repeat(ops.zeros_like(rows[:1]), count, axis=0), states, states)
    return ops.scan(step, start, (rows, is_below))[1][count - 1 :]


def advance(inputs: Any, hidden: Any, cell: Any, weights: tuple[Any, ...]) -> tuple[Any, Any, Any]:
    """Return the outputs (A, B, W, F), hidden states and cells (A, B, W, h) of a row per layer.

    Args:
        inputs: What each layer is given, (A, B, W, F).
        hidden: Its states of the row above, (A, B, W, h).
        cell: Its cells of the row above, (A, B, W, h).
        weights: Kernels (A, 2F + 3h, 4h), biases (A, 1 or B, 1, 4h), and the kernels (A, h, F) and
            biases (A, 1, F) of the 1x1 layers.
    """
    kernels, biases, widen, widen_biases = weights
    count, _, width, features = inputs.shape
    filters = hidden.shape[-1]
    seen = ops.concatenate([shifted(inputs, 1), inputs, row_taps(hidden)], axis=-1)
    gates = ops.matmul(ops.reshape(seen, (count, -1, seen.shape[-1])), kernels)
    gates = ops.reshape(gates, (count, -1, width, 4 * filters)) + biases
    hidden, cell = lstm_cell(gates, cell)
    outputs = ops.matmul(ops.reshape(hidden, (count, -1, filters)), widen) + widen_biases
    return inputs + ops.reshape(outputs, (count, -1, width, features)), hidden, cell


def row_taps(hidden: Any) -> Any:
    """Return (..., W, 3h): beside each state (..., W, h) those to the left and right of it."""
    return ops.concatenate([shifted(hidden, 1), hidden, shifted(hidden, -1)], axis=-1)


def shifted(row: Any, by: int) -> Any:
    """Return a row (A, B, W, F) moved one pixel to the right (1) or left (-1), 0 coming in."""
    sides = (1, 0) if by > 0 else (0, 1)
    kept = row[:, :, :-1] if by > 0 else row[:, :, 1:]
    return ops.pad(kept, ((0, 0), (0, 0), sides, (0, 0)))


class RowState:
    """The Row LSTM pixel by pixel: what the row above gives to a whole row is computed at once.

    Args:
        network: The layers.
        labels: One-hot labels (B, N), or None.
        width: Pixels per row, W.
    """

    def __init__(self, network: RowLSTM, labels: Any, width: int):
        self.filters, self.width, self.dtype = network.filters, width, network.compute_dtype
        self.inputs_to_state = [KeptConv(conv, width) for conv in network.inputs_to_state]
        self.widen = [KeptConv(conv, width) for conv in network.widen]
        above = ops.stack([ops.cast(w, self.dtype) for w in network.state_to_state])
        self.kernels = ops.reshape(above, (len(self.widen), -1, 4 * self.filters))  # (L, 3h, 4h)
        self.told = network.told(labels)

    def start(self, count: int) -> dict[str, Any]:
        """Return the state above the first row."""
        rows = [ops.zeros((count, self.width, self.filters), self.dtype) for _ in self.widen]
        gates = ops.zeros((len(rows), count, self.width, 4 * self.filters), self.dtype)
        return {
            "inputs": [conv.start(count) for conv in self.inputs_to_state],
            "hidden": rows,
            "cells": rows,
            "cells_above": rows,
            "gates": gates,
        }

    def begin_row(self, state: dict[str, Any], row: Any) -> dict[str, Any]:
        """Return the state before the first pixel of a row."""
        taps = row_taps(ops.stack(state["hidden"]))  # (L, B, W, 3h)
        gates = ops.matmul(ops.reshape(taps, (taps.shape[0], -1, taps.shape[-1])), self.kernels)
        inputs = zip(self.inputs_to_state, state["inputs"], strict=True)
        return {
            **state,
            "inputs": [conv.begin_row(kept) for conv, kept in inputs],
            "cells_above": state["cells"],
            "gates": ops.reshape(gates, state["gates"].shape) + self.told,
        }

    def step(self, state: dict[str, Any], features: Any, pixel: Any) -> tuple[Any, dict[str, Any]]:
        """Return the features (B, F) of a pixel whose first features are (B, F), and the state."""
        kept_inputs, kept_hidden, kept_cells = [], [], []
        for layer, (conv, widen) in enumerate(zip(self.inputs_to_state, self.widen, strict=True)):
            gates, inputs = conv.step(state["inputs"][layer], features, pixel)
            gates = gates + at_pixel(state["gates"][layer], pixel)
            hidden, cell = lstm_cell(gates, at_pixel(state["cells_above"][layer], pixel))
            kept_inputs.append(inputs)
            kept_hidden.append(put_pixel(state["hidden"][layer], hidden, pixel))
            kept_cells.append(put_pixel(state["cells"][layer], cell, pixel))
            features = features + widen.step({}, hidden, pixel)[0]
        kept = {"inputs": kept_inputs, "hidden": kept_hidden, "cells": kept_cells}
        return features, {**state, **kept}
