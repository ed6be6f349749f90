"""`zoo translate` on the command line: what it says, and what it refuses."""

import sys

import numpy as np
import pytest
from PIL import Image
from translators import install_translators, make_translator_run

from zoo.commands import run


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    install_translators(folder)
    sys.path.insert(0, str(folder))
    yield
    sys.path.remove(str(folder))


@pytest.fixture(scope="module")
def trained(site, tmp_path_factory):
    return make_translator_run(tmp_path_factory.mktemp("runs") / "run").path


@pytest.fixture
def photo(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30), "uint8")
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def translate(capsys, *arguments):
    """Return the exit code, stdout and stderr of `zoo translate`."""
    capsys.readouterr()
    code = run(["translate", *map(str, arguments)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_it_says_where_the_images_are_and_what_was_left_out(trained, photo, capsys):
    photo.with_name("broken.png").touch()
    code, out, err = translate(capsys, trained, photo.parent, "--to", "B")
    assert code == 0
    assert err == f"Left out: {photo.with_name('broken.png')}: it is empty\n"
    folder = trained / "translated-to-B"
    assert out.splitlines() == [
        "Translated to B: 1 of 2 images",
        f"Images: {folder}",
        f"Contact sheet: {folder / 'sheet.png'}",
    ]
    with Image.open(folder / "photo.png") as image:
        assert image.size == (30, 20)


def test_it_says_that_it_cut_images_into_tiles(trained, photo, tmp_path, capsys):
    options = ("--to", "B", "--max-pixels", 256, "--out", tmp_path / "out")
    code, out, _ = translate(capsys, trained, photo, *options)
    assert code == 0
    assert "In tiles, because they are large: 1\n" in out


def test_it_says_once_that_it_crops_and_resizes(site, photo, tmp_path, capsys):
    fixed = make_translator_run(tmp_path / "run", "fixed-negatives").path
    Image.new("L", (9, 9)).save(photo.with_name("other.png"))
    code, out, _ = translate(capsys, fixed, photo, photo.with_name("other.png"), "--to", "B")
    assert code == 0
    assert out.count("Cropped and resized to 8x8 pixels, as the model was trained on them") == 1


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], (2, "Missing option '--to'. Choose from:")),
        (["--to", "C"], (2, "'C' is not one of 'A', 'B'")),
        (["--to", "A", "--max-pixels", "0"], (2, "0 is not in the range")),
        (["--to", "A", "--max-pixels", "9"], (1, "Tiles need 64 pixels or more")),
    ],
)
def test_what_cannot_be_done_is_refused(trained, photo, capsys, options, expected):
    code, _, err = translate(capsys, trained, photo, *options)
    assert code == expected[0]
    assert expected[1] in err


def test_it_needs_something_to_translate(trained, capsys):
    code, _, err = translate(capsys, trained, "--to", "A")
    assert code == 2
    assert "Missing argument 'PATHS...'" in err


def test_a_model_that_does_not_translate_says_what_it_is(photo, tmp_path, capsys):
    small = ("--set", "hidden_sizes=4", "--set", "latent_size=2", "--steps", "1")
    assert run(["train", "vae", "--out", str(tmp_path / "vae"), *small]) == 0
    code, _, err = translate(capsys, tmp_path / "vae", photo, "--to", "A")
    assert code == 1
    assert "'vae' translates nothing: it is a model of image data. Expected: the run of" in err
    assert err.count("\n") == 1


def test_a_folder_that_cannot_be_written_is_told_in_one_line(trained, photo, tmp_path, capsys):
    (tmp_path / "file").touch()
    code, _, err = translate(capsys, trained, photo, "--to", "B", "--out", tmp_path / "file")
    assert code == 1
    assert "file' cannot be made: File exists" in err
    assert err.count("\n") == 1


def test_an_interruption_is_told_with_its_own_exit_code(site, photo, tmp_path, capsys):
    slow = make_translator_run(tmp_path / "run", "interrupted-negatives").path
    for side in (4, 5):
        Image.new("L", (side, side)).save(photo.with_name(f"{side}.png"))
    code, out, err = translate(capsys, slow, photo.parent, "--to", "B", "--out", tmp_path / "out")
    assert (code, out) == (130, "")
    assert err.strip() == f"Stopped. 2 of 3 images are translated: {tmp_path / 'out'}"
