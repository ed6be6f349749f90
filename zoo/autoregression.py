"""Models that make an example element by element, each given all that were made before it.

    log p(x) = sum over i of log p(x_i | x_1, ..., x_(i-1)), in nats

An element is one of a few levels (a grey level, a channel's value, a mu-law code).

A model brings two forms of the same network. `logits` predicts all elements of given examples at
once; it is what trains and what the likelihood is read from. A decoder predicts one element after
another, for the loop of `zoo.making`.
"""

import math
from typing import Any, ClassVar, Literal

import keras
import numpy as np
from keras import ops

from zoo.conditions import ClassConditional
from zoo.engine import Player, PlayerModel, compile_function, in_batches
from zoo.errors import DataError
from zoo.making import MakesElements, Watch

# Shapes: B batch, N count asked for, R rows, M elements per row, K levels, ... one example in its
# public form.


LOGITS_PER_CALL = 2**26  # 256 MiB; the network holds a few times as much


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
        """
        x, known = np.asarray(x, "float32"), np.asarray(known, bool)
        if known.shape != x.shape:
            raise DataError(f"known must have the shape of x, {x.shape}. Received: {known.shape}.")
        filled = np.where(known, x, np.float32(0))
        codes = ops.convert_to_numpy(self.codes(ops.convert_to_tensor(filled)))
        given, told = known.reshape(codes.shape), self.told_for(len(x), labels)
        sampling = {"temperature": temperature}
        made = self.make(codes, given, told, seed=seed, sampling=sampling, watch=watch)
        return np.where(known, x, made)


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
