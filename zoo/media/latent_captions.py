"""Words in pictures: tiles with a caption each, columns with a heading, pictures side by side."""

import io
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from zoo.checkpoints import write_atomically
from zoo.media.grid import SEPARATOR_PIXELS, TILE_PIXELS, grid_image

# Shapes: N images, H height, W width, C channels.

TEXT_PIXELS = 12
STRIP_PIXELS = 16  # height of a line of text
GAP_PIXELS = 12  # between pictures that stand side by side
SECTION_COLUMNS = 10
PAPER, INK = 255, 0


def captioned_grid(images: np.ndarray, captions: Sequence[str], *, columns: int) -> Image.Image:
    """Return images (N, H, W, C) in [0, 1] as one picture, each with its caption below."""
    rows = []
    for start in range(0, len(images), columns):
        some = slice(start, start + columns)
        row = grid_image(images[some], columns=columns)
        rows.append(stack([row, _strip(row, images.shape[1:3], captions[some])]))
    return stack(rows)


def headed_grid(images: np.ndarray, headings: Sequence[str]) -> Image.Image:
    """Return images (N, H, W, C) in [0, 1] as one picture, a column for each heading."""
    picture = grid_image(images, columns=len(headings))
    return stack([_strip(picture, images.shape[1:3], headings), picture])


def titled(title: str, picture: Image.Image) -> Image.Image:
    """Return a picture with a line of text above it."""
    font = ImageFont.load_default(TEXT_PIXELS)
    width = max(picture.width, math.ceil(font.getlength(title)) + 4)
    strip = _paper(picture.mode, width, STRIP_PIXELS)
    ImageDraw.Draw(strip).text((0, STRIP_PIXELS / 2), title, _ink(picture.mode), font, anchor="lm")
    return stack([strip, picture])


def section_columns(groups: Mapping[str, Any]) -> int | None:
    """Return how many samples of a group stand in a row; of one alone, as many as make a square.

    In rows, what groups have of the same draws stands below one another.
    """
    return None if len(groups) == 1 else SECTION_COLUMNS


def sections(groups: Mapping[str, Any], draw: Callable[[Any], Image.Image]) -> Image.Image:
    """Return what `draw` makes of groups of samples, one below the other.

    Args:
        groups: The samples of each, by the title that stands above them; "" is none.
        draw: Returns the picture of a group.
    """
    pictures = [
        titled(title, draw(samples)) if title else draw(samples)
        for title, samples in groups.items()
    ]
    return stack(pictures)


def film_sections(
    groups: Mapping[str, Any], draw: Callable[[Any], list[Image.Image]]
) -> list[Image.Image]:
    """Return the frames of a film of groups of samples, as `sections` returns a picture.

    A group whose own film is shorter stays as it ends.
    """
    films = {title: draw(samples) for title, samples in groups.items()}
    frames = []
    for number in range(max(map(len, films.values()))):
        shown = {title: film[min(number, len(film) - 1)] for title, film in films.items()}
        frames.append(sections(shown, lambda frame: frame))
    return frames


def stack(pictures: Sequence[Image.Image]) -> Image.Image:
    """Return pictures one below the other, at the left."""
    height = sum(picture.height for picture in pictures)
    whole = _paper(pictures[0].mode, max(picture.width for picture in pictures), height)
    top = 0
    for picture in pictures:
        whole.paste(picture, (0, top))
        top += picture.height
    return whole


def beside(pictures: Sequence[Image.Image]) -> Image.Image:
    """Return pictures side by side with gaps, at the top."""
    width = sum(picture.width for picture in pictures) + GAP_PIXELS * (len(pictures) - 1)
    whole = _paper(pictures[0].mode, width, max(picture.height for picture in pictures))
    left = 0
    for picture in pictures:
        whole.paste(picture, (left, 0))
        left += picture.width + GAP_PIXELS
    return whole


def save_picture(picture: Image.Image, path: Path) -> None:
    """Write a picture as PNG.

    Raises:
        RunError: If the file cannot be written.
    """
    content = io.BytesIO()
    picture.save(content, format="PNG", optimize=True)
    write_atomically(path, content.getvalue())


def _strip(grid: Image.Image, tile: tuple[int, int], texts: Sequence[str]) -> Image.Image:
    """Return a line of texts, each centred on its column of a grid of tiles (H, W)."""
    height, width = tile
    step = width * math.ceil(TILE_PIXELS / max(height, width)) + SEPARATOR_PIXELS
    strip = _paper(grid.mode, grid.width, STRIP_PIXELS)
    draw, font = ImageDraw.Draw(strip), ImageFont.load_default(TEXT_PIXELS)
    for column, text in enumerate(texts):
        middle = column * step + (step - SEPARATOR_PIXELS) / 2
        draw.text((middle, STRIP_PIXELS / 2), text, _ink(grid.mode), font, anchor="mm")
    return strip


def _paper(mode: str, width: int, height: int) -> Image.Image:
    return Image.new(mode, (width, height), PAPER if mode == "L" else (PAPER,) * 3)


def _ink(mode: str) -> int | tuple[int, ...]:
    return INK if mode == "L" else (INK,) * 3
