"""Sketches as pictures: drawn on tiles, as vector paths, and as a film that draws them."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from zoo.checkpoints import write_atomically
from zoo.data.strokes import point_count
from zoo.media.grid import SEPARATOR_PIXELS, MediaError, grid_image, save_gif
from zoo.media.latent_captions import (
    STRIP_PIXELS,
    TEXT_PIXELS,
    film_sections,
    save_picture,
    section_columns,
    sections,
)

# Shapes: N sketches, T rows of one, P points before its end, S side of a tile in pixels.

TILE_PIXELS = 96
MARGIN = 0.08  # of a tile, at each side
PEN = 0.022  # width of a line, as part of a tile
INK = (0, 0, 0)
KNOWN_INK = (47, 111, 196)  # what was given, beside what was made
FRAMES = 30  # of a film, at most, while it draws
FRAME_MS = 100
PAUSE_FRAMES = 20  # at its end

_SMOOTHING = 4  # pixels are drawn this many times smaller, and averaged
_GREYS = 15  # steps from black to white in a film; more would only make the file larger


def render(sketch: Any, size: int = TILE_PIXELS, *, known: int | None = None) -> np.ndarray:
    """Return a stroke-5 sketch (T, 5) drawn on white, fitted to the tile and centred.

    Args:
        sketch: Array of any library.
        size: Side of the tile in pixels, S.
        known: How many points were given; these are drawn in blue.

    Returns:
        float32 (S, S, 1) in [0, 1], or (S, S, 3) where `known` is given.

    Raises:
        MediaError: If the sketch has another shape or type, or numbers that are not finite.
    """
    rows = _as_sketches(np.asarray(sketch)[None])[0]
    positions = _fit(rows, size)
    if known is None:
        return _draw(_lines(rows, positions), size) / np.float32(255)
    # The line to the first point that was made is already the model's own, where there is one.
    joined = 0 < known < len(positions) and rows[known - 1, 3] <= 0.5
    made = _draw(_lines(rows, positions, first=known - joined), size) / np.float32(255)
    given = _draw(_lines(rows, positions, last=known), size) / np.float32(255)
    ink = np.array(KNOWN_INK, np.float32) / 255
    return np.minimum(made, given + (1 - given) * ink).astype(np.float32)


def save_sketches(samples: Any, path: Path | str) -> None:
    """Write stroke-5 sketches (N, T, 5) as a grid, with `.svg` and a `.gif` that draws them beside.

    Args:
        samples: Array of any library.
        path: The PNG; the other two have its name.

    Raises:
        MediaError: If the sketches have another shape or type, or numbers that are not finite.
        RunError: If a file cannot be written.
    """
    save_sketch_sections({"": samples}, Path(path))


def save_sketch_sections(groups: Mapping[str, Any], path: Path) -> None:
    """Write groups of sketches, each below its title, as `save_sketches` writes sketches.

    Args:
        groups: The stroke-5 sketches (N, T, 5) of each, by title; "" is none.
        path: The PNG.

    Raises:
        MediaError: If sketches have another shape or type, or numbers that are not finite.
        RunError: If a file cannot be written.
    """
    columns = section_columns(groups)
    save_picture(sections(groups, lambda sketches: sketch_grid(sketches, columns)), path)
    write_atomically(path.with_suffix(".svg"), _svg_sections(groups, columns).encode())
    frames = film_sections(groups, lambda sketches: sketch_film(sketches, columns))
    save_gif(frames, path.with_suffix(".gif"), FRAME_MS)


def sketch_grid(samples: Any, columns: int | None = None) -> Image.Image:
    """Return stroke-5 sketches (N, T, 5) as one picture.

    Args:
        samples: Array of any library.
        columns: Sketches in a row; as many as make a square by default.

    Raises:
        MediaError: If they have another shape or type, or numbers that are not finite.
    """
    tiles = np.stack([render(sketch) for sketch in _as_sketches(samples)])
    return grid_image(tiles, columns=columns, scale=1)


def sketch_film(samples: Any, columns: int | None = None) -> list[Image.Image]:
    """Return the frames that draw stroke-5 sketches (N, T, 5) side by side, point by point.

    Args:
        samples: Array of any library.
        columns: Sketches in a row; as many as make a square by default.

    Raises:
        MediaError: If they have another shape or type, or numbers that are not finite.
    """
    sketches = _as_sketches(samples)
    positions = [_fit(sketch, TILE_PIXELS) for sketch in sketches]
    longest = max(1, *map(len, positions))
    tiles = np.ones((len(sketches), TILE_PIXELS, TILE_PIXELS, 1), np.float32)
    frames: list[Image.Image] = []
    before = 0
    for drawn in np.linspace(0, longest, min(FRAMES, longest) + 1).round().astype(int)[1:]:
        for tile, sketch, points in zip(tiles, sketches, positions, strict=True):
            if before < len(points):  # otherwise it is finished
                picture = _draw(_lines(sketch, points, last=drawn), TILE_PIXELS)
                tile[:] = np.rint(picture * (_GREYS / np.float32(255))) / _GREYS
        before = drawn
        frames.append(grid_image(tiles, columns=columns, scale=1))
    return frames + frames[-1:] * PAUSE_FRAMES


def sketch_svg(sketch: Any, size: int = TILE_PIXELS) -> str:
    """Return a stroke-5 sketch (T, 5) as an SVG document, a path for each stroke.

    Raises:
        MediaError: If the sketch has another shape or type, or numbers that are not finite.
    """
    return _svg(_paths(_as_sketches(np.asarray(sketch)[None])[0], size), size, size)


def save_svg(samples: Any, path: Path | str) -> None:
    """Write stroke-5 sketches (N, T, 5) as one SVG file, in a grid.

    Raises:
        MediaError: If they have another shape or type, or numbers that are not finite.
        RunError: If the file cannot be written.
    """
    write_atomically(Path(path), _svg_sections({"": samples}, None).encode())


def _svg_sections(groups: Mapping[str, Any], columns: int | None) -> str:
    """Return groups of sketches (N, T, 5) as an SVG document, a grid for each below its title."""
    step = TILE_PIXELS + SEPARATOR_PIXELS
    content, width, height = "", 0, 0
    for title, samples in groups.items():
        sketches = _as_sketches(samples)
        if title:
            content += (
                f'<text y="{height + TEXT_PIXELS}" font-family="sans-serif" '
                f'font-size="{TEXT_PIXELS}" fill="black" stroke="none">{escape(title)}</text>\n'
            )
            height += STRIP_PIXELS
        row = min(columns or math.ceil(math.sqrt(len(sketches))), len(sketches))
        for index, sketch in enumerate(sketches):
            left, top = index % row * step, height + index // row * step
            paths = _paths(sketch, TILE_PIXELS)
            content += f'<g transform="translate({left} {top})">\n{paths}</g>\n'
        width = max(width, row * step)
        height += math.ceil(len(sketches) / row) * step
    return _svg(content, width, height)


def _svg(content: str, width: int, height: int) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" style="background: white">\n'
        f'<g fill="none" stroke="black" stroke-width="{PEN * TILE_PIXELS:.4g}" '
        f'stroke-linecap="round" stroke-linejoin="round">\n{content}</g>\n</svg>\n'
    )


def _paths(sketch: np.ndarray, size: int) -> str:
    """Return a path for each stroke of a sketch, a line of SVG each."""
    paths = []
    for line in _lines(sketch, _fit(sketch, size)):
        corners = " L".join(f"{x:.2f} {y:.2f}" for x, y in line)
        paths.append(f'<path d="M{corners}{" h0" if len(line) == 1 else ""}"/>\n')
    return "".join(paths)


def _fit(sketch: np.ndarray, size: int) -> np.ndarray:
    """Return where the points of a sketch (T, 5) lie on a tile, (P, 2) in pixels."""
    moves = sketch[: point_count(sketch), :2].astype(np.float64)
    if not len(moves):
        return moves
    positions = np.cumsum(moves, axis=0)
    low, high = positions.min(axis=0), positions.max(axis=0)
    extent = float((high - low).max()) or 1.0  # all in one place: a dot
    return (positions - (low + high) / 2) * (size * (1 - 2 * MARGIN) / extent) + size / 2


def _lines(
    sketch: np.ndarray, positions: np.ndarray, first: int = 0, last: int | None = None
) -> list[np.ndarray]:
    """Return what the pen draws between two points of a sketch, in lines (n, 2)."""
    last = len(positions) if last is None else min(last, len(positions))
    lifted = np.flatnonzero(sketch[first : max(first, last - 1), 3] > 0.5) + 1
    return [line for line in np.split(positions[first:last], lifted) if len(line)]


def _draw(lines: Sequence[np.ndarray], size: int) -> np.ndarray:
    """Return lines of pixels drawn in black on white, float32 (S, S, 1) in 0...255."""
    large = size * _SMOOTHING
    width = max(1, round(PEN * large))
    picture = Image.new("L", (large, large), 255)
    pen = ImageDraw.Draw(picture)
    for line in lines:
        corners = [(float(x), float(y)) for x, y in line * _SMOOTHING]
        pen.line(corners, fill=0, width=width)
        for x, y in corners:  # round where lines meet and end
            pen.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=0)
    return np.asarray(picture.reduce(_SMOOTHING), np.float32)[..., None]


def _as_sketches(samples: Any) -> np.ndarray:
    """Return sketches as float32 (N, T, 5), or say what is wrong with them."""
    array = np.asarray(samples)
    expected = "Sketches must be floats (N, T, 5), N and T 1 or more."
    if array.ndim != 3 or array.shape[-1] != 5 or 0 in array.shape:
        raise MediaError(f"{expected} Received: shape {array.shape}.")
    if array.dtype.kind != "f" and array.dtype.name != "bfloat16":
        raise MediaError(f"{expected} Received: dtype {array.dtype}.")
    array = array.astype(np.float32)
    broken = int(np.count_nonzero(~np.isfinite(array)))
    if broken:
        raise MediaError(f"{expected} Received: {broken} values that are NaN or infinite.")
    return array
