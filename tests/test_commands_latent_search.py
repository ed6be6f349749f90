from pathlib import Path

import numpy as np
import pytest
from generators import Linear, LinearConfig, orthogonal
from latent_runs import STEP, TILE, cut, digits, latent, tiles, train, train_gan, write_class
from PIL import Image

from zoo.data import load
from zoo.errors import ZooError
from zoo.media.latent_attribute import draw_attribute
from zoo.media.latent_captions import STRIP_PIXELS
from zoo.media.latent_subject import Subject
from zoo.planning import open_run
from zoo.training import load_model


@pytest.fixture(scope="module")
def vae(tmp_path_factory):
    return train(tmp_path_factory.mktemp("runs") / "vae", "vae", "--set", "latent_size=3")


@pytest.fixture(scope="module")
def gan(tmp_path_factory):
    return train_gan(tmp_path_factory.mktemp("runs") / "gan", "--set", "latent_size=4")


@pytest.fixture(scope="module")
def plane_gan(tmp_path_factory):
    options = ["--set", "latent_size=2", "--set", "class_conditional=true"]
    return train_gan(tmp_path_factory.mktemp("runs") / "plane-gan", *options)


# Inversion.


@pytest.mark.parametrize("kind", ["vae", "gan", "plane_gan"])
def test_examples_stand_above_what_was_found_for_them(kind, request, tmp_path, capsys):
    folder = request.getfixturevalue(kind)
    out, kept = tmp_path / "found.png", tmp_path / "found.npy"
    options = ["--index", "3,4", "--steps", "5", "--restarts", "2", "--out", str(out)]
    assert latent("invert", folder, *options, "--save-latents", str(kept)) == 0
    lines = capsys.readouterr().out.splitlines()[-4:]
    rows = tiles(out)
    np.testing.assert_array_equal(rows[0], digits(3, 4))
    images, labels = load("digits", split="test").read(np.array([3, 4]))
    found = load_model(open_run(folder)).decode(np.load(kept), labels)
    np.testing.assert_allclose(rows[1], 255 * found[..., 0], atol=1)
    for line, index, error in zip(
        lines, (3, 4), np.square(found - images).sum(axis=(1, 2, 3)), strict=False
    ):
        assert line == f"Squared error: {error:.4g} {index} of the test split of digits"
    assert lines[2:] == [f"Latents: {kept}", f"Picture: {out}"]


def test_descent_from_the_code_comes_nearer_than_the_code(vae, tmp_path, capsys):
    out = tmp_path / "found.png"
    assert latent("invert", vae, "--index", "0,1,2", "--split", "train", "--out", str(out)) == 0
    found = [float(line.split()[2]) for line in capsys.readouterr().out.splitlines()[-4:-1]]
    images, _ = load("digits", split="train").read(np.arange(3))
    model = load_model(open_run(vae))
    rebuilt = model.decode(model.encode(images))
    assert np.all(found < np.square(rebuilt - images).sum(axis=(1, 2, 3)))


def test_files_of_any_size_and_mode_are_fitted_as_folders_are(gan, tmp_path, capsys):
    Image.new("RGB", (40, 20), "white").save(tmp_path / "white.png")
    Image.new("L", (5, 9), 51).save(tmp_path / "grey.jpg")
    Image.new("I;16", (8, 8), 65535).save(tmp_path / "deep.png")
    out = tmp_path / "found.png"
    files = [str(tmp_path / name) for name in ("white.png", "grey.jpg", "deep.png")]
    assert latent("invert", gan, *files, "--steps", "2", "--out", str(out)) == 0
    output = capsys.readouterr().out
    assert [line.split()[-1] for line in output.splitlines()[-4:-1]] == [
        "white.png",
        "grey.jpg",
        "deep.png",
    ]
    shown = tiles(out)[0]
    assert [image.min() for image in shown] == [image.max() for image in shown] == [255, 51, 255]


