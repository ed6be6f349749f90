"""word2vec (Mikolov et al. 2013, https://arxiv.org/abs/1310.4546): words as vectors.

Skip-gram with negative sampling. A word w has a vector v_w, and another, u_w, as a neighbour. For
every pair of a word w and a neighbour c within the window, and K words n drawn by the noise
distribution P_n, which is that of words to the power 3/4,

    - log sigmoid(u_c . v_w) - sum over n of log sigmoid(-u_n . v_w)

is minimised, in nats, summed over the pairs of a sentence. The window of each word is drawn from
1 ... 5, so that near neighbours count more; a word of frequency f is left out of a sentence, before
windows are laid, with probability 1 - sqrt(t / f).

What is learnt is log p(c|w) / P_n(c), shifted by log K (Levy & Goldberg 2014). A sample is a word,
drawn by its frequency, and neighbours drawn from p(c|w) ~ P_n(c) exp(u_c . v_w): a bag of words
that stand near each other, not a sentence.

Departures from the paper: the negatives of a word are shared by its neighbours, which leaves the
expectation as it is; Adam in place of stochastic gradient descent; and frequencies are counted
while training goes on, since a model knows its batches alone. Words that the vocabulary lacks are
left out, as rare words are in the paper.
"""

from typing import Any, ClassVar

import keras
import numpy as np
from keras import layers, ops

from zoo.data.vocabulary import UNKNOWN
from zoo.engine import Player, PlayerModel
from zoo.errors import DataError
from zoo.examples import check_form, checked
from zoo_sentence_vae.config import Word2VecConfig

# Shapes: B batch, N count asked for, T tokens, V vocabulary, D vector size, K negatives.


