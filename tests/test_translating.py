"""Translating files: what is written, where, and what a large image comes to in tiles."""

import shutil
import sys
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from translators import NEGATIVES, install_translators, make_translator_run

from zoo.errors import DataError, Interrupted, RunError, ZooError
from zoo.media.grid import MediaError, save_grid
from zoo.media.report import write_card, write_report
from zoo.media.translation import SHEET_PIXELS, contact_sheet, save_round_trips, thumbnail
from zoo.tiling import in_tiles
from zoo.training import load_model
from zoo.translating import translate_files
from zoo.translation import RoundTrip


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    install_translators(folder)
    sys.path.insert(0, str(folder))
    yield
    sys.path.remove(str(folder))


@pytest.fixture(scope="module")
def run(site, tmp_path_factory):
    """A is grey, B in colour; each holds the negatives of the other."""
    return make_translator_run(tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture(scope="module")
def larger(site, tmp_path_factory):
    """B has twice the height and width of A."""
    folder = tmp_path_factory.mktemp("runs") / "larger"
    return make_translator_run(folder, image_shape_a=(8, 8, 1), image_shape_b=(16, 16, 1))


@pytest.fixture(scope="module")
def fixed(site, tmp_path_factory):
    return make_translator_run(tmp_path_factory.mktemp("runs") / "fixed", "fixed-negatives")


def write_image(path, height=6, width=10, channels=1, seed=0):
    """Write noise as an image file, and return its pixels (H, W, C)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, channels), "uint8")
    Image.fromarray(pixels[..., 0] if channels == 1 else pixels).save(path)
    return pixels


def read_image(path):
    with Image.open(path) as image:
        pixels = np.asarray(image)
    return pixels if pixels.ndim == 3 else pixels[..., None]


# Tiles.


@settings(deadline=None)
@given(
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    max_pixels=st.integers(256, 3000),
    multiple=st.sampled_from([1, 2, 4]),
    scale=st.sampled_from([Fraction(1), Fraction(2), Fraction(1, 2), Fraction(1, 4)]),
)
def test_tiles_of_what_sees_single_pixels_give_what_the_whole_gives(
    height, width, max_pixels, multiple, scale
):
    image = np.random.default_rng(0).random((height, width, 3), "float32")
    sizes, shares = set(), []

    def function(images):
        assert images.shape[1] * images.shape[2] <= max_pixels
        assert not any(side % multiple for side in images.shape[1:3])
        sizes.add(images.shape)
        if scale > 1:
            return images.repeat(int(scale), axis=1).repeat(int(scale), axis=2)
        return images[:, :: scale.denominator, :: scale.denominator]

    made = in_tiles(
        function, image, max_pixels=max_pixels, multiple=multiple, scale=scale, done=shares.append
    )
    assert len(sizes) == 1  # so that it is compiled once
    assert sum(shares) == pytest.approx(1)
    assert made.shape == (round(height * scale), round(width * scale), 3)
    if scale >= 1:
        expected = image.repeat(int(scale), axis=0).repeat(int(scale), axis=1)
    else:
        expected = image[:: scale.denominator, :: scale.denominator]
        expected = expected[: made.shape[0], : made.shape[1]]
    assert np.allclose(made, expected, atol=1e-6)


def test_one_tile_fades_into_the_next_in_a_straight_line():
    numbers = iter([0.0, 1.0])

    def function(images):
        return np.full_like(images, next(numbers))

    made = in_tiles(function, np.zeros((8, 14, 1), "float32"), max_pixels=64)
    # Two tiles of 8 columns that have two in common: at a quarter and at three quarters.
    expected = [0] * 6 + [0.25, 0.75] + [1] * 6
    assert np.allclose(made, np.array(expected).reshape(1, 14, 1))


def test_tiles_without_room_for_an_overlap_are_refused():
    with pytest.raises(ZooError, match=r"Tiles need 1024 pixels or more\. Received: .* 99"):
        in_tiles(lambda x: x, np.zeros((40, 40, 1)), max_pixels=99, multiple=8)


# Files.


def test_an_image_keeps_its_size_and_takes_the_channels_of_the_domain(run, tmp_path):
    pixels = write_image(tmp_path / "one.png", 5, 9)
    result = translate_files(run, [tmp_path / "one.png"], "B", out=tmp_path / "out")
    assert result.written == [tmp_path / "out" / "one.png"]
    assert np.array_equal(read_image(result.written[0]), np.repeat(255 - pixels, 3, axis=-1))
    write_image(tmp_path / "two.jpg", 5, 9, 3)
    result = translate_files(run, [tmp_path / "two.jpg"], "A")
    assert result.written == [run.path / "translated-to-A" / "two.png"]
    grey = read_image(tmp_path / "two.jpg").mean(axis=-1)
    assert np.abs(read_image(result.written[0])[..., 0] - (255 - grey)).max() <= 0.51


def test_a_folder_keeps_its_sub_folders_and_what_cannot_be_read_is_named(run, tmp_path):
    for name in ("a.png", "deep/b.png", "deep/er/c.bmp"):
        write_image(tmp_path / "in" / name)
    (tmp_path / "in" / "text.png").write_text("No image.")
    result = translate_files(run, [tmp_path / "in"], "B", out=tmp_path / "out")
    names = {path.relative_to(tmp_path / "out").as_posix() for path in result.written}
    assert names == {"a.png", "deep/b.png", "deep/er/c.png"}
    assert result.skipped == [f"{tmp_path / 'in' / 'text.png'}: it is not an image"]
    found = {p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.*")}
    assert found == names | {"sheet.png"}


def test_deep_images_lose_no_more_than_eight_bits_hold(run, tmp_path):
    levels = np.linspace(0, 65535, 60).astype("uint16").reshape(6, 10)
    Image.fromarray(levels).save(tmp_path / "deep.png")
    result = translate_files(run, [tmp_path / "deep.png"], "B", out=tmp_path / "out")
    expected = np.rint(255 - levels / 257)
    assert np.abs(read_image(result.written[0])[..., 0] - expected).max() <= 1


def test_images_of_many_sizes_each_get_their_own_translation(run, tmp_path):
    expected = {}
    for number in range(7):
        name = f"{number}.png"
        expected[name] = 255 - write_image(
            tmp_path / "in" / name, 4 + number // 3, 6, 1, seed=number
        )
    result = translate_files(run, [tmp_path / "in"], "B", out=tmp_path / "out")
    for path in result.written:
        assert np.array_equal(read_image(path)[..., :1], expected.pop(path.name))
    assert not expected


def test_a_large_image_in_tiles_is_the_same(run, larger, tmp_path):
    pixels = write_image(tmp_path / "one.png", 31, 45)
    for trained, repeats in ((run, 1), (larger, 2)):
        out = tmp_path / f"out-{repeats}"
        result = translate_files(trained, [tmp_path / "one.png"], "B", out=out, max_pixels=256)
        assert result.tiled == 1
        expected = (255 - pixels).repeat(repeats, axis=0).repeat(repeats, axis=1)
        assert np.array_equal(read_image(result.written[0])[..., :1], expected)


def test_a_smaller_domain_has_smaller_images(larger, tmp_path):
    write_image(tmp_path / "one.png", 30, 44)
    for pixels in (2**20, 300):
        out = tmp_path / str(pixels)
        result = translate_files(larger, [tmp_path / "one.png"], "A", out=out, max_pixels=pixels)
        assert read_image(result.written[0]).shape == (15, 22, 1)
    whole, tiled = (read_image(tmp_path / str(n) / "one.png").astype(int) for n in (2**20, 300))
    assert np.abs(whole - tiled).max() <= 1


def test_a_model_of_one_size_crops_and_resizes_and_says_so(fixed, tmp_path):
    write_image(tmp_path / "exact.png", 8, 8)
    result = translate_files(fixed, [tmp_path / "exact.png"], "B", out=tmp_path / "exact")
    assert result.resized_to is None
    Image.new("L", (40, 20), 51).save(tmp_path / "wide.png")
    result = translate_files(fixed, [tmp_path / "wide.png"], "B", out=tmp_path / "wide")
    assert result.resized_to == (8, 8)
    assert np.array_equal(read_image(result.written[0]), np.full((8, 8, 3), 204))
    with pytest.raises(ZooError, match="Leave out --max-pixels"):
        translate_files(fixed, [tmp_path / "wide.png"], "B", max_pixels=4096)


def test_what_was_made_is_translated_back_without_its_contact_sheet(run, tmp_path):
    pixels = write_image(tmp_path / "in" / "one.png")
    there = translate_files(run, [tmp_path / "in"], "B", out=tmp_path / "there")
    assert there.sheet.exists()
    back = translate_files(run, [tmp_path / "there"], "A", out=tmp_path / "back")
    assert [path.name for path in back.written] == ["one.png"]
    assert np.array_equal(read_image(back.written[0]), pixels)


# What is never written over.


def test_own_files_are_replaced_and_those_of_others_are_not(run, tmp_path):
    write_image(tmp_path / "one.png")
    out = tmp_path / "out"
    translate_files(run, [tmp_path / "one.png"], "B", out=out)
    pixels = write_image(tmp_path / "one.png", seed=1)
    result = translate_files(run, [tmp_path / "one.png"], "B", out=out)
    assert np.array_equal(read_image(result.written[0])[..., :1], 255 - pixels)
    kept = write_image(out / "one.png", seed=2)
    with pytest.raises(RunError, match=r"one.png' exists and was not written by `zoo translate`"):
        translate_files(run, [tmp_path / "one.png"], "B", out=out)
    assert np.array_equal(read_image(out / "one.png"), kept)


def test_no_input_is_written_over(run, tmp_path):
    pixels = write_image(tmp_path / "in" / "one.png")
    with pytest.raises(RunError, match="is an image to be translated, and would be written over"):
        translate_files(run, [tmp_path / "in"], "B", out=tmp_path / "in")
    translate_files(run, [tmp_path / "in"], "B", out=tmp_path / "out")
    with pytest.raises(RunError, match="would be written over"):  # though it is its own
        translate_files(run, [tmp_path / "out"], "A", out=tmp_path / "out")
    assert np.array_equal(read_image(tmp_path / "in" / "one.png"), pixels)


def test_two_inputs_of_one_name_are_refused_and_one_given_twice_is_not(run, tmp_path):
    write_image(tmp_path / "in" / "one.png")
    write_image(tmp_path / "in" / "one.bmp")
    with pytest.raises(DataError, match=r"one.bmp' and '.*one.png' would both be written to"):
        translate_files(run, [tmp_path / "in"], "B")
    paths = [tmp_path / "in" / "one.png", tmp_path / "in" / ".." / "in" / "one.png"]
    assert len(translate_files(run, paths, "B", out=tmp_path / "out").written) == 1


def test_an_image_with_the_name_of_the_contact_sheet_is_refused(run, tmp_path):
    write_image(tmp_path / "in" / "sheet.png")
    with pytest.raises(DataError, match="has the name of the contact sheet"):
        translate_files(run, [tmp_path / "in"], "B")


# What fails.


def test_it_fails_where_no_file_can_be_read(run, tmp_path):
    (tmp_path / "text.png").write_text("No image.")
    with pytest.raises(DataError, match=r"None of the 1 files .*it is not an image"):
        translate_files(run, [tmp_path / "text.png"], "B", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_missing_path_and_an_empty_folder_are_named(run, tmp_path):
    with pytest.raises(DataError, match=r"There is no file or folder '.*nothing'"):
        translate_files(run, [tmp_path / "nothing"], "B")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no images"):
        translate_files(run, [tmp_path / "empty"], "B")


def test_an_image_that_would_become_too_large_is_left_out(larger, tmp_path, monkeypatch):
    monkeypatch.setattr("zoo.translating.MAX_PIXELS", 400)
    write_image(tmp_path / "in" / "large.png", 11, 10)
    write_image(tmp_path / "in" / "small.png", 10, 10)
    result = translate_files(larger, [tmp_path / "in"], "B", out=tmp_path / "out")
    assert [path.name for path in result.written] == ["small.png"]
    assert "large.png: it would become one of 20x22 pixels" in result.skipped[0]


def test_images_of_a_size_that_the_network_cannot_take_are_left_out(run, tmp_path):
    for name, height in (("flat.png", 1), ("plain.png", 1), ("high.png", 5)):
        write_image(tmp_path / "in" / name, height)
    result = translate_files(run, [tmp_path / "in"], "B", out=tmp_path / "out")
    assert [path.name for path in result.written] == ["high.png"]
    assert [reason.rpartition("/")[2] for reason in result.skipped] == [
        f"{name}: Images must have two pixels a side." for name in ("flat.png", "plain.png")
    ]


def test_a_model_that_makes_nonsense_is_told(site, tmp_path):
    run = make_translator_run(tmp_path / "run", broken=True)
    write_image(tmp_path / "one.png")
    with pytest.raises(MediaError, match="values that are NaN"):
        translate_files(run, [tmp_path / "one.png"], "B")


def test_an_interruption_leaves_whole_files_and_says_how_many(site, tmp_path):
    run = make_translator_run(tmp_path / "run", "interrupted-negatives")
    for number in range(3):
        write_image(tmp_path / "in" / f"{number}.png", 4 + number)
    with pytest.raises(Interrupted, match=r"Stopped. 2 of 3 images are translated: .*out"):
        translate_files(run, [tmp_path / "in"], "B", out=tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["0.png", "1.png"]
    for number in range(2):
        assert read_image(tmp_path / "out" / f"{number}.png").shape == (4 + number, 10, 3)


# What a run says of itself.


def test_the_script_of_a_runs_card_translates_a_photo(run, tmp_path, monkeypatch):
    load_model(run).save(run.model_path)
    write_card(run, NEGATIVES)
    text = run.card_path.read_text()
    assert "zoo translate run photo.png --to B" in text
    assert "Translations are made up" in text
    script = text.partition("inside this folder:\n\n```\n")[2].partition("```")[0]
    folder = tmp_path / "folder"
    folder.mkdir()
    shutil.copy(run.model_path, folder)
    Image.new("RGB", (60, 40), (51, 51, 51)).save(folder / "photo.png")
    monkeypatch.chdir(folder)
    exec(compile(script, "README.md", "exec"), {})  # noqa: S102
    assert (read_image(folder / "translated.png") == 204).all()


def test_the_report_says_what_its_pictures_show(run):
    save_grid(np.zeros((1, 8, 8, 1)), run.samples_path / "epoch-0001.png")
    write_report(run, NEGATIVES)
    expected = "Held-out images of A as B and back, and of B as A and back, after epoch 1"
    assert expected in run.report_path.read_text()


# Pictures.


def test_round_trips_are_rows_of_three_at_one_height(tmp_path):
    small = np.zeros((2, 8, 8, 1), "float32")
    large = np.ones((2, 32, 16, 3), "float32") * np.array([1, 0, 0], "float32")
    trips = (RoundTrip("A", small, large, small), RoundTrip("B", large, small, large))
    save_round_trips(trips, tmp_path / "trips.png")
    picture = read_image(tmp_path / "trips.png")
    height = 128  # the narrowest, 16 of 32 pixels, is to be 64 wide
    tiles = picture[-(2 * height + 2) :]
    black, red, grey = [0, 0, 0], [255, 0, 0], [112, 112, 112]
    row = [(black, 128), (red, 64), (black, 128), None, (red, 64), (black, 128), (red, 64)]
    left = 0
    for number, tile in enumerate(row):
        if tile is None:
            left += 12 - 2
            continue
        colour, width = tile
        for top in (0, height + 2):
            assert (tiles[top : top + height, left : left + width] == colour).all(), number
        assert (tiles[height : height + 2, left : left + width] == grey).all()
        left += width + 2


def test_thumbnails_fit_the_contact_sheet(tmp_path):
    assert thumbnail(Image.new("L", (8, 4))).size == (192, 96)
    assert thumbnail(Image.new("RGB", (1000, 500))).size == (SHEET_PIXELS, 96)
    assert thumbnail(Image.new("RGB", (5000, 2))).size == (SHEET_PIXELS, 1)


def test_the_contact_sheet_shows_each_image_beside_its_translation():
    black, white = (thumbnail(Image.new("L", (8, 8), level)) for level in (0, 255))
    long_name = "folder/" * 30 + "name"
    sheet = np.asarray(contact_sheet([(long_name, black, white)] * 3, "B"))
    step = SHEET_PIXELS + 2
    assert sheet.shape == (16 + 2 * (16 + step), 4 * step + 12, 3)
    for top in (32, 32 + 16 + step):
        assert not sheet[top : top + SHEET_PIXELS, :SHEET_PIXELS].any()
        assert (sheet[top : top + SHEET_PIXELS, step : 2 * step] == 255).all()
