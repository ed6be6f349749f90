"""Models that make an example element by element, each given all that were made before it.

    log p(x) = sum over i of log p(x_i | x_1, ..., x_(i-1)), in nats

An element is one of a few levels (a grey level, a channel's value, a mu-law code). The elements of
an example stand in a grid of rows and columns, and are made row by row: an image's rows hold its
pixels (channel by channel), a sound's rows hold one sample each.

A model brings two forms of the same network. `logits` predicts all elements of given examples at
once; it is what trains and what the likelihood is read from. A `Decoder` predicts one element
after another and keeps what it has computed before: a row's states, a queue for each dilation. The
loop over elements, the draws and their temperature, and what is known already are the same for all
models and stand here; the loop is compiled as one.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import keras
import numpy as np
from keras import ops, tree

from zoo.conditions import ClassConditional
from zoo.engine import Player, PlayerModel, compile_function, in_batches
from zoo.errors import DataError

# Shapes: B batch, N count asked for, R rows, M elements per row, K levels, ... one example in its
# public form.


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

LOGITS_PER_CALL = 2**26  # 256 MiB; the network holds a few times as much
WATCHED_PARTS = 40  # a batch is made in about so many calls where somebody watches


class Decoder:
    """Predicts one element after another; made anew in each compiled call.

    What depends on weights alone, such as masked kernels, is prepared by the constructor, outside
    the loop over elements. The state is a nested structure of tensors of fixed shapes.
    """

    def start(self, count: int) -> Any:
        """Return the state before the first element of `count` examples."""
        raise NotImplementedError

    def begin_row(self, state: Any, codes: Any, row: Any) -> Any:
        """Return the state before the first element of a row; codes (B, R, M) above it are made."""
        return state

    def step(self, state: Any, codes: Any, row: Any, column: Any) -> tuple[Any, Any]:
        """Return the logits (B, K) of an element, and the state after it.

        All that comes before the element is made in `codes` (B, R, M); what comes after it may
        hold anything. An element may be asked for twice.
        """
        raise NotImplementedError


class AutoregressiveModel(ClassConditional, PlayerModel):
    """A model with an exact likelihood, that predicts each element from those before it.

    A subclass sets `self.network`, and says what an element is (`element_shape`, `levels`,
    `codes`, `values`) and how it is predicted (`logits`, `decoder`). Two levels have one logit,
    of the upper one.

    Args:
        config: The model's configuration.
    """

    likelihood_kind: Literal["exact"] = "exact"
    samples_slowly: ClassVar[bool] = True
    network: keras.layers.Layer
    examples_per_call: ClassVar[int] = 64

    def __init__(self, config: Any, **kwargs: Any):
        super().__init__(config, **kwargs)
        self.nats_compiled = compile_function(self, self.element_nats)
        self.make_compiled = compile_function(self, self.make_rows, xla=True)

    # What a subclass says.

    @property
    def element_shape(self) -> tuple[int, int]:
        """Rows and elements per row, (R, M)."""
        raise NotImplementedError

    @property
    def levels(self) -> int:
        """How many values an element can take, K."""
        raise NotImplementedError

    def codes(self, x: Any) -> Any:
        """Return the level of every element, int32 (B, R, M), of examples (B, ...), as tensors."""
        raise NotImplementedError

    def values(self, codes: np.ndarray) -> np.ndarray:
        """Return the examples (B, ...) whose levels `codes` (B, R, M) holds."""
        raise NotImplementedError

    def logits(self, codes: Any, told: Any, training: bool) -> Any:
        """Return the logits (B, R, M, K), or (B, R, M, 1) of two levels, of all elements.

        Args:
            codes: Levels (B, R, M).
            told: Labels (B,), None, or whatever else the model is told: see `told_of`.
            training: Whether this is a step of training.
        """
        raise NotImplementedError

    def decoder(self, told: Any) -> Decoder:
        """Return what predicts one element after another, told what `logits` is told."""
        raise NotImplementedError

    def make_optimizer(self) -> keras.optimizers.Optimizer:
        """Return the optimizer that the paper uses."""
        raise NotImplementedError

    # Training.

    def players(self) -> list[Player]:
        """Return the one player."""
        return [
            Player(
                name="network",
                networks=[self.network],
                loss=self.nll,
                terms=("nll_nats", "nll_bits_per_dim"),
                optimizer=self.make_optimizer,
            )
        ]

    def nll(self, x: Any, y: Any, training: bool) -> dict[str, Any]:
        """Return the negative log-likelihood of examples (B, ...), averaged over the batch."""
        nats = self.element_nats(x, y, training)  # (B, R, M)
        rows, columns = nats.shape[1:]
        nll = ops.mean(ops.sum(nats, axis=(1, 2)))
        return {"nll_nats": nll, "nll_bits_per_dim": nll / (rows * columns * np.log(2.0))}

    def element_nats(self, x: Any, labels: Any, training: bool = False) -> Any:
        """Return -log p (B, R, M) of each element of examples (B, ...), as tensors."""
        codes = self.codes(x)
        return code_nats(self.logits(codes, self.told_of(codes, labels), training), codes)

    def told_of(self, codes: Any, labels: Any) -> Any:
        """Return what the network is told of given examples, codes (B, R, M) and labels (B,)."""
        return self.needed(labels)

    # What it can do once trained: NumPy in, NumPy out.

    def told_for(self, count: int, labels: Any = None) -> Any:
        """Return what the network is told of examples in the making: as `told_of`, but NumPy."""
        return self.labels_for(count, labels)

    def log_likelihood(self, x: Any, labels: Any = None, *, seed: int = 0) -> np.ndarray:
        """Return log p(x) in nats, (B,), of examples (B, ...); the seed changes nothing."""
        logits = math.prod(self.element_shape) * self.levels  # of one example
        batch = max(1, min(self.examples_per_call, LOGITS_PER_CALL // logits))
        nats = in_batches(self.nats_compiled, batch, x, self.needed(labels))
        return -nats.sum((1, 2), dtype=np.float64).astype("float32")

    def sample(
        self,
        count: int,
        *,
        seed: int = 0,
        labels: Any = None,
        temperature: float = 1.0,
        watch: Watch | None = None,
    ) -> np.ndarray:
        """Return `count` examples (N, ...); where it takes labels, of all in turn.

        Args:
            count: How many, N.
            seed: Decides the draws; the first of many examples are those of few.
            labels: Labels (N,).
            temperature: What logits are divided by; 0 takes the most likely level.
            watch: Called as the making goes on, some forty times a batch.
        """
        rows, columns = self.element_shape
        codes = np.zeros((count, rows, columns), "int32")
        told = self.told_for(count, labels)
        return self.make(codes, codes > 0, told, seed=seed, temperature=temperature, watch=watch)

    def complete(
        self,
        x: np.ndarray,
        known: np.ndarray,
        *,
        seed: int = 0,
        labels: Any = None,
        temperature: float = 1.0,
        watch: Watch | None = None,
    ) -> np.ndarray:
        """Return examples (B, ...) that equal `x` where `known` is true; the rest is drawn.

        Each element is drawn given those before it, known or made. What is known after it does
        not bear on it: give a beginning.

        Args:
            x: Examples (B, ...); what is not known may hold anything.
            known: Booleans (B, ...).
            seed: Decides the draws.
            labels: Labels (B,).
            temperature: As in `sample`.
            watch: Called as the making goes on, some forty times a batch.
        """
        x, known = np.asarray(x, "float32"), np.asarray(known, bool)
        if known.shape != x.shape:
            raise DataError(f"known must have the shape of x, {x.shape}. Received: {known.shape}.")
        filled = np.where(known, x, np.float32(0))
        codes = ops.convert_to_numpy(self.codes(ops.convert_to_tensor(filled)))
        given, told = known.reshape(codes.shape), self.told_for(len(x), labels)
        made = self.make(codes, given, told, seed=seed, temperature=temperature, watch=watch)
        return np.where(known, x, made)

    def make(
        self,
        codes: np.ndarray,
        known: np.ndarray,
        told: Any,
        *,
        seed: int,
        temperature: float,
        watch: Watch | None,
    ) -> np.ndarray:
        """Return the examples (N, ...) of codes (N, R, M), drawn where they are not known.

        There may be more or fewer rows than in training, if the network does not count them.
        """
        if temperature < 0:
            raise DataError(f"temperature must be at least 0. Received: {temperature}.")
        count, rows, columns = codes.shape
        batch = min(count, self.examples_per_call)
        part = rows if watch is None else max(1, rows // WATCHED_PARTS)
        # From one stream for all elements, so that neither batches nor parts change an example.
        uniforms = np.random.default_rng(seed).random((count, rows, columns), "float32")
        made = []
        for start in range(0, count, batch):
            # The last batch is filled up, so that the loop is compiled for one shape only.
            indices = np.minimum(np.arange(start, start + batch), count - 1)
            chosen = tree.map_structure(
                lambda array, indices=indices: (
                    None if array is None else ops.convert_to_tensor(array[indices])
                ),
                told,
            )
            state = self.decoder(chosen).start(batch)
            current: Any = codes[indices]
            draws = {
                "known": known[indices],
                "uniforms": uniforms[indices],
                "temperature": np.asarray(temperature, "float32"),
            }
            for row in range(0, rows, part):
                last = min(row + part, rows)
                current, state = self.make_compiled(
                    current, state, draws, chosen, (_scalar(row), _scalar(last))
                )
                if watch is not None:
                    kept = min(batch, count - start)

                    def examples(current: Any = current, kept: int = kept) -> np.ndarray:
                        return self.values(ops.convert_to_numpy(current)[:kept])

                    watch(
                        Made(
                            elements=(start * rows + kept * last) * columns,
                            total=codes.size,
                            first=start,
                            rows=last,
                            examples=examples,
                        )
                    )
            made.append(ops.convert_to_numpy(current))
        return self.values(np.concatenate(made)[:count])

    def make_rows(
        self, codes: Any, state: Any, draws: Mapping[str, Any], told: Any, span: tuple[Any, Any]
    ) -> tuple[Any, Any]:
        """Return codes (B, R, M) with some rows made, and the decoder's state after them.

        Args:
            codes: Levels (B, R, M).
            state: The decoder's.
            draws: `known`, where levels are given, and `uniforms`, numbers in [0, 1) that decide
                the others, (B, R, M) each; `temperature`.
            told: What the decoder is told.
            span: The first row to make, and the row after the last.
        """
        decoder = self.decoder(told)
        columns = self.element_shape[1]

        def make_row(row: Any, carried: tuple[Any, Any]) -> tuple[Any, Any]:
            codes, state = carried
            state = decoder.begin_row(state, codes, row)

            def make_element(column: Any, carried: tuple[Any, Any]) -> tuple[Any, Any]:
                codes, state = carried
                logits, state = decoder.step(state, codes, row, column)
                uniform = element(draws["uniforms"], row, column)
                drawn = draw_codes(logits, uniform, draws["temperature"])
                given = element(codes, row, column)
                code = ops.where(element(draws["known"], row, column), given, drawn)  # (B,)
                return put_element(codes, code, row, column), state

            if columns == 1:
                return make_element(0, (codes, state))
            return ops.fori_loop(0, columns, make_element, (codes, state))

        return ops.fori_loop(*span, make_row, (codes, state))


def code_nats(logits: Any, codes: Any) -> Any:
    """Return -log p (...) of codes (...) under logits (..., K), or (..., 1) of two levels."""
    logits = ops.cast(logits, "float32")
    if logits.shape[-1] == 1:
        logits = logits[..., 0]
        return ops.softplus(logits) - ops.cast(codes, "float32") * logits
    chosen = ops.take_along_axis(logits, codes[..., None], axis=-1)[..., 0]
    return ops.logsumexp(logits, axis=-1) - chosen


def draw_codes(logits: Any, uniforms: Any, temperature: Any) -> Any:
    """Return codes (B,) drawn from logits (B, K), or (B, 1) of two levels, by inverting the sum.

    Uniform numbers (B,) in [0, 1) decide the draw; temperature 0 takes the most likely level.
    """
    logits = ops.cast(logits, "float32") / ops.maximum(temperature, 1e-6)
    if logits.shape[-1] == 1:
        drawn = uniforms >= ops.sigmoid(-logits[:, 0])
        return ops.cast(drawn, "int32")
    cumulated = ops.cumsum(ops.softmax(logits), axis=-1)  # (B, K)
    below = ops.cast(uniforms[:, None] >= cumulated[:, :-1], "int32")
    return ops.sum(below, axis=-1)


def element(grid: Any, row: Any, column: Any) -> Any:
    """Return one element (B,) of a grid (B, R, M)."""
    return ops.slice(grid, (0, row, column), (grid.shape[0], 1, 1))[:, 0, 0]


def put_element(grid: Any, values: Any, row: Any, column: Any) -> Any:
    """Return the grid (B, R, M) with one element (B,) replaced."""
    return ops.slice_update(grid, (0, row, column), ops.cast(values, grid.dtype)[:, None, None])


def _scalar(number: int) -> np.ndarray:
    return np.asarray(number, "int32")  # a Python number would be compiled in
