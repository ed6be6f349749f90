import ml_dtypes
import numpy as np
import pytest
from PIL import Image

from zoo.data import ImageSpec
from zoo.errors import RunError, ZooError
from zoo.media import MediaError, grid_image, save_gif, save_grid, save_samples
from zoo.media.grid import SEPARATOR_GREY, SEPARATOR_PIXELS


def images(count, height, width, channels, seed=0):
    return np.random.default_rng(seed).random((count, height, width, channels), np.float32)


def read(path):
    with Image.open(path) as picture:
        return np.asarray(picture)


@pytest.mark.parametrize("channels", [1, 3])
def test_every_pixel_of_every_image_is_in_its_place(tmp_path, channels):
    batch = images(5, 4, 6, channels)
    save_grid(batch, tmp_path / "grid.png", columns=3, scale=2)
    pixels = read(tmp_path / "grid.png").reshape(18, 40, channels)  # 2 x 8 + 2, 3 x 12 + 2 x 2
    expected = np.full((18, 40, channels), SEPARATOR_GREY)
    for index in range(5):
        top = (index // 3) * (8 + SEPARATOR_PIXELS)
        left = (index % 3) * (12 + SEPARATOR_PIXELS)
        for row in range(8):
            for column in range(12):
                value = batch[index, row // 2, column // 2]
                expected[top + row, left + column] = np.round(value * 255)
    np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((64, 8, 8, 1), (8 * 56 + 7 * 2, 8 * 56 + 7 * 2)),  # small digits are enlarged
        ((1, 28, 28, 1), (56, 56)),
        ((3, 64, 64, 3), (2 * 64 + 2, 2 * 64 + 2)),  # large ones are not
        ((8, 60, 120, 3), (2 * 120 + 2, 4 * 60 + 3 * 2)),  # wide images need fewer columns
    ],
)
def test_a_grid_is_nearly_square_and_its_tiles_are_visible(shape, size):
    assert grid_image(images(*shape)).size == size


@pytest.mark.parametrize("dtype", [np.float16, np.float64, ml_dtypes.bfloat16])
def test_floats_of_every_width_are_taken(dtype):
    pixels = np.asarray(grid_image(np.full((1, 2, 2, 1), 0.5, dtype), scale=1))
    np.testing.assert_array_equal(pixels, np.full((2, 2), 128))


def test_rounding_beyond_the_range_is_cut_off():
    batch = np.array([-1e-4, 1 + 1e-4]).reshape(1, 1, 2, 1)
    np.testing.assert_array_equal(np.asarray(grid_image(batch, scale=1)), [[0, 255]])


def with_value(value):
    batch = images(2, 2, 2, 1)
    batch[1, 0, 1, 0] = value
    return batch


@pytest.mark.parametrize(
    ("batch", "reason"),
    [
        (np.zeros((4, 4, 1)), r"Received: shape \(4, 4, 1\)"),
        (np.zeros((1, 4, 4, 2)), r"Received: shape \(1, 4, 4, 2\)"),
        (np.zeros((0, 4, 4, 1)), r"Received: shape \(0, 4, 4, 1\)"),
        (np.zeros((1, 4, 4, 1), np.uint8), "Received: dtype uint8"),
        (np.zeros((1, 4, 4, 1), bool), "Received: dtype bool"),
        (with_value(np.nan), "Received: 1 values that are NaN or infinite"),
        (with_value(-np.inf), "Received: 1 values that are NaN or infinite"),
        (with_value(255), r"Received: values in \[.*, 255\]"),
        (with_value(-1), r"Received: values in \[-1, "),
    ],
)
def test_what_is_no_batch_of_images_is_refused_with_what_was_received(tmp_path, batch, reason):
    with pytest.raises(MediaError, match=reason):
        save_grid(batch, tmp_path / "grid.png")
    assert not (tmp_path / "grid.png").exists()
    assert issubclass(MediaError, ZooError)
    assert issubclass(MediaError, ValueError)


@pytest.mark.parametrize("arguments", [{"columns": 0}, {"scale": 0}])
def test_columns_and_scale_begin_at_one(arguments):
    with pytest.raises(MediaError, match=f"{next(iter(arguments))} must be 1 or more"):
        grid_image(images(2, 2, 2, 1), **arguments)


def test_a_picture_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(RunError, match=r"missing/grid\.png' could not be written: No such file"):
        save_grid(images(1, 2, 2, 1), tmp_path / "missing" / "grid.png")


def test_a_film_shows_every_frame_for_its_time_and_repeats(tmp_path):
    batches = [images(4, 4, 4, 1, seed) for seed in range(3)]
    frames = [grid_image(batch, scale=2) for batch in batches]
    save_gif(frames, tmp_path / "film.gif", duration_ms=120)
    with Image.open(tmp_path / "film.gif") as film:
        assert film.n_frames == 3
        assert film.info["loop"] == 0
        for index, frame in enumerate(frames):
            film.seek(index)
            assert film.info["duration"] == 120
            np.testing.assert_array_equal(np.asarray(film.convert("L")), np.asarray(frame))


def test_a_film_needs_frames_of_one_size_and_a_time(tmp_path):
    small, large = grid_image(images(1, 2, 2, 1)), grid_image(images(2, 2, 2, 1))
    for frames in ([], [small, large]):
        with pytest.raises(MediaError, match=r"one frame or more, all of one size\. Received: "):
            save_gif(frames, tmp_path / "film.gif", 100)
    with pytest.raises(MediaError, match="duration_ms must be 10 or more"):
        save_gif([small], tmp_path / "film.gif", 0)


def test_samples_get_the_suffix_of_their_kind(tmp_path):
    batch = images(1, 8, 8, 1)
    spec = ImageSpec(image_shape=(8, 8, 1))
    assert save_samples(spec, batch, tmp_path / "a") == [tmp_path / "a.png"]
    assert save_samples(spec, batch, tmp_path / "b.png") == [tmp_path / "b.png"]
    np.testing.assert_array_equal(read(tmp_path / "a.png"), np.asarray(grid_image(batch)))
    with pytest.raises(MediaError, match=r"is written as '\.png'\. Received: 'c\.jpg'"):
        save_samples(spec, batch, tmp_path / "c.jpg")
