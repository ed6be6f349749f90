"""`zoo train`: what it says, what it refuses, and with which exit code."""

import json
from pathlib import Path

import keras
import pytest
from small_runs import OPTIONS, start_zoo, write_images

from zoo.commands import run
from zoo.runs import Run


def zoo(capsys, *arguments):
    """Run a command in this process; return its exit code, stdout and stderr."""
    code = run([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_the_first_line_names_model_data_and_preset_and_the_last_where_all_is(capsys):
    code, out, err = zoo(capsys, "train", "vae", *OPTIONS, "--epochs", 2)
    assert (code, err) == (0, "")
    first, *epochs, samples, report = out.splitlines()
    assert first == "Training vae on digits, preset 'laptop'"
    assert [line.split(",")[0] for line in epochs] == ["epoch 1", "epoch 2"]
    assert samples == "Samples: runs/vae-digits-1/samples"
    assert report == "Report:  runs/vae-digits-1/report.html"
    assert sorted(path.name for path in Path("runs/vae-digits-1/samples").iterdir()) == [
        "epoch-0001.png",
        "epoch-0002.png",
    ]
    assert "<html" in Path("runs/vae-digits-1/report.html").read_text(encoding="utf-8")


def test_every_option_reaches_the_run(capsys, tmp_path):
    images = write_images(tmp_path / "images")
    options = ["--preset", "paper", "--data", images, "--image-size", "4x6", "--steps", 2]
    options += ["--batch-size", 3, "--seed", 11, "--precision", "bfloat16", "--augment", "flip"]
    options += ["--set", "hidden_sizes=4", "--backend", keras.backend.backend()]
    code, out, _ = zoo(capsys, "train", "vae", *options, "--out", tmp_path / "my run")
    assert code == 0
    assert out.startswith(f"Training vae on {images}, preset 'paper'\n")
    request = Run.open(tmp_path / "my run").request
    assert (request.preset, request.data, request.form) == (
        "paper",
        str(images),
        {"image_size": [4, 6]},
    )
    assert (request.epochs, request.steps, request.batch_size) == (None, 2, 3)
    assert (request.seed, request.precision, request.augment) == (11, "bfloat16", "flip")
    assert request.config["hidden_sizes"] == [4]
    assert request.config["image_shape"] == [4, 6, 1]
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Give the MODEL to train, or --resume RUN."),
        (["--resume", "runs/a", "--out", "b"], "a resumed run has its own"),
        (["vae", "--epochs", "0"], "0 is not in the range 1<=x<=1000000000"),
        (["vae", "--backend", "theano"], "'theano' is not one of"),
        (["vae", "--precision", "half"], "'half' is not one of"),
        (["vae", "--image-size", "0"], "must lie between 1 and 4096"),
        (["vae", "--image-size", "8x8x1"], "Give N or HxW in pixels"),
        (["vae", "--seed", "-1"], "-1 is not in the range"),
        (["vae", "--epoch", "3"], "No such option"),
    ],
)
def test_what_is_not_a_command_exits_with_two(arguments, message, capsys):
    code, out, err = zoo(capsys, "train", *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["vea"], "error: Unknown model 'vea'. Did you mean 'vae'?"),
        (["vae", "--preset", "large"], "error: Model 'vae' has no preset 'large'. Presets: laptop"),
        (["vae", "--set", "latent=2"], "error: VAEConfig has no field 'latent'."),
        (["vae", "--set", "latent_size"], "must have the form key=value"),
        (["vae", "--set", "latent_size=two"], "must be int. Received: 'two'"),
        (["vae", "--data", "digit"], "error: Unknown data set 'digit'. Did you mean 'digits'?"),
        (["vae", "--data", "./nowhere"], "error: There is no file or folder './nowhere'."),
        (["vae", "--batch-size", "2000"], "Give a smaller --batch-size."),
        (["vae", "--augment", "flop"], "error: Unknown augmentation 'flop'. Did you mean 'flip'?"),
        (["--resume", "runs/none"], "error: There is no run 'runs/none'."),
    ],
)
def test_a_failure_is_one_line_and_exits_with_one(arguments, message, capsys):
    code, out, err = zoo(capsys, "train", *arguments)
    assert code == 1
    assert message in err
    assert err.count("\n") == 1
    assert out == "" or out.startswith("Training vae on digits")
    assert not list(Path().glob("runs/*"))


def test_epochs_and_steps_together_are_a_wrong_usage(capsys):
    code, _, err = zoo(capsys, "train", "vae", "--epochs", 1, "--steps", 2)
    assert code == 2
    assert "Give --epochs or --steps, not both." in err


def test_a_folder_that_is_not_empty_is_not_touched(capsys, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    code, _, err = zoo(capsys, "train", "vae", *OPTIONS, "--out", tmp_path, "--steps", 1)
    assert code == 1
    assert "is not an empty folder. Give another --out" in err
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_resuming_says_so_and_goes_on(capsys):
    assert zoo(capsys, "train", "vae", *OPTIONS, "--steps", 2, "--out", "first")[0] == 0
    code, out, err = zoo(capsys, "train", "--resume", "first", "--steps", 5)
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "Resuming first"
    assert Run.open(Path("first")).metrics()[-1]["step"] == 5
    assert json.loads(Path("first/run.json").read_text())["steps"] == 5


def test_two_trainings_at_once_never_share_a_folder():
    # The second to come finds the first number taken, whichever that is.
    processes = [start_zoo("train", "vae", *OPTIONS, "--steps", 2) for _ in range(2)]
    outputs = [process.communicate(timeout=300) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert sorted(path.name for path in Path("runs").iterdir()) == ["vae-digits-1", "vae-digits-2"]
    named = {out.splitlines()[-2] for out, _ in outputs}
    assert named == {f"Samples: runs/vae-digits-{number}/samples" for number in (1, 2)}
    for number in (1, 2):
        assert Run.open(Path(f"runs/vae-digits-{number}")).metrics()[-1]["step"] == 2
