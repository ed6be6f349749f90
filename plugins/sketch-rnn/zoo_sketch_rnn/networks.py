"""Encoder and decoder of Sketch-RNN, and the decoder move by move."""

from typing import Any

import keras
from keras import layers, ops

from zoo.making import Decoder, element
from zoo.recurrent import LSTM, at_end, backwards
from zoo_sketch_rnn.cells import HyperLSTM, NormLSTM
from zoo_sketch_rnn.config import SketchRNNConfig
from zoo_sketch_rnn.mixture import output_size

# Shapes: B batch, T rows of a sketch, Z latent size, L number of classes, G numbers of the context,
# H units, M components.

ROW = 5  # numbers of a row of stroke-5
START = (0.0, 0.0, 1.0, 0.0, 0.0)  # what the decoder is given before the first row


class SketchEncoder(layers.Layer):
    """Two LSTMs read a sketch, one from its end; their last outputs say what z may have been.

    Args:
        config: The configuration.
    """

    def __init__(self, config: SketchRNNConfig, **kwargs: Any):
        super().__init__(**kwargs)
        options: dict[str, Any] = {
            "input_size": ROW,
            "context_size": config.told_classes,
            "recurrent_dropout": config.recurrent_dropout,
        }
        self.from_start = LSTM(config.encoder_units, **options)
        self.from_end = LSTM(config.encoder_units, **options)
        self.statistics = small_dense(2 * config.latent_size, 2 * config.encoder_units)
        self.built = True

    def call(self, x: Any, labels: Any = None, training: bool = False) -> tuple[Any, Any]:
        """Return mean and log-variance (B, Z) of sketches (B, T, 5) and one-hot labels (B, L)."""
        lengths = ops.maximum(points_of(x), 1)
        directions = (self.from_start, x), (self.from_end, backwards(x, lengths))
        last = [
            at_end(lstm(rows, context=labels, training=training), lengths)  # (B, H)
            for lstm, rows in directions
        ]
        statistics = self.statistics(ops.concatenate(last, axis=-1))
        mean, log_variance = ops.split(ops.cast(statistics, "float32"), 2, axis=-1)
        return mean, log_variance


class SketchDecoder(layers.Layer):
    """A recurrent network that says of each row, given those before it, how it is distributed.

    Its context, the latent vector and the label, sets its first state and is joined to every row.

    Args:
        config: The configuration.
    """

    def __init__(self, config: SketchRNNConfig, **kwargs: Any):
        super().__init__(**kwargs)
        context_size = config.latent_size + config.told_classes
        cells = {"lstm": LSTM, "layer-norm-lstm": NormLSTM, "hyper-lstm": HyperLSTM}
        self.cell = cells[config.decoder](
            config.decoder_units,
            ROW,
            context_size,
            recurrent_dropout=config.recurrent_dropout,
        )
        self.state_sizes = [part.shape[-1] for part in self.cell.start(1)]
        self.first_state = (
            small_dense(sum(self.state_sizes), context_size, activation="tanh")
            if context_size
            else None
        )
        self.outputs = layers.Dense(output_size(config.mixtures), dtype="float32")
        self.outputs.build((None, config.decoder_units))
        self.built = True

    def call(self, before: Any, context: Any = None, training: bool = False) -> Any:
        """Return the distributions (B, T, 6M + 3) of the rows after rows (B, T, 5).

        Args:
            before: The row before each, from the start token on.
            context: Latent vectors and one-hot labels (B, G); None where there are neither.
            training: Whether this is a step of training.
        """
        state = self.start(context)
        return self.outputs(self.cell(before, state=state, context=context, training=training))

    def start(self, context: Any) -> Any:
        """Return the state that a context (B, G) sets; None is that of zeros."""
        if self.first_state is None:
            return None
        places, place = [], 0
        for size in self.state_sizes[:-1]:
            place += size
            places.append(place)
        return tuple(ops.split(self.first_state(context), places, axis=-1))


class SketchMaker(Decoder):
    """The decoder, one row after another.

    Args:
        network: The decoder.
        context: Latent vectors and one-hot labels (B, G); None where there are neither.
    """

    def __init__(self, network: SketchDecoder, context: Any):
        self.network, self.context = network, context
        self.told = network.cell.told(context)

    def start(self, count: int) -> Any:
        """Return the state before the first row of `count` sketches."""
        state = self.network.start(self.context)
        return self.network.cell.start(count) if state is None else state

    def step(self, state: Any, elements: Any, row: Any, column: Any) -> tuple[Any, Any]:
        """Return the distribution (B, 6M + 3) of a row, and the state after it."""
        before = element(elements, ops.maximum(row - 1, 0), column)  # (B, 5)
        before = ops.where(row > 0, before, ops.convert_to_tensor(START, before.dtype))
        output, state = self.network.cell.step(before, state, self.told)
        return self.network.outputs(output), state


def rows_before(x: Any) -> Any:
    """Return what the decoder is given (B, T, 5): sketches moved on by a row, the start first."""
    start = ops.convert_to_tensor(START, x.dtype)
    first = ops.zeros_like(x[:, :1]) + start
    return ops.concatenate([first, x[:, :-1]], axis=1)


def points_of(x: Any) -> Any:
    """Return how many points sketches (B, T, 5) have, int32 (B,): the rows before the first end."""
    ended = ops.cumsum(ops.cast(x[..., 4] > 0.5, "int32"), axis=1)
    return ops.sum(ops.cast(ended < 1, "int32"), axis=1)


def small_dense(units: int, input_size: int, activation: str | None = None) -> layers.Dense:
    """Return a dense layer of small weights, as the authors' code starts those around z with."""
    dense = layers.Dense(
        units,
        activation=activation,
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.001),
    )
    dense.build((None, input_size))
    return dense
