"""`zoo sample --text` and `zoo latent captions`: images of texts, by a model that is known."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from illustrators import install_illustrators
from PIL import Image

from zoo.commands import run
from zoo.data import load
from zoo.errors import DataError
from zoo.illustrating import (
    illustrate_between,
    illustrate_each,
    read_texts,
    warning_of_unknown_words,
)
from zoo.media.captioned import LINE_PIXELS, MARGIN_PIXELS, TILE_PIXELS
from zoo.media.grid import SEPARATOR_PIXELS
from zoo.planning import open_run
from zoo.testing import PluginContract
from zoo.training import load_model

TILE = TILE_PIXELS + SEPARATOR_PIXELS
LINE = LINE_PIXELS + 2 * MARGIN_PIXELS  # of a caption that is one line


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Install the models."""
    folder = tmp_path_factory.mktemp("site")
    install_illustrators(folder)
    sys.path.insert(0, str(folder))
    yield
    sys.path.remove(str(folder))


@pytest.fixture(scope="module")
def embeddings(tmp_path_factory):
    """Write an embedding of every caption of the digits, and of one that they have not."""
    captions = captions_of_digits() | {"a digit of our own": None}
    vectors = np.random.default_rng(0).normal(size=(len(captions), 5)).astype("float32")
    path = tmp_path_factory.mktemp("embeddings") / "embeddings.npz"
    np.savez(path, captions=list(captions), embeddings=vectors)
    return path


def captions_of_digits():
    return {
        text: None
        for split in ("train", "test")
        for dataset in [load("captioned-digits", kind="captioned", split=split)]
        for index in range(len(dataset))
        for text in dataset.texts(index)
    }


def train(folder, model, *options):
    assert run(["train", model, "--out", str(folder), "--steps", "3", *options]) == 0
    return folder


@pytest.fixture(scope="module")
def painter(site, tmp_path_factory):
    return train(tmp_path_factory.mktemp("runs") / "painter", "painter")


@pytest.fixture(scope="module")
def told(site, embeddings, tmp_path_factory):
    """A run on embeddings that the data bring."""
    folder = tmp_path_factory.mktemp("runs") / "told"
    return train(folder, "painter", "--embeddings", str(embeddings))


def zoo(capsys, *arguments):
    """Return the exit code, stdout and stderr of a command."""
    code = run(list(map(str, arguments)))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture.convert("L"))


def tiles(rows, columns, caption=LINE):
    """Return the shape of a picture of rows that have a line of text above them."""
    return rows * (TILE_PIXELS + caption), columns * TILE - SEPARATOR_PIXELS


class OwnNoise:
    """Illustrates with the noise and the embedding themselves, as a picture of two pixels."""

    def draw_noise(self, count, *, seed=0):
        return np.random.default_rng(seed).random((count, 1))

    def illustrate(self, noise, embeddings):
        return np.concatenate([noise, embeddings], axis=1).reshape(-1, 1, 2, 1)


class TestPainter(PluginContract):
    model_name = "painter"

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _installed(cls, site):
        """The plugin is there."""


def test_images_of_a_column_are_made_of_one_noise():
    embeddings = np.array([[10.0], [20.0], [30.0]])
    images = illustrate_each(OwnNoise(), embeddings, 4, seed=3)
    assert images.shape == (3, 4, 1, 2, 1)
    noise = np.random.default_rng(3).random(4)
    assert np.array_equal(images[:, :, 0, 0, 0], np.tile(noise, (3, 1)))
    assert np.array_equal(images[:, :, 0, 1, 0], np.repeat(embeddings, 4, axis=1))


def test_between_captions_the_embedding_moves_on_a_line_and_the_noise_stays():
    embeddings = np.array([[0.0], [1.0], [-1.0]])
    images = illustrate_between(OwnNoise(), embeddings, steps=5, count=2, seed=3)
    assert images.shape == (2, 9, 1, 2, 1)
    assert np.allclose(images[:, :, 0, 1, 0], [[0, 0.25, 0.5, 0.75, 1, 0.5, 0, -0.5, -1]] * 2)
    noise = np.random.default_rng(3).random(2)
    assert np.array_equal(images[:, :, 0, 0, 0], np.repeat(noise[:, None], 9, axis=1))


