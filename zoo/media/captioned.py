"""Images with their captions: a contact sheet, rows of one caption each, and from one to another.

Captions are drawn in DejaVu Sans, which Matplotlib brings: it has the letters of many alphabets.
What it lacks becomes an empty box.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from zoo.media.grid import SEPARATOR_PIXELS, MediaError, grid_image
from zoo.media.latent_captions import INK, PAPER, save_picture, stack
from zoo.media.text import shown_text, texts_of

# Shapes: N images, R rows, K columns, T tokens, H height, W width, C channels.

TILE_PIXELS = 128  # narrower tiles are enlarged to it, so that three lines hold a sentence
LINE_PIXELS = 14
TEXT_PIXELS = 11
MOST_LINES = 3
MAX_COLUMNS = 16
ELLIPSIS = "…"
MARGIN_PIXELS = 2

_ANCHORS = {"left": "la", "middle": "ma", "right": "ra"}


class _Block(NamedTuple):
    """Lines of text, and the column of pixels at which this side of them lies."""

    x: float
    side: Literal["left", "middle", "right"]
    lines: Sequence[str]


def save_captioned(samples: Mapping[str, Any], vocabulary: Sequence[str], path: Path | str) -> None:
    """Write images with their captions below them as one PNG.

    Args:
        samples: Images (N, H, W, C) in [0, 1] as "image", and their captions, indices (N, T) into
            `vocabulary`, as "caption".
        vocabulary: The token of each index.
        path: The file.

    Raises:
        MediaError: If images or captions do not have that form, or differ in number.
        RunError: If the file cannot be written.
    """
    save_picture(captioned_picture(samples, vocabulary), Path(path))


def captioned_picture(samples: Mapping[str, Any], vocabulary: Sequence[str]) -> Image.Image:
    """Return the picture that `save_captioned` writes.

    Raises:
        MediaError: If images or captions do not have that form, or differ in number.
    """
    if not isinstance(samples, Mapping) or not {"image", "caption"} <= samples.keys():
        received = list(samples) if isinstance(samples, Mapping) else type(samples).__name__
        raise MediaError(f"Expected: a mapping with 'image' and 'caption'. Received: {received}.")
    return captioned_sheet(samples["image"], texts_of(samples["caption"], vocabulary))


def captioned_sheet(images: Any, captions: Sequence[str]) -> Image.Image:
    """Return images (N, H, W, C) in [0, 1] as one picture, each with its caption below it.

    Raises:
        MediaError: If the images do not have that form, or there are more or fewer captions.
    """
    images = np.asarray(images)
    if len(images) != len(captions):
        raise MediaError(f"There are {len(images)} images and {len(captions)} captions.")
    scale = tile_scale(images)
    width = images.shape[2] * scale
    blocks = [wrapped(caption, width) for caption in captions]
    height = images.shape[1] * scale + LINE_PIXELS * max(map(len, blocks))
    columns = max(1, round(math.sqrt(len(images) * height / width)))
    rows = []
    for start in range(0, len(images), columns):
        some = slice(start, start + columns)
        row = grid_image(images[some], columns=columns, scale=scale).convert("RGB")
        step = width + SEPARATOR_PIXELS
        places = [
            _Block(column * step + width / 2, "middle", lines)
            for column, lines in enumerate(blocks[some])
        ]
        rows.append(stack([row, _strip(row.width, places)]))
    return stack(rows)


def save_captioned_rows(images: np.ndarray, captions: Sequence[str], path: Path) -> None:
    """Write images (R, N, H, W, C) in [0, 1]; above each N of them stands their caption.

    Raises:
        MediaError: If the images do not have that form.
        RunError: If the file cannot be written.
    """
    parts = []
    for row, caption in zip(images, captions, strict=True):
        columns = min(len(row), MAX_COLUMNS)
        grid = grid_image(row, columns=columns, scale=tile_scale(row)).convert("RGB")
        parts += [_strip(grid.width, [_Block(0, "left", wrapped(caption, grid.width))]), grid]
    save_picture(stack(parts), path)


def save_caption_path(
    images: np.ndarray, captions: Sequence[str], columns: Sequence[int], path: Path
) -> None:
    """Write rows of images (R, K, H, W, C) in [0, 1] that lead from caption to caption.

    Args:
        images: The images.
        captions: The captions, the first and the last ones those of the ends of each row.
        columns: The column that each caption stands above, evenly spread.
        path: The file.

    Raises:
        MediaError: If the images do not have that form.
        RunError: If the file cannot be written.
    """
    scale = tile_scale(images[0])
    flat = images.reshape(-1, *images.shape[2:])
    grid = grid_image(flat, columns=images.shape[1], scale=scale).convert("RGB")
    tile = images.shape[3] * scale
    step = tile + SEPARATOR_PIXELS
    room = max(tile, (columns[1] - columns[0]) * step // 2)  # half of the way to the next caption
    places = []
    for column, caption in zip(columns, captions, strict=True):
        lines = wrapped(caption, room)
        if column == 0:
            places.append(_Block(0, "left", lines))
        elif column == images.shape[1] - 1:
            places.append(_Block(grid.width, "right", lines))
        else:
            places.append(_Block(column * step + tile / 2, "middle", lines))
    save_picture(stack([_strip(grid.width, places), grid]), path)


def tile_scale(images: np.ndarray) -> int:
    """Return the whole factor that makes images (N, H, W, C) wide enough for a caption."""
    if images.ndim != 4 or 0 in images.shape:
        raise MediaError(f"Images must be (N, H, W, C), N 1 or more. Received: {images.shape}.")
    return math.ceil(TILE_PIXELS / images.shape[2])


def wrapped(caption: str, width: float) -> list[str]:
    """Return a caption as lines of at most `width` pixels, at most three: the rest is "…"."""
    font = _font()
    lines: list[str] = []
    rest = shown_text(caption)
    while rest:
        if len(lines) == MOST_LINES - 1:  # the last that there is room for
            return [*lines, _fitting(rest, font, width)]
        fits = _length_that_fits(rest, font, width)
        space = rest.rfind(" ", 1, fits + 1) if fits < len(rest) else len(rest)
        end = space if space > 0 else fits
        lines.append(rest[:end])
        rest = rest[end:].lstrip()
    return lines or [""]


def _fitting(text: str, font: ImageFont.FreeTypeFont, width: float) -> str:
    """Return a text, or as much of it as fits with "…" after it."""
    if _length_that_fits(text, font, width) == len(text):
        return text
    fits = _length_that_fits(text, font, width - font.getlength(ELLIPSIS))
    return text[:fits].rstrip() + ELLIPSIS


def _length_that_fits(text: str, font: ImageFont.FreeTypeFont, width: float) -> int:
    """Return how many characters fit into `width` pixels, at least one."""
    inside = width - 2 * MARGIN_PIXELS
    least, most = 1, min(len(text), int(inside))  # a character takes a pixel or more
    while least < most:
        middle = (least + most + 1) // 2
        if font.getlength(text[:middle]) <= inside:
            least = middle
        else:
            most = middle - 1
    return least


def _strip(width: int, blocks: Sequence[_Block]) -> Image.Image:
    """Return paper with blocks of lines side by side."""
    height = LINE_PIXELS * max(len(block.lines) for block in blocks) + 2 * MARGIN_PIXELS
    strip = Image.new("RGB", (width, height), (PAPER,) * 3)
    draw, font = ImageDraw.Draw(strip), _font()
    inwards = {"left": MARGIN_PIXELS, "middle": 0, "right": -MARGIN_PIXELS}
    for block in blocks:
        for number, line in enumerate(block.lines):
            place = (block.x + inwards[block.side], MARGIN_PIXELS + number * LINE_PIXELS)
            draw.text(place, line, (INK,) * 3, font, anchor=_ANCHORS[block.side])
    return strip


def _font() -> ImageFont.FreeTypeFont:
    import matplotlib  # 0.2 s

    path = Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")
    return ImageFont.truetype(path, TEXT_PIXELS)
