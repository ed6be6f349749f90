"""The Diagonal BiLSTM: a state for each pixel, from the one to the left of it and the one above.

    i, f, o, g = [sigmoid, sigmoid, sigmoid, tanh](K_is x_ij + K_left h_i,j-1 + K_above h_i-1,j)
    c_ij = f c_i,j-1 + i g,  h_ij = o tanh(c_ij)

K_is is a 1x1 convolution under mask B. Left of the first column stands a learned state, above the
first row 0. A second LSTM goes from right to left; its states move down one row before they are
added, so that none holds a pixel to the right in the same row. A layer's output is x + 1x1(sum).
What the states that K_left and K_above see have seen comes before every channel of the pixel, so
that these need no mask.

The states of one diagonal, i + j = t, need only those of the diagonal before: the paper skews the
image into W + H - 1 columns for this. Here the pixels are sorted by diagonal instead, so that the
corners outside the image cost nothing.
"""

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from zoo_pixelrnn.config import PixelRNNConfig
from zoo_pixelrnn.layers import KeptConv, MaskedConv2D, at_pixel
from zoo_pixelrnn.lstm import lstm_cell, pointwise_weights, put_pixel

# Shapes: B batch, H height, W width, P pixels (H W) sorted by diagonal, T diagonals (H + W - 1),
# R rows that one diagonal crosses, L layers, h filters, F features of the residual path (2h); the
# leading 2 is the two directions.


