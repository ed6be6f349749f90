"""Pictures in SVG as pen drawings: outlines flattened, fitted to a box, and simplified.

As Quick, Draw! does it: a drawing is fitted to a box of 255 units, and Ramer-Douglas-Peucker leaves
out what lies within 2 units of a line. What is filled is drawn by its outline. Text, images,
`<use>`, style sheets, the `viewBox` of the whole, what is measured by the page (backgrounds of
100 %), and what cannot be seen are ignored.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from xml.parsers import expat

import numpy as np
from fontTools.misc.transform import Identity, Transform
from fontTools.pens.transformPen import TransformPen
from fontTools.svgLib.path import parse_path
from fontTools.svgLib.path.arc import EllipticalArc

from zoo.data.files import open_file
from zoo.data.strokes import FURTHEST, UnusableSketchError, checked_points, points_of_lines

# Shapes: P points of a line.

BOX = 255.0  # the longer side of a drawing
TOLERANCE = 2.0
MOST_BYTES = 4 * 1024**2  # of a file
MOST_POINTS = 10_000  # of a drawing, before it is simplified, which can take their square
CURVE_STEPS = 16  # points that a curve is flattened to

_HIDDEN = {
    "defs",
    "clipPath",
    "mask",
    "symbol",
    "pattern",
    "marker",
    "style",
    "script",
    "metadata",
    "template",
    "flowRegion",
}
_LENGTHS = ("x", "y", "width", "height", "rx", "ry", "r", "cx", "cy", "x1", "y1", "x2", "y2")
# What an element hands on to those in it, as it is where nothing is said.
_INHERITED = {
    "visibility": "visible",
    "fill": "black",
    "fill-opacity": "1",
    "stroke": "none",
    "stroke-opacity": "1",
    "stroke-width": "1",
    "stroke-linecap": "butt",
}
_PROPERTIES = (*_INHERITED, "display", "opacity")
# Pixels at 96 to the inch, in text of 16.
_UNITS = {
    "": 1.0,
    "px": 1.0,
    "in": 96.0,
    "cm": 96 / 2.54,
    "mm": 96 / 25.4,
    "q": 96 / 101.6,
    "pt": 96 / 72,
    "pc": 16.0,
    "em": 16.0,
    "rem": 16.0,
    "ex": 8.0,
}
_NUMBER = re.compile(r"[+-]?(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]++)?")
# Without going back: a megabyte of letters would be tried from each of them on.
_TRANSFORM = re.compile(r"(?<!\w)(\w++)\s*+\(([^()]*+)\)")

Point = tuple[float, float]


def read_svg(path: Path, most: int) -> np.ndarray:
    """Return the drawing in an SVG file as stroke-3, float32 (P, 3).

    Raises:
        UnusableSketchError: If there is none that can be used, or it has more than `most` points.
        OSError: If the file cannot be read.
    """
    with open_file(path) as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise UnusableSketchError(f"larger than {MOST_BYTES // 1024**2} MiB")
    lines = lines_of_svg(content)
    if not lines:
        raise UnusableSketchError(
            "no path, line, polygon, rectangle, circle or ellipse to be seen in it"
        )
    positions = np.concatenate(lines)
    extent = float(np.ptp(positions, axis=0).max())
    if extent < np.finfo(np.float32).tiny:
        raise UnusableSketchError("all points in one place")
    low = positions.min(axis=0)
    simple = [simplify((line - low) * (BOX / extent), TOLERANCE) for line in lines]
    return checked_points(points_of_lines(simple), most)


def lines_of_svg(content: bytes) -> list[np.ndarray]:
    """Return the lines (P, 2) of all shapes in an SVG document, curves flattened.

    Raises:
        UnusableSketchError: If it is no SVG, declares entities, or a shape cannot be read.
    """
    reader = _Reader()
    try:
        reader.read(content)
    except UnusableSketchError:
        raise
    # What fontTools raises for paths that are none.
    except (ValueError, TypeError, IndexError, ArithmeticError) as error:
        raise UnusableSketchError(f"a shape that cannot be read ({str(error)[:80]})") from error
    except (expat.ExpatError, LookupError) as error:  # LookupError: an encoding that nobody knows
        raise UnusableSketchError(f"no XML ({error})") from error
    return reader.pen.lines


def simplify(line: np.ndarray, tolerance: float) -> np.ndarray:
    """Return a line (P, 2) without the points that lie near the rest: Ramer-Douglas-Peucker.

    Args:
        line: Positions.
        tolerance: How far a point that is left out may lie from the line that remains.
    """
    keep = np.zeros(len(line), bool)
    keep[[0, -1]] = True
    pending = [(0, len(line) - 1)]
    while pending:
        first, last = pending.pop()
        if last - first < 2:
            continue
        inner = line[first + 1 : last] - line[first]
        chord = line[last] - line[first]
        length = float(chord @ chord)
        # The nearest place on the chord, not on the line through it: outlines come back.
        along = np.clip(inner @ chord / length, 0, 1) if length else np.zeros(len(inner))
        away = np.hypot(*(inner - along[:, None] * chord).T)
        if away.max() > tolerance:
            middle = first + 1 + int(away.argmax())
            keep[middle] = True
            pending += [(first, middle), (middle, last)]
    return line[keep]


class _Reader:
    """Follows an SVG document, and draws its shapes with a pen."""

    def __init__(self) -> None:
        self.pen = _Pen()
        # Of the elements that are open.
        self._transforms: list[Transform] = [Identity]
        self._styles: list[dict[str, str]] = [_INHERITED]
        self._has_sheet = False
        self._hidden = 0  # how many elements are open from the first hidden one on

    def read(self, content: bytes) -> None:
        # Expat reads no external file unless it is told how; entities are refused altogether, as
        # they can blow up a small file and no drawing needs them.
        parser = expat.ParserCreate()
        parser.EntityDeclHandler = self._refuse
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.Parse(content, True)

    def _refuse(self, *declaration: object) -> None:
        raise UnusableSketchError("it declares XML entities")

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        tag = name.rpartition(":")[2]
        self._has_sheet |= tag == "style"
        said = _properties(attributes)
        is_hidden = said.get("display") == "none" or _is_zero(said.get("opacity", "1"))
        is_inner = tag == "svg" and len(self._transforms) > 1
        place = _place(attributes) if is_inner else Identity
        if self._hidden or is_hidden or tag in _HIDDEN or place is None:
            self._hidden += 1
            return
        own = _transform(attributes.get("transform", "")).transform(place)
        self._transforms.append(self._transforms[-1].transform(own))
        style = self._styles[-1]
        changed = {name: value for name, value in said.items() if name in _INHERITED}
        # The same one where it is equal: elements can be nested a million deep.
        self._styles.append({**style, **changed} if changed else style)
        path = _path(tag, attributes)
        if path and self._is_seen():
            has_caps = self._styles[-1]["stroke-linecap"] in ("round", "square")
            self.pen.draws_dots = has_caps and self._has("stroke")
            parse_path(path, TransformPen(self.pen, self._transforms[-1]), arc_class=_Arc)

    def _end(self, name: str) -> None:
        if self._hidden:
            self._hidden -= 1
        else:
            self._transforms.pop()
            self._styles.pop()

    def _is_seen(self) -> bool:
        """Return whether the innermost element is drawn; a style sheet may paint what is not."""
        is_painted = self._has_sheet or self._has("fill") or self._has("stroke")
        return is_painted and self._styles[-1]["visibility"] == "visible"

    def _has(self, paint: str) -> bool:
        style = self._styles[-1]
        is_thin = paint == "stroke" and _is_zero(style["stroke-width"])
        is_clear = style[paint] in ("none", "transparent") or _is_zero(style[f"{paint}-opacity"])
        return not (is_thin or is_clear)


class _Arc(EllipticalArc):
    """An arc of an ellipse; without a radius it is a straight line, as SVG has it."""

    def draw(self, pen: TransformPen) -> None:
        if self.rx and self.ry:
            super().draw(pen)
        elif self.target_point != self.current_point:
            pen.lineTo((self.target_point.real, self.target_point.imag))


class _Pen:
    """Keeps the lines that it is moved along, curves flattened; a pen in the sense of fontTools."""

    def __init__(self) -> None:
        self.lines: list[np.ndarray] = []
        self.draws_dots = False  # whether lines of no length are kept
        self._points: list[Point] = []
        self._count = 0

    def moveTo(self, point: Point) -> None:  # noqa: N802
        self._points = []
        self._add([point])

    def lineTo(self, point: Point) -> None:  # noqa: N802
        self._add([point])

    def curveTo(self, *controls: Point) -> None:  # noqa: N802
        self._curve(controls)

    def qCurveTo(self, *controls: Point) -> None:  # noqa: N802
        self._curve(controls)

    def closePath(self) -> None:  # noqa: N802
        self.endPath()  # the line back to the start has been drawn

    def endPath(self) -> None:  # noqa: N802
        line = np.array(self._points, np.float64)
        if len(line) > 1 and (self.draws_dots or (line != line[0]).any()):
            self.lines.append(line)

    def _curve(self, controls: tuple[Point, ...]) -> None:
        """Add a Bézier curve by de Casteljau's construction."""
        self._check(controls)
        along = np.arange(1, CURVE_STEPS + 1)[:, None, None] / CURVE_STEPS
        places = np.array([self._points[-1], *controls])[None]  # (1, controls, 2)
        while places.shape[1] > 1:
            places = (1 - along) * places[:, :-1] + along * places[:, 1:]
        self._add([(float(x), float(y)) for x, y in places[:, 0]])

    def _add(self, points: list[Point]) -> None:
        self._check(points)
        self._count += len(points)
        if self._count > MOST_POINTS:
            raise UnusableSketchError(f"more than {MOST_POINTS:,} points before it is simplified")
        self._points += points

    def _check(self, points: list[Point] | tuple[Point, ...]) -> None:
        if not all(abs(x) <= FURTHEST and abs(y) <= FURTHEST for x, y in points):  # nor NaN
            raise UnusableSketchError(f"a point that lies beyond {FURTHEST:g}")


