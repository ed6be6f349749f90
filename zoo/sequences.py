"""Variational autoencoders of sequences, which are made element by element and come to an end.

    -log p(x) <= E_q[-sum over t of log p(x_t | x_1, ..., x_(t-1), z)] + KL(q(z|x) || p(z)), in nats

An encoder reads a whole sequence x into q(z|x); a decoder predicts each element from those before
it and from z. With a `latent_size` of 0 there is no encoder and no z, and what is left is an
autoregressive model with an exact likelihood.
"""

from typing import Any, ClassVar, Literal

import numpy as np
from keras import ops

from zoo.engine import PlayerModel, compile_function, in_batches
from zoo.errors import ConfigError, DataError
from zoo.examples import check_form, checked, checked_latents
from zoo.making import MakesElements, Watch
from zoo.priors import draw_prior
from zoo.variational import Variational

# Shapes: B batch, N count asked for, Z latent size, K latent vectors of an example, T elements of a
# sequence, ... one example in its public form: (T,) codes or (T, E) vectors.

CANDIDATES = 64  # latent vectors, of which one is taken for a beginning


class SequenceVAE(MakesElements, Variational, PlayerModel):
    """A model of sequences with a latent vector for each, or with none.

    A subclass sets its networks, and says what q(z|x) and p(x|z) are (`posterior`, `step_nats`),
    how an element is predicted and drawn (`decoder`, told `latents` and `labels`, and `draw`), and
    what ends a sequence. Its configuration has `latent_size` and `max_length`.

    Args:
        config: The model's configuration.
    """

    samples_slowly: ClassVar[bool] = True
    encoded_per_call: ClassVar[int] = 128
    decoded_per_call: ClassVar[int] = 256
    # The temperature at which a latent vector is decoded to what it most likely stands for.
    decoding_temperature: ClassVar[float] = 0.0

    def __init__(self, config: Any, **kwargs: Any):
        super().__init__(config, **kwargs)
        self.nats_compiled = compile_function(self, self.nats_given)
        self.nll_compiled = compile_function(self, self.nll_given)

    @property
    def has_latents(self) -> bool:
        """Whether there is a latent vector for each sequence."""
        return self.config.latent_size > 0

    @property
    def lacks(self) -> tuple[str, ...]:
        """The protocols that this model, as configured, does not fulfil."""
        return () if self.has_latents else ("Decodes", "Encodes", "HasPosterior")

    @property
    def likelihood_kind(self) -> Literal["exact", "bound"]:
        """Whether `log_likelihood` is exact, or a lower bound."""
        return "bound" if self.has_latents else "exact"

    @property
    def element_shape(self) -> tuple[int, int]:
        """Rows and elements per row, (T, 1)."""
        return self.config.max_length, 1

    def values(self, elements: np.ndarray) -> np.ndarray:
        """Return the sequences (B, T, ...) of elements (B, T, 1, ...)."""
        return elements[:, :, 0]

    def end_element(self) -> np.ndarray:
        """Return the element (...) that ends a sequence, in the type of elements."""
        raise NotImplementedError

    def step_nats(self, x: Any, y: Any, latents: Any, training: bool = False) -> Any:
        """Return -log p of each element given those before it, in nats, (B, T); 0 past the end.

        Args:
            x: Sequences (B, T, ...).
            y: Labels (B,), or None.
            latents: Latent vectors (B, Z), or None where there are none.
            training: Whether this is a step of training.
        """
        raise NotImplementedError

    @property
    def value_range(self) -> tuple[float, float]:
        """Between which values the numbers of an example lie: those of its vocabulary, or any."""
        vocabulary = getattr(self.config, "vocabulary", None)
        return (-np.inf, np.inf) if vocabulary is None else (0, len(vocabulary) - 1)

    # What it can be given.

    def check_form(self, x: Any) -> None:
        """Raise DataError unless sequences have the model's shape and type of numbers."""
        check_form(x, *self._form, whole=self._is_whole)

    def checked(self, x: Any) -> np.ndarray:
        """Return sequences (B, T, ...) as an array; T is any number.

        Raises:
            DataError: If they have another shape, or a value that the model's have not.
        """
        x = checked(x, *self._form, whole=self._is_whole)
        if not x.shape[1]:
            raise DataError("A sequence must have at least one element, its end. Received: none.")
        return x

    def check_arrays(self, x: Any, y: Any) -> None:
        """Raise DataError where sequences or labels that `fit` is given as arrays do not suit."""
        super().check_arrays(x, y)
        if x is not None:
            self.checked(x)

    @property
    def _form(self) -> tuple[tuple[int | None, ...], tuple[float, float]]:
        return (None, *self.end_element().shape), self.value_range

    @property
    def _is_whole(self) -> bool:
        return bool(np.issubdtype(self.end_element().dtype, np.integer))

    # What follows from it.

    def nats_given(self, x: Any, y: Any, latents: Any, training: bool = False) -> Any:
        """Return `step_nats` (B, K, T) for K latent vectors each, (B, K, Z); K is 1 for None."""
        if latents is None:
            return self.step_nats(x, y, None, training)[:, None]
        samples = ops.shape(latents)[1]
        x = ops.repeat(x, samples, axis=0)  # (B K, T, ...)
        y = ops.repeat(y, samples, axis=0) if self.takes_labels else None
        nats = self.step_nats(x, y, ops.reshape(latents, (-1, latents.shape[2])), training)
        return ops.reshape(nats, (-1, samples, ops.shape(x)[1]))

    def nll_given(self, x: Any, y: Any, latents: Any, training: bool = False) -> Any:
        """Return -log p(x|z) in nats, (B, K), for latent vectors (B, K, Z); K is 1 for None."""
        return ops.sum(self.nats_given(x, y, latents, training), axis=-1)

    # What it can do once trained: NumPy in, NumPy out.

    def draw_latents(self, count: int, *, seed: int = 0, temperature: float = 1.0) -> np.ndarray:
        """Return `count` draws of the prior, (N, Z), multiplied by the temperature."""
        self._check_latents()
        size = self.config.latent_size
        return draw_prior("normal", count, size, seed=seed, temperature=temperature)

    def encode(self, x: Any, labels: Any = None) -> np.ndarray:
        """Return the mean of q(z|x), (B, Z), for sequences (B, T, ...)."""
        self._check_latents()
        x, labels, places = self._sorted(x, labels)
        return super().encode(x, labels)[places]

    def decode(
        self,
        latents: np.ndarray,
        labels: Any = None,
        *,
        seed: int = 0,
        temperature: float | None = None,
    ) -> np.ndarray:
        """Return sequences (B, T, ...) of latent vectors (B, Z).

        Args:
            latents: Latent vectors (B, Z).
            labels: Labels (B,); those that are not given are all in turn.
            seed: Decides the draws.
            temperature: Of the draws; None takes `decoding_temperature`.
        """
        self._check_latents()
        temperature = self.decoding_temperature if temperature is None else temperature
        latents = checked_latents(latents, self.config.latent_size)
        sampling = {"temperature": temperature}
        return self.generate(len(latents), latents, labels, seed=seed, sampling=sampling)

    def sample(
        self,
        count: int,
        *,
        seed: int = 0,
        labels: Any = None,
        temperature: float = 1.0,
        watch: Watch | None = None,
    ) -> np.ndarray:
        """Return `count` sequences (N, T, ...) of fresh latent vectors, if there are any.

        Args:
            count: How many, N.
            seed: Decides the latent vectors and the draws.
            labels: Labels (N,); those that are not given are all in turn.
            temperature: Of the draws of elements; the latent vectors are draws of the prior.
            watch: Called as the making goes on, some forty times a batch.
        """
        sampling = {"temperature": temperature}
        latents = self.prior_latents(count, seed)
        return self.generate(count, latents, labels, seed=seed, sampling=sampling, watch=watch)

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
        """Return sequences (B, T, ...) that begin as `x` does where `known` is true.

        The rest is drawn, given latent vectors, if any, for which the beginning is likely.

        Args:
            x: Sequences (B, T, ...); what is not known may hold anything.
            known: Booleans (B, T, ...); of each sequence a beginning.
            seed: Decides the latent vectors and the draws.
            labels: Labels (B,); those that are not given are all in turn.
            temperature: Of the draws of elements.
            watch: Called as the making goes on, some forty times a batch.
        """
        x, known = np.asarray(x), np.asarray(known, bool)
        if known.shape != x.shape:
            raise DataError(f"known must have the shape of x, {x.shape}. Received: {known.shape}.")
        given = np.asarray(known.all(axis=tuple(range(2, known.ndim))))  # (B, T)
        if given.shape[1] != self.config.max_length:
            raise DataError(
                f"Sequences to complete must have room for max_length = {self.config.max_length} "
                f"elements. Received: {given.shape[1]}. Fill them up with what is not known."
            )
        gaps = np.flatnonzero((given[:, 1:] & ~given[:, :-1]).any(axis=1))
        if len(gaps):
            raise DataError(
                "What is known of a sequence must be its beginning, without a gap. Received: "
                f"elements after one that is not known, in sequence {gaps[0]}."
            )
        x = self.checked(np.where(known, x, self.end_element()).astype(x.dtype))
        return self.generate(
            len(x),
            self.latents_of_beginnings(x, given, labels, seed),
            labels,
            seed=seed,
            sampling={"temperature": temperature},
            watch=watch,
            begun=(x, given),
        )

    def log_likelihood(
        self, x: Any, labels: Any = None, *, importance_samples: int = 1, seed: int = 0
    ) -> np.ndarray:
        """Return log p(x) in nats, (B,), of sequences (B, T, ...), or a lower bound on it."""
        x, labels, places = self._sorted(x, labels)
        if self.has_latents:
            samples = {"importance_samples": importance_samples, "seed": seed}
            return super().log_likelihood(x, labels, **samples)[places]

        def nll(x: np.ndarray, y: Any) -> Any:
            return self.nll_compiled(self.cut(x), y, None)[:, 0]

        return -in_batches(nll, self.encoded_per_call, x, labels)[places]

    # What these are made of.

    def cut(self, x: np.ndarray) -> np.ndarray:
        """Return sequences (B, T, ...) cut after the longest, to a quarter, half and so on of T."""
        rows = x.shape[1]
        quarters = -(-4 * int(self.lengths(x).max()) // rows)  # each length is compiled anew
        return x[:, : -(-quarters * rows // 4)]

    def lengths(self, x: np.ndarray) -> np.ndarray:
        """Return how many elements sequences (B, T, ...) have up to their first end, (B,)."""
        ended = self.has_ended(ops.convert_to_tensor(np.reshape(x, (-1, *x.shape[2:]))))
        ended = np.reshape(ops.convert_to_numpy(ended), x.shape[:2])
        return np.where(ended.any(axis=1), ended.argmax(axis=1) + 1, x.shape[1])

    def _sorted(self, x: Any, labels: Any) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
        """Return checked sequences and labels by length, and where each now stands, (B,)."""
        x = self.checked(x)
        labels = self.labels_of(len(x), labels)
        order = np.argsort(self.lengths(x), kind="stable")
        return x[order], None if labels is None else labels[order], np.argsort(order)

    def prior_latents(self, count: int, seed: int) -> np.ndarray | None:
        """Return `count` draws of the prior, (N, Z), or None where there are no latent vectors."""
        return self.draw_latents(count, seed=seed) if self.has_latents else None

    def latents_of_beginnings(
        self, x: np.ndarray, given: np.ndarray, labels: Any, seed: int
    ) -> np.ndarray | None:
        """Return draws of p(z | beginning), (B, Z), or None where there are no latent vectors.

        They are drawn by resampling: of 64 draws of the prior one, with a probability in proportion
        to that of the beginning given it (Rubin 1987; exact as the draws become many).

        Args:
            x: Sequences (B, T, ...).
            given: What is given of them, booleans (B, T).
            labels: Labels (B,), or None.
            seed: Decides the draws.
        """
        if not self.has_latents:
            return None
        shape = (len(x), CANDIDATES, self.config.latent_size)
        latents = self.draw_latents(len(x) * CANDIDATES, seed=seed).reshape(shape)
        labels = self.labels_for(len(x), labels)
        size = max(1, self.decoded_per_call // CANDIDATES)
        nats = in_batches(self.nats_compiled, size, x, labels, latents)  # (B, K, T)
        log_weights = -np.where(given[:, None], nats, 0.0).sum(axis=-1)  # (B, K)
        # The Gumbel trick: the largest of log-weights and such noise is a draw.
        noise = np.random.default_rng((seed, 2)).gumbel(size=log_weights.shape)
        chosen = np.argmax(log_weights + noise, axis=1)
        return np.asarray(latents[np.arange(len(x)), chosen])

    def generate(
        self,
        count: int,
        latents: np.ndarray | None,
        labels: Any,
        *,
        seed: int,
        sampling: dict[str, float],
        watch: Watch | None = None,
        begun: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> np.ndarray:
        """Return sequences (N, T, ...) of latent vectors and labels, and perhaps of beginnings.

        Args:
            count: How many, N.
            latents: Latent vectors (N, Z), or None where there are none.
            labels: Labels (N,); None takes all in turn.
            seed: Decides the draws.
            sampling: What changes the distribution of the draws.
            watch: Called as the making goes on.
            begun: Sequences (N, T, ...), and what is given of them, booleans (N, T).
        """
        end = self.end_element()  # (...)
        elements = np.tile(end, (count, self.config.max_length, 1, *np.ones(end.ndim, int)))
        known = np.zeros(elements.shape[:3], bool)
        if begun is not None:
            known[:, :, 0] = begun[1]
            elements[known] = begun[0][begun[1]]
        told = {"latents": latents, "labels": self.labels_for(count, labels)}
        # The seed itself decides the latent vectors; what is drawn given them must not follow them.
        return self.make(elements, known, told, seed=(seed, 1), sampling=sampling, watch=watch)

    def _check_latents(self) -> None:
        if not self.has_latents:
            raise ConfigError(
                f"This {type(self).__name__} has no latent vectors, because its latent_size is 0. "
                "Train one with a latent_size above 0."
            )
