"""Making an example element by element: one loop for every model that does, compiled as a whole.

The elements of an example stand in a grid of rows and columns, and are made row by row: an image's
rows hold its pixels (channel by channel); a sound's, a sketch's and a text's hold one sample, point
or token each. An element is a code, or a vector of numbers.

A `Decoder` predicts one element after another and keeps what it has computed before: a row's
states, a queue for each dilation, the state of an LSTM. The loop over elements, the numbers that
decide the draws, what is known already, and the end of sequences that have one, stand here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from keras import ops, tree

from zoo.engine import call_size, compile_function, next_size
from zoo.errors import DataError

# Shapes: B batch, N count asked for, R rows, M elements per row, K levels, U uniform numbers of an
# element, ... one example in its public form. An element is () or (E,).

WATCHED_PARTS = 40  # a batch is made in about so many calls where somebody watches


@dataclass(frozen=True, kw_only=True)
class Made:
    """How far the making of examples has come.

    Args:
        elements: Elements made, of all examples.
        total: Elements to make.
        first: Number of the first example of the batch in the making.
        rows: Rows of it that are made.
        examples: Returns the batch's examples (B, ...), of which later rows say nothing yet.
    """

    elements: int
    total: int
    first: int
    rows: int
    examples: Callable[[], np.ndarray]


Watch = Callable[[Made], None]


class Decoder:
    """Predicts one element after another; made anew in each compiled call.

    What depends on weights alone, such as masked kernels, is prepared by the constructor, outside
    the loop over elements. The state is a nested structure of tensors of fixed shapes.
    """

    def start(self, count: int) -> Any:
        """Return the state before the first element of `count` examples."""
        raise NotImplementedError

    def begin_row(self, state: Any, elements: Any, row: Any) -> Any:
        """Return the state before the first element of a row; those above it are made."""
        return state

    def step(self, state: Any, elements: Any, row: Any, column: Any) -> tuple[Any, Any]:
        """Return what is predicted of an element (B, ...), and the state after it.

        All that comes before the element is made in `elements` (B, R, M, ...); what comes after it
        may hold anything. An element may be asked for twice.
        """
        raise NotImplementedError


class MakesElements:
    """Mixed into a `PlayerModel` that makes examples element by element.

    A subclass says what there is to make (`element_shape`, `values`), how it is predicted
    (`decoder`), and how a prediction becomes an element (`draw`): logits of codes by default. Where
    sequences end, it says with what (`end_element`), and `has_ended`.
    """

    examples_per_call: ClassVar[int] = 64
    uniforms_per_element: ClassVar[int] = 1
    start_compiled: Any
    make_compiled: Any

    def __init__(self, config: Any, **kwargs: Any):
        super().__init__(config, **kwargs)  # type: ignore[call-arg]  # of the model
        self.start_compiled = compile_function(self, self.start_state, xla=True)
        self.make_compiled = compile_function(self, self.make_rows, xla=True)

    # What a subclass says.

    @property
    def element_shape(self) -> tuple[int, int]:
        """Rows and elements per row, (R, M)."""
        raise NotImplementedError

    def values(self, elements: np.ndarray) -> np.ndarray:
        """Return the examples (B, ...) whose elements these are."""
        raise NotImplementedError

    def decoder(self, told: Any) -> Decoder:
        """Return what predicts one element after another.

        Args:
            told: What the model is told of the examples: a nested structure of tensors (B, ...)
                and None.
        """
        raise NotImplementedError

    def draw(self, predicted: Any, uniforms: Any, sampling: Mapping[str, Any]) -> Any:
        """Return elements (B, ...) drawn from what was predicted of them.

        Args:
            predicted: The decoder's prediction (B, ...).
            uniforms: Numbers (B, U) in [0, 1) that decide the draw.
            sampling: What changes the distribution, such as `temperature`.
        """
        return draw_codes(predicted, uniforms[:, 0], sampling["temperature"])

    def end_element(self) -> np.ndarray | None:
        """Return the element (...) that ends a sequence; None where examples have one length."""
        return None

    def has_ended(self, elements: Any) -> Any:
        """Return which of the elements (B, ...) end their sequences, booleans (B,)."""
        raise NotImplementedError

    # The making.

    def make(
        self,
        elements: np.ndarray,
        known: np.ndarray,
        told: Any,
        *,
        seed: int | tuple[int, ...],
        sampling: Mapping[str, float],
        watch: Watch | None = None,
    ) -> np.ndarray:
        """Return examples (N, ...) whose elements are drawn where they are not known.

        There may be more or fewer rows than in training, if the network does not count them.

        Args:
            elements: Elements (N, R, M, ...); where not known they may hold anything, but those of
                sequences that end hold the end.
            known: Which are given, booleans (N, R, M).
            told: What the model is told of the examples: a nested structure of arrays (N, ...).
            seed: Decides the draws; the first of many examples are those of few.
            sampling: What changes the distribution of the draws.
            watch: Called as the making goes on, some forty times a batch.
        """
        if not sampling["temperature"] >= 0:
            raise DataError(f"temperature must be at least 0. Received: {sampling['temperature']}.")
        count, rows, columns = known.shape
        if not count:
            return self.values(elements)
        batch = call_size(count, self.examples_per_call)
        part = rows if watch is None else max(1, rows // WATCHED_PARTS)
        # From one stream for all elements, so that neither batches nor parts change an example.
        shape = (count, rows, columns, self.uniforms_per_element)
        uniforms = np.random.default_rng(seed).random(shape, "float32")
        if rows != self.element_shape[0]:
            # Rows that are not made, so that the loop is compiled for few lengths.
            more = (0, next_size(rows) - rows)
            elements, known, uniforms = (
                np.pad(array, [(0, 0), more, *[(0, 0)] * (array.ndim - 2)])
                for array in (elements, known, uniforms)
            )
        made = []
        for start in range(0, count, batch):
            # The last batch is filled up, so that the loop is compiled for few shapes.
            indices = np.minimum(np.arange(start, start + batch), count - 1)
            chosen = tree.map_structure(
                lambda array, indices=indices: (
                    None if array is None else ops.convert_to_tensor(array[indices])
                ),
                told,
            )
            carried: Any = (
                elements[indices],
                self.start_compiled(elements[indices], chosen),
                np.zeros(batch, bool),
            )
            draws = {
                "known": known[indices],
                "uniforms": uniforms[indices],
                "sampling": {name: np.asarray(x, "float32") for name, x in sampling.items()},
            }
            for row in range(0, rows, part):
                last = min(row + part, rows)
                carried = self.make_compiled(carried, draws, chosen, (_scalar(row), _scalar(last)))
                if watch is not None:
                    ops.convert_to_numpy(carried[2])  # JAX returns before the rows are made
                    kept = min(batch, count - start)

                    def examples(current: Any = carried[0], kept: int = kept) -> np.ndarray:
                        return self.values(ops.convert_to_numpy(current)[:kept, :rows])

                    watch(
                        Made(
                            elements=(start * rows + kept * last) * columns,
                            total=count * rows * columns,
                            first=start,
                            rows=last,
                            examples=examples,
                        )
                    )
            made.append(ops.convert_to_numpy(carried[0])[:, :rows])
        return self.values(np.concatenate(made)[:count])

    def start_state(self, elements: Any, told: Any) -> Any:
        """Return the decoder's state before the first of elements (B, R, M, ...)."""
        return self.decoder(told).start(elements.shape[0])

    def make_rows(
        self,
        carried: tuple[Any, Any, Any],
        draws: Mapping[str, Any],
        told: Any,
        span: tuple[Any, Any],
    ) -> tuple[Any, Any, Any]:
        """Return what is carried, after some rows are made.

        Args:
            carried: Elements (B, R, M, ...), the decoder's state, and which sequences have ended,
                booleans (B,).
            draws: `known` (B, R, M), where elements are given; `uniforms` (B, R, M, U), numbers in
                [0, 1) that decide the others; `sampling`.
            told: What the decoder is told.
            span: The first row to make, and the row after the last.
        """
        decoder = self.decoder(told)
        columns = draws["known"].shape[2]
        end = self.end_element()

        def make_row(row: Any, carried: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
            elements, state, ended = carried
            state = decoder.begin_row(state, elements, row)

            def make_element(column: Any, carried: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
                elements, state, ended = carried
                predicted, state = decoder.step(state, elements, row, column)
                uniforms = element(draws["uniforms"], row, column)  # (B, U)
                drawn = self.draw(predicted, uniforms, draws["sampling"])
                given = element(elements, row, column)
                chosen = _where(element(draws["known"], row, column), given, drawn)
                if end is not None:
                    chosen = _where(ended, ops.cast(end, chosen.dtype), chosen)
                    ended = ops.logical_or(ended, self.has_ended(chosen))
                return put_element(elements, chosen, row, column), state, ended

            if columns == 1:
                return make_element(0, (elements, state, ended))
            return ops.fori_loop(0, columns, make_element, (elements, state, ended))

        first, last = span
        if end is None:
            return ops.fori_loop(first, last, make_row, carried)
        # Sequences that have all ended leave nothing to make.
        made = ops.while_loop(
            lambda row, elements, state, ended: ops.logical_and(
                row < last, ops.logical_not(ops.all(ended))
            ),
            lambda row, *carried: (row + 1, *make_row(row, carried)),
            (ops.convert_to_tensor(first), *carried),
        )
        return made[1], made[2], made[3]


def draw_codes(logits: Any, uniforms: Any, temperature: Any) -> Any:
    """Return codes (B,) drawn from logits (B, K), or (B, 1) of two levels, by inverting the sum.

    Uniform numbers (B,) in [0, 1) decide the draw; temperature 0 takes the most likely level.
    """
    # At temperature 0 the most likely levels share everything, and a number near 0 draws the first;
    # not 0 itself, as a compiled exponential leaves the others some 1e-38 each.
    uniforms = ops.where(temperature > 0, uniforms, 1e-30)
    logits, divisor = ops.cast(logits, "float32"), ops.maximum(temperature, 1e-30)
    if logits.shape[-1] == 1:
        drawn = uniforms >= ops.sigmoid(-logits[:, 0] / divisor)
        return ops.cast(drawn, "int32")
    # The largest is 0 before it is divided: after it, a fused product may leave it far above 0.
    logits = (logits - ops.max(logits, axis=-1, keepdims=True)) / divisor
    cumulated = ops.cumsum(ops.softmax(logits), axis=-1)  # (B, K)
    # Times what rounding makes of 1, so that the last level gets no more than its own.
    below = uniforms[:, None] * cumulated[:, -1:] >= cumulated[:, :-1]
    return ops.sum(ops.cast(below, "int32"), axis=-1)


def element(grid: Any, row: Any, column: Any) -> Any:
    """Return one element (B, ...) of a grid (B, R, M, ...)."""
    rest = tuple(grid.shape[3:])
    start = (0, row, column, *(0 for _ in rest))
    return ops.slice(grid, start, (grid.shape[0], 1, 1, *rest))[:, 0, 0]


def put_element(grid: Any, values: Any, row: Any, column: Any) -> Any:
    """Return the grid (B, R, M, ...) with one element (B, ...) replaced."""
    start = (0, row, column, *(0 for _ in grid.shape[3:]))
    return ops.slice_update(grid, start, ops.cast(values, grid.dtype)[:, None, None])


def _where(condition: Any, these: Any, others: Any) -> Any:
    """Return elements (B, ...) of `these` where the condition (B,) holds, and of `others`."""
    shape = (-1, *(1 for _ in others.shape[1:]))
    return ops.where(ops.reshape(condition, shape), these, others)


def _scalar(number: int) -> np.ndarray:
    return np.asarray(number, "int32")  # a Python number would be compiled in
