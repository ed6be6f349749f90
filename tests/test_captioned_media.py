"""Images with captions as pictures: what is written, where, and in as much room as there is."""

import sys

import numpy as np
import pytest
from illustrators import PAINTER, Painter, install_illustrators
from PIL import Image, ImageFont

from zoo.commands import run
from zoo.data import load
from zoo.data.dataset import CaptionedSpec
from zoo.doctor import TrainingDoctor
from zoo.media import MediaError, save_captioned, save_samples
from zoo.media.captioned import (
    LINE_PIXELS,
    MARGIN_PIXELS,
    MOST_LINES,
    TEXT_PIXELS,
    TILE_PIXELS,
    captioned_sheet,
    save_caption_path,
    save_captioned_rows,
    wrapped,
)
from zoo.media.grid import SEPARATOR_PIXELS
from zoo.media.report import write_card
from zoo.runs import Run

VOCABULARY = ("", "▁<unknown>", "▁red", "▁ball")
TILE = TILE_PIXELS + SEPARATOR_PIXELS
LINE = LINE_PIXELS + 2 * MARGIN_PIXELS
GREY = np.full((1, 4, 4, 1), 0.5, "float32")
LONG = "a small red circle above a large blue square beside a green triangle that nobody saw"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Install the model."""
    folder = tmp_path_factory.mktemp("site")
    install_illustrators(folder)
    sys.path.insert(0, str(folder))
    yield
    sys.path.remove(str(folder))


@pytest.fixture(scope="module")
def trained(site, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "painter"
    assert run(["train", "painter", "--out", str(folder), "--epochs", "2"]) == 0
    return folder


def ink(picture, *box):
    """Return whether there is anything but white in a part of a picture."""
    return bool((np.asarray(picture.crop(box)) < 250).any())


def pixels(path):
    with Image.open(path) as picture:
        return picture.convert("RGB")


def length(text):
    from matplotlib import get_data_path

    font = ImageFont.truetype(f"{get_data_path()}/fonts/ttf/DejaVuSans.ttf", TEXT_PIXELS)
    return font.getlength(text)


def test_a_short_caption_is_one_line():
    assert wrapped("a red ball", 300) == ["a red ball"]
    assert wrapped("", 300) == [""]


@pytest.mark.parametrize("width", [64, 128, 300])
def test_a_caption_is_wrapped_between_words_into_at_most_three_lines(width):
    lines = wrapped(LONG, width)
    assert 1 < len(lines) <= MOST_LINES
    assert all(length(line) <= width for line in lines)
    whole = " ".join(lines).removesuffix("…")
    assert LONG.replace(" ", "").startswith(whole.replace(" ", ""))
    if width >= 128:
        words = LONG.split()
        assert all(word.removesuffix("…") in words for line in lines[:-1] for word in line.split())


def test_a_caption_that_fits_is_whole_and_one_that_does_not_ends_in_dots():
    assert " ".join(wrapped(LONG, 300)) == LONG
    assert wrapped(LONG, 100)[-1].endswith("…")


def test_a_sentence_about_two_shapes_fits_below_a_tile():
    text = "a small yellow triangle to the left of a large yellow square"
    assert " ".join(wrapped(text, TILE_PIXELS)) == text


def test_a_word_wider_than_the_tile_is_broken():
    lines = wrapped("x" * 20, 100)
    assert "".join(lines) == "x" * 20
    assert len(lines) == 2


def test_what_would_mislead_is_escaped():
    assert "".join(wrapped("a\u202eb\x00c", 300)) == "a\\u202eb\\u0000c"


@pytest.mark.parametrize("caption", ["Красный шар", "κόκκινη", "日本語", "😀 a", "ﷺ", "e\u0301"])
def test_any_alphabet_can_be_drawn(caption):
    assert ink(captioned_sheet(GREY, [caption]), 0, TILE_PIXELS + 1, TILE_PIXELS, TILE_PIXELS + 14)


def test_each_image_has_its_caption_below_it():
    images = np.zeros((3, 4, 4, 1), "float32")
    images[1] = 1
    picture = captioned_sheet(images, ["one", "", "three"])
    assert picture.size == (2 * TILE - SEPARATOR_PIXELS, 2 * (TILE_PIXELS + LINE))
    found = np.asarray(picture)
    assert (found[:TILE_PIXELS, :TILE_PIXELS] == 0).all()
    assert (found[:TILE_PIXELS, TILE:] == 255).all()
    below = TILE_PIXELS, TILE_PIXELS + LINE
    assert ink(picture, 0, below[0], TILE_PIXELS, below[1])
    assert not ink(picture, TILE, below[0], TILE + TILE_PIXELS, below[1])


@pytest.mark.parametrize(
    ("shape", "side"), [((16, 16, 3), 128), ((48, 48, 1), 144), ((256, 256, 3), 256)]
)
def test_images_are_enlarged_until_there_is_room_for_a_caption(shape, side):
    picture = captioned_sheet(np.zeros((1, *shape), "float32"), ["one"])
    assert picture.size == (side, side + LINE)


def test_rows_have_their_caption_above_them(tmp_path):
    images = np.zeros((2, 3, 4, 4, 3), "float32")
    save_captioned_rows(images, ["one", ""], tmp_path / "rows.png")
    picture = pixels(tmp_path / "rows.png")
    width, height = 3 * TILE - SEPARATOR_PIXELS, TILE_PIXELS + LINE
    assert picture.size == (width, 2 * height)
    assert ink(picture, 0, 0, width, LINE)
    assert not ink(picture, 0, height, width, height + LINE)
    assert (np.asarray(picture)[LINE:height, :TILE_PIXELS] == 0).all()


def test_many_images_of_a_text_go_on_in_further_lines(tmp_path):
    save_captioned_rows(np.zeros((1, 18, 4, 4, 1), "float32"), ["one"], tmp_path / "rows.png")
    size = 16 * TILE - SEPARATOR_PIXELS, 2 * TILE - SEPARATOR_PIXELS + LINE
    assert pixels(tmp_path / "rows.png").size == size


def test_on_the_way_between_captions_each_stands_above_its_column(tmp_path):
    images = np.zeros((1, 9, 4, 4, 1), "float32")
    save_caption_path(images, ["one", "two", "three"], (0, 4, 8), tmp_path / "way.png")
    picture = pixels(tmp_path / "way.png")
    assert picture.size == (9 * TILE - SEPARATOR_PIXELS, TILE_PIXELS + LINE)
    columns = [
        ink(picture, number * TILE, 0, number * TILE + TILE_PIXELS, LINE) for number in range(9)
    ]
    assert columns == [True, False, False, False, True, False, False, False, True]


def test_samples_of_captioned_data_are_written_with_their_captions(tmp_path):
    spec = CaptionedSpec(
        image_shape=(4, 4, 1), max_length=3, vocabulary=VOCABULARY, captions=("red ball",)
    )
    tokens = np.array([[2, 3, 0]], "int32")
    path = tmp_path / "samples.png"
    assert save_samples(spec, {"image": GREY, "caption": tokens}, path.with_suffix("")) == [path]
    captioned_sheet(GREY, ["red ball"]).save(tmp_path / "expected.png")
    assert pixels(path).tobytes() == pixels(tmp_path / "expected.png").tobytes()


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (GREY, "a mapping with 'image' and 'caption'. Received: ndarray"),
        ({"image": GREY}, r"Received: \['image'\]"),
        ({"image": GREY, "caption": np.zeros((2, 3), int)}, "1 images and 2 captions"),
        ({"image": GREY, "caption": np.full((1, 3), 4)}, "indices below 4"),
        ({"image": GREY * 4, "caption": np.zeros((1, 3), int)}, r"values in \[2, 2\]"),
        ({"image": GREY[:0], "caption": np.zeros((0, 3), int)}, r"Received: \(0, 4, 4, 1\)"),
    ],
)
def test_what_are_no_images_with_captions_is_refused(samples, message, tmp_path):
    with pytest.raises(MediaError, match=message):
        save_captioned(samples, VOCABULARY, tmp_path / "samples.png")
    assert not (tmp_path / "samples.png").exists()


def test_data_are_shown_with_their_captions(tmp_path, capsys):
    path = tmp_path / "data.png"
    command = ["data", "show", "captioned-digits", "-n", "4", "--image-size", "16"]
    assert run([*command, "--out", str(path)]) == 0
    assert pixels(path).width == 2 * TILE - SEPARATOR_PIXELS
    assert capsys.readouterr().out == f"Examples: {path}\n"


def test_each_epoch_leaves_a_sheet_of_the_remembered_captions(trained):
    paths = sorted((trained / "samples").iterdir())
    assert [path.name for path in paths] == ["epoch-0001.png", "epoch-0002.png"]
    assert pixels(paths[0]).tobytes() != pixels(paths[1]).tobytes()


def test_the_card_of_a_run_says_how_to_ask_for_a_text(trained, tmp_path, monkeypatch, site):
    card = (trained / "README.md").read_text(encoding="utf-8")
    caption = load("captioned-digits", kind="captioned").spec.captions[0]
    assert f"zoo sample painter --text '{caption}' -n 8\n" in card
    assert "tokens of its vocabulary alone" in card
    train_command = next(line for line in card.splitlines() if line.startswith("zoo train "))
    assert "--set" not in train_command  # the data decide captions, vocabulary and the like
    script = card.partition("In Python, inside this folder:")[2].split("```")[1]
    monkeypatch.chdir(trained)
    exec(compile(script, "card", "exec"), {})  # noqa: S102  # our own
    assert pixels("samples.png").width % TILE == TILE_PIXELS


def test_a_card_of_a_model_with_embeddings_claims_no_words(trained, tmp_path):
    opened = Run.open(trained)
    opened.request.config["embedding_size"] = 7
    write_card(opened, PAINTER)
    card = opened.card_path.read_text(encoding="utf-8")
    assert "tokens of its vocabulary alone" not in card


def test_the_doctor_looks_at_the_images_of_samples(capsys):
    dataset = load("captioned-digits", kind="captioned", image_size=8)
    spec = dataset.spec
    x, _ = dataset.read(np.arange(256))
    model = Painter(
        Painter.config_class(
            image_shape=spec.image_shape,
            max_length=spec.max_length,
            vocabulary=spec.vocabulary,
            captions=spec.captions,
        )
    )
    model.compile()
    doctor = TrainingDoctor(x["image"])
    doctor.go_on(1000)
    model.fit(x, batch_size=64, epochs=1, verbose=0, callbacks=[doctor])
    assert doctor._looks
