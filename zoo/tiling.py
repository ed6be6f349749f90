"""A function of images applied to one that is too large for it, tile by tile.

Tiles overlap, and where they do, each fades into the next linearly: there is no seam.
"""

import itertools
import math
from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np

from zoo.errors import ZooError

# Shapes: H height, W width, C channels of an image; h, w height and width of a tile.

OVERLAP = 4  # the share of a tile's side, as its denominator, that it has in common with the next
LEAST_UNITS = 4  # a side of a tile in units: less would be nothing but overlap


def in_tiles(
    function: Callable[[np.ndarray], np.ndarray],
    image: np.ndarray,
    *,
    max_pixels: int,
    multiple: int = 1,
    scale: Fraction = Fraction(1),
    done: Callable[[float], object] = lambda share: None,
) -> np.ndarray:
    """Return `function` of an image (H, W, C), computed over tiles of one size.

    Args:
        function: Takes images (1, h, w, C), and returns ones of `scale` times that size.
        image: The image.
        max_pixels: Pixels of a tile, at most.
        multiple: What the sides of a tile are multiples of.
        scale: Height of what `function` returns by that of what it takes.
        done: Called with the share that each tile is of them all.

    Raises:
        ZooError: If tiles of `max_pixels` are too small.
    """
    unit = math.lcm(multiple, scale.denominator)  # a tile's place is whole in what is made, too
    least = (LEAST_UNITS * unit) ** 2
    if max_pixels < least:
        raise ZooError(f"Tiles need {least} pixels or more. Received: max_pixels = {max_pixels}.")
    height, width = image.shape[:2]
    image = np.pad(image, [(0, -height % unit), (0, -width % unit), (0, 0)], mode="symmetric")
    sides = _tile_sides(image.shape[0], image.shape[1], max_pixels, unit)
    places = list(itertools.product(*map(_places, image.shape[:2], sides, (unit, unit))))
    made, weights = np.zeros((0, 0, 0), np.float32), np.zeros((0, 0, 1), np.float32)
    for (top, first, last), (left, leftmost, rightmost) in places:
        tile = image[top : top + sides[0], left : left + sides[1]]
        result = function(tile[None])[0]  # (h * scale, w * scale, C)
        if not made.size:
            size = [int(side * scale) for side in image.shape[:2]]
            made = np.zeros((*size, result.shape[-1]), np.float32)
            weights = np.zeros((*size, 1), np.float32)
        down = _fade(result.shape[0], int(_overlap(sides[0], unit) * scale), first, last)
        across = _fade(result.shape[1], int(_overlap(sides[1], unit) * scale), leftmost, rightmost)
        weight = np.outer(down, across)[..., None]
        y, x = int(top * scale), int(left * scale)
        made[y : y + len(down), x : x + len(across)] += weight * result
        weights[y : y + len(down), x : x + len(across)] += weight
        done(1 / len(places))
    made /= weights
    return made[: round(height * scale), : round(width * scale)]


def _tile_sides(height: int, width: int, max_pixels: int, unit: int) -> tuple[int, int]:
    """Return the sides of tiles: squares, or longer where the image itself is narrower."""
    side = math.isqrt(max_pixels) // unit * unit
    if height <= side:
        return height, min(width, max_pixels // height // unit * unit)
    if width <= side:
        return min(height, max_pixels // width // unit * unit), width
    return side, side


def _overlap(side: int, unit: int) -> int:
    return max(unit, side // OVERLAP // unit * unit)


def _places(length: int, side: int, unit: int) -> Iterator[tuple[int, bool, bool]]:
    """Yield where each tile of an axis begins, and whether it is the first, the last of them."""
    overlap = _overlap(side, unit)
    count = 1 if side >= length else math.ceil((length - overlap) / (side - overlap))
    for number in range(count):
        # Rounded down, so that no two tiles overlap by less.
        start = number * (length - side) // max(1, count - 1) // unit * unit
        yield start, number == 0, number == count - 1


def _fade(length: int, overlap: int, is_first: bool, is_last: bool) -> np.ndarray:
    """Return the weights of a tile along one axis: rising and falling where others overlap it."""
    rising = (np.arange(length, dtype=np.float32) + 0.5) / overlap
    weights = np.ones(length, np.float32)
    if not is_first:
        weights = np.minimum(weights, rising)
    if not is_last:
        weights = np.minimum(weights, rising[::-1])
    return weights
