"""Pictures as pixels: any mode of an image file to grey or RGB, cropped and resized.

Integers stay integers (uint8, or uint16 where a file has 16 bits) until a batch is read, so that
a data set in memory takes no more room than it needs.
"""

from io import BytesIO
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image, ImageSequence

# Shapes: B batch, H height, W width, C channels.

MAX_PIXELS = 64 * 1024 * 1024  # larger files are skipped: one would take 200 MB and more
MAX_FRAMES = 10_000  # a frame without pixels takes time too
_ORIENTATION_TAG = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_GREY_MODES = ("1", "L", "LA", "La", "I")
# Only these decoders see the files: what is called .png may be anything, and some of Pillow's
# other decoders start programs.
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP")


class UnusableImageError(Exception):
    """An image file that cannot be used; the message says why, without its path."""


class Header(NamedTuple):
    """What the first bytes of an image file say.

    Args:
        size: (H, W) as displayed, the orientation tag honoured.
        is_grey: Whether every pixel is a level of grey by the file's mode.
        is_deep: Whether levels have 16 bits.
    """

    size: tuple[int, int]
    is_grey: bool
    is_deep: bool

    @property
    def channels(self) -> int:
        """How many channels the pixels need."""
        return 1 if self.is_grey else 3


def read_header(file: BinaryIO) -> Header:
    """Return the header of an open image file.

    Raises:
        UnusableImageError: If it is no image, or too large.
    """
    return header_of(open_picture(file))


def decode(
    content: bytes, *, channels: int, is_deep: bool, image_size: tuple[int, int] | None
) -> np.ndarray:
    """Return the picture in an image file's bytes; see `pixels_of`.

    Raises:
        UnusableImageError: If it is no image, or cannot be decoded to the end.
    """
    picture = open_picture(BytesIO(content))
    return pixels_of(picture, channels=channels, is_deep=is_deep, image_size=image_size)


def open_picture(file: BinaryIO) -> Image.Image:
    """Return a picture of which the header is read, from an open image file.

    Raises:
        UnusableImageError: If it is no image.
    """
    try:
        return Image.open(file, formats=_FORMATS)
    except Image.UnidentifiedImageError as error:
        empty = file.seek(0, 2) == 0
        raise UnusableImageError("it is empty" if empty else "it is not an image") from error
    except Exception as error:  # a decoder that is fed broken bytes may raise nearly anything
        raise UnusableImageError(_reason(error)) from error


def header_of(image: Image.Image) -> Header:
    """Return what the header of a picture says.

    Raises:
        UnusableImageError: If it is too large.
    """
    height, width = image.height, image.width
    if height * width > MAX_PIXELS:
        raise UnusableImageError(
            f"{width}x{height} pixels are more than {MAX_PIXELS // 1024**2} megapixels"
        )
    if _orientation(image) >= 5:
        height, width = width, height
    return Header(
        size=(height, width),
        is_grey=image.mode in _GREY_MODES or image.mode.startswith("I;16"),
        is_deep=image.mode == "I" or image.mode.startswith("I;16"),
    )


def pixels_of(
    image: Image.Image, *, channels: int, is_deep: bool, image_size: tuple[int, int] | None
) -> np.ndarray:
    """Return the pixels (H, W, C) of a picture just opened, uint16 if `is_deep`, else uint8.

    Transparency is put on white. With `image_size` the picture is cropped around its centre to
    that aspect, then resized with antialiasing (bicubic).

    Raises:
        UnusableImageError: If it cannot be decoded to the end.
    """
    orientation = _orientation(image)
    if image_size is not None:
        # JPEG can be decoded at an eighth of its size; twice the wanted size loses nothing.
        wanted = 2 * max(image_size)
        image.draft(None, (wanted, wanted))
    try:
        image.load()
    except Exception as error:  # a decoder that is fed broken bytes may raise nearly anything
        raise UnusableImageError(_reason(error)) from error
    image = _flatten(image, channels)
    if orientation in _TURNS:
        image = image.transpose(_TURNS[orientation])
    if image.mode == "F":  # 16-bit grey, as levels in 0...65535
        pixels = np.asarray(_fit(image, image_size), np.float32)
        deep = np.rint(np.clip(pixels, 0, 65535)).astype(np.uint16)[..., None]
        return np.broadcast_to(deep, (*deep.shape[:2], channels))
    pixels = np.asarray(_fit(image, image_size)).reshape(*_size(image, image_size), channels)
    return pixels.astype(np.uint16) * 257 if is_deep else pixels  # 255 * 257 = 65535


