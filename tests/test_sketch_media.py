import re
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from zoo.data.dataset import StrokesSpec
from zoo.data.doodles import load_doodles
from zoo.data.strokes import to_stroke_3, to_stroke_5
from zoo.data.svg_strokes import lines_of_svg
from zoo.media.grid import MediaError
from zoo.media.samples import save_samples
from zoo.media.sketch import (
    FRAMES,
    KNOWN_INK,
    MARGIN,
    render,
    save_sketches,
    save_svg,
    sketch_film,
    sketch_grid,
    sketch_svg,
)

CROSS = to_stroke_5(np.array([[5, 5, 0], [10, 10, 1], [-10, 0, 0], [10, -10, 1]]), 8)
ENDED = to_stroke_5(np.zeros((0, 3)), 4)
DOT = to_stroke_5(np.array([[3, 3, 1]]), 4)


@pytest.fixture(scope="module")
def doodles():
    data = load_doodles(split="test")
    return data.read(np.arange(0, 400, 25))[0]


def ink(picture):
    """Return the rows and columns (N, 2) of all pixels with ink."""
    return np.argwhere(np.asarray(picture).min(axis=-1) < 0.5)


def test_a_sketch_is_drawn_black_on_white_with_soft_edges():
    picture = render(CROSS, 64)
    assert picture.shape == (64, 64, 1)
    assert picture.dtype == np.float32
    assert picture.min() == 0
    assert picture.max() == 1
    assert ((picture > 0.1) & (picture < 0.9)).any()
    for corner in picture[[0, 0, -1, -1], [0, -1, 0, -1]]:
        assert corner == 1


def test_the_two_lines_of_a_cross_are_where_they_belong_and_nothing_joins_them():
    picture = render(CROSS, 100)[..., 0]
    near, far, middle = 10, 89, 50
    assert picture[middle, middle] < 0.5
    for row, column in ((near, near), (far, far), (far, near), (near, far), (30, 30), (70, 30)):
        assert picture[row - 1 : row + 2, column - 1 : column + 2].min() < 0.5
    # The moves with a lifted pen: from the end of the first line to the start of the second.
    assert picture[far, 30:70].min() == 1
    assert picture[30:70, near].min() == 1


@pytest.mark.parametrize("size", [32, 96, 200])
def test_a_sketch_of_any_size_fills_its_tile_up_to_the_margin_in_the_middle(doodles, size):
    for sketch in doodles[:8]:
        large = sketch * np.array([1000, 1000, 1, 1, 1], np.float32)
        picture = render(sketch, size)
        assert np.abs(picture - render(large, size)).mean() < 1e-3
        places = ink(picture)
        low, high = places.min(axis=0), places.max(axis=0)
        assert high.max() - low.min() <= size * (1 - 2 * MARGIN) + 4
        assert (high - low).max() == pytest.approx(size * (1 - 2 * MARGIN), abs=3)
        np.testing.assert_allclose((low + high) / 2, (size - 1) / 2, atol=1.5)


def test_what_stands_after_the_end_is_not_drawn():
    ended = CROSS.copy()
    ended[5:] = [100, 100, 1, 0, 0]
    np.testing.assert_array_equal(render(ended), render(CROSS))


def test_an_empty_sketch_is_white_and_one_point_is_a_dot_in_the_middle():
    assert render(ENDED).min() == 1
    places = ink(render(DOT, 97))
    assert 1 <= len(places) < 20
    np.testing.assert_allclose(places.mean(axis=0), 48, atol=1)


def test_a_sketch_without_an_end_is_drawn_to_its_last_row():
    assert len(ink(render(CROSS[:2]))) > 0
    np.testing.assert_array_equal(render(CROSS[:4]), render(CROSS))


def test_a_known_beginning_is_drawn_in_another_ink():
    picture = render(CROSS, 100, known=2)
    assert picture.shape == (100, 100, 3)
    np.testing.assert_allclose(picture[30, 30], np.array(KNOWN_INK) / 255, atol=0.01)
    np.testing.assert_allclose(picture[69, 30], 0, atol=0.01)
    everything = render(CROSS, 100, known=4)
    np.testing.assert_allclose(everything[69, 30], np.array(KNOWN_INK) / 255, atol=0.01)
    nothing = render(CROSS, 100, known=0)
    np.testing.assert_allclose(nothing, np.repeat(render(CROSS, 100), 3, axis=-1), atol=1e-6)
    assert render(ENDED, known=3).min() == 1


