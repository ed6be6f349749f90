"""The contract on one page: what a model is to the rest of the zoo, and what it may add.

A model is a `keras.Model`, usually a `zoo.PlayerModel`, constructed from its configuration alone.
All that is below takes and returns NumPy arrays in the public form of its kind of data
(`zoo.data.dataset`), whatever the backend. What a model can do beyond `sample` it says by having
the methods; the commands light up by them.
"""

from collections.abc import Sequence
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np


def supports(model: Any, protocol: type) -> bool:
    """Return whether a model, as configured, can do what a protocol says.

    A model whose configuration takes away what its class can do names those protocols by an
    attribute `lacks`, as a sequence model without latent vectors does.
    """
    return isinstance(model, protocol) and protocol.__name__ not in getattr(model, "lacks", ())


# Shapes: B batch, N count asked for, Z latent size, ... one example in its public form.


@runtime_checkable
class GenerativeModel(Protocol):
    """Whatever can be sampled from; a model without `sample` is one that `Translates`.

    A model whose samples take long says `samples_slowly = True`: no metric then draws many unasked.
    """

    config: Any

    def sample(self, count: int, *, seed: int = 0) -> np.ndarray:
        """Return `count` examples (N, ...); the seed decides them.

        A `Conditional` model takes `labels` too, a model with latents `temperature`.
        """
        ...


@runtime_checkable
class Decodes(Protocol):
    """A model that makes an example of every latent vector."""

    def draw_latents(self, count: int, *, seed: int = 0, temperature: float = 1.0) -> np.ndarray:
        """Return latent vectors (N, Z) as samples are made of; the seed decides them.

        A model with a normal prior may take `truncation` too, the largest size of a number.
        """
        ...

    def decode(self, latents: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """Return examples (B, ...) of latent vectors (B, Z)."""
        ...


@runtime_checkable
class Encodes(Decodes, Protocol):
    """A model with a latent vector for every example, and an example for every latent vector."""

    def encode(self, x: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """Return latent vectors (B, Z) of examples (B, ...)."""
        ...


@runtime_checkable
class Inverts(Decodes, Protocol):
    """A model whose latent vector for an image can be looked for along gradients."""

    def pixels(self, latents: Any, labels: Any) -> Any:
        """Return what `decode` does, tensors in and tensors out, differentiable."""
        ...


@runtime_checkable
class HasPosterior(Protocol):
    """A model whose encoder gives a diagonal Gaussian, as a VAE's does."""

    def posterior(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Return mean and log-variance of q(z|x), (B, Z) each, tensors in and tensors out."""
        ...


@runtime_checkable
class HasFeatures(Protocol):
    """A model that sees features in examples, such as a discriminator's layers."""

    def features(self, x: np.ndarray) -> np.ndarray:
        """Return features (B, F) of examples (B, ...)."""
        ...


@runtime_checkable
class HasLikelihood(Protocol):
    """A model that knows how likely an example is.

    `likelihood_of` may say what of: "discrete" values (where it says nothing), "binary" ones, or
    a "density" of real numbers, which has no bits per dimension.
    """

    likelihood_kind: Literal["exact", "bound"]

    def log_likelihood(
        self, x: np.ndarray, labels: np.ndarray | None = None, *, seed: int = 0
    ) -> np.ndarray:
        """Return log p(x) in nats, or a lower bound on it, (B,).

        Where it is a bound, the method takes `importance_samples` too: the bound rises with it.
        """
        ...


@runtime_checkable
class Completes(Protocol):
    """A model that fills in what is missing."""

    def complete(self, x: np.ndarray, known: np.ndarray, *, seed: int = 0) -> np.ndarray:
        """Return examples (B, ...) that equal `x` where `known` (B, ...) is true.

        The seed decides the rest; what `x` holds there changes nothing. A `Conditional` model takes
        `labels` too, an autoregressive one `temperature`.
        """
        ...


@runtime_checkable
class Follows(Protocol):
    """A model that makes examples after a signal of a few numbers for each part of them.

    Its `sample` and `complete` take `frames`, the signals (N, F, C) to follow.
    """

    def frames(self, x: np.ndarray, known: np.ndarray | None = None) -> np.ndarray:
        """Return the signals (B, F, C) of examples (B, ...); `known`: what there is of them."""
        ...


@runtime_checkable
class Translates(Protocol):
    """A model between two domains."""

    def translate(self, x: np.ndarray, to: Literal["A", "B"]) -> np.ndarray:
        """Return the examples of the other domain as they would look in the domain `to`."""
        ...


@runtime_checkable
class Illustrates(Protocol):
    """A model that makes images of text; it is `Conditional` on "text".

    Its `sample(count, *, seed=0, texts=None, embeddings=None)` returns what the data are: images
    (N, H, W, C) as "image", and the texts as it read them, int32 (N, T), as "caption". They are
    made of the texts in turn; those that are not given are the configuration's `captions`. Where
    embeddings are given, one for each text, the texts are their titles. Image i is made of noise
    that the seed and i decide, whatever the texts are.
    """

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Return the embeddings (N, E) of texts.

        Raises:
            DataError: If a text is empty, too long, or of words that the model knows none of; or
                if its embeddings come from elsewhere, and the text is not one of `captions`.
        """
        ...

    def draw_noise(self, count: int, *, seed: int = 0) -> np.ndarray:
        """Return what images are made of beside text, (N, Z); the seed decides it."""
        ...

    def illustrate(self, noise: np.ndarray, embeddings: np.ndarray) -> np.ndarray:
        """Return images (N, H, W, C) of noise (N, Z) and embeddings (N, E)."""
        ...


@runtime_checkable
class Conditional(Protocol):
    """A model that can be told what to make."""

    @property
    def conditions(self) -> Sequence[Literal["class", "text", "attribute"]]:
        """What this model, as configured, takes."""
        ...


@runtime_checkable
class Trainer(Protocol):
    """Trains a model in a run directory.

    A card names its trainer; a plugin that trains in stages brings its own.
    """

    def __init__(self, run: Any, *, progress: bool = True): ...

    def train(self) -> None:
        """Train to the end of what `run.request` asks, from the newest checkpoint if any.

        Raises:
            NonFiniteError: If a term or a weight has become NaN or infinite.
            KeyboardInterrupt: After a checkpoint was saved, where the user stopped it.
        """
        ...