def decode_frames(
    content: bytes, *, channels: int, image_size: tuple[int, int] | None
) -> np.ndarray:
    """Return the frames (T, H, W, C) in an image file's bytes, uint8; see `decode`.

    Raises:
        UnusableImageError: If one cannot be decoded, or they have too many pixels together.
    """
    image = open_picture(BytesIO(content))
    frames: list[np.ndarray] = []
    try:
        for frame in ImageSequence.Iterator(image):
            if (len(frames) + 1) * frame.height * frame.width > MAX_PIXELS:
                raise UnusableImageError(
                    f"its frames have more than {MAX_PIXELS // 1024**2} megapixels together"
                )
            if len(frames) == MAX_FRAMES:
                raise UnusableImageError(f"it has more than {MAX_FRAMES:,} frames")
            flat = _fit(_flatten(frame, channels), image_size)
            frames.append(np.asarray(flat).reshape(flat.height, flat.width, channels))
    except UnusableImageError:
        raise
    except Exception as error:  # a decoder that is fed broken bytes may raise nearly anything
        raise UnusableImageError(_reason(error)) from error
    if len({frame.shape for frame in frames}) > 1:  # a later one may reach beyond the first
        raise UnusableImageError("its frames have several sizes")
    return np.stack(frames)


def fit(pixels: np.ndarray, image_size: tuple[int, int]) -> np.ndarray:
    """Return the uint8 or uint16 picture (H, W, C), cropped to the aspect and resized."""
    if pixels.dtype == np.uint16:
        planes = [
            np.asarray(_fit(Image.fromarray(plane.astype(np.float32)), image_size))
            for plane in np.moveaxis(pixels, -1, 0)
        ]
        return np.rint(np.clip(np.stack(planes, axis=-1), 0, 65535)).astype(np.uint16)
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    return np.asarray(_fit(picture, image_size)).reshape(*image_size, pixels.shape[-1])


def on_white(pixels: np.ndarray) -> np.ndarray:
    """Return RGBA pixels (..., 4) composited on white, in the same integer type."""
    top = np.iinfo(pixels.dtype).max
    alpha = pixels[..., 3:].astype(np.float32) / top
    flat = pixels[..., :3] * alpha + top * (1 - alpha)
    return np.rint(flat).astype(pixels.dtype)


def _reason(error: Exception) -> str:
    if isinstance(error, Image.DecompressionBombError):
        return f"more than {MAX_PIXELS // 1024**2} megapixels"
    return " ".join(str(error).split()) or type(error).__name__


def _orientation(image: Image.Image) -> int:
    if "exif" not in image.info:  # elsewhere `getexif` could decode the whole file to find one
        return 1
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # a picture with broken metadata is shown upright, as browsers do
        return 1


def _flatten(image: Image.Image, channels: int) -> Image.Image:
    if image.mode == "I" or image.mode.startswith("I;16"):
        return Image.fromarray(np.asarray(image).astype(np.float32))
    if "transparency" in image.info or image.mode in ("LA", "La", "PA", "RGBA", "RGBa"):
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    mode = "L" if channels == 1 else "RGB"
    return image if image.mode == mode else image.convert(mode)


def _fit(image: Image.Image, image_size: tuple[int, int] | None) -> Image.Image:
    if image_size is None or image_size == (image.height, image.width):
        return image
    height, width = image_size
    scale = min(image.height / height, image.width / width)
    crop_height, crop_width = height * scale, width * scale
    top, left = (image.height - crop_height) / 2, (image.width - crop_width) / 2
    # Float boxes can stand out by a rounding error, which Pillow refuses.
    box = (
        max(0.0, left),
        max(0.0, top),
        min(float(image.width), left + crop_width),
        min(float(image.height), top + crop_height),
    )
    return image.resize((width, height), Image.Resampling.BICUBIC, box=box)


def _size(image: Image.Image, image_size: tuple[int, int] | None) -> tuple[int, int]:
    return image_size or (image.height, image.width)
