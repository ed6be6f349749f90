"""The commands with sketches and with text: pictures of the former, tables of the latter."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from zoo.commands import run as zoo
from zoo.data import load
from zoo.data.vocabulary import text_of
from zoo.media.sketch import render
from zoo.media.text import shown_text

SKETCHES = ("encoder_units=8", "decoder_units=12", "latent_size=3", "mixtures=2")
SENTENCES = ("units=12", "embedding_size=8")
SETS = (*SENTENCES, "latent_size=3")


def train(folder, model, sets, *options):
    arguments = [word for value in sets for word in ("--set", value)]
    command = ["train", model, *arguments, *options, "--batch-size", "16", "--steps", "2"]
    assert zoo([*command, "--out", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def sketches(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "sketches"
    return train(folder, "sketch-rnn", SKETCHES, "--max-length", "24")


@pytest.fixture(scope="module")
def sentences(tmp_path_factory):
    return train(tmp_path_factory.mktemp("runs") / "sentences", "sentence-vae", SETS)


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    return train(tmp_path_factory.mktemp("runs") / "words", "word2vec", ("embedding_size=6",))


@pytest.fixture(scope="module")
def language_model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "language-model"
    return train(folder, "sentence-vae", (*SENTENCES, "latent_size=0"))


def doodles(*numbers):
    """Return the test doodles of at most 24 points, drawn, (N, H, W)."""
    data = load("doodles", kind="strokes", split="test", max_length=24)
    return np.stack([render(sketch) for sketch in data.read(np.array(numbers))[0]])[..., 0]


def pixels_of(path):
    with Image.open(path) as picture:
        return np.asarray(picture)


def tiles(path, side=96):
    """Return the tiles (R, K, H, W) of a grid of grey pictures."""
    pixels = pixels_of(path) / 255
    rows, columns = ((length + 2) // (side + 2) for length in pixels.shape)
    return np.array(
        [
            [pixels[r * (side + 2) :, c * (side + 2) :][:side, :side] for c in range(columns)]
            for r in range(rows)
        ]
    )


def test_sketches_are_sampled_at_several_temperatures(sketches, capsys):
    assert zoo(["sample", str(sketches), "-n", "3", "--temperature", "0.2,1"]) == 0
    written = ", ".join(str(sketches / f"samples.{suffix}") for suffix in ("png", "svg", "gif"))
    assert capsys.readouterr().out == f"Samples: {written}\n"
    picture = pixels_of(sketches / "samples.png")
    assert picture.shape == (2 * (16 + 96), 3 * 98 - 2)
    with Image.open(sketches / "samples.gif") as film:
        film.seek(film.n_frames - 1)
        drawn = np.asarray(film.convert("L"))
    np.testing.assert_allclose(drawn / 255, picture / 255, atol=0.05)
    drawing = (sketches / "samples.svg").read_text()
    assert re.findall(r"<text .*>(.*)</text>", drawing) == ["temperature 0.2", "temperature 1"]
    places = re.findall(r"translate\((\d+) (\d+)\)", drawing)
    tops = (16, 2 * 16 + 98)  # below the title; below the first row and the second title
    assert places == [(str(left), str(top)) for top in tops for left in (0, 98, 196)]
    assert zoo(["sample", str(sketches), "-n", "3", "--temperature", "1,x"]) == 2
    assert zoo(["sample", str(sketches), "-n", "3", "--temperature", "1,-1"]) == 2


def test_sketches_are_sampled_as_picture_drawing_and_film(sketches):
    assert zoo(["sample", str(sketches), "-n", "4", "--out", str(sketches / "s.png")]) == 0
    assert {path.suffix for path in sketches.glob("s.*")} == {".png", ".svg", ".gif"}
    assert (sketches / "s.svg").read_text().startswith("<svg")


def test_an_interpolation_of_sketches_begins_and_ends_with_the_sketches(sketches):
    arguments = ["--from", "3", "--to", "9", "--steps", "4"]
    assert zoo(["latent", "interpolate", str(sketches), *arguments]) == 0
    [row] = tiles(sketches / "latent-interpolate.png")
    assert len(row) == 6
    np.testing.assert_allclose(row[[0, -1]], doodles(3, 9), atol=1 / 255)


def test_given_sketches_are_reconstructed_in_the_scale_of_the_model(sketches, tmp_path):
    lines = [
        {"word": "hat", "drawing": [[[0, 40, 80 + n], [60, 10, 60]], [[0, 80], [60, 60]]]}
        for n in range(12)
    ]
    path = tmp_path / "own.ndjson"
    path.write_text("\n".join(map(json.dumps, lines)))
    out = tmp_path / "own.png"
    options = ["--data", str(path), "--split", "train", "-n", "3", "--out", str(out)]
    assert zoo(["latent", "reconstruct", str(sketches), *options]) == 0
    assert tiles(out).shape[:2] == (2, 3)


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("traverse", ["--dimensions", "2", "--steps", "3"]),
        ("arithmetic", ["--plus", "1,2", "--minus", "3"]),
        ("sheet", ["-n", "5"]),
    ],
)
def test_other_pictures_of_sketches_are_drawn(sketches, command, options):
    assert zoo(["latent", command, str(sketches), *options]) == 0
    assert pixels_of(sketches / f"latent-{command}.png").shape[1] > 200


def test_begun_sketches_are_completed_with_the_beginning_in_another_ink(sketches, capsys):
    options = ["--fraction", "0.5", "-n", "2", "--variants", "3"]
    assert zoo(["complete", str(sketches), *options]) == 0
    assert "Row 2: " in capsys.readouterr().out
    pixels = pixels_of(sketches / "complete.png").astype(int)
    is_blue = (pixels[..., 2] - pixels[..., 0]) > 60
    columns = np.array_split(is_blue, 5, axis=1)  # given, three made, original
    assert all(column.any() for column in columns[:4])
    assert not columns[4].any()


@pytest.fixture
def own_sketches(tmp_path):
    """Write two sketches as a person's own; one of them is in each split."""
    lines = [{"word": "hat", "drawing": [[[0, 90, 80 + n], [60, 10, 60]]]} for n in range(2)]
    path = tmp_path / "own.ndjson"
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


