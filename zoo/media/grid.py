"""Images as one picture: a grid of tiles, and a film of such grids."""

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from zoo.checkpoints import write_atomically
from zoo.errors import ZooError

# Shapes: N images, R rows, K columns, H height, W width, C channels.

TILE_PIXELS = 56  # tiles smaller than this are enlarged: 8 x 8 digits are unreadable otherwise
SEPARATOR_PIXELS = 2
SEPARATOR_GREY = 112  # stands out from the black and from the white ground of digits alike
ROUNDING = 1e-3  # how far beyond [0, 1] half-precision arithmetic may carry a pixel


class MediaError(ZooError, ValueError):
    """Images or samples do not have the form that a picture can be made of."""


def save_grid(
    images: Any, path: Path | str, *, columns: int | None = None, scale: int | None = None
) -> None:
    """Write images (N, H, W, C) in [0, 1] as one PNG; see `grid_image` for the arguments.

    Raises:
        MediaError: If the images have another shape, type or range.
        RunError: If the file cannot be written.
    """
    picture = grid_image(images, columns=columns, scale=scale)
    content = io.BytesIO()
    picture.save(content, format="PNG", optimize=True)
    write_atomically(Path(path), content.getvalue())


def grid_image(images: Any, *, columns: int | None = None, scale: int | None = None) -> Image.Image:
    """Return images (N, H, W, C) in [0, 1] as one picture, row by row.

    Args:
        images: Array of any library, C is 1 or 3.
        columns: Images per row; as many as make the picture nearly square by default.
        scale: Whole factor of enlargement, without smoothing; by default the smallest that makes
            tiles of 56 pixels or more.

    Raises:
        MediaError: If the images have another shape, type or range.
    """
    pixels = _as_bytes(images)  # (N, H, W, C)
    count, height, width, channels = pixels.shape
    if columns is None:
        columns = math.ceil(math.sqrt(count * height / width))
    if scale is None:
        scale = math.ceil(TILE_PIXELS / max(height, width))
    for name, value in (("columns", columns), ("scale", scale)):
        if value < 1:
            raise MediaError(f"{name} must be 1 or more. Received: {value}.")
    columns = min(columns, count)
    rows = math.ceil(count / columns)

    pixels = pixels.repeat(scale, axis=1).repeat(scale, axis=2)
    tile_height, tile_width = height * scale, width * scale
    row_step, column_step = tile_height + SEPARATOR_PIXELS, tile_width + SEPARATOR_PIXELS
    canvas = np.full(
        (rows * row_step - SEPARATOR_PIXELS, columns * column_step - SEPARATOR_PIXELS, channels),
        SEPARATOR_GREY,
        dtype=np.uint8,
    )
    for index, tile in enumerate(pixels):
        top, left = index // columns * row_step, index % columns * column_step
        canvas[top : top + tile_height, left : left + tile_width] = tile
    return Image.fromarray(canvas[..., 0] if channels == 1 else canvas)


def save_gif(frames: Sequence[Image.Image], path: Path | str, duration_ms: int) -> None:
    """Write pictures of one size as a film that repeats, `duration_ms` each.

    Raises:
        MediaError: If there is no frame, or they differ in size.
        RunError: If the file cannot be written.
    """
    sizes = {frame.size for frame in frames}
    if len(sizes) != 1:
        raise MediaError(
            "A film needs one frame or more, all of one size. "
            f"Received: {len(frames)} frames of sizes {sorted(sizes)}."
        )
    if duration_ms < 10:  # GIF counts hundredths of a second
        raise MediaError(f"duration_ms must be 10 or more. Received: {duration_ms}.")
    content = io.BytesIO()
    frames[0].save(
        content,
        format="GIF",
        save_all=True,
        append_images=frames[1:],
        duration=duration_ms,
        loop=0,
    )
    write_atomically(Path(path), content.getvalue())


def _as_bytes(images: Any) -> np.ndarray:
    """Return images as uint8 (N, H, W, C), or say what is wrong with them."""
    array = np.asarray(images)
    expected = "Images must be floats (N, H, W, C) in [0, 1], N 1 or more, C 1 or 3."
    if array.ndim != 4 or array.shape[-1] not in (1, 3) or 0 in array.shape:
        raise MediaError(f"{expected} Received: shape {array.shape}.")
    if array.dtype.kind != "f" and array.dtype.name != "bfloat16":
        raise MediaError(f"{expected} Received: dtype {array.dtype}.")
    array = array.astype(np.float32)
    broken = int(np.count_nonzero(~np.isfinite(array)))
    if broken:
        raise MediaError(f"{expected} Received: {broken} values that are NaN or infinite.")
    low, high = float(array.min()), float(array.max())
    if low < -ROUNDING or high > 1 + ROUNDING:
        raise MediaError(f"{expected} Received: values in [{low:g}, {high:g}].")
    return np.rint(np.clip(array, 0, 1) * 255).astype(np.uint8)