def _properties(attributes: Mapping[str, str]) -> dict[str, str]:
    """Return what an element says of how it is seen; its `style` counts more than attributes."""
    said = {name: attributes[name] for name in _PROPERTIES if name in attributes}
    for declaration in attributes.get("style", "").split(";"):
        name, _, value = declaration.partition(":")
        said[name.strip().lower()] = value.partition("!")[0]
    said = {name: value.strip().lower() for name, value in said.items()}
    return {name: value for name, value in said.items() if value != "inherit"}


def _is_zero(text: str) -> bool:
    number = _NUMBER.match(text)
    return number is not None and float(number[0]) == 0


def _length(text: str) -> float | None:
    """Return a length in pixels; None if it has no unit that is known."""
    text = text.strip().lower()
    number = _NUMBER.match(text)
    unit = None if number is None else _UNITS.get(text[number.end() :])
    return None if number is None or unit is None else float(number[0]) * unit


def _place(attributes: Mapping[str, str]) -> Transform | None:
    """Return where a `<svg>` inside another puts what is in it; None if that is not known.

    Its `viewBox` counts where it has a size of its own, and is fitted into the middle of it.
    """
    x, y, width, height = (
        _length(attributes.get(name, "0")) for name in ("x", "y", "width", "height")
    )
    if x is None or y is None:
        return None
    whole = Identity.translate(x, y)
    box = [float(number) for number in _NUMBER.findall(attributes.get("viewBox", ""))]
    if not width or not height or len(box) != 4 or min(width, height, *box[2:]) <= 0:
        return whole
    scale = min(width / box[2], height / box[3])
    middle = (width - scale * box[2]) / 2, (height - scale * box[3]) / 2
    return whole.translate(*middle).scale(scale).translate(-box[0], -box[1])


