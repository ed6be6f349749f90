"""Pen drawings as rows of moves; the data set that holds them, and the two forms of a row.

Stroke-3, as files hold it: dx, dy, and 1 where the pen is lifted after the point. Stroke-5, the
public form (Ha & Eck 2017, https://arxiv.org/abs/1704.03477): dx, dy and three states of the pen
of which one is 1: down (a line will be drawn to the next point), up (it is lifted after this
point), end. y grows downwards.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from zoo.data.arrays import check_split
from zoo.data.dataset import Batch, StrokesSpec
from zoo.data.files import shown, some
from zoo.data.forms import StrokesForm
from zoo.errors import DataError

# Shapes: N sketches, B batch, S points of all sketches together, P points of one, T rows of one.

MOST_POINTS = 250  # of a sketch, where nothing else is asked for
LARGEST_OFFSET = 10_000  # in the unit of the data; what lies further apart is no drawing
FURTHEST = 1e9  # from the origin that a point of a drawing may lie

END_ROW = (0.0, 0.0, 0.0, 0.0, 1.0)


class UnusableSketchError(ValueError):
    """There is no sketch that can be used; the message says why, without its place."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """A sketch as it was read.

    Args:
        points: Stroke-3, float32 (P, 3).
        class_name: What it shows; empty where that is not known.
    """

    points: np.ndarray
    class_name: str = ""


class ArraySketches:
    """Sketches that stand one after another in an array.

    Args:
        name: What `--data` was given.
        split: Which split this is.
        splits: The splits that the data set has.
        points: Stroke-3 in the unit of the data, float32 (S, 3).
        ends: Where in `points` each sketch ends, (N,).
        max_length: Rows of an example, T; more than any sketch has points.
        scale_factor: What offsets are divided by.
        labels: int32 (N,), or None.
        class_names: Name of each label.
        only_class: What all sketches show, where that is one thing, and there are no labels.
        skipped: "path: reason" of every sketch that could not be used.

    Attributes:
        lengths: Rows of each example up to its first end row, int32 (N,).
    """

    def __init__(
        self,
        *,
        name: str,
        split: str,
        splits: tuple[str, ...],
        points: np.ndarray,
        ends: np.ndarray,
        max_length: int,
        scale_factor: float,
        labels: np.ndarray | None = None,
        class_names: tuple[str, ...] = (),
        only_class: str = "",
        skipped: tuple[str, ...] = (),
    ):
        self.name = name
        self.split = split
        self.splits = splits
        self.only_class = only_class
        self.spec = StrokesSpec(
            max_length=max_length, scale_factor=scale_factor, class_names=class_names
        )
        self.skipped = skipped
        self._begins = np.concatenate([[0], ends[:-1]])  # (N,)
        self.lengths = (ends - self._begins + 1).astype(np.int32)
        self._ends = ends
        self._points = points
        self._labels = labels
        digest = hashlib.sha256(repr(self.spec).encode())
        digest.update(np.ascontiguousarray(points, "<f4").data)
        digest.update(ends.astype("<i8").tobytes())
        digest.update(b"" if labels is None else labels.astype("<i4").tobytes())
        self.fingerprint = digest.hexdigest()

    def __len__(self) -> int:
        return len(self._ends)

    def read(self, indices: np.ndarray) -> Batch:
        """Return the sketches at `indices` (B,) as stroke-5 (B, T, 5), and their labels."""
        sketches = np.empty((len(indices), self.spec.max_length, 5), np.float32)
        for row, index in enumerate(indices):
            points = self._points[self._begins[index] : self._ends[index]]
            sketches[row] = to_stroke_5(points, self.spec.max_length, self.spec.scale_factor)
        return sketches, None if self._labels is None else self._labels[indices]

    def adapted(self, *, max_length: int, scale_factor: float) -> "ArraySketches":
        """Return the sketches that fit into examples of another length, in another scale.

        Raises:
            DataError: If none does.
        """
        rows = np.flatnonzero(self.lengths <= max_length)
        if not len(rows):
            raise DataError(
                f"No sketch of '{shown(self.name)}' has fewer than {max_length} points, which is "
                f"what the model was trained on. The shortest has {self.lengths.min() - 1}."
            )
        sketches = [self._points[self._begins[row] : self._ends[row]] for row in rows]
        left_out = len(self) - len(rows)
        reason = (f"{shown(self.name)}: {left_out} sketches of {max_length} points and more",)
        return ArraySketches(
            name=self.name,
            split=self.split,
            splits=self.splits,
            points=np.concatenate(sketches),
            ends=np.cumsum([len(sketch) for sketch in sketches]),
            max_length=max_length,
            scale_factor=scale_factor,
            labels=None if self._labels is None else self._labels[rows],
            class_names=self.spec.class_names,
            only_class=self.only_class,
            skipped=self.skipped + reason * bool(left_out),
        )

    def labelled(self) -> "ArraySketches":
        """Return the same sketches, those of one class under a label of its name."""
        if not self.only_class:
            return self
        return ArraySketches(
            name=self.name,
            split=self.split,
            splits=self.splits,
            points=self._points,
            ends=self._ends,
            max_length=self.spec.max_length,
            scale_factor=self.spec.scale_factor,
            labels=np.zeros(len(self), np.int32),
            class_names=(self.only_class,),
            skipped=self.skipped,
        )


def to_stroke_5(points: np.ndarray, length: int, scale_factor: float = 1.0) -> np.ndarray:
    """Return a stroke-3 sketch (P, 3) as stroke-5, float32 (`length`, 5), filled with end rows.

    Args:
        points: dx, dy, and 1 where the pen is lifted after the point.
        length: Rows, T, at least P + 1.
        scale_factor: What offsets are divided by.
    """
    sketch = np.tile(np.array(END_ROW, np.float32), (length, 1))
    count = len(points)
    sketch[:count, :2] = points[:, :2] / np.float32(scale_factor)
    sketch[:count, 2] = points[:, 2] == 0
    sketch[:count, 3] = points[:, 2] != 0
    sketch[:count, 4] = 0
    return sketch


def to_stroke_3(sketch: np.ndarray, scale_factor: float = 1.0) -> np.ndarray:
    """Return what stands before the first end row of a stroke-5 sketch (T, 5), float32 (P, 3)."""
    points = np.array(sketch[: point_count(sketch), [0, 1, 3]], np.float32)
    points[:, :2] *= np.float32(scale_factor)
    return points


def point_count(sketch: np.ndarray) -> int:
    """Return how many rows of a stroke-5 sketch (T, 5) stand before the first end row, P."""
    ended = np.asarray(sketch)[:, 4] > 0.5
    return int(ended.argmax()) if ended.any() else len(ended)


def points_of_lines(lines: Sequence[np.ndarray]) -> np.ndarray:
    """Return lines of positions (n, 2) each as stroke-3, float32 (P, 3).

    The first move leads to the first point from the middle of the box around all of them, so that
    it does not matter where on the paper a drawing stands.
    """
    positions = np.concatenate([np.asarray(line, np.float64) for line in lines])  # (P, 2)
    middle = (positions.min(axis=0) + positions.max(axis=0)) / 2
    points = np.zeros((len(positions), 3), np.float32)
    points[:, :2] = np.diff(positions, axis=0, prepend=middle[None])
    points[np.cumsum([len(line) for line in lines]) - 1, 2] = 1
    return points


def checked_points(points: np.ndarray, most: int) -> np.ndarray:
    """Return numbers that should be stroke-3 as float32 (P, 3); the last point lifts the pen.

    Raises:
        UnusableSketchError: If they are not, draw nothing, or there are more than `most` points.
    """
    if points.ndim != 2 or points.shape[1] != 3 or points.dtype.kind not in "iuf":
        raise UnusableSketchError(
            f"{points.dtype} numbers of shape {points.shape}; expected (points, 3)"
        )
    if len(points) > most:
        raise UnusableSketchError(f"{len(points)} points; expected at most {most}")
    if len(points) < 2:
        raise UnusableSketchError("fewer than two points")
    points = points.astype(np.float64)
    broken = int(np.count_nonzero(~np.isfinite(points)))
    if broken:
        raise UnusableSketchError(f"{broken} numbers that are NaN or infinite")
    largest = float(np.abs(points[:, :2]).max())
    if largest > LARGEST_OFFSET:
        raise UnusableSketchError(f"a move of {largest:.4g}; expected at most {LARGEST_OFFSET:,}")
    if not np.isin(points[:, 2], (0, 1)).all():
        raise UnusableSketchError("a pen that is neither 0 nor 1 in the third column")
    if not points[1:, :2].any():
        raise UnusableSketchError("all points in one place")
    points = points.astype(np.float32)
    points[-1, 2] = 1
    return points


def make_dataset(
    name: str,
    split: str,
    drawings: Mapping[str, Sequence[Drawing]],
    skipped: Sequence[str],
) -> ArraySketches:
    """Return a split of a data set of which all splits were read.

    The length of examples is that of the longest sketch of any split, and one more; the scale
    factor is the standard deviation of all dx and dy of the training split.

    Args:
        name: What `--data` was given.
        split: The split that is wanted.
        drawings: Those of each split.
        skipped: "path: reason" of every sketch that could not be used.

    Raises:
        DataError: If there is no such split, or nothing to train on.
    """
    splits = tuple(part for part in ("train", "validation", "test") if drawings.get(part))
    if "train" not in splits:
        reasons = f" Left out: {some(skipped)}." if skipped else ""
        raise DataError(f"'{shown(name)}' holds no sketch to train on.{reasons}")
    check_split(shown(name), split, splits)
    moves = np.concatenate([drawing.points[:, :2] for drawing in drawings["train"]])
    # Six digits: the last ones of a sum depend on the machine, and so would the fingerprint.
    scale_factor = float(f"{moves.std(dtype=np.float64):.6g}")
    if not scale_factor:
        raise DataError(f"All moves of the sketches in '{shown(name)}' are the same one.")
    names = {drawing.class_name for part in splits for drawing in drawings[part]}
    class_names = tuple(sorted(names)) if len(names) > 1 else ()
    index_of = {class_name: index for index, class_name in enumerate(class_names)}
    chosen = drawings[split]
    labels = None
    if class_names:
        labels = np.array([index_of[drawing.class_name] for drawing in chosen], np.int32)
    return ArraySketches(
        name=name,
        split=split,
        splits=splits,
        points=np.concatenate([drawing.points for drawing in chosen]),
        ends=np.cumsum([len(drawing.points) for drawing in chosen]),
        max_length=1 + max(len(d.points) for part in splits for d in drawings[part]),
        scale_factor=scale_factor,
        labels=labels,
        class_names=class_names,
        only_class="" if class_names else next(iter(names)),
        skipped=tuple(skipped),
    )


def most_points(form: StrokesForm | None) -> int:
    """Return the most points that a sketch may have in the form asked for."""
    return MOST_POINTS if form is None or form.max_length is None else form.max_length