def test_more_images_than_a_picture_shows_are_refused_before_they_are_made():
    with pytest.raises(DataError, match=r"3 x 5,000 images are more .* at most 4,096"):
        illustrate_each(OwnNoise(), np.zeros((3, 1)), 5000)


def test_a_file_of_texts_has_a_text_a_line(tmp_path):
    path = tmp_path / "texts.txt"
    path.write_bytes("\ufeffone\r\n\n   \n  two ones \nété".encode())
    assert read_texts(path) == ["one", "  two ones ", "été"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\n \n", "holds no text"),
        (b"\xff\xfe\x00", "is no text in UTF-8: invalid start byte at byte 0"),
        (b"a" * (2**20 + 1), "is too large"),
        (None, "There is no file of texts"),
    ],
)
def test_what_is_no_file_of_texts_is_refused(tmp_path, content, message):
    path = tmp_path / "texts.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_texts(path)


def test_unknown_words_are_named_once_each():
    config = {"vocabulary": ["", "▁<unknown>", "▁red", "▁ball"], "embedding_size": 0}
    assert warning_of_unknown_words(config, ["A red ball", "a Ball"]).startswith(
        "The model does not know 'a': "
    )
    assert warning_of_unknown_words(config, ["red ball"]) is None
    many = " ".join(f"word{number}" for number in range(12))
    assert "'word9', 2 more: " in warning_of_unknown_words(config, [many])
    assert warning_of_unknown_words({**config, "embedding_size": 3}, ["flurble"]) is None


def test_without_texts_the_remembered_captions_are_illustrated(painter, capsys):
    assert zoo(capsys, "sample", painter) == (0, f"Samples: {painter / 'samples.png'}\n", "")
    assert pixels(painter / "samples.png").shape[1] % TILE == TILE_PIXELS


def test_each_text_has_a_row_of_its_own(painter, capsys, tmp_path):
    path = tmp_path / "rows.png"
    texts = ("--text", "the digit one", "--text", "A  handwritten SEVEN")
    assert zoo(capsys, "sample", painter, *texts, "--out", path) == (0, f"Samples: {path}\n", "")
    found = pixels(path)
    assert found.shape == tiles(2, 8)
    model = load_model(open_run(painter))
    made = model.sample(8, seed=0, texts=["a handwritten seven"] * 8)["image"]
    shown = found[-TILE_PIXELS:][TILE_PIXELS // 16 :: TILE_PIXELS // 8]  # middles of its pixels
    columns = np.concatenate([number * TILE + np.arange(8) * 16 + 8 for number in range(8)])
    expected = np.rint(255 * np.concatenate(made[..., 0], axis=1))
    assert np.abs(shown[:, columns] - expected).max() <= 1


def test_count_and_seed_say_which_images_of_a_text(painter, capsys, tmp_path):
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for path, seed in zip(paths, (1, 1, 2), strict=True):
        options = ("--text", "the digit one", "-n", 3, "--seed", seed, "--out", path)
        assert zoo(capsys, "sample", painter, *options)[0] == 0
    first, again, other = map(pixels, paths)
    assert first.shape == tiles(1, 3)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_texts_come_from_a_file_and_unknown_words_are_named(painter, capsys, tmp_path):
    texts, path = tmp_path / "texts.txt", tmp_path / "rows.png"
    texts.write_text("the digit one\n\nthe flurble two\n", encoding="utf-8")
    options = ("--texts", texts, "--text", "seven", "-n", 2, "--out", path)
    code, out, err = zoo(capsys, "sample", painter, *options)
    assert (code, out) == (0, f"Samples: {path}\n")
    assert err.startswith("warning: The model does not know 'flurble': ")
    assert err.count("\n") == 1
    assert pixels(path).shape == tiles(3, 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--text", " "), "must hold words"),
        (("--text", "один"), "knows no word of 'один'"),
        (("--text", "one " * 50), "Received 50"),
        (("--texts", "nowhere.txt"), "There is no file of texts 'nowhere.txt'"),
        (("--text", "one", "--class", "3"), "takes no class"),
        (("--text", "one", "--temperature", "0.5,1"), "has no temperature"),
        (("--text", "one", "--truncation", "1"), "has no truncation"),
        (("--text", "one", "--seconds", "1"), "Leave out --seconds"),
        (("--text", "one", "--sample-rate", "8000"), "is for sounds"),
        (("--text", "one", "--out", "one.gif"), "written as '.png'. Received: 'one.gif'"),
        (("--text", "one", "-n", "20000"), "1 x 20,000 images are more than a picture shows"),
        (("--embeddings", "a.npz"), "makes the embeddings of texts itself"),
    ],
)
def test_what_cannot_be_illustrated_is_refused_in_one_line(painter, capsys, options, message):
    code, out, err = zoo(capsys, "sample", painter, *options)
    assert (code, out) == (1, "")
    assert message in err
    assert err.count("\n") == 1


