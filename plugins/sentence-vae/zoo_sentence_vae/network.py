"""The sentence VAE's two halves: a reader of sentences, and a writer of them, word by word."""

from typing import Any

from keras import layers, ops

from zoo.data.vocabulary import END, UNKNOWN
from zoo.making import Decoder, element
from zoo.recurrent import GRU, LSTM, at_end
from zoo_sentence_vae.config import SentenceVAEConfig

# Shapes: B batch, T tokens, E embedding size, H units, Z latent size, V vocabulary.


RECURRENT = {"lstm": LSTM, "gru": GRU}


class Reader(layers.Layer):
    """Recurrent layer that ends in mean and log-variance of a latent vector.

    Args:
        config: Of the model.
    """

    def __init__(self, config: SentenceVAEConfig, **kwargs: Any):
        super().__init__(**kwargs)
        self.recurrent = RECURRENT[config.cell](config.units, config.embedding_size)
        self.statistics = layers.Dense(2 * config.latent_size, dtype="float32")
        self.statistics.build((None, config.units))
        self.built = True

    def call(self, vectors: Any, lengths: Any) -> tuple[Any, Any]:
        """Return mean and log-variance (B, Z) each of words (B, T, E), so many (B,) of each."""
        last = at_end(self.recurrent(vectors), lengths)  # (B, H)
        mean, log_variance = ops.split(self.statistics(last), 2, axis=-1)
        return mean, log_variance


class Writer(layers.Layer):
    """Recurrent layer that predicts each word from those before it and a latent vector.

    Args:
        config: Of the model.
    """

    def __init__(self, config: SentenceVAEConfig, **kwargs: Any):
        super().__init__(**kwargs)
        self.sees_latents = config.latent_inputs and config.latent_size > 0
        self.recurrent = RECURRENT[config.cell](
            config.units, config.embedding_size, config.latent_size if self.sees_latents else 0
        )
        self.has_cell = config.cell == "lstm"
        self.beginning = None
        if config.latent_size:
            size = config.units * (2 if self.has_cell else 1)
            self.beginning = layers.Dense(size, activation="tanh")
            self.beginning.build((None, config.latent_size))
        self.vocabulary = layers.Dense(len(config.vocabulary))
        self.vocabulary.build((None, config.units))
        self.built = True

    def start(self, count: Any, latents: Any) -> Any:
        """Return the state before the first word, of latent vectors (B, Z) if there are any."""
        if self.beginning is None:
            return self.recurrent.start(count)
        state = self.beginning(latents)
        return tuple(ops.split(state, 2, axis=-1)) if self.has_cell else state

    def told(self, latents: Any) -> Any:
        """Return what the latent vectors (B, Z) add to the gates at each word."""
        return self.recurrent.told(latents if self.sees_latents else None)

    def call(self, vectors: Any, latents: Any) -> Any:
        """Return the features (B, T, H) of the words after those of vectors (B, T, E)."""
        state = self.start(ops.shape(vectors)[0], latents)
        return self.recurrent(vectors, state, latents if self.sees_latents else None)

    def logits(self, features: Any) -> Any:
        """Return the logits (..., V) of words of features (..., H)."""
        return ops.cast(self.vocabulary(features), "float32")


class SentenceDecoder(Decoder):
    """The writer, one word after another.

    Args:
        embedding: Vectors of words.
        writer: The writer.
        latents: Latent vectors (B, Z), or None.
        sees_words: Whether it is shown the word before, and not the unknown token in its place.
    """

    def __init__(
        self, embedding: layers.Embedding, writer: Writer, latents: Any, *, sees_words: bool
    ):
        self.embedding = embedding
        self.writer = writer
        self.latents = latents
        self.sees_words = sees_words
        self.told = writer.told(latents)

    def start(self, count: int) -> Any:
        """Return the state that the latent vectors begin with."""
        return self.writer.start(count, self.latents)

    def step(self, state: Any, elements: Any, row: Any, column: Any) -> tuple[Any, Any]:
        """Return the logits (B, V) of a word, and the state after it."""
        before = element(elements, ops.maximum(row - 1, 0), 0)
        if not self.sees_words:
            before = ops.full_like(before, UNKNOWN)
        word = ops.where(row > 0, before, END)  # a sentence begins after the end of another
        features, state = self.writer.recurrent.step(self.embedding(word), state, self.told)
        return self.writer.logits(features), state
