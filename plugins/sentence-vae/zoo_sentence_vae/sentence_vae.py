"""Sentence VAE (Bowman et al. 2016, https://arxiv.org/abs/1511.06349).

    -log p(x) <= E_q[-sum over t of log p(x_t | x_1, ..., x_(t-1), z)] + KL(q(z|x) || p(z))

in nats per sentence, its end counted. A recurrent encoder reads the words into a diagonal Gaussian
q(z|x), a recurrent decoder predicts each word from those before it and from z, and the prior p(z)
is the standard normal. A decoder this able does well without z, and would be left to: the KL term
would fall to 0. Against this,

- the weight of the KL term rises from 0 to 1 in the first steps of training, and
- words that the decoder is given are replaced by the unknown one now and then (word dropout).

With a `latent_size` of 0 what is left is the paper's baseline, a recurrent language model.

Departures from the paper: encoder and decoder share their word vectors; the decoder sees z at each
word besides its first state (`latent_inputs`); a GRU where asked for; Adam.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import keras
import numpy as np
from keras import layers, ops

from zoo.autoregression import code_nats
from zoo.data.vocabulary import END, UNKNOWN
from zoo.engine import Player
from zoo.errors import ConfigError
from zoo.losses import gaussian_kl_nats
from zoo.making import Watch
from zoo.sequences import SequenceVAE
from zoo.variational import reparameterize
from zoo.words import load_word_vectors
from zoo_sentence_vae.config import SentenceVAEConfig
from zoo_sentence_vae.draws import draw_words, sampling_of
from zoo_sentence_vae.network import Reader, SentenceDecoder, Writer

# Shapes: B batch, N count asked for, T tokens, V vocabulary, Z latent size, K importance samples,
# E embedding size.

NEVER = -1e9  # logit of what is not to be drawn
LOGITS_PER_CALL = 2**24  # 64 MiB; a network holds a few times as much
ANNEALING_STEEPNESS = 12.0  # the logistic curve begins at 0.0025 and ends at 0.9975


@keras.saving.register_keras_serializable(package="zoo_sentence_vae")
class SentenceVAE(SequenceVAE):
    """Recurrent variational autoencoder of sentences, or a recurrent language model.

    Args:
        config: A `SentenceVAEConfig`.
    """

    config_class = SentenceVAEConfig
    cuts_batches: ClassVar[bool] = True

    def __init__(self, config: SentenceVAEConfig, **kwargs: Any):
        super().__init__(config, **kwargs)
        config = self.config
        self.embedding = layers.Embedding(
            len(config.vocabulary), config.embedding_size, name="embedding"
        )
        self.embedding.build(())
        self.reader: Any = Reader(config) if self.has_latents else None
        self.writer = Writer(config)
        self.has_begun = False  # whether the weights are more than their first draws
        logits = config.max_length * len(config.vocabulary)  # of one sentence
        self.decoded_per_call = max(1, LOGITS_PER_CALL // logits)  # type: ignore[misc]
        self.encoded_per_call = min(128, self.decoded_per_call)  # type: ignore[misc]

    # Training.

    def players(self) -> list[Player]:
        """Return the one player."""
        networks = [self.embedding, self.reader, self.writer]
        terms: tuple[str, ...] = ("nll_nats",)
        if self.has_latents:
            parts = ("reconstruction_nats", "kl_nats", "kl_weight")
            terms = ("objective_nats", "negative_bound_nats", *parts)
        return [
            Player(
                name="sentences",
                networks=[network for network in networks if network is not None],
                loss=self.loss_of,
                terms=terms,
                optimizer=self.make_optimizer,
            )
        ]

    def make_optimizer(self) -> keras.optimizers.Optimizer:
        """Return Adam, with the gradients' norm clipped if asked to."""
        clip = self.config.gradient_clip or None
        return keras.optimizers.Adam(self.config.learning_rate, global_clipnorm=clip)

    def loss_of(self, x: Any, y: Any, training: bool) -> dict[str, Any]:
        """Return the terms of the objective of sentences (B, T), in nats per sentence."""
        self.check_form(x)
        if not self.has_latents:
            return {"nll_nats": ops.mean(self.nll_given(x, y, None, training))}
        mean, log_variance = self.posterior(x, y, training)
        noise = keras.random.normal(
            (ops.shape(mean)[0], 1, self.config.latent_size), seed=self.noise_seed(training)
        )
        latents = reparameterize(mean, log_variance, noise)  # (B, 1, Z)
        nll = ops.mean(self.nll_given(x, y, latents, training))
        kl = ops.mean(gaussian_kl_nats(mean, log_variance))
        weight = self.kl_weight(training)
        return {
            "objective_nats": nll + weight * ops.maximum(kl, self.config.free_nats),
            "negative_bound_nats": nll + kl,
            "reconstruction_nats": nll,
            "kl_nats": kl,
            "kl_weight": weight,
        }

    def kl_weight(self, training: bool) -> Any:
        """Return the weight of the KL term at this step; 1 where nothing is trained."""
        if not training or self.config.annealing == "none":
            return ops.ones(())
        progress = ops.cast(self.optimizer.iterations, "float32") / self.config.annealing_steps
        if self.config.annealing == "linear":
            return ops.minimum(progress, 1.0)
        return ops.sigmoid(ANNEALING_STEEPNESS * (progress - 0.5))

    def fit(self, *args: Any, **kwargs: Any) -> Any:
        """Train as Keras does; a new model's first step begins with `word_vectors`, if any."""
        if self.compiled and not self.has_begun:
            if self.config.word_vectors is not None and int(self.optimizer.iterations) == 0:
                self.take_word_vectors(*load_word_vectors(self.config.word_vectors))
            self.has_begun = True
        return super().fit(*args, **kwargs)

    def load_own_variables(self, store: Any) -> None:
        """Take what Keras has read from a file; training goes on from there."""
        super().load_own_variables(store)
        self.has_begun = True

    def take_word_vectors(self, vocabulary: tuple[str, ...], vectors: np.ndarray) -> int:
        """Put vectors (V', E) in place of those of the same words; return how many there were.

        Raises:
            ConfigError: If they have another size, or no word is the same.
        """
        table = ops.convert_to_numpy(self.embedding.embeddings).copy()
        if vectors.shape[1] != table.shape[1]:
            raise ConfigError(
                f"word_vectors must have the embedding_size, {table.shape[1]}. Received: vectors "
                f"of {vectors.shape[1]} numbers. Set embedding_size to that."
            )
        row_of = {word: row for row, word in enumerate(vocabulary)}
        shared = [
            (index, row_of[word])
            for index, word in enumerate(self.config.vocabulary)
            if index > UNKNOWN and word in row_of
        ]
        if not shared:
            raise ConfigError(
                "word_vectors must be of words of the same language. Received: vectors of "
                f"{len(row_of)} words, none of which is among the {len(table)} of the data."
            )
        indices, rows = map(list, zip(*shared, strict=True))
        table[indices] = vectors[rows]
        self.embedding.embeddings.assign(table)
        return len(shared)

    # The two halves of the model, as `SequenceVAE` asks for them.

    def posterior(self, x: Any, y: Any, training: bool = False) -> tuple[Any, Any]:
        """Return mean and log-variance of q(z|x), (B, Z) each, for sentences (B, T)."""
        lengths = ops.sum(ops.cast(until_end(x), "int32"), axis=1)
        return self.reader(self.embed(x, training), lengths)

    def step_nats(self, x: Any, y: Any, latents: Any, training: bool = False) -> Any:
        """Return -log p of each word given those before it, in nats, (B, T); 0 past the end."""
        features = self.writer(self.inputs_of(x, training), latents)  # (B, T, H)
        return code_nats(self.writer.logits(features), x) * ops.cast(until_end(x), "float32")

    def inputs_of(self, x: Any, training: bool) -> Any:
        """Return what the decoder is given at each place, (B, T, E): the word before it.

        A sentence begins after the end of another. A decoder that is shown no word in training is
        shown none later.
        """
        words = x[:, :-1]
        rate = self.config.word_dropout
        if rate == 1:
            words = ops.full_like(words, UNKNOWN)
        elif training and rate:
            drawn = keras.random.uniform(ops.shape(words), seed=self.noise_seed(training))
            words = ops.where(drawn < rate, ops.full_like(words, UNKNOWN), words)
        before = ops.full_like(x[:, :1], END)
        return self.embed(ops.concatenate([before, words], axis=1), training)

    def embed(self, tokens: Any, training: bool) -> Any:
        """Return the vectors (B, T, E) of tokens (B, T).

        In training some words of the vocabulary have none, wherever they stand in a sentence (Gal
        & Ghahramani 2016, https://arxiv.org/abs/1512.05287, section 4.2).
        """
        vectors = self.embedding(tokens)
        rate = self.config.embedding_dropout
        if not (training and rate):
            return vectors
        shape = (ops.shape(tokens)[0], len(self.config.vocabulary))
        drawn = keras.random.uniform(shape, seed=self.noise_seed(training))  # (B, V)
        is_kept = ops.take_along_axis(drawn, tokens, axis=1) >= rate  # (B, T)
        return vectors * ops.cast(is_kept, vectors.dtype)[..., None] / (1 - rate)

    # Making sentences word by word.

    def decoder(self, told: Mapping[str, Any]) -> SentenceDecoder:
        """Return what predicts one word after another, told the latent vectors."""
        return SentenceDecoder(
            self.embedding, self.writer, told["latents"], sees_words=self.config.word_dropout < 1
        )

    def draw(self, predicted: Any, uniforms: Any, sampling: Mapping[str, Any]) -> Any:
        """Return words (B,) drawn from logits (B, V), but for the one that stands for no word."""
        is_unknown = ops.arange(predicted.shape[-1]) == UNKNOWN
        known = ops.where(is_unknown, ops.full_like(predicted, NEVER), predicted)
        return draw_words(known, uniforms[:, 0], sampling)

    def end_element(self) -> np.ndarray:
        """Return the token that ends a sentence."""
        return np.asarray(END, "int32")

    def has_ended(self, elements: Any) -> Any:
        """Return which of the tokens (B,) end their sentences."""
        return ops.equal(elements, END)

    def values(self, elements: np.ndarray) -> np.ndarray:
        """Return the sentences (B, T) of tokens (B, T, 1); the last token is an end."""
        sentences = np.array(super().values(elements))
        sentences[:, -1] = END
        return sentences

    def sample(
        self,
        count: int,
        *,
        seed: int = 0,
        labels: Any = None,
        temperature: float = 1.0,
        watch: Watch | None = None,
        top_k: int = 0,
        nucleus: float = 1.0,
    ) -> np.ndarray:
        """Return `count` sentences (N, T) of fresh latent vectors, if there are any.

        Args:
            count: How many, N.
            seed: Decides the latent vectors and the draws.
            labels: None; a sentence has none.
            temperature: Of the draws of words; 0 takes the most likely one.
            watch: Called as the making goes on, some forty times a batch.
            top_k: How many of the most likely words are drawn from; 0 for all.
            nucleus: Probability of the smallest set of words that are drawn from; 1 for all.

        Raises:
            DataError: If one of these numbers is out of range.
        """
        sampling = sampling_of(temperature, top_k, nucleus)
        latents = self.prior_latents(count, seed)
        return self.generate(count, latents, labels, seed=seed, sampling=sampling, watch=watch)

    def word_vectors(self) -> np.ndarray:
        """Return the vector of each token of the vocabulary, (V, E)."""
        return np.asarray(ops.convert_to_numpy(self.embedding.embeddings), "float32")


def until_end(x: Any) -> Any:
    """Return which tokens of sentences (B, T) count: all up to the first end, itself included."""
    ends = ops.cast(ops.equal(x, END), "int32")
    return ops.cumsum(ends, axis=1) - ends < 1