def test_own_sketches_are_completed_by_their_numbers(sketches, own_sketches, capsys):
    command = ["complete", str(sketches), "--data", str(own_sketches), "--fraction", "1"]
    for split in ("train", "test"):
        assert zoo([*command, "--split", split, "--index", "0"]) == 0
        assert f"Row 1: 0 of the {split} split of {own_sketches}\n" in capsys.readouterr().out
    assert zoo([*command, "--index", "1"]) == 1
    assert f"of the test split of {own_sketches} go from 0 to 0" in capsys.readouterr().err


def test_files_of_sketches_are_named_as_data(sketches, own_sketches, capsys):
    assert zoo(["complete", str(sketches), str(own_sketches)]) == 1
    assert f"Give it as --data '{own_sketches}', and numbers" in capsys.readouterr().err
    for option in (["--data", str(own_sketches)], ["--count", "1"]):
        assert zoo(["complete", str(sketches), "a.svg", *option]) == 2
        assert "Give files, or examples of the data" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("interpolate", ["--from", "0", "--to", "0"]),
        ("arithmetic", ["--plus", "0", "--minus", "0"]),
        ("traverse", ["--dimensions", "2"]),
        ("sheet", ["-n", "1"]),
    ],
)
def test_own_sketches_have_numbers_in_all_of_latent(sketches, own_sketches, command, options):
    own = ["--data", str(own_sketches), "--split", "train"]
    out = own_sketches.with_name("own.png")
    assert zoo(["latent", command, str(sketches), *options, *own, "--out", str(out)]) == 0
    if command == "interpolate":
        [row] = tiles(out)
        drawn = load(str(own_sketches), kind="strokes").read(np.array([0]))[0]
        shown = render(drawn[0])[..., 0]  # the scale makes no difference to the picture
        np.testing.assert_allclose(row[0], shown, atol=1 / 255)


def test_text_is_sampled_into_lines_that_are_shown(sentences, capsys):
    options = ["-n", "3", "--top-k", "5", "--nucleus", "0.9", "--temperature", "0.8"]
    assert zoo(["sample", str(sentences), *options]) == 0
    *lines, last = capsys.readouterr().out.splitlines()
    assert last == f"Samples: {sentences / 'samples.txt'}"
    assert lines == (sentences / "samples.txt").read_text().splitlines()
    assert len(lines) == 3


def test_text_is_sampled_at_several_temperatures(sentences, capsys):
    assert zoo(["sample", str(sentences), "-n", "2", "--temperature", "0.5,1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[:15].rstrip() for line in lines[2:-1]] == [
        *["temperature 0.5"] * 2,
        *["temperature 1"] * 2,
    ]


def test_images_have_no_tokens_to_choose_from(sketches, capsys):
    assert zoo(["sample", str(sketches), "--top-k", "3"]) == 1
    assert "'sketch-rnn' has no top_k. Leave out --top-k." in capsys.readouterr().err


def test_a_table_holds_the_sentences_and_what_they_are_decoded_to(sentences, capsys):
    assert zoo(["latent", "reconstruct", str(sentences), "-n", "4", "--split", "test"]) == 0
    output = capsys.readouterr().out
    assert output.endswith(f"Text: {sentences / 'latent-reconstruct.txt'}\n")
    data = load("sentences", kind="tokens", split="test")
    known = {shown_text(text_of(x, data.spec.vocabulary)) for x in data.read(np.arange(800))[0]}
    given = [line.split("given", 1)[1].strip() for line in output.splitlines() if "given" in line]
    assert len(given) == 4
    assert known.issuperset(given)


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("interpolate", ["--from", "3", "--to", "9", "--steps", "4"]),
        ("traverse", ["--dimensions", "2", "--steps", "3"]),
        ("arithmetic", ["--plus", "1,2", "--minus", "3"]),
        ("sheet", ["-n", "5"]),
    ],
)
def test_other_tables_of_text_are_written(sentences, command, options, capsys):
    assert zoo(["latent", command, str(sentences), *options]) == 0
    table = (sentences / f"latent-{command}.txt").read_text()
    assert table in capsys.readouterr().out
    assert len(table.splitlines()) >= 6
    assert zoo(["latent", command, str(sentences), *options, "--out", "table.png"]) == 1
    assert "written as '.txt'. Received: 'table.png'" in capsys.readouterr().err