@keras.saving.register_keras_serializable(package="zoo_sentence_vae")
class Word2Vec(PlayerModel):
    """Skip-gram with negative sampling.

    Args:
        config: A `Word2VecConfig`.
    """

    config_class = Word2VecConfig
    cuts_batches: ClassVar[bool] = True

    def __init__(self, config: Word2VecConfig, **kwargs: Any):
        super().__init__(config, **kwargs)
        size, count = self.config.embedding_size, len(self.config.vocabulary)
        spread = keras.initializers.RandomUniform(-0.5 / size, 0.5 / size)
        self.words = layers.Embedding(count, size, spread, name="words")
        self.neighbours = layers.Embedding(count, size, "zeros", name="neighbours")
        for table in (self.words, self.neighbours):
            table.build(())
        self.counts = self.add_weight(
            shape=(count,), initializer="ones", trainable=False, name="counts", dtype="float32"
        )

    def players(self) -> list[Player]:
        """Return the one player."""
        return [
            Player(
                name="vectors",
                networks=[self.words, self.neighbours],
                loss=self.loss_of,
                terms=("objective_nats", "neighbours_nats", "negatives_nats"),
                optimizer=lambda: keras.optimizers.Adam(self.config.learning_rate),
            )
        ]

    def loss_of(self, x: Any, y: Any, training: bool) -> dict[str, Any]:
        """Return the terms of the objective of sentences (B, T), in nats per sentence."""
        check_form(x, (None,), (0, len(self.config.vocabulary) - 1), whole=True)
        if training:
            self.count_words(x)
        seed = self.noise_seed(training)
        tokens, is_word = self.thinned(x, keras.random.uniform(ops.shape(x), seed=seed))
        reach = keras.random.randint(ops.shape(x), 1, self.config.window + 1, seed=seed)
        pairs = neighbour_pairs(is_word, reach)  # (B, T, T)
        vectors = self.words(tokens)  # (B, T, D)
        scores = ops.matmul(vectors, ops.transpose(self.neighbours(tokens), (0, 2, 1)))
        scores = ops.cast(scores, "float32")  # (B, T, T)
        positive = ops.sum(ops.softplus(-scores) * pairs, axis=(1, 2))  # (B,)
        shape = (*ops.shape(x), self.config.negatives)
        drawn = self.noise_words(keras.random.uniform(shape, seed=seed))  # (B, T, K)
        scores = ops.matmul(self.neighbours(drawn), vectors[..., None])[..., 0]  # (B, T, K)
        against = ops.sum(ops.softplus(ops.cast(scores, "float32")), axis=2)  # (B, T)
        negative = ops.sum(against * ops.sum(pairs, axis=2), axis=1)  # (B,)
        return {
            "objective_nats": ops.mean(positive + negative),
            "neighbours_nats": ops.mean(positive),
            "negatives_nats": ops.mean(negative),
        }

    def count_words(self, x: Any) -> None:
        """Add the tokens of sentences (B, T) to the counts."""
        flat = ops.reshape(x, (-1,))
        ones = ops.ones_like(flat, dtype="float32")
        self.counts.assign_add(ops.segment_sum(ones, flat, num_segments=self.counts.shape[0]))

    def frequencies(self) -> Any:
        """Return each word's share of all words seen in training, (V,); 0 of what is no word."""
        counts = self.counts.value * ops.cast(ops.arange(self.counts.shape[0]) > UNKNOWN, "float32")
        return counts / ops.maximum(ops.sum(counts), 1.0)

    def thinned(self, x: Any, uniforms: Any) -> tuple[Any, Any]:
        """Return the tokens (B, T) that are kept, moved together, and which of them are words.

        Args:
            x: Tokens (B, T).
            uniforms: Numbers (B, T) in [0, 1) that decide which frequent words are left out.
        """
        is_kept = x > UNKNOWN
        if self.config.subsample:
            share = ops.take(self.frequencies(), x, axis=0)
            is_kept = is_kept & (ops.square(uniforms) * share < self.config.subsample)
        length = ops.shape(x)[1]
        places = ops.where(is_kept, ops.arange(length), length + ops.arange(length))
        order = ops.argsort(places, axis=1)
        return ops.take_along_axis(x, order, axis=1), ops.take_along_axis(is_kept, order, axis=1)

    def noise_words(self, uniforms: Any) -> Any:
        """Return words of the noise distribution, by numbers (...) in [0, 1)."""
        frequencies = self.frequencies()
        weights = ops.where(  # to the power of 0, what is no word would have the weight of one
            frequencies > 0, ops.power(frequencies, self.config.negative_power), 0.0
        )
        cumulated = ops.cumsum(weights)
        places = ops.searchsorted(cumulated, ops.reshape(uniforms, (-1,)) * cumulated[-1], "right")
        last = self.counts.shape[0] - 1  # beyond it only by rounding
        return ops.reshape(ops.minimum(places, last), ops.shape(uniforms))

    def check_arrays(self, x: Any, y: Any) -> None:
        """Raise DataError where sentences that `fit` is given as an array do not suit."""
        super().check_arrays(x, y)
        if x is not None:
            checked(x, (None,), (0, len(self.config.vocabulary) - 1), whole=True)

    # What it can do once trained: NumPy in, NumPy out.

    def word_vectors(self) -> np.ndarray:
        """Return the vector of each token of the vocabulary, (V, D)."""
        return np.asarray(ops.convert_to_numpy(self.words.embeddings), "float32")

    def sample(self, count: int, *, seed: int = 0, temperature: float = 1.0) -> np.ndarray:
        """Return `count` words with neighbours drawn for each, tokens (N, T).

        Args:
            count: How many, N.
            seed: Decides the draws; the first of many samples are those of few.
            temperature: What the logarithms of the neighbours' probabilities are divided by; 0
                takes the most probable one.

        Raises:
            DataError: If the temperature is below 0, or the vocabulary holds no words.
        """
        if not temperature >= 0:
            raise DataError(f"temperature must be at least 0. Received: {temperature}.")
        frequencies = np.asarray(ops.convert_to_numpy(self.frequencies()), np.float64)
        if not frequencies.any():
            raise DataError("The model's vocabulary holds no words. Received: config.vocabulary.")
        length = min(1 + 2 * self.config.window, self.config.max_length - 1)
        uniforms = np.random.default_rng(seed).random((count, length))
        vectors = self.word_vectors()
        contexts = np.asarray(ops.convert_to_numpy(self.neighbours.embeddings), "float32")
        with np.errstate(divide="ignore", invalid="ignore"):
            log_noise = self.config.negative_power * np.log(frequencies)  # (V,)
        log_noise[frequencies == 0] = -np.inf
        samples = np.zeros((count, self.config.max_length), "int32")
        for row, draws in zip(samples, uniforms, strict=True):
            row[0] = _draw(frequencies, draws[:1])[0]
            logits = (contexts @ vectors[row[0]] + log_noise) / max(temperature, 1e-6)
            row[1:length] = _draw(np.exp(logits - logits.max()), draws[1:])
        return samples


def neighbour_pairs(is_word: Any, reach: Any) -> Any:
    """Return 1.0 where the second token is a neighbour of the first, (B, T, T), and otherwise 0.0.

    Args:
        is_word: Which tokens are words, (B, T).
        reach: How far the window of each reaches to either side, (B, T).
    """
    places = ops.arange(ops.shape(is_word)[1], dtype=reach.dtype)
    distance = ops.abs(places[:, None] - places[None])  # (T, T)
    is_near = (distance[None] > 0) & (distance[None] <= reach[:, :, None])
    return ops.cast(is_near & is_word[:, :, None] & is_word[:, None], "float32")


def _draw(weights: np.ndarray, uniforms: np.ndarray) -> np.ndarray:
    """Return indices by weights (V,) and numbers in [0, 1)."""
    cumulated = np.cumsum(weights)
    last = np.flatnonzero(weights)[-1]
    return np.minimum(np.searchsorted(cumulated, uniforms * cumulated[-1], side="right"), last)
