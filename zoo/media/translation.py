"""Pictures of what a model of two domains makes: images there and back, and beside their originals.

Domains may differ in size and in channels. In one picture all are in colour, and as high as the
largest; the smaller ones are enlarged by whole pixels, so that their own pixels stay visible.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from zoo.media.grid import SEPARATOR_GREY, SEPARATOR_PIXELS, grid_image
from zoo.media.latent_captions import (
    STRIP_PIXELS,
    TEXT_PIXELS,
    beside,
    save_picture,
    stack,
    titled,
)
from zoo.translation import RoundTrip, other

# Shapes: N images, H height, W width, C channels, of each domain its own.

TILE_PIXELS = 64  # images whose shorter side is smaller are enlarged: a heading must fit above
SHEET_PIXELS = 192  # side of the square that an image of a contact sheet fits into
SHEET_COLUMNS = 2
ROUND_TRIP_TITLE = "Held-out images, translated to the other domain and back"


def save_round_trips(trips: Sequence[RoundTrip], path: Path) -> None:
    """Write round trips as one PNG: those that begin in A to the left, those in B to the right.

    Raises:
        MediaError: If images have no form that a picture can be made of.
        RunError: If the file cannot be written.
    """
    save_picture(round_trips_picture(trips), path)


def round_trips_picture(trips: Sequence[RoundTrip]) -> Image.Image:
    """Return round trips as one picture: those from A to the left, those from B to the right.

    Raises:
        MediaError: If images have no form that a picture can be made of.
    """
    shapes = [images.shape[1:3] for trip in trips for images in (trip.given, trip.there)]
    highest = max(height for height, _ in shapes)
    narrowest = min(width * highest / height for height, width in shapes)
    height = highest * math.ceil(TILE_PIXELS / min(highest, narrowest))
    blocks = [_round_trip_block(trip, height) for trip in trips]
    return titled(ROUND_TRIP_TITLE, beside(blocks))


def _round_trip_block(trip: RoundTrip, height: int) -> Image.Image:
    """Return a row for each image, `height` pixels high: given, there, and back."""
    headings = [trip.domain, f"as {other(trip.domain)}", f"back to {trip.domain}"]
    columns = [
        _column(images, heading, height)
        for images, heading in zip((trip.given, trip.there, trip.back), headings, strict=True)
    ]
    width = sum(column.width for column in columns) + SEPARATOR_PIXELS * (len(columns) - 1)
    block = Image.new("RGB", (width, columns[0].height), (SEPARATOR_GREY,) * 3)
    block.paste((255, 255, 255), (0, 0, width, STRIP_PIXELS))
    left = 0
    for column in columns:
        block.paste(column, (left, 0))
        left += column.width + SEPARATOR_PIXELS
    return block


def _column(images: np.ndarray, heading: str, height: int) -> Image.Image:
    """Return images (N, H, W, C), each `height` pixels high, one below the other with a heading."""
    width = round(images.shape[2] * height / images.shape[1])
    step = height + SEPARATOR_PIXELS
    total = STRIP_PIXELS + len(images) * step - SEPARATOR_PIXELS
    column = Image.new("RGB", (width, total), (SEPARATOR_GREY,) * 3)
    column.paste((255, 255, 255), (0, 0, width, STRIP_PIXELS))
    font = ImageFont.load_default(TEXT_PIXELS)
    middle = (width / 2, STRIP_PIXELS / 2)
    ImageDraw.Draw(column).text(middle, heading, "black", font, anchor="mm")
    for row, image in enumerate(images):
        tile = grid_image(image[None], scale=1).resize((width, height), Image.Resampling.NEAREST)
        column.paste(tile, (0, STRIP_PIXELS + row * step))
    return column


def contact_sheet(pairs: Sequence[tuple[str, Image.Image, Image.Image]], to: str) -> Image.Image:
    """Return pictures beside what they were translated to, each pair with its name above.

    Args:
        pairs: Name, picture and translation of each, one or more; both are thumbnails.
        to: The domain that they were translated to.
    """
    rows = math.ceil(len(pairs) / SHEET_COLUMNS)
    columns = [
        stack([_captioned_pair(*pair) for pair in pairs[start : start + rows]])
        for start in range(0, len(pairs), rows)
    ]
    return titled(f"To the left what was given, to the right as in domain {to}", beside(columns))


def thumbnail(picture: Image.Image) -> Image.Image:
    """Return a picture in colour that fits a square of a contact sheet, and nearly fills it."""
    scale = SHEET_PIXELS / max(picture.size)
    if scale < 1:
        width, height = (max(1, round(side * scale)) for side in picture.size)
        return picture.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
    width, height = (side * math.floor(scale) for side in picture.size)
    return picture.convert("RGB").resize((width, height), Image.Resampling.NEAREST)


def _captioned_pair(name: str, *pictures: Image.Image) -> Image.Image:
    """Return thumbnails side by side below a name."""
    step = SHEET_PIXELS + SEPARATOR_PIXELS
    pair = Image.new("RGB", (len(pictures) * step, STRIP_PIXELS + step), "white")
    font = ImageFont.load_default(TEXT_PIXELS)
    while font.getlength(name) > pair.width:
        name = f"…{name[2:]}"  # of a path its end says most
    ImageDraw.Draw(pair).text((0, STRIP_PIXELS / 2), name, "black", font, anchor="lm")
    for column, picture in enumerate(pictures):
        left = column * step + (SHEET_PIXELS - picture.width) // 2
        pair.paste(picture, (left, STRIP_PIXELS + (SHEET_PIXELS - picture.height) // 2))
    return pair
