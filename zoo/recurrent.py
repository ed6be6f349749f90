"""LSTM and GRU over whole sequences, quick to train, and one step after another, to make them.

    LSTM: i, f, o = sigmoid(a_t), g = tanh(a_t);  c_t = f c_(t-1) + i g;  h_t = o tanh(c_t)
          where a_t = W x_t + V k + U h_(t-1) + b                            (four parts)
    GRU:  u, r = sigmoid(a_t + U h_(t-1)), n = tanh(a_t + r (U h_(t-1) + d));
          h_t = u h_(t-1) + (1 - u) n, where a_t = W x_t + V k + b           (three parts)

k is a context, the same at all steps, such as a latent vector. Sources: Hochreiter & Schmidhuber
1997 with the forget gate of Gers et al. 2000; Cho et al. 2014. The GRU multiplies by r after the
product, not before it, so that the product of a step is one; Keras calls this `reset_after`.

What makes it quick: the inputs of all steps are multiplied in one product before the loop, a
context once; the gates of a step are one product; and the gradients (`zoo.recurrence`) are written
by hand.
"""

from typing import Any, ClassVar

import keras
from keras import layers, ops

from zoo.recurrence import gru_cell, gru_sequence, lstm_cell, lstm_sequence

# Shapes: B batch, T steps, F features of an input, G features of the context, H units, P parts of
# the gates (4 of an LSTM, 3 of a GRU).


class Recurrent(layers.Layer):
    """What LSTM and GRU share: the weights, and what a step adds to its gates besides the state.

    Args:
        units: Features of an output, H.
        input_size: Features of an input, F.
        context_size: Features of the context, G; 0 where there is none.
    """

    parts: ClassVar[int]

    def __init__(self, units: int, input_size: int, context_size: int = 0, **kwargs: Any):
        super().__init__(**kwargs)
        self.units = units
        width = self.parts * units
        self.kernel = self.add_weight(
            shape=(input_size, width), initializer="glorot_uniform", name="kernel"
        )
        self.context_kernel = (
            self.add_weight(
                shape=(context_size, width), initializer="glorot_uniform", name="context_kernel"
            )
            if context_size
            else None
        )
        self.recurrent_kernel = self.add_weight(
            shape=(units, width), initializer=orthogonal_parts, name="recurrent_kernel"
        )
        self.bias = self.add_weight(shape=(width,), initializer="zeros", name="bias")
        self.built = True

    def told(self, context: Any = None) -> Any:
        """Return what the context (B, G) and the bias add to the gates, (B, PH) or (PH,)."""
        bias = self.cast(self.bias)
        if self.context_kernel is None:
            return bias
        return ops.matmul(self.cast(context), self.cast(self.context_kernel)) + bias

    def projected(self, inputs: Any, context: Any = None) -> Any:
        """Return what all but the states adds to the gates of all steps, (T, B, PH).

        Args:
            inputs: (B, T, F).
            context: (B, G), or None where there is none.
        """
        by_step = ops.transpose(self.cast(inputs), (1, 0, 2))  # (T, B, F)
        return ops.matmul(by_step, self.cast(self.kernel)) + self.told(context)

    def start(self, count: int) -> Any:
        """Return the state of zeros before the first step of `count` sequences."""
        raise NotImplementedError

    def step(self, inputs: Any, state: Any, told: Any) -> tuple[Any, Any]:
        """Return the output (B, H) of one step, and the state after it.

        Args:
            inputs: (B, F).
            state: The state before.
            told: What `told` returns.
        """
        raise NotImplementedError

    def cast(self, values: Any) -> Any:
        """Return values in the type that the layer computes in."""
        return ops.cast(values, self.compute_dtype)