@pytest.mark.parametrize("known", [2, 4])
def test_what_is_given_has_no_ink_of_what_is_made_at_its_end(known):
    given = np.where(np.arange(len(CROSS))[:, None] < known, CROSS, (0, 0, 0, 0, 1))
    assert render(given.astype(CROSS.dtype), 100, known=known)[..., 2].min() > 0.1


def test_the_paths_of_an_svg_are_the_strokes(doodles):
    for sketch in (*doodles, DOT):
        document = sketch_svg(sketch)
        ElementTree.fromstring(document)  # noqa: S314
        lines = lines_of_svg(document.encode())
        moves = to_stroke_3(sketch)
        assert len(lines) == moves[:, 2].sum()
        drawn = np.concatenate([line[: None if len(moves) > 1 else 1] for line in lines])
        steps, moved = np.diff(drawn, axis=0), moves[1:, :2]
        assert len(drawn) == len(moves)
        if len(moves) > 1:
            scale = np.abs(steps).sum() / np.abs(moved).sum()
            np.testing.assert_allclose(steps, scale * moved, atol=0.03)


def test_a_grid_of_sketches_is_one_svg_file_with_all_of_them_apart(doodles, tmp_path):
    save_svg(doodles, tmp_path / "a.svg")
    document = (tmp_path / "a.svg").read_text()
    assert document.count("<g transform") == len(doodles) == 16
    width = int(re.search(r'width="(\d+)"', document)[1])
    lines = lines_of_svg(document.encode())
    tile = width / 4
    tiles = {tuple((line.mean(axis=0) // tile).astype(int)) for line in lines}
    assert tiles == {(x, y) for x in range(4) for y in range(4)}
    assert all((line // tile == line[0] // tile).all() for line in lines)


def test_the_film_draws_stroke_by_stroke_and_ends_with_the_whole(doodles):
    frames = [np.asarray(frame) / 255 for frame in sketch_film(doodles)]
    counts = [(frame < 0.4).sum() for frame in frames]
    assert counts == sorted(counts)
    assert counts[0] < 0.2 * counts[-1]
    drawing = len(set(counts))
    assert drawing <= FRAMES
    assert len(frames) - drawing >= 10  # a pause
    np.testing.assert_allclose(frames[-1], np.asarray(sketch_grid(doodles)) / 255, atol=0.05)


def test_in_the_film_the_first_stroke_comes_before_the_second():
    one, both = (np.asarray(sketch_film(CROSS[None])[points - 1]) for points in (2, 4))
    assert one[30, 30] < 128
    assert one[66, 30] == 255
    assert both[66, 30] < 128


def test_samples_are_written_as_a_picture_a_drawing_and_a_film(doodles, tmp_path):
    spec = StrokesSpec(max_length=doodles.shape[1], scale_factor=2.0)
    written = save_samples(spec, doodles, tmp_path / "samples")
    assert [path.name for path in written] == ["samples.png", "samples.svg", "samples.gif"]
    with Image.open(written[0]) as picture, Image.open(written[2]) as film:
        assert picture.size == film.size
        assert film.info["loop"] == 0
        durations = []
        for frame in range(film.n_frames):
            film.seek(frame)
            durations.append(film.info["duration"])
    assert durations[-1] >= 1000 > max(durations[:-1])
    assert written[2].stat().st_size < 60_000
    assert written[1].read_text().startswith("<svg")


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (np.zeros((2, 4, 3), np.float32), r"shape \(2, 4, 3\)"),
        (np.zeros((0, 4, 5), np.float32), r"shape \(0, 4, 5\)"),
        (np.zeros((2, 4, 5), int), "dtype int64"),
        (np.full((2, 4, 5), np.nan), "40 values that are NaN or infinite"),
    ],
)
def test_what_is_no_sketch_is_refused(tmp_path, samples, reason):
    with pytest.raises(MediaError, match=rf"Sketches must be floats .* Received: {reason}"):
        save_sketches(samples, tmp_path / "a.png")
    assert not list(tmp_path.glob("a.*"))


def test_a_film_without_ink_can_be_written(tmp_path):
    save_sketches(np.stack([ENDED, ENDED]), tmp_path / "a.png")
    assert (tmp_path / "a.gif").exists()