class DiagonalOrder:
    """The pixels of an image sorted by diagonal, and by row within one.

    Args:
        height: Rows, H.
        width: Pixels per row, W.
    """

    def __init__(self, height: int, width: int):
        self.height, self.width = height, width
        rows, columns = np.divmod(np.arange(height * width), width)
        order = np.lexsort((rows, rows + columns))
        self.rows, self.columns = rows[order], columns[order]
        self.pixels = order.astype("int32")  # of the image, in sorted order
        self.places = np.argsort(order).astype("int32")  # in sorted order, of the image's pixels
        # How many pixels the diagonals hold.
        self.lengths = np.bincount(rows + columns)

    def place(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return where pixels stand in sorted order."""
        return self.places[rows * self.width + columns]

    @property
    def mirrored(self) -> np.ndarray:
        """For each pixel in sorted order, the place of its mirror image from left to right."""
        return self.place(self.rows, self.width - 1 - self.columns)

    @property
    def mirrored_above(self) -> np.ndarray:
        """For each, the place of the mirror image of the pixel above it; P where there is none."""
        above = self.place(np.maximum(self.rows - 1, 0), self.width - 1 - self.columns)
        return np.where(self.rows > 0, above, len(self.pixels)).astype("int32")


class DiagonalLSTM(layers.Layer):
    """A stack of Diagonal BiLSTM layers with residual connections.

    Args:
        config: The configuration.
    """

    def __init__(self, config: PixelRNNConfig, **kwargs: Any):
        super().__init__(**kwargs)
        self.filters, self.count = config.filters, config.layers
        height, width, channels = config.image_shape
        self.order = DiagonalOrder(height, width)
        # One convolution makes the gates of both directions.
        self.inputs_to_state = [
            MaskedConv2D(8 * config.filters, channels=channels, parts=8) for _ in range(self.count)
        ]
        self.widen = [
            MaskedConv2D(2 * config.filters, channels=channels) for _ in range(self.count)
        ]
        self.label = (
            layers.Dense(8 * config.filters * self.count, use_bias=False)
            if config.class_conditional
            else None
        )
        self.class_count = config.class_count

    def build(self, input_shape: tuple[Any, ...], *_: Any) -> None:
        """Add the weights, for inputs (B, H, W, F)."""
        h = self.filters
        self.state_to_state, self.initial = [], []
        for index, (conv, widen) in enumerate(zip(self.inputs_to_state, self.widen, strict=True)):
            # From the state above, then from the one to the left.
            shape = (2, 2 * h, 4 * h)
            name = f"state_{index}"
            self.state_to_state.append(
                self.add_weight(shape=shape, initializer="glorot_uniform", name=name)
            )
            # The hidden state, then the cell, left of the first column.
            name = f"initial_{index}"
            self.initial.append(self.add_weight(shape=(2, 2, h), initializer="zeros", name=name))
            conv.build((None, None, None, input_shape[-1]))
            widen.build((None, None, None, h))
        if self.label is not None:
            self.label.build((None, self.class_count))

    def call(self, features: Any, labels: Any = None) -> Any:
        """Return features (B, H, W, F) of features (B, H, W, F) and one-hot labels (B, N)."""
        order, (_, height, width, filters) = self.order, features.shape
        pixels = ops.reshape(ops.transpose(features, (1, 2, 0, 3)), (height * width, -1, filters))
        pixels = ops.take(pixels, order.pixels, axis=0)  # (P, B, F)
        biases = self.gate_biases(labels)
        widen, widen_biases = pointwise_weights(self.widen)
        for layer in range(self.count):
            kernel = self.inputs_to_state[layer].masked_kernel()[0, 0]
            gates = ops.matmul(pixels, kernel) + biases[layer]  # (P, B, 8h)
            left, right = ops.split(gates, 2, axis=-1)
            gates = ops.stack([left, ops.take(right, order.mirrored, axis=0)])
            left, right = self.walk(gates, layer)
            right = ops.take(ops.pad(right, ((0, 1), (0, 0), (0, 0))), order.mirrored_above, axis=0)
            pixels = pixels + ops.matmul(left + right, widen[layer]) + widen_biases[layer]
        pixels = ops.reshape(ops.take(pixels, order.places, axis=0), (height, width, -1, filters))
        return ops.transpose(pixels, (2, 0, 1, 3))

    def walk(self, gates: Any, layer: int) -> tuple[Any, Any]:
        """Return the states (P, B, h) of both directions, the right one's mirrored.

        Args:
            gates: What the pixels give to the gates, (2, P, B, 4h).
            layer: Which layer.
        """
        kernel = ops.cast(self.state_to_state[layer], self.compute_dtype)
        initial = ops.cast(self.initial[layer], self.compute_dtype)[:, :, None, None]
        blank = ops.zeros_like(gates[:, :1, :, : self.filters])  # (2, 1, B, h)
        initial = blank + initial[:, 0], blank + initial[:, 1]
        # XLA compiles hundreds of unrolled steps for minutes. Elsewhere they take half the time of
        # a loop, for then only the pixels of a diagonal need be computed.
        walk = walk_columns if keras.config.backend() == "jax" else walk_diagonals
        hidden = walk(gates, kernel, initial, blank, self.order)
        return hidden[0], hidden[1]

    def gate_biases(self, labels: Any) -> Any:
        """Return what is added to the gates, (L, 1, 8h), or (L, B, 8h) with labels (B, N)."""
        biases = [ops.cast(conv.bias, self.compute_dtype) for conv in self.inputs_to_state]
        return ops.stack(biases)[:, None] + self.told(labels)

    def told(self, labels: Any) -> Any:
        """Return what one-hot labels (B, N) add to the gates, (L, B, 8h); 0 without labels."""
        if self.label is None:
            return 0.0
        told = ops.reshape(self.label(labels), (-1, self.count, 8 * self.filters))
        return ops.transpose(told, (1, 0, 2))


def walk_diagonals(gates: Any, kernel: Any, initial: Any, blank: Any, order: DiagonalOrder) -> Any:
    """Return the states (2, P, B, h) of all pixels, diagonal by diagonal.

    Args:
        gates: What the pixels give to the gates, (2, P, B, 4h).
        kernel: What the states above and to the left give, (2, 2h, 4h).
        initial: The state and the cell left of the first column, (2, 1, B, h) each.
        blank: The state above the first row, (2, 1, B, h).
        order: How the pixels are sorted.
    """
    hidden, cell = blank[:, :0], blank[:, :0]
    states = []
    ends = np.cumsum(order.lengths)[:-1].tolist()
    for step, given in enumerate(ops.split(gates, ends, axis=1)):  # (2, R, B, 4h)
        begins, goes_on = step < order.height, step < order.width  # its lowest and its highest row
        if not goes_on:
            cell = cell[:, 1:]
        if begins:
            cell = ops.concatenate([cell, initial[1]], axis=1)
        around = [blank] * goes_on + [hidden] + [initial[0]] * begins
        hidden = ops.concatenate(around, axis=1) if len(around) > 1 else hidden
        hidden, cell = advance(given, hidden[:, :-1], hidden[:, 1:], cell, kernel)
        states.append(hidden)
    return ops.concatenate(states, axis=1)


def walk_columns(gates: Any, kernel: Any, initial: Any, blank: Any, order: DiagonalOrder) -> Any:
    """Return what `walk_diagonals` does, by a loop over whole columns of the skewed image."""
    height, steps = order.height, len(order.lengths)
    places = (order.rows + order.columns) * height + order.rows  # in (T, H), of each pixel
    table = np.zeros(steps * height, "int32")
    table[places] = np.arange(len(places))
    columns = ops.reshape(
        ops.take(gates, table, axis=1), (2, steps, height, -1, gates.shape[-1])
    )  # (2, T, H, B, 4h)
    begins = np.eye(steps, height, dtype=bool)[:, :, None, None]  # row t begins at step t

    def step(carried: tuple[Any, Any], column: tuple[Any, Any]) -> tuple[tuple[Any, Any], Any]:
        (hidden, cell), (given, begin) = carried, column
        above = ops.concatenate([blank, hidden[:, :-1]], axis=1)
        left, cell = ops.where(begin, initial[0], hidden), ops.where(begin, initial[1], cell)
        hidden, cell = advance(given, above, left, cell, kernel)
        return (hidden, cell), hidden

    start = ops.repeat(blank, height, axis=1)
    columns = (ops.transpose(columns, (1, 0, 2, 3, 4)), ops.convert_to_tensor(begins))
    _, states = ops.scan(step, (start, start), columns)  # (T, 2, H, B, h)
    states = ops.transpose(states, (1, 0, 2, 3, 4))
    states = ops.reshape(states, (2, steps * height, -1, states.shape[-1]))
    return ops.take(states, places, axis=1)


def advance(given: Any, above: Any, left: Any, cell: Any, kernel: Any) -> tuple[Any, Any]:
    """Return the states and cells (2, R, B, h) of pixels.

    Args:
        given: What the pixels themselves give to the gates, (2, R, B, 4h).
        above: The states above them, (2, R, B, h).
        left: The states to the left of them, (2, R, B, h).
        cell: The cells to the left of them, (2, R, B, h).
        kernel: What the states above and to the left give, (2, 2h, 4h).
    """
    seen = ops.concatenate([above, left], axis=-1)
    directions, rows, _, features = seen.shape
    gates = ops.matmul(ops.reshape(seen, (directions, -1, features)), kernel)
    return lstm_cell(given + ops.reshape(gates, (directions, rows, -1, gates.shape[-1])), cell)


class DiagonalState:
    """The Diagonal BiLSTM pixel by pixel.

    From left to right a state is made with its pixel. From right to left the states of the row
    above are made when a row begins, those of all layers together.

    Args:
        network: The layers.
        labels: One-hot labels (B, N), or None.
        width: Pixels per row, W.
    """

    def __init__(self, network: DiagonalLSTM, labels: Any, width: int):
        self.filters, self.count, self.width = network.filters, network.count, width
        self.dtype = network.compute_dtype
        kernels, biases = pointwise_weights(network.inputs_to_state)
        biases = biases + network.told(labels)
        self.kernels, self.right_kernels = ops.split(kernels, 2, axis=-1)  # (L, F, 4h) each
        self.biases, self.right_biases = ops.split(biases, 2, axis=-1)  # (L, 1 or B, 4h) each
        states = ops.stack([ops.cast(w, self.dtype) for w in network.state_to_state])
        self.states, self.right_states = states[:, 0], states[:, 1]  # (L, 2h, 4h) each
        initial = ops.stack([ops.cast(w, self.dtype) for w in network.initial])  # (L, 2, 2, h)
        self.initial, self.right_initial = initial[:, 0], initial[:, 1]
        self.widen = [KeptConv(conv, width) for conv in network.widen]

    def start(self, count: int) -> dict[str, Any]:
        """Return the state above the first row."""
        row = ops.zeros((count, self.width, self.filters), self.dtype)
        # What stands left of the first column comes first.
        edges = ops.repeat(self.initial[:, :, None, None], count, axis=2)  # (L, 2, B, 1, h)
        hidden, cells = (
            [ops.concatenate([edges[layer, part], row], axis=1) for layer in range(self.count)]
            for part in range(2)
        )
        inputs = ops.zeros((count, self.width, 2 * self.filters), self.dtype)
        return {
            "inputs": [inputs] * self.count,
            "hidden": hidden,
            "cells": cells,
            "above": [row] * self.count,
            "right": ops.stack([row] * self.count),
        }

    def begin_row(self, state: dict[str, Any], row: Any) -> dict[str, Any]:
        """Return the state before the first pixel of a row."""
        above = [hidden[:, 1:] for hidden in state["hidden"]]
        right = self.right_row(ops.stack(state["inputs"]), state["right"])
        # Above the first row there is none.
        return {**state, "above": above, "right": right * ops.cast(row > 0, self.dtype)}

    def right_row(self, inputs: Any, above: Any) -> Any:
        """Return the states from right to left of a row, (L, B, W, h).

        Args:
            inputs: What the layers were given in that row, (L, B, W, F).
            above: The states from right to left of the row above it, (L, B, W, h).
        """
        count, batch, width, features = inputs.shape
        flat = ops.matmul(ops.reshape(inputs, (count, -1, features)), self.right_kernels)
        gates = ops.reshape(flat, (count, batch, width, -1)) + self.right_biases[:, :, None]
        blank = ops.zeros_like(above[:, :, 0])  # (L, B, h)
        start = blank + self.right_initial[:, 0, None], blank + self.right_initial[:, 1, None]

        def one(layers_row: Any, pixel: Any) -> Any:
            size = (count, batch, 1, layers_row.shape[-1])
            return ops.slice(layers_row, (0, 0, pixel, 0), size)[:, :, 0]

        def step(index: Any, carried: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
            made, hidden, cell = carried
            pixel = width - 1 - index
            seen = ops.concatenate([one(above, pixel), hidden], axis=-1)  # (L, B, 2h)
            given = one(gates, pixel) + ops.matmul(seen, self.right_states)
            hidden, cell = lstm_cell(given, cell)
            return ops.slice_update(made, (0, 0, pixel, 0), hidden[:, :, None]), hidden, cell

        return ops.fori_loop(0, width, step, (ops.zeros_like(above), *start))[0]

    def step(self, state: dict[str, Any], features: Any, pixel: Any) -> tuple[Any, dict[str, Any]]:
        """Return the features (B, F) of a pixel whose first features are (B, F), and the state."""
        kept_inputs, kept_hidden, kept_cells = [], [], []
        for layer, widen in enumerate(self.widen):
            hidden, cells = state["hidden"][layer], state["cells"][layer]
            kept_inputs.append(put_pixel(state["inputs"][layer], features, pixel))
            above = at_pixel(state["above"][layer], pixel)
            seen = ops.concatenate([above, at_pixel(hidden, pixel)], axis=-1)
            gates = ops.matmul(features, self.kernels[layer]) + self.biases[layer]
            gates = gates + ops.matmul(seen, self.states[layer])
            made, cell = lstm_cell(gates, at_pixel(cells, pixel))
            kept_hidden.append(put_pixel(hidden, made, pixel + 1))
            kept_cells.append(put_pixel(cells, cell, pixel + 1))
            both = made + at_pixel(state["right"][layer], pixel)
            features = features + widen.step({}, both, pixel)[0]
        kept = {"inputs": kept_inputs, "hidden": kept_hidden, "cells": kept_cells}
        return features, {**state, **kept}
