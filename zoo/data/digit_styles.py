"""Handwritten digits in two styles, to learn a translation between them on a laptop.

Domain A holds white strokes on black, domain B dark outlines of the strokes on a pale yellow
ground. The style of B is a function of the digit: the right translation of every image is known,
and so is what it should still show. To train, A and B hold different digits; to measure, the same
ones in both styles.
"""

import numpy as np

from zoo.data.arrays import ArrayImages, check_split
from zoo.data.domains import Domains
from zoo.data.embedded import load_digits
from zoo.data.forms import DomainsForm, ImageForm
from zoo.errors import DataError

# Shapes: N examples, H height, W width, S fine pixels along each side of a pixel.

NAME = "digit-styles"
SIZE = (16, 16)
LARGEST = 64  # pixels a side: the digits themselves have 8, and drawing takes memory
GROUND = (250, 236, 190)  # pale yellow, in levels of red, green and blue
INK = (40, 24, 92)  # dark violet

_FINE = 4  # S: outlines are drawn so much finer, and then averaged
_LEVEL = 0.5  # grey level at which a stroke ends
_REACH = 2  # fine pixels to each side of where a stroke ends: an outline is a pixel wide


def load_digit_styles(*, split: str, form: DomainsForm | None = None) -> Domains:
    """Return digits 16x16x3 of two styles: 719 and 718 to train, and 360 in both styles to test.

    Raises:
        DataError: If there is no such split, or the size asked for is too large.
    """
    splits = ("train", "test")
    check_split(NAME, split, splits)
    form = form or DomainsForm()
    height, width = form.size() or SIZE
    if max(height, width) > LARGEST:
        raise DataError(
            f"'{NAME}' are drawn with at most {LARGEST} pixels a side. Received: {width}x{height}, "
            "width x height. Give a smaller --image-size."
        )
    strokes = load_digits(split=split, form=ImageForm(image_size=(height, width)))
    fine = load_digits(split=split, form=ImageForm(image_size=(_FINE * height, _FINE * width)))
    everything = np.arange(len(strokes))
    images, labels = map(np.asarray, strokes.read(everything))
    outlines = draw_outlines(np.asarray(fine.read(everything)[0])[..., 0])  # (N, H, W)
    of_a = of_b = everything
    if split == "train":
        by_class = np.argsort(labels, kind="stable")
        of_a, of_b = np.sort(by_class[::2]), np.sort(by_class[1::2])

    def domain(pixels: np.ndarray, chosen: np.ndarray) -> ArrayImages:
        return ArrayImages(
            name=NAME,
            split=split,
            splits=splits,
            pixels=pixels[chosen],
            labels=labels[chosen],
            class_names=strokes.spec.class_names,
        )

    white = np.rint(255 * images).astype(np.uint8).repeat(3, axis=-1)  # (N, H, W, 3)
    return Domains(
        name=NAME,
        a=domain(white, of_a),
        b=domain(coloured(outlines), of_b),
        paired=split == "test",
        splits=splits,
    )


def draw_outlines(strokes: np.ndarray) -> np.ndarray:
    """Return how much of each pixel an outline covers, in [0, 1].

    Args:
        strokes: Grey levels (N, S*H, S*W), S times finer than the outlines (N, H, W).
    """
    inside = np.pad(strokes >= _LEVEL, ((0, 0), (_REACH, _REACH), (_REACH, _REACH)))
    count, height, width = strokes.shape
    some, every = np.zeros(strokes.shape, bool), np.ones(strokes.shape, bool)
    for down in range(2 * _REACH + 1):
        for across in range(2 * _REACH + 1):
            shifted = inside[:, down : down + height, across : across + width]
            some |= shifted
            every &= shifted
    edge = some & ~every  # a stroke ends here: some of the neighbours are inside it, some are not
    return edge.reshape(count, height // _FINE, _FINE, width // _FINE, _FINE).mean(axis=(2, 4))


def coloured(outlines: np.ndarray) -> np.ndarray:
    """Return uint8 pictures (N, H, W, 3) of outlines (N, H, W) in [0, 1] on the ground."""
    ground, ink = np.array(GROUND), np.array(INK)
    return np.rint(ground + outlines[..., None] * (ink - ground)).astype(np.uint8)