def _path(tag: str, attributes: Mapping[str, str]) -> str:
    """Return the outline of a shape as the data of an SVG path.

    It is empty for what is no shape, has no extent, or is measured in units that are not known.
    """
    if tag == "path":
        return " ".join(attributes.get("d", "").split())
    if tag in ("polyline", "polygon"):
        points = " ".join(attributes.get("points", "").split())
        return f"M{points}" + ("Z" if tag == "polygon" else "") if points else ""
    if tag not in ("line", "circle", "ellipse", "rect"):
        return ""
    lengths: dict[str, float] = {}
    for name in _LENGTHS:
        text = attributes.get(name, "auto")
        if text.strip().lower() == "auto":  # as where nothing is said
            continue
        length = _length(text)
        if length is None:
            return ""
        lengths[name] = length

    def number(name: str) -> float:
        return lengths.get(name, 0.0)

    if tag == "line":
        return f"M{number('x1')} {number('y1')}L{number('x2')} {number('y2')}"
    across, down = lengths.get("rx", number("ry")), lengths.get("ry", number("rx"))
    if tag == "circle":
        across = down = number("r")
    if tag != "rect":
        if min(across, down) <= 0:
            return ""
        left, middle = number("cx") - across, number("cy")
        half = f"A{across} {down} 0 0 1"
        return f"M{left} {middle}{half} {left + 2 * across} {middle}{half} {left} {middle}"
    x, y, width, height = map(number, ("x", "y", "width", "height"))
    if min(width, height) <= 0:
        return ""
    across, down = min(across, width / 2), min(down, height / 2)
    if min(across, down) <= 0:
        across = down = 0.0
    corner = f"a{across} {down} 0 0 1"
    return (
        f"M{x + across} {y}h{width - 2 * across}{corner} {across} {down}"
        f"v{height - 2 * down}{corner} {-across} {down}"
        f"h{2 * across - width}{corner} {-across} {-down}"
        f"v{2 * down - height}{corner} {across} {-down}Z"
    )


def _transform(text: str) -> Transform:
    """Return what the attribute `transform` says.

    Raises:
        ValueError: If it cannot be read.
    """
    whole = Identity
    for name, inside in _TRANSFORM.findall(text):
        if _NUMBER.sub("", inside).replace(",", " ").strip():
            raise ValueError(f"transform {name}({inside})")
        numbers = [float(number) for number in _NUMBER.findall(inside)]
        radians = [np.deg2rad(number) for number in numbers]
        match name, len(numbers):
            case "matrix", 6:
                whole = whole.transform(numbers)
            case "translate", 1 | 2:
                whole = whole.translate(*numbers)
            case "scale", 1 | 2:
                whole = whole.scale(*numbers)
            case "rotate", 1:
                whole = whole.rotate(radians[0])
            case "rotate", 3:
                x, y = numbers[1:]
                whole = whole.translate(x, y).rotate(radians[0]).translate(-x, -y)
            case "skewX", 1:
                whole = whole.skew(radians[0], 0)
            case "skewY", 1:
                whole = whole.skew(0, radians[0])
            case _:
                raise ValueError(f"transform {name} of {len(numbers)} numbers")
    return whole
