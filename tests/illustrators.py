"""A model that illustrates texts, so small that it exists to try the commands, and runs of it."""

import dataclasses
from pathlib import Path

import keras
import numpy as np
from keras import layers, ops
from small_runs import install_model

from zoo.card import ModelCard
from zoo.config import Preset
from zoo.data.captions import caption_tokens
from zoo.data.vocabulary import as_examples
from zoo.engine import Player, PlayerModel, compile_function, in_batches
from zoo.errors import DataError
from zoo.priors import draw_prior

IMAGES_PER_CALL = 64


@dataclasses.dataclass(frozen=True, kw_only=True)
class PainterConfig:
    """Configuration of `Painter`.

    Args:
        image_shape: (H, W, C) of images.
        max_length: Tokens of the longest caption and its end.
        vocabulary: The token of each index.
        captions: Captions that samples are made of where nothing is asked.
        embedding_size: Numbers in an embedding that the data bring; 0 where they do not.
        noise_size: Numbers that an image is made of beside its caption.
    """

    image_shape: tuple[int, int, int] = (8, 8, 1)
    max_length: int = 5
    vocabulary: tuple[str, ...] = ("", "▁<unknown>", "▁red", "▁blue")
    captions: tuple[str, ...] = ("red", "blue")
    embedding_size: int = 0
    noise_size: int = 3


@keras.saving.register_keras_serializable(package="illustrators")
class Painter(PlayerModel):
    """An image is a logistic function of noise and of the mean of its words' vectors.

    Or of the embedding that the data bring: then the captions that it remembers are embedded as
    unit vectors, and no others.
    """

    config_class = PainterConfig

    def __init__(self, config=None, **kwargs):
        super().__init__(config or PainterConfig(), **kwargs)
        config = self.config
        tokens = keras.Input((config.max_length,), dtype="int32")
        vectors = layers.Embedding(len(config.vocabulary), 4)(tokens)  # (B, T, E)
        is_word = ops.expand_dims(ops.cast(ops.not_equal(tokens, 0), "float32"), -1)
        mean = ops.sum(vectors * is_word, axis=1) / ops.sum(is_word, axis=1)
        self.reader = keras.Model(tokens, mean)
        self.reader.trainable = not config.embedding_size
        size = config.embedding_size or 4
        noise, embedding = keras.Input((config.noise_size,)), keras.Input((size,))
        both = layers.Concatenate()([noise, embedding])
        numbers = layers.Dense(int(np.prod(config.image_shape)), activation="sigmoid")(both)
        image = layers.Reshape(config.image_shape, dtype="float32")(numbers)
        self.painter = keras.Model([noise, embedding], image)
        self.read_compiled = compile_function(self, self.reader)
        self.paint_compiled = compile_function(
            self, lambda noise, embeddings: self.painter([noise, embeddings])
        )

    @property
    def conditions(self):
        return ("text",)

    def players(self):
        return [
            Player(
                name="painter",
                networks=[self.reader, self.painter],
                loss=self.squared_error,
                terms=("image_l2",),
                optimizer=lambda: keras.optimizers.Adam(0.02),
            )
        ]

    def squared_error(self, x, y, training):
        embedding = x["embedding"] if self.config.embedding_size else self.reader(x["caption"])
        shape = (ops.shape(x["image"])[0], self.config.noise_size)
        noise = keras.random.normal(shape, seed=self.noise_seed(training))
        made = self.painter([noise, embedding], training=training)
        return {"image_l2": ops.mean(ops.square(made - x["image"]))}

    def sample(self, count, *, seed=0, texts=None, embeddings=None):
        texts = texts or self.config.captions
        if embeddings is None:
            embeddings = self.embed(texts)
        tokens = as_examples(texts, self.config.vocabulary, self.config.max_length)
        turns = np.arange(count) % len(texts)
        images = self.illustrate(self.draw_noise(count, seed=seed), embeddings[turns])
        return {"image": images, "caption": tokens[turns]}

    def embed(self, texts):
        tokens = caption_tokens(texts, self.config.vocabulary, self.config.max_length)
        if self.config.embedding_size:
            if not set(texts) <= set(self.config.captions):
                raise DataError("Its embeddings come from elsewhere. Give them with --embeddings.")
            numbers = [self.config.captions.index(text) for text in texts]
            size = self.config.embedding_size
            return np.eye(size, dtype="float32")[np.array(numbers) % size]
        return in_batches(self.read_compiled, IMAGES_PER_CALL, tokens)

    def draw_noise(self, count, *, seed=0):
        return draw_prior("normal", count, self.config.noise_size, seed=seed)

    def illustrate(self, noise, embeddings):
        return in_batches(self.paint_compiled, IMAGES_PER_CALL, noise, embeddings)


@keras.saving.register_keras_serializable(package="illustrators")
class InterruptedPainter(Painter):
    """The same, interrupted by its user when it is to paint."""

    def illustrate(self, noise, embeddings):
        raise KeyboardInterrupt


PRESETS = {
    name: Preset(
        summary="Tiny.",
        data="captioned-digits",
        epochs=1,
        batch_size=64,
    )
    for name in ("laptop", "paper")
}


def card(name, model):
    return ModelCard(
        name=name,
        title="Painter",
        summary="Paints what it is told.",
        paper="A. Author, On Paint",
        year=2001,
        url="https://example.org",
        kind="captioned",
        data="captioned-digits",
        model=f"illustrators:{model}",
        config="illustrators:PainterConfig",
        presets="illustrators:PRESETS",
    )


PAINTER = card("painter", "Painter")
INTERRUPTED_PAINTER = card("interrupted-painter", "InterruptedPainter")


def install_illustrators(site: Path) -> None:
    """Write the metadata of distributions with these models; `site` is on `sys.path`."""
    for name in ("painter", "interrupted-painter"):
        reference = f"illustrators:{name.replace('-', '_').upper()}"
        install_model(site, f"genzoo-{name}", name, reference)