def test_files_need_their_class_where_the_model_takes_it(plane_gan, gan, tmp_path, capsys):
    Image.new("L", (8, 8)).save(tmp_path / "0.png")
    file = str(tmp_path / "0.png")
    assert latent("invert", plane_gan, file, "--steps", "2") == 1
    assert "needs a --class. Received: none" in capsys.readouterr().err
    assert latent("invert", plane_gan, file, "--steps", "2", "--class", "7") == 0
    assert latent("invert", gan, file, "--class", "7") == 1
    assert "takes no class" in capsys.readouterr().err


def test_a_file_that_is_no_image_is_named(gan, tmp_path, capsys):
    (tmp_path / "text.png").write_text("nothing")
    assert latent("invert", gan, str(tmp_path / "text.png")) == 1
    assert "text.png' cannot be read: it is not an image" in capsys.readouterr().err
    assert latent("invert", gan, str(tmp_path / "missing.png")) == 1
    assert "missing.png' cannot be read: No such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "Give files, or examples of the data with --index"),
        (["a.png", "--index", "3"], "Give files, or examples of the data with --index"),
        (["a.png", "--split", "test"], "say what --index means"),
        (["a.png", "--data", "digits"], "say what --index means"),
        (["--index", "3", "--class", "3"], "--class is for files"),
    ],
)
def test_options_of_an_inversion_that_contradict_are_a_usage_error(gan, options, message, capsys):
    assert latent("invert", gan, *options) == 2
    assert message in capsys.readouterr().err


def test_latents_are_kept_in_one_form_alone(gan, capsys):
    assert latent("invert", gan, "--index", "3", "--save-latents", "found.txt") == 1
    assert "written as '.npy'. Received: 'found.txt'" in capsys.readouterr().err
    assert latent("invert", gan, "--index", "3", "--save-latents", "nowhere/found.npy") == 1
    assert "there is no folder 'nowhere'" in capsys.readouterr().err


# Attributes.


def test_a_slider_leads_through_the_reconstruction(vae, tmp_path, capsys):
    out = tmp_path / "slider.png"
    options = ["--class", "0", "--index", "7,3", "--steps", "5", "--strength", "2"]
    assert latent("attribute", vae, *options, "--out", str(out)) == 0
    output = capsys.readouterr().out
    assert "Direction: 0 against all others; " in output
    assert "Rows: 7, 3 of the test split of digits" in output
    pixels = np.asarray(Image.open(out))
    rows = cut(pixels[STRIP_PIXELS:])
    assert rows.shape[:2] == (2, 5)
    images, _ = load("digits", split="test").read(np.array([7, 3]))
    model = load_model(open_run(vae))
    rebuilt = model.decode(model.encode(images))[..., 0]
    np.testing.assert_allclose(rows[:, 2], 255 * rebuilt, atol=1)
    headings = [pixels[:STRIP_PIXELS, STEP * i : STEP * i + TILE].tobytes() for i in range(5)]
    assert len(set(headings)) == 5


def test_rows_are_examples_of_the_two_classes(vae, tmp_path, capsys):
    out = tmp_path / "slider.png"
    options = ["--class", "0", "--against", "1", "-n", "6", "--split", "train", "--seed", "3"]
    assert latent("attribute", vae, *options, "--out", str(out)) == 0
    output = capsys.readouterr().out
    [line] = [line for line in output.splitlines() if line.startswith("Rows: ")]
    numbers = [int(number) for number in line.removeprefix("Rows: ").split(" of ")[0].split(",")]
    assert len(numbers) == 6
    _, labels = load("digits", split="train").read(np.array(numbers))
    assert set(labels) <= {0, 1}


def test_an_unknown_class_is_named_with_the_closest(vae, tmp_path, capsys):
    assert latent("attribute", vae, "--class", "x") == 1
    assert "Unknown class 'x'. Classes: 0, 1, 2" in capsys.readouterr().err
    assert latent("attribute", vae, "--class", "0", "--against", "00") == 1
    assert "Unknown class '00'. Did you mean '0'?" in capsys.readouterr().err


