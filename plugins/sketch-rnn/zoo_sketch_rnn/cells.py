"""The decoder's other recurrent networks: an LSTM with layer normalisation, and the HyperLSTM.

Layer normalisation (Ba et al. 2016) is over the units of each of the four gates, and of the cell
on its way out. The HyperLSTM (Ha et al. 2017, https://arxiv.org/abs/1609.09106, Eq. 12 and 13)
has a small LSTM beside it, which sees inputs and states and rescales the rows of the weights of the
large one at each step.

Both are plain loops: their gradients are the backend's own.
"""

from typing import Any

import keras
from keras import layers, ops

from zoo.recurrence import scan
from zoo.recurrent import Recurrent

# Shapes: B batch, T steps, F features of an input, G features of the context, H units, h units of
# the small LSTM, E numbers of an embedding.

HYPER_UNITS, HYPER_EMBEDDING = 256, 32
FIRST_SCALE = 0.1  # by which the HyperLSTM multiplies weights before it has learned anything


class GateNorm(layers.Layer):
    """Normalisation of each of some parts of a vector, with scales and shifts of its own.

    Args:
        units: Numbers in a part.
        parts: Parts.
    """

    def __init__(self, units: int, parts: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.parts = parts
        self.scale = self.add_weight(shape=(parts * units,), initializer="ones", name="scale")
        self.shift = self.add_weight(shape=(parts * units,), initializer="zeros", name="shift")
        self.built = True

    def call(self, x: Any) -> Any:
        """Return x (B, parts * units) normalised."""
        normal = []
        for part in ops.split(x, self.parts, axis=-1):
            centred = part - ops.mean(part, axis=-1, keepdims=True)
            variance = ops.mean(ops.square(centred), axis=-1, keepdims=True)
            normal.append(centred * ops.rsqrt(variance + 1e-3))
        joined = normal[0] if self.parts == 1 else ops.concatenate(normal, axis=-1)
        return joined * ops.cast(self.scale, x.dtype) + ops.cast(self.shift, x.dtype)


class NormLSTM(Recurrent):
    """LSTM with layer normalisation; a state is the hidden state and the cell, (B, H) each.

    Args:
        units: Features of an output, H.
        input_size: Features of an input, F.
        context_size: Features of the context, G; 0 where there is none.
        recurrent_dropout: As of `zoo.recurrent.LSTM`.
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
        self.gate_norm, self.cell_norm = GateNorm(units, 4), GateNorm(units, 1)
        forget = ops.repeat(ops.convert_to_tensor([0.0, 1.0, 0.0, 0.0]), units)
        self.gate_norm.shift.assign(forget)
        self.seed_generator = keras.random.SeedGenerator()

    def call(
        self, inputs: Any, state: Any = None, context: Any = None, training: bool = False
    ) -> Any:
        """Return the outputs (B, T, H) of inputs (B, T, F); the state is zeros by default."""
        projected = self.projected(inputs, context)
        steps, count = ops.shape(projected)[:2]
        state = self.start(count) if state is None else tuple(map(self.cast, state))
        scales: tuple[Any, ...] = ()
        if training and self.recurrent_dropout:
            ones = ops.ones((steps, count, self.units), self.compute_dtype)
            dropped = keras.random.dropout(ones, self.recurrent_dropout, seed=self.seed_generator)
            scales = (dropped,)

        def step(state: Any, inputs: Any) -> tuple[Any, Any]:
            given, *scale = inputs
            state = self.advance(given, state, *scale)
            return state, state

        _, states = scan(step, state, (projected, *scales))
        return ops.transpose(states[0], (1, 0, 2))

    def projected(self, inputs: Any, context: Any = None) -> Any:
        """Return what all but the states adds to the gates of all steps, (T, B, 4H)."""
        by_step = ops.transpose(self.cast(inputs), (1, 0, 2))  # (T, B, F)
        return ops.matmul(by_step, self.input_kernel()) + self.told(context)

    def step(self, inputs: Any, state: Any, told: Any) -> tuple[Any, Any]:
        """Return the output (B, H) of one step, and the state after it."""
        state = self.advance(ops.matmul(self.cast(inputs), self.input_kernel()) + told, state)
        return state[0], state

    def input_kernel(self) -> Any:
        """Return what inputs are multiplied by, (F, 4H)."""
        return self.cast(self.kernel)

    def start(self, count: Any) -> tuple[Any, Any]:
        """Return the state of zeros before the first step of `count` sequences."""
        zeros = ops.zeros((count, self.units), self.compute_dtype)
        return zeros, zeros

    def advance(self, given: Any, state: Any, scale: Any = None) -> tuple[Any, ...]:
        """Return the state after a step.

        Args:
            given: What all but the state adds to the gates, (B, 4H).
            state: The state before.
            scale: What the candidate is multiplied by, (B, H); None for 1.
        """
        hidden, cell = state
        gates = given + ops.matmul(hidden, self.cast(self.recurrent_kernel))
        return self.normalised_cell(gates, cell, scale)

    def normalised_cell(self, gates: Any, cell: Any, scale: Any) -> tuple[Any, Any]:
        """Return the hidden state and the cell (B, H) after a step, of sums of gates (B, 4H)."""
        write, keep, show, candidate = ops.split(self.gate_norm(gates), 4, axis=-1)
        written = ops.tanh(candidate) if scale is None else ops.tanh(candidate) * scale
        cell = ops.sigmoid(keep) * cell + ops.sigmoid(write) * written
        return ops.sigmoid(show) * ops.tanh(self.cell_norm(cell)), cell


class HyperLSTM(NormLSTM):
    """LSTM whose weights another one rescales; both with layer normalisation.

    A state holds the hidden state and the cell, (B, H) each, and those of the small LSTM, (B, h).

    Args:
        units: Features of an output, H.
        input_size: Features of an input, F.
        context_size: Features of the context, G; 0 where there is none.
        recurrent_dropout: As of `zoo.recurrent.LSTM`; the small LSTM has none.
        hyper_units: Units of the small LSTM, h.
    """

    def __init__(
        self,
        units: int,
        input_size: int,
        context_size: int = 0,
        recurrent_dropout: float = 0.0,
        hyper_units: int = HYPER_UNITS,
        **kwargs: Any,
    ):
        super().__init__(units, input_size, context_size, recurrent_dropout, **kwargs)
        self.small = NormLSTM(hyper_units, input_size, context_size)
        self.small_from_state = self.add_weight(
            shape=(units, 4 * hyper_units), initializer="glorot_uniform", name="small_from_state"
        )
        # Eight scales, of the gates' parts by inputs and by states, and four shifts; at first the
        # scales are FIRST_SCALE and the shifts 0, whatever the small LSTM says.
        self.scale_embedding = layers.Dense(
            8 * HYPER_EMBEDDING, kernel_initializer="zeros", bias_initializer="ones"
        )
        self.shift_embedding = layers.Dense(
            4 * HYPER_EMBEDDING,
            kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
            use_bias=False,
        )
        for embedding in (self.scale_embedding, self.shift_embedding):
            embedding.build((None, hyper_units))
        self.scales = self.add_weight(
            shape=(8, HYPER_EMBEDDING, units),
            initializer=keras.initializers.Constant(FIRST_SCALE / HYPER_EMBEDDING),
            name="scales",
        )
        self.shifts = self.add_weight(
            shape=(4, HYPER_EMBEDDING, units), initializer="zeros", name="shifts"
        )

    def input_kernel(self) -> Any:
        """Return what inputs are multiplied by, for both LSTMs, (F, 4H + 4h)."""
        return ops.concatenate([self.cast(self.kernel), self.small.input_kernel()], axis=-1)

    def told(self, context: Any = None) -> Any:
        """Return what the context (B, G) adds for both LSTMs, (B, 4H + 4h) or (4H + 4h,)."""
        small = self.small.told(context)
        if self.context_kernel is None:
            own = ops.zeros_like(self.cast(self.bias))
        else:
            own = ops.matmul(self.cast(context), self.cast(self.context_kernel))
        return ops.concatenate([own, small], axis=-1)

    def start(self, count: Any) -> tuple[Any, ...]:
        """Return the state of zeros before the first step of `count` sequences."""
        return (*super().start(count), *self.small.start(count))

    def advance(self, given: Any, state: Any, scale: Any = None) -> tuple[Any, ...]:
        """Return the state after a step; see `NormLSTM.advance`."""
        hidden, cell, *small_state = state
        given, small_given = ops.split(given, [4 * self.units], axis=-1)
        small_given = small_given + ops.matmul(hidden, self.cast(self.small_from_state))
        small_state = self.small.advance(small_given, small_state)
        scales, shifts = self.scales_and_shifts(small_state[0])
        recurrent = ops.matmul(hidden, self.cast(self.recurrent_kernel))
        gates = ops.concatenate([given, recurrent], axis=-1) * scales  # (B, 8H)
        by_inputs, by_state = ops.split(gates, 2, axis=-1)
        gates = by_inputs + by_state + shifts + self.cast(self.bias)
        return (*self.normalised_cell(gates, cell, scale), *small_state)

    def scales_and_shifts(self, small: Any) -> tuple[Any, Any]:
        """Return scales (B, 8H) and shifts (B, 4H) of the gates, of the small LSTM's output."""
        found = []
        for embedding, weights, parts in (
            (self.scale_embedding, self.scales, 8),
            (self.shift_embedding, self.shifts, 4),
        ):
            embedded = ops.reshape(embedding(small), (-1, parts, HYPER_EMBEDDING))
            by_part = ops.einsum("bpe,peu->bpu", embedded, self.cast(weights))
            found.append(ops.reshape(by_part, (-1, parts * self.units)))
        return found[0], found[1]
