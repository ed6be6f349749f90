"""Pictures of two coloured shapes, with captions that a programme can check.

"A small red circle above a large blue square", or "to the left of" it: the upper or left shape
comes first, so that a picture has one caption, and what a caption asks for can be seen in it.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import product

import numpy as np

from zoo.data.arrays import ArrayImages, check_split
from zoo.data.captioned import CaptionedImages, captioned
from zoo.data.captions import caption_of
from zoo.data.dataset import Attribute
from zoo.data.forms import CaptionedForm
from zoo.errors import DataError

# Shapes: N pictures, B of them at once, S pixels of a side.

NAME = "scenes"
TRAIN_COUNT, TEST_COUNT = 8_000, 1_000
SMALLEST, LARGEST, USUAL = 16, 64, 32  # pixels of a side
SIZES = ("small", "large")
COLOURS = ("red", "green", "blue", "yellow")
SHAPES = ("circle", "square", "triangle")
POSITIONS = ("above", "to the left of")  # of the first shape
VALUES: Mapping[str, tuple[str, ...]] = {
    "first_size": SIZES,
    "first_colour": COLOURS,
    "first_shape": SHAPES,
    "position": POSITIONS,
    "second_size": SIZES,
    "second_colour": COLOURS,
    "second_shape": SHAPES,
}

_TEST_EVERY = 5  # one in so many scenes is for testing alone
_THING = rf"an? ({'|'.join(SIZES)}) ({'|'.join(COLOURS)}) ({'|'.join(SHAPES)})"
_CAPTION = re.compile(rf"{_THING} ({'|'.join(POSITIONS)}) {_THING}")

_RGB = np.array(
    [[0.85, 0.15, 0.15], [0.10, 0.60, 0.20], [0.15, 0.25, 0.85], [0.95, 0.80, 0.10]], np.float32
)
_RADII = np.array([0.12, 0.21], np.float32)  # of a small and a large shape, in sides of the picture
_SQUARE = 0.9  # half the side of a square, in radii: a square of a whole one would look larger
_DRAWS = 10  # random numbers for each picture
_AT_ONCE = 256  # pictures


def load_scenes(*, split: str, form: CaptionedForm | None = None) -> CaptionedImages:
    """Return pictures of two shapes, 32x32x3 unless another size is asked for, and a caption.

    Sizes, colours and shapes of both, and how they stand to each other, make 1,152 scenes, each
    drawn several times with small differences of place, size and colour: 8,000 pictures to train,
    and 1,000 to test. Of a fifth of the scenes there are test pictures alone.

    Raises:
        DataError: If the size asked for is not one from 16x16 to 64x64.
    """
    check_split(NAME, split, ("train", "test"))
    form = form or CaptionedForm()
    height, width = form.size() or (USUAL, USUAL)
    if height != width or not SMALLEST <= height <= LARGEST:
        raise DataError(
            f"'{NAME}' are drawn as squares of {SMALLEST} to {LARGEST} pixels a side. Received: "
            f"{width}x{height}, width x height."
        )
    scenes = _scenes(split)
    return captioned(
        name=NAME,
        images=_draw(split, height),
        captions=_captions(scenes),
        train_captions=_captions(_scenes("train")),
        form=form,
        attributes={
            name: Attribute(names=values, values=column)
            for (name, values), column in zip(VALUES.items(), scenes.T, strict=True)
        },
    )


def attributes_of(caption: str) -> Mapping[str, str]:
    """Return what a caption asks for, by attribute.

    Raises:
        DataError: If it describes no scene.
    """
    match = _CAPTION.fullmatch(caption_of(caption))
    if match is None:
        raise DataError(
            f"'{caption[:60]}' describes no scene. Expected: such as 'a small red circle above a "
            f"large blue square', of {', '.join((*SIZES, *COLOURS, *SHAPES, *POSITIONS))}."
        )
    return dict(zip(VALUES, match.groups(), strict=True))


@lru_cache(maxsize=2)
def _scenes(split: str) -> np.ndarray:
    """Return the value of each attribute of each picture, (N, 7); all scenes in turn."""
    every = np.array(list(product(*(range(len(names)) for names in VALUES.values()))), np.int32)
    # Raw integers of PCG64 are the same in all versions of NumPy and on all platforms.
    order = np.argsort(np.random.PCG64(0).random_raw(len(every)), kind="stable")
    cut = len(every) // _TEST_EVERY
    count, chosen = (TEST_COUNT, order[:cut]) if split == "test" else (TRAIN_COUNT, order[cut:])
    return every[np.resize(chosen, count)]


def _captions(scenes: np.ndarray) -> list[tuple[str]]:
    captions = []
    for scene in scenes:
        words = [names[value] for names, value in zip(VALUES.values(), scene, strict=True)]
        captions.append((f"a {' '.join(words[:3])} {words[3]} a {' '.join(words[4:])}",))
    return captions


@lru_cache(maxsize=2)  # drawing takes a second or two
def _draw(split: str, side: int) -> ArrayImages:
    scenes = _scenes(split)
    raw = np.random.PCG64([1, split == "test"]).random_raw((len(scenes), _DRAWS))
    draws = (raw >> np.uint64(40)).astype(np.float32) / np.float32(2**23) - 1  # (N, 10) in [-1, 1)
    starts = range(0, len(scenes), _AT_ONCE)
    pictures = [
        _paint(scenes[at : at + _AT_ONCE], draws[at : at + _AT_ONCE], side) for at in starts
    ]
    return ArrayImages(
        name=NAME,
        split=split,
        splits=("train", "test"),
        pixels=np.concatenate(pictures),
        labels=None,
    )


def _paint(scenes: np.ndarray, draws: np.ndarray, side: int) -> np.ndarray:
    """Return pictures uint8 (B, S, S, 3) of scenes (B, 7) and of numbers in [-1, 1) (B, 10)."""
    ground, lightness, draws = draws[:, :1], draws[:, 1:2], draws[:, 2:]
    light = 0.88 + 0.04 * lightness + 0.02 * np.concatenate([ground, 0 * ground, -ground], axis=1)
    picture = np.broadcast_to(light[:, None, None], (len(scenes), side, side, 3))  # (B, S, S, 3)
    beside = scenes[:, 3] == POSITIONS.index("to the left of")
    for thing, along, own in (
        (scenes[:, :3], 0.27, draws[:, :4]),
        (scenes[:, 4:], 0.73, draws[:, 4:]),
    ):
        size, colour, shape = thing.T
        near = along + 0.03 * own[:, 0]  # where both stand one after the other
        free = 0.5 + 0.15 * own[:, 1]
        x, y = np.where(beside, near, free), np.where(beside, free, near)
        radius = _RADII[size] * (1 + 0.08 * own[:, 2])
        paint = _RGB[colour] + 0.05 * own[:, 3:4]
        cover = _cover(shape, x, y, radius, side)[..., None]  # (B, S, S, 1)
        picture = picture + cover * (paint[:, None, None] - picture)
    return np.rint(255 * np.clip(picture, 0, 1)).astype(np.uint8)


def _cover(
    shape: np.ndarray, x: np.ndarray, y: np.ndarray, radius: np.ndarray, side: int
) -> np.ndarray:
    """Return how much of each pixel (B, S, S) a shape covers, from how far its edge is."""
    middles = (np.arange(side, dtype=np.float32) + 0.5) / side
    right = middles[None, None, :] - x[:, None, None]  # (B, 1, S)
    down = middles[None, :, None] - y[:, None, None]  # (B, S, 1)
    radius = radius[:, None, None]
    circle = np.sqrt(right**2 + down**2) - radius
    square = np.maximum(np.abs(right), np.abs(down)) - _SQUARE * radius
    # As high as wide, a point above: its sides fall by two to one.
    slopes = (2 * np.abs(right) - down - radius) / np.float32(np.sqrt(5))
    triangle = np.maximum(slopes, down - radius)
    distance = np.choose(shape[:, None, None], [circle, square, triangle])
    return np.clip(0.5 - side * distance, 0, 1)