def test_more_texts_than_a_picture_shows_are_refused(painter, capsys, tmp_path):
    path = tmp_path / "texts.txt"
    path.write_text("one\n" * 257)
    code, _, err = zoo(capsys, "sample", painter, "--texts", path)
    assert code == 1
    assert "There are 257 texts. At most 256" in err


def test_a_model_that_takes_no_text_refuses_one(capsys, tmp_path):
    small = ("--set", "hidden_sizes=4", "--set", "latent_size=2", "--steps", "1")
    assert run(["train", "vae", "--out", str(tmp_path / "vae"), *small]) == 0
    for arguments in (
        ("sample", tmp_path / "vae", "--text", "a seven"),
        ("latent", "captions", tmp_path / "vae", "a seven", "a nine"),
    ):
        capsys.readouterr()
        code, _, err = zoo(capsys, *arguments)
        assert code == 1
        assert "'vae' makes no images of text. Expected: the run of a model that does" in err


def test_a_picture_leads_from_caption_to_caption(painter, capsys, tmp_path):
    path = tmp_path / "way.png"
    texts = ("the digit one", "the digit two", "the digit three")
    options = ("--steps", 3, "-n", 2, "--out", path)
    code, out, err = zoo(capsys, "latent", "captions", painter, *texts, *options)
    assert (code, out, err) == (0, f"Picture: {path}\n", "")
    found = pixels(path)
    assert found.shape == (2 * TILE - SEPARATOR_PIXELS + LINE, 5 * TILE - SEPARATOR_PIXELS)
    alone = tmp_path / "alone.png"
    options = ("--text", "the digit two", "-n", 2, "--out", alone)
    assert zoo(capsys, "sample", painter, *options)[0] == 0
    middle = found[LINE:, 2 * TILE : 2 * TILE + TILE_PIXELS]
    for row in range(2):
        one = pixels(alone)[LINE:, row * TILE : row * TILE + TILE_PIXELS]
        assert np.abs(one.astype(int) - middle[row * TILE : row * TILE + TILE_PIXELS]).max() <= 1


@pytest.mark.parametrize(
    ("texts", "code", "message"),
    [
        (("one",), 2, "Give two texts or more"),
        (("one", "flurble"), 1, "knows no word of 'flurble'"),
        (("one", " "), 1, "must hold words"),
    ],
)
def test_what_lies_between_needs_two_texts_that_the_model_reads(
    painter, capsys, texts, code, message
):
    found, _, err = zoo(capsys, "latent", "captions", painter, *texts)
    assert found == code
    assert message in err


