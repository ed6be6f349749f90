"""PixelCNN pixel by pixel: what each network keeps, so that nothing is computed twice."""

from typing import Any

from keras import ops

from zoo.making import Decoder
from zoo_pixelrnn.layers import KeptConv, at_pixel, gate
from zoo_pixelrnn.pixels import logit_count

# Shapes: B batch, H height, W width, C channels, K levels, h filters, F features of the residual
# path.


class PixelDecoder(Decoder):
    """What both networks have in common: one pixel's canvas in, one channel's logits out.

    Args:
        model: The model.
        condition: One vector for the whole image, (B, 1, 1, S), or None.
        network: Its `PixelNetwork`; None for the model's `network`.
    """

    def __init__(self, model: Any, condition: Any, network: Any = None):
        self.model, self.network = model, network or model.network
        self.row_condition = None if condition is None else condition[:, 0]  # (B, 1, S)
        _, self.width, self.channels = model.config.image_shape
        self.head = KeptConv(self.network.head, self.width)
        self.last = KeptConv(self.network.last, self.width)

    def step(self, state: Any, codes: Any, row: Any, column: Any) -> tuple[Any, Any]:
        """Return the logits (B, K) of a channel of a pixel, and the state after it."""
        pixel, channel = column // self.channels, column % self.channels
        features, state = self.pixel(state, self.canvas_row(codes, row), pixel)
        hidden, _ = self.head.step({}, ops.relu(features), pixel)
        logits, _ = self.last.step({}, ops.relu(hidden), pixel)  # (B, C K)
        count = logit_count(self.model.levels)
        return ops.slice(logits, (0, channel * count), (codes.shape[0], count)), state

    def canvas_row(self, codes: Any, row: Any) -> Any:
        """Return the canvas (B, W, C) of one row of codes (B, H, W C); 0 above the first row."""
        count, _, columns = codes.shape
        levels = ops.slice(codes, (0, ops.maximum(row, 0), 0), (count, 1, columns))
        canvas = self.model.scale(ops.reshape(levels, (count, self.width, self.channels)))
        return canvas * ops.cast(row >= 0, canvas.dtype)

    def pixel(self, state: Any, canvas: Any, pixel: Any) -> tuple[Any, Any]:
        """Return the features (B, F) of a pixel of a row whose canvas is (B, W, C), and the state.

        The canvas holds the row as far as it is made.
        """
        raise NotImplementedError


class PlainDecoder(PixelDecoder):
    """Keeps, for every masked convolution, the rows that it will look at again."""

    def __init__(self, model: Any, condition: Any, network: Any = None):
        super().__init__(model, condition, network)
        self.first = KeptConv(self.network.first, self.width)
        self.blocks = [
            tuple(KeptConv(conv, self.width) for conv in (block.narrow, block.look, block.widen))
            for block in self.network.blocks
        ]
        self.biases = [
            0.0 if block.told is None else block.told(self.row_condition)[:, 0]
            for block in self.network.blocks
        ]

    def start(self, count: int) -> list[Any]:
        """Return the state of the first convolution and of each block's."""
        return [self.first.start(count), *(look.start(count) for _, look, _ in self.blocks)]

    def begin_row(self, state: list[Any], codes: Any, row: Any) -> list[Any]:
        """Return the state with what the rows above give to the row."""
        convs = [self.first, *(look for _, look, _ in self.blocks)]
        state = [self.first.with_row(state[0], self.canvas_row(codes, row - 1)), *state[1:]]
        return [conv.begin_row(kept) for conv, kept in zip(convs, state, strict=True)]

    def pixel(self, state: list[Any], canvas: Any, pixel: Any) -> tuple[Any, list[Any]]:
        """Return the features (B, 2h) of a pixel of a row (B, W, C), and the state."""
        first = self.first.with_row(state[0], canvas)
        features, after = self.first.look(first, pixel), [first]
        blocks = zip(self.blocks, self.biases, state[1:], strict=True)
        for (narrow, look, widen), bias, before in blocks:
            hidden, _ = narrow.step({}, ops.relu(features), pixel)
            hidden, kept = look.step(before, ops.relu(hidden), pixel)
            hidden, _ = widen.step({}, ops.relu(hidden + bias), pixel)
            features = features + hidden
            after.append(kept)
        return features, after


class GatedDecoder(PixelDecoder):
    """Runs the vertical stack when a row begins, the horizontal one pixel by pixel."""

    def __init__(self, model: Any, condition: Any, network: Any = None):
        super().__init__(model, condition, network)
        self.blocks = self.network.blocks
        self.rows = [
            (KeptConv(block.horizontal, self.width), KeptConv(block.out, self.width))
            for block in self.blocks
        ]

    def start(self, count: int) -> dict[str, Any]:
        """Return the rows that each vertical kernel will see, and each horizontal state."""
        above, across = [], []
        for block in self.blocks:
            rows, padded, features, filters = block.rows, *self.padded(block)
            dtype = block.compute_dtype
            above.append(ops.zeros((count, rows, padded, features), dtype))
            across.append(ops.zeros((count, self.width, filters), dtype))
        rows = [horizontal.start(count) for horizontal, _ in self.rows]
        return {"above": above, "across": across, "rows": rows}

    def padded(self, block: Any) -> tuple[int, int, int]:
        """Return the padded width, the features in and the features out of a vertical kernel."""
        _, _, features, filters = block.vertical.kernel.shape
        return self.width + 2 * block.reach, features, filters

    def begin_row(self, state: dict[str, Any], codes: Any, row: Any) -> dict[str, Any]:
        """Run the vertical stack for a row, all rows above being made."""
        return self.run_vertical(state, self.canvas_row(codes, row - 1), self.row_condition)

    def run_vertical(self, state: dict[str, Any], canvas: Any, condition: Any) -> dict[str, Any]:
        """Return the state before a row, given the canvas (B, W, C) of the row above it.

        Args:
            state: The state after the row above.
            canvas: The row above, as it is now.
            condition: What is told of the row, (B, 1, S) or (B, W, S), or None.
        """
        features, above, across = canvas, [], []
        for block, before in zip(self.blocks, state["above"], strict=True):
            padding = ((0, 0), (block.reach, block.reach), (0, 0))
            newest = ops.pad(features, padding)[:, None]
            kept = ops.concatenate([before[:, 1:], newest], axis=1)
            seen = block.vertical(kept)[:, 0]  # (B, W, 2h)
            found = block.across(seen)
            if block.horizontal_told is not None:
                found = found + block.horizontal_told(condition)
            if block.vertical_told is not None:
                seen = seen + block.vertical_told(condition)
            features = gate(seen)
            across.append(found)
            above.append(kept)
        rows = [
            horizontal.begin_row(kept)
            for (horizontal, _), kept in zip(self.rows, state["rows"], strict=True)
        ]
        return {"above": above, "across": across, "rows": rows}

    def pixel(self, state: dict[str, Any], canvas: Any, pixel: Any) -> tuple[Any, dict[str, Any]]:
        """Return the features (B, h) of a pixel of a row (B, W, C), and the state."""
        features: Any = None
        after = []
        blocks = zip(self.rows, state["across"], state["rows"], strict=True)
        for (horizontal, out), across, before in blocks:
            if features is None:
                kept = horizontal.with_row(before, canvas)
                found = horizontal.look(kept, pixel)
            else:
                found, kept = horizontal.step(before, features, pixel)
            outputs, _ = out.step({}, gate(found + at_pixel(across, pixel)), pixel)
            features = outputs if features is None else features + outputs
            after.append(kept)
        return features, {**state, "rows": after}
