"""Moving digits: films of real handwritten digits that bounce off the borders of a small frame.

As in Moving MNIST (Srivastava et al. 2015, https://arxiv.org/abs/1502.04681): two digits, each with
a constant speed of its own. Three things are smaller or simpler, so that a model learns them on a
laptop and its likelihood can be read:

- digits of 8x8 pixels in a frame of 20x20, about the same share of it: an example has 4,000 pixels
  and not 81,920, and an epoch costs about what one of MNIST does;
- pixels are 0 or 1: with grey levels most of the nats would be spent on the strokes' edges;
- speeds are whole pixels per frame. The motion is then known exactly once two frames are, and a
  frame costs next to nothing from there on, but for what one digit hides of the other: the nats
  that a model pays for later frames are what it has not learnt.

Nothing is drawn that a version of NumPy could change: the films are a function of the constants
below and of scikit-learn's digits.
"""

import numpy as np

from zoo.data.arrays import check_split
from zoo.data.embedded import load_digits
from zoo.data.films import ArrayFilms
from zoo.data.forms import ImageForm
from zoo.errors import DataError

# Shapes: N films, D digits of a film, T frames, H height, W width.

FRAMES = 10
FRAME_PIXELS = 20
DIGITS_PER_FILM = 2
FASTEST = 2  # pixels per frame, along each axis
FILMS = {"train": 8192, "test": 1024}

_SEEDS = {"train": 0, "test": 1}
_INK = 0.5  # grey level from which a pixel is white


def load_moving_digits(*, split: str, form: ImageForm | None = None) -> ArrayFilms:
    """Return films (10, 20, 20, 1) of two moving digits: 8,192 to train, 1,024 to test.

    Those of the test split show digits that no film of the other shows: the test split of `digits`.
    """
    if form is not None and form.image_size is not None:
        raise DataError(
            "'moving-digits' has one size, 20x20; --image-size does not suit it. Leave it out."
        )
    splits = tuple(FILMS)
    check_split("moving-digits", split, splits)
    digits = load_digits(split=split)
    images, _ = digits.read(np.arange(len(digits)))
    shapes = (np.asarray(images)[..., 0] >= _INK).astype(np.uint8)  # (M, 8, 8)
    return ArrayFilms(
        name="moving-digits",
        split=split,
        splits=splits,
        pixels=_animate(shapes, FILMS[split], _SEEDS[split]),
        white=1,
    )


def bounce(start: np.ndarray, speed: np.ndarray, time: np.ndarray, most: int) -> np.ndarray:
    """Return where what moves from `start` at `speed` is at `time`, bouncing between 0 and `most`.

    All are whole numbers that broadcast with one another.
    """
    # Without borders it would run on; folded at both of them, the way repeats after 2 * most.
    return most - np.abs((start + speed * time) % (2 * most) - most)


def _animate(shapes: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Return `count` films (N, T, H, W, 1) of shapes (M, side, side) drawn at random."""
    side = shapes.shape[1]
    most = FRAME_PIXELS - side
    # Raw integers of PCG64: NumPy promises those to stay the same, and not its distributions.
    raw = np.random.PCG64(seed).random_raw((count, DIGITS_PER_FILM, 5))  # (N, D, 5)
    chosen = raw[..., 0] % len(shapes)  # (N, D)
    starts = (raw[..., 1:3] % (most + 1)).astype(np.int64)  # (N, D, 2): row, column
    speeds = (raw[..., 3:] % FASTEST + 1).astype(np.int64)  # forwards; backwards after a border
    backwards = raw[..., 3:] >> np.uint64(63) == 1
    speeds = np.where(backwards, -speeds, speeds)
    inside = np.arange(side)
    film = np.arange(count)[:, None, None]
    pixels = np.zeros((count, FRAMES, FRAME_PIXELS, FRAME_PIXELS), np.uint8)
    for frame in range(FRAMES):
        corners = bounce(starts, speeds, np.array(frame), most)  # (N, D, 2)
        for digit in range(DIGITS_PER_FILM):
            rows = corners[:, digit, 0, None, None] + inside[:, None]  # (N, side, 1)
            columns = corners[:, digit, 1, None, None] + inside  # (N, 1, side)
            pixels[film, frame, rows, columns] |= shapes[chosen[:, digit]]
    return pixels[..., None]
