"""`zoo sample`: pictures of a trained run, by seed, class and temperature."""

import json

import numpy as np
import pytest
from PIL import Image
from scipy.io import wavfile
from small_runs import OPTIONS, write_images

from zoo.commands import run
from zoo.errors import ZooError
from zoo.media.grid import grid_image, save_grid
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
def sentences(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "sentences"
    names = ("units", "embedding_size", "latent_size")
    sets = [word for name in names for word in ("--set", f"{name}=4")]
    command = ["train", "sentence-vae", *sets, "--batch-size", "16", "--steps", "1"]
    assert run([*command, "--out", str(folder)]) == 0
    return folder


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


@pytest.mark.parametrize("temperatures", [(), (0.5, 1)])
@pytest.mark.parametrize("kind", ["vae", "sentences"])
def test_where_samples_go_is_looked_at_before_they_are_made(
    kind, temperatures, request, tmp_path, monkeypatch
):
    def sample(self, count, *, seed=0, temperature=1.0):
        pytest.fail("made")

    opened = open_run(request.getfixturevalue(kind))
    monkeypatch.setattr(type(load_model(opened)), "sample", sample)
    suffix = {"vae": "png", "sentences": "txt"}[kind]
    for name, reason in (
        ("samples.jpg", rf"written as '\.{suffix}'"),
        (f"nowhere/samples.{suffix}", "there is no folder '.*nowhere'"),
        ("", rf"it is a folder\. Name a file in it, such as '.*\.{suffix}'"),
    ):
        with pytest.raises(ZooError, match=reason):
            write_samples(opened, 2, temperatures=temperatures, out=tmp_path / name)


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    small = {"dilations": 3, "stacks": 1, "levels": 16, "loss_from": "start"}
    small |= {f"{name}_channels": 4 for name in ("residual", "dilation", "skip", "head")}
    sets = [word for name, value in small.items() for word in ("--set", f"{name}={value}")]
    folder = tmp_path_factory.mktemp("runs") / "sounds"
    command = ["train", "wavenet", *sets, "--data", "notes", "--batch-size", "4", "--steps", "1"]
    assert run([*command, "--clip-seconds", "0.05", "--out", str(folder)]) == 0
    return folder


def test_sounds_are_sampled_at_several_temperatures(sounds, capsys, tmp_path):
    paths = {name: tmp_path / f"{name}.png" for name in ("all", "cold", "hot")}
    options = ("-n", 2, "--temperature")
    code, out, err = sample(capsys, sounds, *options, "0,1", "--out", paths["all"])
    assert (code, err) == (0, "")
    assert out == f"Samples: {paths['all']}, {tmp_path / 'all-wav'}\n"
    for value, name in enumerate(("cold", "hot")):
        assert sample(capsys, sounds, *options, value, "--out", paths[name])[0] == 0
        for number in (1, 2):
            of_all = tmp_path / "all-wav" / f"temperature-{value}-{number:04d}.wav"
            alone = tmp_path / f"{name}-wav" / f"{number:04d}.wav"
            assert of_all.read_bytes() == alone.read_bytes()
    assert len(list((tmp_path / "all-wav").glob("*.wav"))) == 4
    heights = {name: pixels(path).shape[0] for name, path in paths.items()}
    assert heights["all"] > 1.5 * heights["cold"]  # a row for each temperature


def test_sounds_at_several_temperatures_are_resampled_too(sounds, capsys, tmp_path):
    options = ("-n", 1, "--temperature", "0,1", "--sample-rate", 16_000)
    assert sample(capsys, sounds, *options, "--out", tmp_path / "some.png")[0] == 0
    rates = {wavfile.read(path)[0] for path in (tmp_path / "some-wav").glob("*.wav")}
    assert rates == {16_000}


def test_images_are_sampled_at_several_temperatures(vae, capsys, tmp_path):
    path = tmp_path / "rows.png"
    assert sample(capsys, vae, "-n", 3, "--temperature", "0,1", "--out", path)[0] == 0
    rows = np.split(pixels(path), 2)  # each below its title, at the same noise
    model = load_model(open_run(vae))
    for row, temperature in zip(rows, (0.0, 1.0), strict=True):
        expected = grid_image(model.sample(3, temperature=temperature), columns=3)
        np.testing.assert_array_equal(row[16:], np.asarray(expected))


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