@pytest.mark.parametrize(
    "arguments",
    [
        ("sheet",),
        ("interpolate",),
        ("traverse",),
        ("reconstruct",),
        ("manifold",),
        ("arithmetic", "--plus", "1", "--plus", "2"),
        ("invert", "--index", "1"),
        ("attribute", "--class", "1"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_the_other_latent_commands_name_those_that_suit(painter, capsys, arguments):
    command, *options = arguments
    code, out, err = zoo(capsys, "latent", command, painter, *options)
    assert (code, out) == (1, "")
    assert "`zoo latent captions`" in err
    assert "`zoo sample --text`" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [("complete",), ("translate", "--to", "B", "a.png"), ("latent", "neighbours", "king")],
)
def test_commands_of_other_models_refuse_this_one_in_one_line(painter, capsys, arguments):
    Path("a.png").touch()
    at = 2 if arguments[0] == "latent" else 1
    code, out, err = zoo(capsys, *arguments[:at], painter, *arguments[at:])
    assert (code, out) == (1, "")
    assert err.startswith("error: 'painter' ")
    assert err.count("\n") == 1


def test_an_interruption_leaves_no_picture(site, capsys, tmp_path, painter):
    folder = tmp_path / "interrupted"
    shutil.copytree(painter, folder)
    request = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**request, "model": "interrupted-painter"}))
    (folder / "samples.png").unlink(missing_ok=True)
    code, out, err = zoo(capsys, "sample", folder, "--text", "one")
    assert (code, out) == (130, "")
    assert "Traceback" not in err
    assert not (folder / "samples.png").exists()


def test_embeddings_of_a_file_are_illustrated_all_or_by_name(told, embeddings, capsys, tmp_path):
    everything, path = tmp_path / "all.png", tmp_path / "one.png"
    options = ("--embeddings", embeddings, "-n", 2, "--out")
    assert zoo(capsys, "sample", told, *options, everything)[0] == 0
    with np.load(embeddings) as arrays:
        count = len(arrays["captions"])
    assert pixels(everything).shape == tiles(count, 2)
    options = ("--text", "A digit of our own", *options)
    assert zoo(capsys, "sample", told, *options, path) == (0, f"Samples: {path}\n", "")
    assert np.array_equal(pixels(path), pixels(everything)[-(TILE_PIXELS + LINE) :])


def test_a_way_leads_between_embeddings_of_a_file(told, embeddings, capsys, tmp_path):
    path = tmp_path / "way.png"
    options = ("--embeddings", embeddings, "-n", 1, "--steps", 2, "--out", path)
    texts = ("a digit of our own", "the digit one")
    assert zoo(capsys, "latent", "captions", told, *texts, *options)[0] == 0
    assert pixels(path).shape[1] == 2 * TILE - SEPARATOR_PIXELS


def test_embeddings_that_do_not_suit_are_refused(told, embeddings, capsys, tmp_path):
    other = tmp_path / "other.npz"
    np.savez(other, captions=["one"], embeddings=np.zeros((1, 4), "float32"))
    for options, message in (
        (("--embeddings", embeddings, "--text", "a dog"), "has no embedding of 'a dog'"),
        (("--embeddings", other), "has embeddings of 4 numbers. Expected: 5"),
        (("--embeddings", "nowhere.npz"), "no file of embeddings 'nowhere.npz'"),
        (("--text", "a dog"), "Its embeddings come from elsewhere"),
    ):
        code, _, err = zoo(capsys, "sample", told, *options)
        assert code == 1
        assert message in err
        assert err.count("\n") == 1


def test_a_run_on_another_machine_needs_no_data(site, capsys, tmp_path, monkeypatch):
    folder = tmp_path / "pictures"
    folder.mkdir()
    generator = np.random.default_rng(0)
    for number in range(12):
        grey = generator.integers(0, 256, (8, 8), "uint8")
        Image.fromarray(grey).save(folder / f"{number}.png")
        (folder / f"{number}.txt").write_text("a dark dot\n" if number % 2 else "a light dot\n")
    options = ("--data", str(folder), "--batch-size", "4")
    there = train(tmp_path / "there", "painter", *options)
    here = tmp_path / "here"
    texts = ("--text", "a dark dot", "-n", 2, "--out")
    assert zoo(capsys, "sample", there, *texts, tmp_path / "there.png")[0] == 0
    there.rename(here)
    shutil.rmtree(folder)
    capsys.readouterr()
    assert zoo(capsys, "sample", here, *texts, tmp_path / "here.png")[0] == 0
    assert np.array_equal(pixels(tmp_path / "there.png"), pixels(tmp_path / "here.png"))
    assert zoo(capsys, "sample", here)[0] == 0
    assert zoo(capsys, "latent", "captions", here, "dark", "light")[0] == 0
