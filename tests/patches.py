"""Small images of two coloured halves with captions, and illustrators that do as they are told."""

import numpy as np

from zoo.data.arrays import ArrayImages
from zoo.data.captioned import CaptionedImages
from zoo.data.captions import describe_language
from zoo.data.dataset import Attribute
from zoo.metrics import Settings

SIDE = 8
COLOURS = ("red", "green", "blue")


def drawn(colours, seed):
    """Return images (N, H, W, 3) whose left and right halves have the colours (N, 2)."""
    images = np.random.default_rng(seed).integers(0, 60, (len(colours), SIDE, SIDE, 3))
    for image, (left, right) in zip(images, colours, strict=True):
        image[:, : SIDE // 2, left] += 180
        image[:, SIDE // 2 :, right] += 180
    return images.astype(np.uint8)


def captions_of(colours):
    """Return two captions of each image; only the first of both looks from the left."""
    named = ((COLOURS[left], COLOURS[right]) for left, right in colours)
    return [[f"{left} to the left of {right}", f"{right} beside {left}"] for left, right in named]


def patches(
    split="test",
    *,
    count=60,
    attributes=True,
    labels=None,
    embeddings=None,
    colours=None,
    foreign=0,
):
    """Return images with captions; the attributes are the colours, or the classes in `labels`.

    The captions of the first `foreign` have no word of the vocabulary.
    """
    generator = np.random.default_rng(split == "train")
    if colours is None:
        colours = generator.integers(0, 3, (count, 2))
    train = captions_of(np.array([(left, right) for left in range(3) for right in range(3)]))
    known = {
        name: Attribute(names=COLOURS, values=colours[:, column].astype(np.int32))
        for column, name in enumerate(("left", "right"))
    }
    return CaptionedImages(
        name="folder/of/my patches",
        images=ArrayImages(
            name="folder/of/my patches",
            split=split,
            splits=("train", "test"),
            pixels=drawn(colours, (len(colours), split == "train")),
            labels=None if labels is None else labels.astype(np.int32),
            class_names=() if labels is None else COLOURS,
        ),
        captions=[["zebra"]] * foreign + captions_of(colours)[foreign:],
        language=describe_language("patches", train),
        attributes=None if labels is not None else known if attributes else {},
        embeddings=embeddings,
    )


def settings(**changes):
    """Return settings of an evaluation with training patches."""
    train = patches("train", count=300)
    asked = {"load_train": lambda: train, "load_seen": lambda: train, "features": "pixels"}
    return Settings(**{**asked, **changes})


class Obedient:
    """Draws what the first captions of patches say; knows no others."""

    config = None
    conditions = ("text",)

    def __init__(self):
        self.asked = []

    def sample(self, count, *, seed=0, texts=None, embeddings=None):
        assert len(texts) == count
        self.asked += texts
        return {"image": self.paint(texts, seed), "caption": np.zeros((count, 1), np.int32)}

    def paint(self, texts, seed):
        words = [text.split() for text in texts]
        named = [(COLOURS.index(each[0]), COLOURS.index(each[-1])) for each in words]
        return (drawn(np.array(named), seed) / 255).astype(np.float32)

    def embed(self, texts):
        raise NotImplementedError

    def draw_noise(self, count, *, seed=0):
        raise NotImplementedError

    def illustrate(self, noise, embeddings):
        raise NotImplementedError


class Blind(Obedient):
    """Draws as good patches, whatever it is told."""

    def paint(self, texts, seed):
        colours = np.random.default_rng(seed).integers(0, 3, (len(texts), 2))
        return (drawn(colours, seed) / 255).astype(np.float32)


class Mirrored(Obedient):
    """Draws what it is told with left and right exchanged."""

    def paint(self, texts, seed):
        return super().paint(texts, seed)[:, :, ::-1]