def test_a_class_against_itself_is_refused(vae, capsys):
    assert latent("attribute", vae, "--class", "0", "--against", "0") == 1
    assert "no direction against itself" in capsys.readouterr().err


@pytest.mark.parametrize(("classes", "has"), [([], "no labels"), (["cat"], "one class, 'cat'")])
def test_data_that_name_no_two_classes_are_refused(vae, gan, classes, has, capsys):
    write_class(Path("pictures", *classes), 4, 128)
    for folder in (vae, gan):
        assert latent("attribute", folder, "--class", "cat", "--data", "pictures") == 1
        assert f"has {has}. Give other data with --data" in capsys.readouterr().err


def test_a_class_with_too_few_examples_is_refused(vae, tmp_path, capsys):
    write_class(tmp_path / "data" / "train" / "dark", 3, 20)
    write_class(tmp_path / "data" / "train" / "bright", 9, 220)
    options = ["--class", "dark", "--data", str(tmp_path / "data")]
    assert latent("attribute", vae, *options) == 1
    assert "3 of class 'dark' and 9 of the others" in capsys.readouterr().err


def test_a_direction_that_is_no_better_than_chance_is_refused(vae, tmp_path, capsys):
    generator = np.random.default_rng(0)
    for name in ("heads", "tails"):
        write_class(tmp_path / "data" / "train" / name, 40, 128, generator)
    options = ["--class", "heads", "--data", str(tmp_path / "data")]
    assert latent("attribute", vae, *options) == 1
    error = capsys.readouterr().err
    assert "do not tell 'heads' from the others: " in error
    assert "Expected: 66.8% or more, three standard errors above chance" in error


@pytest.fixture(scope="module")
def bright_and_dark(tmp_path_factory):
    """Return a folder of two classes, beside which the classifier of them is kept."""
    folder = tmp_path_factory.mktemp("labelled") / "data"
    generator = np.random.default_rng(0)
    for name, level in (("bright", 170), ("dark", 85)):
        write_class(folder / "train" / name, 40, level, generator)
    return folder


def test_without_an_encoder_a_classifier_finds_the_direction(
    gan, bright_and_dark, tmp_path, monkeypatch
):
    monkeypatch.setenv("ZOO_CACHE_DIR", str(bright_and_dark.parent / "cache"))
    weights = 0.3 * orthogonal(3, 64)
    weights[0] = 0.15  # the first number of a latent vector is the brightness
    model = Linear(LinearConfig(image_shape=(8, 8, 1)), prior="uniform")
    model.set(weights, np.full(64, 0.5, "float32"))
    path, direction, numbers = draw_attribute(
        Subject(open_run(gan), model, None),
        "bright",
        data=str(bright_and_dark),
        count=3,
        steps=3,
        strength=0.5,
        out=tmp_path / "slider.png",
    )
    assert direction.unit @ [1, 0, 0] > 0.95
    rows = cut(np.asarray(Image.open(path))[STRIP_PIXELS:])
    assert rows.shape[:2] == (3, 3)
    levels = rows.mean(axis=(2, 3))
    assert np.all(levels[:, 0] < levels[:, 1])
    assert np.all(levels[:, 1] < levels[:, 2])
    assert len(numbers) == 3


def test_what_the_label_decides_is_no_direction_of_the_latents(gan, bright_and_dark, monkeypatch):
    monkeypatch.setenv("ZOO_CACHE_DIR", str(bright_and_dark.parent / "cache"))
    config = LinearConfig(image_shape=(8, 8, 1), class_conditional=True, class_count=2)
    brightness = np.repeat([[170 / 255], [85 / 255]], 64, axis=1).astype("float32")
    weights = np.concatenate([0.1 * orthogonal(3, 64), brightness])
    model = Linear(config).set(weights, np.zeros(64, "float32"))
    with pytest.raises(ZooError, match=r"do not tell 'bright' from 'dark'.*given the class"):
        draw_attribute(
            Subject(open_run(gan), model, None), "bright", "dark", data=str(bright_and_dark)
        )
