"""Models that make an example element by element, each given all that were made before it.

    log p(x) = sum over i of log p(x_i | x_1, ..., x_(i-1)), in nats

An element is one of a few levels (a grey level, a channel's value, a mu-law code).

A model brings two forms of the same network. `logits` predicts all elements of given examples at
once; it is what trains and what the likelihood is read from. A decoder predicts one element after
another, for the loop of `zoo.making`.
"""

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import keras
import numpy as np
from keras import ops

from zoo.conditions import ClassConditional
from zoo.engine import Player, PlayerModel, compile_function, in_batches
from zoo.errors import DataError
from zoo.examples import check_form, checked
from zoo.making import MakesElements, Watch

# Shapes: B batch, N count asked for, R rows, M elements per row, K levels, ... one example in its
# public form.


LOGITS_PER_CALL = 2**24  # 64 MiB; the network holds a dozen times as much


class AutoregressiveModel(MakesElements, ClassConditional, PlayerModel):
    """A model with an exact likelihood, that predicts each element from those before it.

    A subclass sets `self.network`, and says what an element is (`element_shape`, `levels`,
    `codes`, `values`) and how it is predicted (`logits`, `decoder`). Two levels have one logit,
    of the upper one.

    Args:
        config: The model's configuration.
    """

    likelihood_kind: Literal["exact"] = "exact"
    samples_slowly: ClassVar[bool] = True
    value_range: ClassVar[tuple[float, float]] = (0.0, 1.0)  # of an example in its public form
    network: keras.layers.Layer

    def __init__(self, config: Any, **kwargs: Any):
        super().__init__(config, **kwargs)
        self.nats_compiled = compile_function(self, self.element_nats)

    # What a subclass says.

    @property
    def levels(self) -> int:
        """How many values an element can take, K."""
        raise NotImplementedError

    def codes(self, x: Any) -> Any:
        """Return the level of every element, int32 (B, R, M), of examples (B, ...), as tensors."""
        raise NotImplementedError

    def logits(self, codes: Any, told: Any, training: bool) -> Any:
        """Return the logits (B, R, M, K), or (B, R, M, 1) of two levels, of all elements.

        Args:
            codes: Levels (B, R, M).
            told: Labels (B,), None, or whatever else the model is told: see `told_of`.
            training: Whether this is a step of training.
        """
        raise NotImplementedError

    def make_optimizer(self) -> keras.optimizers.Optimizer:
        """Return the optimizer that the paper uses."""
        raise NotImplementedError

    # What it can be given.

    @property
    def example_shape(self) -> tuple[int | None, ...]:
        """Shape of an example, (...); None for an axis of any length."""
        return self.values(np.zeros((1, *self.element_shape), "int32")).shape[1:]

    def check_form(self, x: Any) -> None:
        """Raise DataError unless examples have the model's shape and are floating-point numbers."""
        check_form(x, self.example_shape, self.value_range)

    def checked(self, x: Any) -> np.ndarray:
        """Return examples (B, ...) as an array.

        Raises:
            DataError: If they have another shape than the model's, or a value that it has not.
        """
        return checked(x, self.example_shape, self.value_range)

    def check_arrays(self, x: Any, y: Any) -> None:
        """Raise DataError where examples or labels that `fit` is given as arrays do not suit."""
        super().check_arrays(x, y)
        if x is not None:
            self.checked(x)

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
        """Return -log p (B, R, M) of each element of examples (B, ...), as tensors; see `doubt`."""
        self.check_form(x)
        codes = self.codes(x)
        nats = code_nats(self.logits(codes, self.told_of(codes, labels), training), codes)
        return nats + ops.reshape(doubt(x), ops.shape(nats))

    def told_of(self, codes: Any, labels: Any) -> Any:
        """Return what the network is told of given examples, codes (B, R, M) and labels (B,)."""
        return self.needed(labels)

    # What it can do once trained: NumPy in, NumPy out.

    def told_for(self, count: int, labels: Any = None) -> Any:
        """Return what the network is told of examples in the making: as `told_of`, but NumPy."""
        return self.labels_for(count, labels)

    def log_likelihood(self, x: Any, labels: Any = None, *, seed: int = 0) -> np.ndarray:
        """Return log p(x) in nats, (B,), of examples (B, ...); the seed changes nothing.

        Raises:
            DataError: If examples or labels do not suit the model.
        """
        x, labels = self.checked(x), self.labels_of(len(x), labels)
        logits = math.prod(x.shape[1:]) * self.levels  # of one example
        batch = max(1, min(self.examples_per_call, LOGITS_PER_CALL // logits))
        nats = in_batches(self.nats_compiled, batch, x, labels)
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
        sampling = {"temperature": temperature}
        return self.make(codes, codes > 0, told, seed=seed, sampling=sampling, watch=watch)

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

        Raises:
            DataError: If what is known, or a label, does not suit the model.
        """
        x, known = self.known_part(x, known)
        told, sampling = self.told_for(len(x), labels), {"temperature": temperature}
        return self.fill(x, known, told, seed=seed, sampling=sampling, watch=watch)

    def known_part(self, x: Any, known: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return examples (B, ...) with 0 for what is not known, and what is, booleans (B, ...).

        Raises:
            DataError: If the shapes differ, or what is known does not suit the model.
        """
        x, known = np.asarray(x, "float32"), np.asarray(known, bool)
        if known.shape != x.shape:
            raise DataError(f"known must have the shape of x, {x.shape}. Received: {known.shape}.")
        return self.checked(np.where(known, x, np.float32(0))), known

    def fill(
        self,
        x: np.ndarray,
        known: np.ndarray,
        told: Any,
        *,
        seed: int,
        sampling: Mapping[str, float],
        watch: Watch | None = None,
    ) -> np.ndarray:
        """Return examples (B, ...) that equal `x` where `known` is true; the rest is drawn.

        Args:
            x: Examples (B, ...), as `known_part` returns them.
            known: Booleans (B, ...).
            told: What the network is told, as `told_for` returns it.
            seed: Decides the draws.
            sampling: What changes the distribution of the draws.
            watch: Called as the making goes on, some forty times a batch.
        """
        codes = ops.convert_to_numpy(self.codes(ops.convert_to_tensor(x)))
        given = known.reshape(codes.shape)
        made = self.make(codes, given, told, seed=seed, sampling=sampling, watch=watch)
        return np.where(known, x, made)


def doubt(x: Any) -> Any:
    """Return 0 where examples (...) are numbers, and NaN where they are not.

    A value that is no number has a code like others, and a likelihood; added to it, this makes the
    loss NaN, so that training stops.
    """
    x = ops.cast(x, "float32")
    return x - x


def code_nats(logits: Any, codes: Any) -> Any:
    """Return -log p (...) of codes (...) under logits (..., K), or (..., 1) of two levels."""
    logits = ops.cast(logits, "float32")
    if logits.shape[-1] == 1:
        logits = logits[..., 0]
        return ops.softplus(logits) - ops.cast(codes, "float32") * logits
    # On TensorFlow's CPU several times as fast as `take_along_axis`, for the sake of its gradient.
    is_chosen = ops.equal(ops.arange(logits.shape[-1]), ops.cast(codes, "int32")[..., None])
    chosen = ops.sum(ops.where(is_chosen, logits, 0.0), axis=-1)
    return ops.logsumexp(logits, axis=-1) - chosen