@keras.saving.register_keras_serializable(package="zoo")
class LSTM(Recurrent):
    """Long short-term memory; a state is the hidden state and the cell, (B, H) each.

    The gates' parts are input gate, forget gate, output gate and candidate g. Biases start as
    zeros, that of the forget gate as ones.

    Args:
        units: Features of an output, H.
        input_size: Features of an input, F.
        context_size: Features of the context, G; 0 where there is none.
        recurrent_dropout: Share of the numbers of g that are left out in training, anew at each
            step, so that the cell forgets nothing by it (Semeniuta et al. 2016,
            https://arxiv.org/abs/1603.05118).
    """

    parts = 4

    def __init__(
        self,
        units: int,
        input_size: int,
        context_size: int = 0,
        recurrent_dropout: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(units, input_size, context_size, **kwargs)
        self.recurrent_dropout = recurrent_dropout
        self.seed_generator = keras.random.SeedGenerator()
        self.bias.assign(ops.repeat(ops.convert_to_tensor([0.0, 1.0, 0.0, 0.0]), units))

    def call(
        self, inputs: Any, state: Any = None, context: Any = None, training: bool = False
    ) -> Any:
        """Return the outputs (B, T, H) of inputs (B, T, F); the state is zeros by default."""
        projected = self.projected(inputs, context)
        steps, count = ops.shape(projected)[:2]
        hidden, cell = self.start(count) if state is None else map(self.cast, state)
        scale = None
        if training and self.recurrent_dropout:
            ones = ops.ones((steps, count, self.units), self.compute_dtype)
            scale = keras.random.dropout(ones, self.recurrent_dropout, seed=self.seed_generator)
        outputs = lstm_sequence(projected, self.cast(self.recurrent_kernel), hidden, cell, scale)
        return ops.transpose(outputs, (1, 0, 2))

    def start(self, count: Any) -> tuple[Any, Any]:
        """Return the state of zeros before the first step of `count` sequences."""
        zeros = ops.zeros((count, self.units), self.compute_dtype)
        return zeros, zeros

    def step(self, inputs: Any, state: Any, told: Any) -> tuple[Any, Any]:
        """Return the output (B, H) of one step, and the state after it."""
        hidden, cell = state
        gates = ops.matmul(self.cast(inputs), self.cast(self.kernel)) + told
        gates = gates + ops.matmul(hidden, self.cast(self.recurrent_kernel))
        hidden, cell, _ = lstm_cell(gates, cell)
        return hidden, (hidden, cell)


@keras.saving.register_keras_serializable(package="zoo")
class GRU(Recurrent):
    """Gated recurrent unit; a state is the output before, (B, H).

    The gates' parts are update gate u, reset gate r and candidate n. Of the biases of the products
    with inputs and with states, only that of n needs to be two.

    Args:
        units: Features of an output, H.
        input_size: Features of an input, F.
        context_size: Features of the context, G; 0 where there is none.
    """

    parts = 3

    def __init__(self, units: int, input_size: int, context_size: int = 0, **kwargs: Any):
        super().__init__(units, input_size, context_size, **kwargs)
        self.reset_bias = self.add_weight(shape=(units,), initializer="zeros", name="reset_bias")

    def call(self, inputs: Any, state: Any = None, context: Any = None) -> Any:
        """Return the outputs (B, T, H) of inputs (B, T, F); the state is zeros by default."""
        projected = self.projected(inputs, context)
        hidden = self.start(ops.shape(projected)[1]) if state is None else self.cast(state)
        kernel, bias = self.cast(self.recurrent_kernel), self.cast(self.reset_bias)
        return ops.transpose(gru_sequence(projected, kernel, bias, hidden), (1, 0, 2))

    def start(self, count: Any) -> Any:
        """Return the state of zeros before the first step of `count` sequences."""
        return ops.zeros((count, self.units), self.compute_dtype)

    def step(self, inputs: Any, state: Any, told: Any) -> tuple[Any, Any]:
        """Return the output (B, H) of one step, and the state after it."""
        given = ops.matmul(self.cast(inputs), self.cast(self.kernel)) + told
        recurrent = ops.matmul(state, self.cast(self.recurrent_kernel))
        hidden, _ = gru_cell(given, recurrent, self.cast(self.reset_bias), state)
        return hidden, hidden


def orthogonal_parts(shape: tuple[int, int], dtype: Any = None) -> Any:
    """Return a kernel (H, PH) of P orthogonal matrices, for `add_weight`."""
    units, width = shape
    draws = [keras.initializers.Orthogonal()((units, units), dtype) for _ in range(width // units)]
    return ops.concatenate(draws, axis=1)


def at_end(outputs: Any, lengths: Any) -> Any:
    """Return the outputs (B, H) of the last steps of sequences, of outputs (B, T, H).

    Args:
        outputs: (B, T, H).
        lengths: Steps of each sequence, (B,), at least 1.
    """
    places = ops.arange(ops.shape(outputs)[1], dtype="int32")
    is_last = ops.equal(places, ops.cast(lengths, "int32")[:, None] - 1)  # (B, T)
    return ops.matmul(ops.cast(is_last, outputs.dtype)[:, None], outputs)[:, 0]


def backwards(x: Any, lengths: Any) -> Any:
    """Return sequences (B, T, ...) whose first elements stand in reverse; the rest stays.

    Args:
        x: (B, T, ...).
        lengths: How many elements of each are reversed, (B,).
    """
    places = ops.arange(ops.shape(x)[1], dtype="int32")
    lengths = ops.cast(lengths, "int32")[:, None]
    sources = ops.where(places < lengths, lengths - 1 - places, places)  # (B, T)
    for _ in x.shape[2:]:
        sources = sources[..., None]
    return ops.take_along_axis(x, ops.broadcast_to(sources, ops.shape(x)), axis=1)
