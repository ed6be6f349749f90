"""`zoo sample`: pictures of a trained run, by seed, class and temperature."""

import json

import numpy as np
import pytest
from PIL import Image
from small_runs import OPTIONS, write_images

from zoo.commands import run
from zoo.errors import ZooError
from zoo.media.grid import save_grid
from zoo.planning import open_run
from zoo.sampling import write_samples
from zoo.training import load_model


def train(folder, model, *options):
    assert run(["train", model, "--out", str(folder), "--steps", "8", *OPTIONS, *options]) == 0
    return folder


@pytest.fixture(scope="module")
def vae(tmp_path_factory):
    return train(tmp_path_factory.mktemp("runs") / "vae", "vae")


@pytest.fixture(scope="module")
def conditional(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "conditional"
    return train(folder, "vae", "--set", "class_conditional=true")


def sample(capsys, folder, *options):
    """Return the exit code, stdout and stderr of `zoo sample`."""
    code = run(["sample", str(folder), *map(str, options)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_samples_are_written_into_the_run(vae, capsys):
    code, out, err = sample(capsys, vae)
    assert (code, out, err) == (0, f"Samples: {vae / 'samples.png'}\n", "")
    assert min(pixels(vae / "samples.png").shape[:2]) >= 8 * 8  # 64 digits of 8x8 pixels


def test_out_names_the_file_and_count_how_many(vae, capsys, tmp_path):
    one, four = tmp_path / "one.png", tmp_path / "four.png"
    assert sample(capsys, vae, "--count", 1, "--out", one)[0] == 0
    assert sample(capsys, vae, "-n", 4, "--out", four)[0] == 0
    assert pixels(one).size < pixels(four).size


def test_the_seed_decides_the_samples(vae, capsys, tmp_path):
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for path, seed in zip(paths, (1, 1, 2), strict=True):
        assert sample(capsys, vae, "--seed", seed, "--out", path)[0] == 0
    first, again, other = (path.read_bytes() for path in paths)
    assert first == again != other


def test_a_class_is_drawn_by_its_name(conditional, capsys, tmp_path):
    paths = [tmp_path / f"{name}.png" for name in ("3", "8")]
    for path in paths:
        code, _, err = sample(capsys, conditional, "--class", path.stem, "--out", path)
        assert (code, err) == (0, "")
    assert paths[0].read_bytes() != paths[1].read_bytes()


def test_an_unknown_class_is_refused_with_the_known_ones(conditional, capsys):
    code, _, err = sample(capsys, conditional, "--class", "33")
    assert code == 1
    assert err == (
        "error: Unknown class '33'. Did you mean '3'? Classes: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9.\n"
    )


def test_a_class_is_drawn_by_its_name_where_the_data_are_gone(tmp_path, capsys):
    (tmp_path / "pets").mkdir()
    for name in ("cat", "dog"):
        write_images(tmp_path / "pets" / name)
    options = ("--data", str(tmp_path / "pets"), "--set", "class_conditional=true")
    folder = train(tmp_path / "run", "vae", *options, "--batch-size", "4")
    content = json.loads((folder / "run.json").read_text())
    (tmp_path / "pets").rename(tmp_path / "gone")
    code, _, err = sample(capsys, folder, "--class", "dog")
    assert (code, err) == (0, "")
    assert sample(capsys, folder, "--class", "cow")[2].endswith(" Classes: cat, dog.\n")
    del content["class_names"]  # as of a run that was made before they were kept
    (folder / "run.json").write_text(json.dumps(content))
    assert sample(capsys, folder, "--class", "dog")[0] == 1
    (tmp_path / "gone").rename(tmp_path / "pets")
    assert sample(capsys, folder, "--class", "dog")[0] == 0


def test_a_model_without_classes_refuses_one(vae, capsys):
    code, _, err = sample(capsys, vae, "--class", "3")
    assert code == 1
    assert "takes no class. Train it with --set class_conditional=true" in err
    assert err.count("\n") == 1


def test_no_temperature_gives_one_picture_many_times(vae, capsys, tmp_path):
    path = tmp_path / "cold.png"
    assert sample(capsys, vae, "--temperature", 0, "--out", path)[0] == 0
    cold = load_model(open_run(vae)).sample(64, temperature=0.0)
    assert np.allclose(cold, cold[:1], atol=1e-6)
    assert sample(capsys, vae, "--out", tmp_path / "warm.png")[0] == 0
    assert path.read_bytes() != (tmp_path / "warm.png").read_bytes()


def test_truncated_samples_come_from_latents_of_that_size(vae, capsys, tmp_path):
    path = tmp_path / "usual.png"
    assert sample(capsys, vae, "--truncation", 0.5, "--out", path)[0] == 0
    model = load_model(open_run(vae))
    latents = model.draw_latents(64, truncation=0.5)
    assert np.abs(latents).max() <= 0.5
    save_grid(model.decode(latents), tmp_path / "expected.png")
    assert path.read_bytes() == (tmp_path / "expected.png").read_bytes()


def test_a_model_without_temperature_refuses_one(tmp_path, capsys):
    folder = train(tmp_path / "autoencoder", "autoencoder")
    capsys.readouterr()
    code, _, err = sample(capsys, folder, "--temperature", 0.5)
    assert code == 1
    assert err == "error: 'autoencoder' has no temperature. Leave out --temperature.\n"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nowhere"], 1, "error: There is no run 'nowhere'."),
        (["."], 1, "is not a run: it holds no 'run.json'"),
        ([], 2, "Missing argument 'RUN'"),
        (["nowhere", "--count", "0"], 2, "0 is not in the range"),
        (["nowhere", "--temperature", "-1"], 2, "-1.0 is not in the range"),
    ],
)
def test_what_cannot_be_sampled_is_refused(arguments, code, message, capsys):
    assert run(["sample", *arguments]) == code
    assert message in capsys.readouterr().err


def test_a_suffix_that_is_no_picture_is_refused(vae, capsys, tmp_path):
    code, _, err = sample(capsys, vae, "--out", tmp_path / "samples.wav")
    assert code == 1
    assert "'.png'. Received: 'samples.wav'" in err


@pytest.mark.parametrize("name", ["samples.jpg", "nowhere/samples.png"])
def test_where_samples_go_is_looked_at_before_they_are_made(name, vae, tmp_path, monkeypatch):
    opened = open_run(vae)
    model = load_model(opened)
    monkeypatch.setattr(type(model), "sample", lambda self, count, *, seed: pytest.fail("made"))
    with pytest.raises(ZooError, match=r"'\.png'|no folder"):
        write_samples(opened, 2, out=tmp_path / name)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--seconds", 2), "makes nothing of a length that can be chosen"),
        (("--sample-rate", 8000), "is for sounds, and 'vae' makes none"),
    ],
)
def test_what_is_said_of_sounds_is_refused_of_images(vae, capsys, options, message):
    code, _, err = sample(capsys, vae, *options)
    assert code == 1
    assert message in err
