"""Doodles of eight things, computed when they are asked for: no network, no files.

Each is drawn as a hand would: in strokes of a fixed order, with proportions, slant and size of its
own and an unsteady pen.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from zoo.data.arrays import check_split
from zoo.data.forms import StrokesForm
from zoo.data.strokes import (
    ArraySketches,
    Drawing,
    UnusableSketchError,
    checked_points,
    make_dataset,
    most_points,
    points_of_lines,
)

# Shapes: K classes, N sketches of each, P points of a line. A doodle stands in the square from -1
# to 1, y downwards.

TRAIN_EACH, TEST_EACH = 250, 50  # doodles of each class
UNITS = 100  # per side of the square; positions are rounded to whole ones
WOBBLE = 0.025  # standard deviation of the hand where it draws a large line
SLANT = 0.15  # radians, at most

_FORM_DRAWS = 4  # numbers that vary the form of a doodle
_HAND_DRAWS = 3 + 4 * 48  # those that vary the hand, of up to 48 points

Lines = list[np.ndarray]


def load_doodles(*, split: str, form: StrokesForm | None = None) -> ArraySketches:
    """Return doodles of eight classes, always the same ones: 2,000 to train, 400 to test."""
    check_split("doodles", split, ("train", "test"))
    drawings: dict[str, list[Drawing]] = {"train": [], "test": []}
    skipped = []
    for class_name, doodles in _doodles().items():
        for number, points in enumerate(doodles):
            part = "train" if number < TRAIN_EACH else "test"
            try:
                checked = checked_points(points, most_points(form))
            except UnusableSketchError as error:
                skipped.append(f"{class_name} {number + 1}: {error}")
                continue
            drawings[part].append(Drawing(checked, class_name))
    return make_dataset("doodles", split, drawings, skipped)


@lru_cache(maxsize=1)  # `train` and `test` are parts of the same doodles
def _doodles() -> dict[str, list[np.ndarray]]:
    """Return the doodles of each class as stroke-3 (P, 3), in whole units."""
    each = TRAIN_EACH + TEST_EACH
    # Raw integers of PCG64: NumPy promises those to stay the same in all versions.
    raw = np.random.PCG64(2017).random_raw((len(_CLASSES), each, _FORM_DRAWS + _HAND_DRAWS))
    draws = (raw >> 11) / 2.0**53
    return {
        class_name: [_by_hand(draw(row[:_FORM_DRAWS]), row[_FORM_DRAWS:]) for row in rows]
        for (class_name, draw), rows in zip(_CLASSES.items(), draws, strict=True)
    }


def _by_hand(lines: Lines, draws: np.ndarray) -> np.ndarray:
    """Return lines as a hand draws them, stroke-3 (P, 3) in whole units."""
    size, aspect, slant = draws[:3]
    angle = SLANT * (2 * slant - 1)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    scale = (0.75 + 0.25 * size) * np.array([0.85 + 0.3 * aspect, 1])
    lengths = [len(line) for line in lines]
    positions = np.concatenate(lines) * scale @ turn  # (P, 2)
    # The sum of two uniform numbers is near enough to a normal one.
    noise = np.sqrt(6) * (draws[3:].reshape(2, -1, 2).sum(axis=0) - 1)[: len(positions)]
    # A hand is steadier where it draws something small.
    extents = [np.clip(np.ptp(line, axis=0).max(), 0.2, 1) for line in lines]
    wobble = WOBBLE * np.repeat(extents, lengths)[:, None]
    positions = np.rint((positions + wobble * noise) * UNITS)
    return points_of_lines(np.split(positions, np.cumsum(lengths)[:-1]))


def _arc(
    middle: tuple[float, float], radius: tuple[float, float], turns: tuple[float, float], count: int
) -> np.ndarray:
    """Return `count` points of an ellipse from one angle to another, in turns clockwise."""
    angle = 2 * np.pi * np.linspace(*turns, count)
    return np.stack(
        [middle[0] + radius[0] * np.cos(angle), middle[1] + radius[1] * np.sin(angle)], 1
    )


def _line(*positions: tuple[float, float]) -> np.ndarray:
    return np.array(positions, np.float64)


def _boat(draws: np.ndarray) -> Lines:
    depth, mast, sail, flag = draws[:4]
    deck, keel, top = 0.3, 0.65 + 0.25 * depth, -0.6 - 0.35 * mast
    reach = 0.45 + 0.3 * sail
    hull = _line((-0.95, deck), (-0.6, keel), (0.6, keel), (0.95, deck), (-0.95, deck))
    lines = [hull, _line((0, deck), (0, top))]
    lines.append(_line((0, top), (reach, 0.1), (0, 0.1)))
    if flag < 0.5:
        lines.append(_line((0, top + 0.15), (-reach, 0.1), (0, 0.1)))
    return lines


def _cat(draws: np.ndarray) -> Lines:
    ear, width, eyes, whiskers = draws[:4]
    tip = -0.85 - 0.2 * ear
    side = 0.75 + 0.15 * width
    head = [
        _line((-0.3, -0.45), (-0.65, tip), (-side, -0.1)),
        _arc((0, 0), (side, 0.85), (0.45, 0.05), 8),
        _line((side, -0.1), (0.65, tip), (0.3, -0.45), (-0.3, -0.45)),
    ]
    lines = [np.concatenate(head)]
    apart = 0.25 + 0.1 * eyes
    lines += [_line((x, -0.15), (x, 0.05)) for x in (-apart, apart)]
    lines.append(_line((-0.2, 0.4), (-0.1, 0.5), (0, 0.35), (0.1, 0.5), (0.2, 0.4)))
    drop = 0.15 * whiskers
    for y in (0.25, 0.4):
        lines.append(_line((-0.35, y), (-1, y - 0.1 + drop)))
        lines.append(_line((0.35, y), (1, y - 0.1 + drop)))
    return lines


def _face(draws: np.ndarray) -> Lines:
    start, eyes, mouth, mood = draws[:4]
    begin = -0.25 + 0.2 * (start - 0.5)
    lines = [_arc((0, 0), (0.95, 0.95), (begin, begin + 1), 14)]
    apart = 0.3 + 0.1 * eyes
    lines += [_arc((x, -0.25), (0.1, 0.14), (-0.25, 0.75), 5) for x in (-apart, apart)]
    width = 0.4 + 0.2 * mouth
    if mood < 0.75:  # most are glad
        lines.append(_arc((0, 0.2), (width, 0.4), (0.47, 0.03), 7))
    else:
        lines.append(_arc((0, 0.6), (width, 0.3), (0.53, 0.97), 7))
    return lines


def _fish(draws: np.ndarray) -> Lines:
    height, tail, eye, bubbles = draws[:4]
    high = 0.45 + 0.25 * height
    fan = 0.35 + 0.2 * tail
    upper = _arc((-0.2, 0), (0.75, high), (1.0, 0.5), 8)  # along the belly to the nose
    lower = _arc((-0.2, 0), (0.75, high), (0.5, 0.07), 8)
    body = np.concatenate([_line((0.95, -fan)), upper, lower[1:], _line((0.95, fan), (0.95, -fan))])
    lines = [body, _arc((-0.6, -0.1 - 0.1 * eye), (0.08, 0.08), (0, 1), 5)]
    lines.append(_arc((-0.3, 0), (0.15, 0.8 * high), (-0.2, 0.2), 4))  # the gill
    if bubbles < 0.4:
        lines.append(_arc((-0.95, -0.75), (0.1, 0.1), (0, 1), 5))
    return lines


def _flower(draws: np.ndarray) -> Lines:
    petals, bend, leaf, wide = draws[:4]
    count = 5 + int(petals < 0.3)
    lines = [_arc((0, -0.4), (0.18, 0.18), (0, 1), 7)]
    turns = np.arange(4 * count + 1) / (4 * count) - 0.25
    reach = np.array([0.2, 0.5, 0.65, 0.5])[np.arange(4 * count + 1) % 4] * (0.9 + 0.1 * wide)
    angle = 2 * np.pi * turns
    lines.append(np.stack([reach * np.cos(angle), -0.4 + reach * np.sin(angle)], axis=1))
    sway = 0.3 * (bend - 0.5)
    lines.append(_line((0, 0.2), (sway, 0.6), (0.5 * sway, 1)))
    side = 0.5 if leaf < 0.5 else -0.5
    lines.append(_line((sway, 0.75), (side, 0.4), (1.1 * side, 0.65), (sway, 0.75)))
    return lines


def _house(draws: np.ndarray) -> Lines:
    roof, door, window, chimney = draws[:4]
    peak = -0.75 - 0.25 * roof
    eaves = -0.15
    lines = [_line((-0.75, eaves), (-0.75, 0.9), (0.75, 0.9), (0.75, eaves), (-0.75, eaves))]
    lines.append(_line((-0.95, eaves), (0, peak), (0.95, eaves)))
    if chimney < 0.5:
        lines.append(_line((0.4, -0.5), (0.4, -0.95), (0.65, -0.95), (0.65, -0.35)))
    left = -0.5 + 0.2 * door
    lines.append(_line((left, 0.9), (left, 0.3), (left + 0.35, 0.3), (left + 0.35, 0.9)))
    x, side = 0.15, 0.28 + 0.12 * window
    lines.append(
        _line((x, 0.1), (x, 0.1 + side), (x + side, 0.1 + side), (x + side, 0.1), (x, 0.1))
    )
    return lines


def _snail(draws: np.ndarray) -> Lines:
    turns, size, neck = draws[:3]
    rounds = 2 + 0.5 * turns
    count = 18
    angle = 2 * np.pi * np.linspace(0.25 - rounds, 0.25, count)
    radius = (0.5 + 0.15 * size) * np.sqrt(np.linspace(0.02, 1, count))
    shell = np.stack([0.2 + radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    floor = 0.5 + 0.15 * size
    head = -0.8 - 0.1 * neck
    body = _line(
        *((0.2, floor), (0.95, floor + 0.1), (-0.55, floor + 0.1), (head, 0.35), (head, -0.1)),
        *((head + 0.2, -0.15), (head + 0.25, 0.2), (-0.35, floor - 0.15)),
    )
    horns = [
        _line((head, -0.1), (head - 0.1, -0.5)),
        _line((head + 0.2, -0.15), (head + 0.2, -0.55)),
    ]
    return [shell, body, *horns]


def _star(draws: np.ndarray) -> Lines:
    inner, start, spin = draws[:3]
    reach = np.where(np.arange(11) % 2 == 0, 1.0, 0.38 + 0.1 * inner)
    # Begun at any of the tips, as people do at the topmost or the leftmost one.
    angle = 2 * np.pi * (np.arange(11) / 10 - 0.25 + np.floor(2 * start) / 5 + 0.06 * (spin - 0.5))
    return [np.stack([reach * np.cos(angle), reach * np.sin(angle)], axis=1)]


_CLASSES: dict[str, Callable[[np.ndarray], Lines]] = {
    "boat": _boat,
    "cat": _cat,
    "face": _face,
    "fish": _fish,
    "flower": _flower,
    "house": _house,
    "snail": _snail,
    "star": _star,
}
