"""Random changes of training sketches, a function of (seed, epoch, step) alone.

Those of Sketch-RNN (Ha & Eck 2017, https://arxiv.org/abs/1704.03477, section 4.1). Where its code
adds the move of a point that is left out to the point before, which displaces that, it is added to
the point after here: all points that remain stay where they are.
"""

import numpy as np

from zoo.data.strokes import END_ROW
from zoo.errors import DataError, did_you_mean

# Shapes: B batch, T rows of a sketch.

STROKE_RECIPES = {
    "scale": "stretch each axis by up to 15 %",
    "drop-points": "leave out one in ten of the points inside a stroke",
}

SCALE = 0.15
DROPPED = 0.10


class StrokeAugmentation:
    """Changes a batch of stroke-5 sketches; the same seed, epoch and step give the same bits.

    Args:
        recipe: Names out of `STROKE_RECIPES`, separated by commas, applied in this order.
        seed: Of the run.

    Raises:
        DataError: If a name is unknown.
    """

    def __init__(self, recipe: str, seed: int):
        self.names = tuple(name.strip() for name in recipe.split(","))
        self._seed = seed
        for name in self.names:
            if name not in STROKE_RECIPES:
                raise DataError(
                    f"Unknown augmentation of sketches '{name}'."
                    f"{did_you_mean(name, STROKE_RECIPES)} Give one or more of "
                    f"{', '.join(STROKE_RECIPES)}, separated by commas."
                )

    def __call__(self, sketches: np.ndarray, epoch: int, step: int) -> np.ndarray:
        """Return changed copies of stroke-5 sketches (B, T, 5)."""
        for number, name in enumerate(self.names):
            source = np.random.PCG64([self._seed, epoch, step, number])
            change = _scale if name == "scale" else _drop_points
            sketches = change(sketches, source)
        return sketches


def _scale(sketches: np.ndarray, source: np.random.PCG64) -> np.ndarray:
    scaled = np.array(sketches, np.float32)
    factors = 1 + SCALE * (2 * _uniform(source, (len(sketches), 1, 2)) - 1)
    scaled[..., :2] *= factors.astype(np.float32)
    return scaled


def _drop_points(sketches: np.ndarray, source: np.random.PCG64) -> np.ndarray:
    down = sketches[..., 2] > 0.5  # (B, T)
    inside = np.zeros_like(down)
    inside[:, 1:] = down[:, 1:] & down[:, :-1]
    dropped = inside & (_uniform(source, sketches.shape[:2]) < DROPPED)
    order = np.argsort(dropped, axis=1, kind="stable")  # what remains, then what is left out
    positions = np.cumsum(sketches[..., :2], axis=1, dtype=np.float64)
    positions = np.take_along_axis(positions, order[..., None], axis=1)
    changed = np.take_along_axis(sketches, order[..., None], axis=1).astype(np.float32)
    changed[..., :2] = np.diff(positions, axis=1, prepend=0)
    count = np.sum(~dropped, axis=1, keepdims=True)  # rows that remain, with the filling
    is_end = (np.arange(sketches.shape[1]) >= count) | (changed[..., 4] > 0.5)
    changed[is_end] = END_ROW
    return changed


def _uniform(source: np.random.PCG64, shape: tuple[int, ...]) -> np.ndarray:
    """Return numbers in [0, 1) from raw integers, which NumPy promises to stay the same."""
    return (source.random_raw(shape) >> 11) / 2.0**53
