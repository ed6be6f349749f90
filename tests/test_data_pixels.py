from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from zoo.data.pixels import UnusableImageError, decode, fit, on_white, read_header


def saved(image: Image.Image, kind: str = "PNG", **settings) -> bytes:
    file = BytesIO()
    image.save(file, kind, **settings)
    return file.getvalue()


def decoded(content: bytes, channels: int = 3, image_size=None, is_deep=False) -> np.ndarray:
    return decode(content, channels=channels, is_deep=is_deep, image_size=image_size)


def test_transparency_is_put_on_white():
    clear = Image.new("RGBA", (2, 2), (10, 20, 30, 0))
    half = Image.new("RGBA", (2, 2), (0, 0, 0, 128))
    assert decoded(saved(clear)).tolist() == [[[255] * 3] * 2] * 2
    np.testing.assert_allclose(decoded(saved(half)), 127, atol=1)


def test_grey_with_transparency_stays_grey():
    content = saved(Image.new("LA", (3, 2), (40, 0)))
    header = read_header(BytesIO(content))
    assert (header.size, header.is_grey, header.is_deep) == ((2, 3), True, False)
    assert decoded(content, channels=1).tolist() == [[[255]] * 3] * 2


def test_a_transparent_palette_entry_is_white():
    image = Image.new("P", (2, 1), 0)
    image.putpalette([200, 0, 0, 0, 0, 200])
    image.putpixel((1, 0), 1)
    content = saved(image, transparency=0)
    assert decoded(content).tolist() == [[[255, 255, 255], [0, 0, 200]]]
    assert not read_header(BytesIO(content)).is_grey


def test_one_bit_images_are_black_and_white():
    image = Image.new("1", (2, 1), 0)
    image.putpixel((1, 0), 1)
    content = saved(image)
    assert decoded(content, channels=1).tolist() == [[[0], [255]]]
    assert read_header(BytesIO(content)).is_grey


def test_cmyk_becomes_rgb():
    content = saved(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=100)
    red, green, blue = decoded(content)[8, 8]
    assert red > 230
    assert max(green, blue) < 40


def test_the_first_frame_of_a_film_is_taken():
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    content = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decoded(content)[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("kind", ["BMP", "WEBP", "JPEG"])
def test_other_formats_are_read(kind):
    settings = {"lossless": True} if kind == "WEBP" else {}
    content = saved(Image.new("RGB", (8, 8), (200, 100, 50)), kind, **settings)
    np.testing.assert_allclose(decoded(content)[4, 4], (200, 100, 50), atol=3)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_tag_turns_the_picture_and_its_size(orientation, kind):
    upright = np.zeros((16, 32), np.uint8)
    upright[:8, :8] = 255  # white in the top left corner
    turned = {  # how a camera stores what should be seen upright
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].T,
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = saved(Image.fromarray(np.ascontiguousarray(turned)), kind, exif=exif)
    assert read_header(BytesIO(content)).size == (16, 32)
    np.testing.assert_allclose(decoded(content, channels=1)[..., 0], upright, atol=20)


def test_broken_metadata_leaves_the_picture_upright():
    content = saved(Image.new("L", (8, 4)), "JPEG", exif=b"Exif\x00\x00broken")
    assert decoded(content, channels=1).shape == (4, 8, 1)


def test_resizing_crops_around_the_centre_and_averages():
    wide = np.zeros((8, 24), np.uint8)
    wide[:, 8:16] = np.indices((8, 8)).sum(0) % 2 * 255  # a chess board between black sides
    small = fit(wide[..., None], (2, 2))
    np.testing.assert_allclose(small[..., 0], 127, atol=10)  # an uncropped one would give 43


def test_resizing_a_constant_gives_the_constant_at_both_depths():
    for value in (np.uint8(201), np.uint16(54321)):
        image = np.full((7, 5, 3), value)
        np.testing.assert_array_equal(fit(image, (4, 9)), np.full((4, 9, 3), value))


def test_a_large_jpeg_is_resized_like_its_pixels():
    ramp = np.tile(np.linspace(0, 255, 512, dtype=np.uint8), (512, 1))
    content = saved(Image.fromarray(ramp), "JPEG", quality=95)
    np.testing.assert_allclose(
        decoded(content, channels=1, image_size=(16, 16)).astype(int),
        fit(ramp[..., None], (16, 16)).astype(int),
        atol=2,
    )


def test_sixteen_bits_on_three_channels_are_repeated():
    deep = np.array([[0, 40_000]], np.uint16)
    pixels = decoded(saved(Image.fromarray(deep)), channels=3, is_deep=True)
    assert pixels.tolist() == [[[0] * 3, [40_000] * 3]]


@pytest.mark.parametrize("cut", range(0, 120, 7))
def test_a_file_cut_anywhere_is_unusable_and_never_crashes(cut):
    noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    for kind in ("PNG", "GIF", "JPEG"):
        content = saved(Image.fromarray(noise), kind)[: 8 + cut]
        with pytest.raises(UnusableImageError):
            decoded(content)


def test_formats_that_need_other_programs_are_not_images():
    with pytest.raises(UnusableImageError, match="not an image"):
        decoded(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")


def test_sixteen_bit_transparency_is_put_on_white():
    pixels = np.array([[[0, 0, 0, 0], [9, 9, 9, 65535]]], np.uint16)
    assert on_white(pixels).tolist() == [[[65535] * 3, [9] * 3]]