def test_begun_text_is_completed(sentences, capsys):
    assert zoo(["complete", str(sentences), "-n", "2", "--variants", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    given = [line.split("given", 1)[1].strip() for line in lines if " given " in line]
    made = [line.split("made", 1)[1][2:].strip() for line in lines if " made " in line]
    assert (len(given), len(made)) == (2, 4)
    assert all(made[n].startswith(given[n // 2]) for n in range(4))


def test_what_is_too_long_in_other_data_is_left_out_and_said(
    language_model, tmp_path, capsys, caplog
):
    path = tmp_path / "own.txt"
    path.write_text("The cat sleeps.\nThe dog eats.\n" + "very " * 50 + "late\n")
    command = ["evaluate", str(language_model), "--data", str(path), "--split", "train"]
    assert zoo(command) == 0
    assert "unknown_share" in capsys.readouterr().out
    [said] = [text for text in caplog.messages if text.startswith("Left out of the data: ")]
    assert re.search(r"own\.txt: 1 passages of \d+ tokens and more", said)


def test_sketches_of_one_class_are_known_by_its_name(tmp_path, capsys):
    options = ("--max-length", "24", "--data", "doodles")
    folder = train(tmp_path / "run", "sketch-rnn", (*SKETCHES, "class_conditional=true"), *options)
    for name, code in (("house", 0), ("hat", 1)):
        lines = [{"word": name, "drawing": [[[0, 90, 80 + n], [60, 10, 60]]]} for n in range(2)]
        path = tmp_path / "own.ndjson"
        path.write_text("\n".join(map(json.dumps, lines)))
        assert zoo(["evaluate", str(folder), "--data", str(path), "--metrics", "nll"]) == code
    assert "has a class 'hat', which the model does not know" in capsys.readouterr().err


def test_a_language_model_has_nothing_latent_and_an_exact_likelihood(language_model, capsys):
    assert zoo(["latent", "interpolate", str(language_model)]) == 1
    assert "has no latent space to explore" in capsys.readouterr().err
    assert zoo(["evaluate", str(language_model), "--json", "--count", "50"]) == 0
    metrics = json.loads(capsys.readouterr().out)["metrics"]
    assert metrics["perplexity"]["value"] > 1
    assert "information" not in json.dumps(metrics)
    assert zoo(["sample", str(language_model), "-n", "2"]) == 0


def test_words_have_neighbours_analogies_and_a_map(words, capsys):
    assert zoo(["latent", "neighbours", str(words), "king", "dog", "-n", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [lines[0], lines[3]] == ["king", "dog"]
    assert len(lines) == 6
    assert zoo(["latent", "analogy", str(words), "king", "man", "woman"]) == 0
    assert capsys.readouterr().out.startswith("king - man + woman\n  ")
    out = words / "map.svg"
    assert zoo(["latent", "map", str(words), "king", "queen", "dog", "--out", str(out)]) == 0
    assert "queen" in out.read_text()
    assert zoo(["latent", "map", str(words), "-n", "20"]) == 0
    assert (words / "latent-map.png").exists()


def test_words_that_are_not_there_and_models_without_words_are_named(words, sketches, capsys):
    assert zoo(["latent", "neighbours", str(words), "kimg"]) == 1
    assert "lacks 'kimg'. Did you mean 'king'?" in capsys.readouterr().err
    assert zoo(["latent", "map", str(sketches)]) == 1
    assert "'sketch-rnn' has no vectors of words" in capsys.readouterr().err
    assert zoo(["latent", "map", str(words), "--out", "map.pdf"]) == 2


def test_an_attribute_of_texts_without_labels_is_refused(sentences, capsys):
    assert zoo(["latent", "attribute", str(sentences), "--class", "cat"]) == 1
    assert "has no labels" in capsys.readouterr().err


def test_the_report_and_the_card_show_text_and_no_long_vocabulary(sentences):
    report, card = ((sentences / name).read_text() for name in ("report.html", "README.md"))
    assert "… (167)" in report
    assert "… (167)" in card
    first = (sentences / "samples" / "epoch-0001.txt").read_text().splitlines()[0]
    assert first in card


def test_the_kind_of_a_file_is_known_by_its_name(tmp_path, capsys):
    (tmp_path / "lines.txt").write_text("one line\nand another\nand a third\n" * 5)
    assert zoo(["data", "info", str(tmp_path / "lines.txt")]) == 0
    assert "kind: tokens" in capsys.readouterr().out
    assert zoo(["data", "show", str(tmp_path / "lines.txt"), "--out", "shown.txt"]) == 0
    assert zoo(["data", "info", "doodles"]) == 0
    assert "kind: strokes" in capsys.readouterr().out
