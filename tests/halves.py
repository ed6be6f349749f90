"""Two small domains of labelled images, and translators whose translations are known."""

import numpy as np

from zoo.data.arrays import ArrayImages
from zoo.data.domains import Domains
from zoo.metrics import Settings

SIDE = 12
NAMES = ("left", "right")
INK = np.array([0.2, 0.6, 0.4], np.float32)  # of what is white in A; what is black is white in B


def strokes(labels, seed):
    """Return grey images (N, H, W, 1) that are bright in the half that the label says."""
    images = np.random.default_rng(seed).uniform(0, 0.2, (len(labels), SIDE, SIDE, 1))
    for image, label in zip(images, labels, strict=True):
        image[:, SIDE // 2 * label : SIDE // 2 * (label + 1)] += 0.8
    return images.astype(np.float32)


def to_b(images):
    """Return the images (N, H, W, 3) of B that show what those of A show."""
    return (1 - images * (1 - INK)).astype(np.float32)


def to_a(images):
    """Undo `to_b`."""
    return ((1 - images) / (1 - INK)).mean(axis=3, keepdims=True).astype(np.float32)


def domain(images, labels, split, names=NAMES):
    return ArrayImages(
        name="halves",
        split=split,
        splits=("train", "test"),
        pixels=np.rint(images * 65535).astype(np.uint16),
        white=65535,
        labels=None if labels is None else labels.astype(np.int32),
        class_names=names,
    )


def halves(split="test", *, counts=(60, 60), paired=None, names=(NAMES, NAMES), labels=True):
    """Return both domains; in the test split they show the same."""
    seeds = (0, 0) if split == "test" else (1, 2)
    sides = [np.arange(count) % 2 for count in counts]
    images = [strokes(side, seed) for side, seed in zip(sides, seeds, strict=True)]
    given = [side if labels else None for side in sides]
    return Domains(
        name="halves",
        a=domain(images[0], given[0], split, names[0] if labels else ()),
        b=domain(to_b(images[1]), given[1], split, names[1] if labels else ()),
        paired=split == "test" if paired is None else paired,
        splits=("train", "test"),
    )


def settings(**changes):
    """Return settings that train on `halves`."""
    both = {"load_train": lambda: halves("train"), "load_seen": lambda: halves("train")}
    return Settings(**{"features": "pixels", **both, **changes})


class Exact:
    """Translates as `to_b` and `to_a` do, and counts the images."""

    config = None

    def __init__(self):
        self.translated = {"A": 0, "B": 0}

    def translate(self, x, to):
        self.translated[to] += len(x)
        return self.change(x, to)

    def change(self, x, to):
        return to_b(x) if to == "B" else to_a(x)


class Lazy(Exact):
    """Changes nothing but the number of channels."""

    def change(self, x, to):
        return np.repeat(x, 3, axis=3) if to == "B" else x[..., :1]


class Mirrors(Exact):
    """Translates into the other class."""

    def change(self, x, to):
        return super().change(x, to)[:, :, ::-1]


class Diverged(Exact):
    def change(self, x, to):
        return np.full_like(super().change(x, to), np.nan)


class Cuts(Exact):
    def change(self, x, to):
        return super().change(x, to)[:, 1:]
