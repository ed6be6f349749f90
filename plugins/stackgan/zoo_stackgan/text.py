"""The text encoder, and how it learns from the captions at hand: by which image they belong to.

    - E[log p(text i | image i)] / 2 - E[log p(image i | text i)] / 2,
    p(text j | image i) proportional to exp(cos(image i, text j) / 0.1)

over the batch, in nats, where what says or shows the same as the pair itself is left out (van den
Oord et al. 2018, https://arxiv.org/abs/1807.03748; Radford et al. 2021). Among the texts of an
image are its own, each with a word of another in place of one: otherwise some of a caption's words
tell it from the others of the batch, whatever the rest and their order say. Captions are read in
both directions by a GRU (Cho et al. 2014).
"""

import math
from typing import Any

import keras
from keras import layers, ops

from zoo.data.vocabulary import END
from zoo.recurrent import GRU, backwards
from zoo.shapes import start_grid
from zoo_stackgan.config import StackGANConfig

# Shapes: B batch, T tokens, V vocabulary, E numbers in an embedding, H height, W width, C channels.

TEMPERATURE = 0.1
NEVER = -1e9  # a logit


@keras.saving.register_keras_serializable(package="zoo_stackgan")
class TextEncoder(layers.Layer):
    """From tokens to embeddings, each of length sqrt(E).

    Args:
        vocabulary_size: Tokens that there are, V.
        size: Numbers in an embedding, E.
    """

    def __init__(self, vocabulary_size: int, size: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.size = size
        self.words = layers.Embedding(vocabulary_size, size // 2, name="words")
        self.words.build((None,))
        self.onwards = GRU(size // 2, size // 2, name="onwards")
        self.back = GRU(size // 2, size // 2, name="back")
        self.built = True

    def call(self, tokens: Any) -> Any:
        """Return embeddings (B, E) of tokens (B, T)."""
        tokens = ops.cast(tokens, "int32")
        is_word = ops.not_equal(tokens, END)  # (B, T)
        lengths = ops.sum(ops.cast(is_word, "int32"), axis=1)
        words = self.words(tokens)  # (B, T, E/2)
        reversed_ = backwards(self.back(backwards(words, lengths)), lengths)
        outputs = ops.concatenate([self.onwards(words), reversed_], axis=2)  # (B, T, E)
        weights = ops.cast(is_word, outputs.dtype)[:, :, None]
        return math.sqrt(self.size) * unit(ops.sum(outputs * weights, axis=1))


def build_image_encoder(config: StackGANConfig) -> keras.Model:
    """Build the network from images to embeddings, which only the text encoder learns from."""
    images = keras.Input(config.image_shape, name="images")  # (B, H, W, C)
    hidden = layers.Rescaling(2.0, -1.0)(images)
    _, _, halvings = start_grid(config.image_shape)
    for number in range(halvings):
        filters = 32 * 2 ** min(number, 2)
        hidden = layers.Conv2D(filters, 4, strides=2, padding="same")(hidden)
        hidden = layers.LeakyReLU(0.2)(hidden)
    hidden = layers.Dense(config.text_size)(layers.Flatten()(hidden))  # (B, E)
    return keras.Model(images, hidden, name="image_encoder")


def replaced(tokens: Any, others: Any, keys: Any) -> Any:
    """Return captions (B, T) in which one word is that of another caption at the same place.

    Args:
        tokens: Captions (B, T).
        others: Which caption of the batch the word is taken from, (B,).
        keys: Random numbers in [0, 1), (B, T): where the largest is, of words that are not alike.
    """
    from_others = ops.take(tokens, others, axis=0)  # (B, T)
    both = ops.logical_and(ops.not_equal(tokens, END), ops.not_equal(from_others, END))
    both = ops.logical_and(both, ops.not_equal(tokens, from_others))
    places = ops.argmax(ops.cast(both, keys.dtype) * (1.0 + keys), axis=1)  # (B,)
    chosen = ops.one_hot(places, ops.shape(tokens)[1], dtype="bool")
    return ops.where(chosen, from_others, tokens)


def matching_terms(images: Any, texts: Any, same: Any, near: Any, unlike: Any) -> tuple[Any, Any]:
    """Return the loss, and the share of images whose own text is nearest.

    Args:
        images: Embeddings (B, E).
        texts: Embeddings (B, E).
        same: Where text j says, or shows, the same as pair i, bool (B, B).
        near: Embeddings of altered texts, (B, N, E).
        unlike: Which of these were changed at all, bool (B, N).
    """
    images, texts, near = unit(images), unit(texts), unit(near)
    cosines = ops.matmul(images, ops.transpose(texts))  # (B, B)
    own = ops.eye(ops.shape(cosines)[0], dtype="bool")
    others = ops.logical_and(same, ops.logical_not(own))
    logits = ops.where(others, NEVER, cosines / TEMPERATURE)
    near_logits = ops.matmul(near, images[:, :, None])[:, :, 0] / TEMPERATURE  # (B, N)
    all_texts = ops.concatenate([logits, ops.where(unlike, near_logits, NEVER)], axis=1)
    own_logits = ops.diagonal(logits)  # (B,)
    losses = ops.logsumexp(all_texts, axis=1) + ops.logsumexp(logits, axis=0) - 2 * own_logits
    is_nearest = ops.greater_equal(own_logits, ops.max(all_texts, axis=1))
    return ops.mean(losses) / 2, ops.mean(ops.cast(is_nearest, "float32"))


def wrong_captions(same: Any, keys: Any) -> tuple[Any, Any]:
    """Return for each example another whose caption is wrong for it, and 1 where there is any.

    Args:
        same: Where the captions of examples i and j are right for each other, bool (B, B).
        keys: Random numbers in [0, 1), (B, B).
    """
    allowed = ops.cast(ops.logical_not(same), "float32")
    others = ops.argmax(allowed * (1.0 + keys), axis=1)
    return others, ops.max(allowed, axis=1)


def same_pairs(tokens: Any, labels: Any) -> Any:
    """Return where examples i and j have one caption, or one label where there are any, (B, B)."""
    same = ops.all(ops.equal(tokens[:, None], tokens[None]), axis=2)
    if labels is None:
        return same
    return ops.logical_or(same, ops.equal(labels[:, None], labels[None]))


def unit(vectors: Any) -> Any:
    """Return vectors (B, E) of length 1, in float32."""
    vectors = ops.cast(vectors, "float32")
    return vectors / ops.sqrt(ops.sum(ops.square(vectors), axis=-1, keepdims=True) + 1e-8)
