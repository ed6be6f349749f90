"""Whatever ends a training, resuming it gives the bits of one that was never ended."""

import contextlib
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image
from small_runs import (
    STEPS_PER_EPOCH,
    assert_same_bits,
    newest_state,
    records,
    small_request,
    start_zoo,
    write_images,
)

from zoo.checkpoints import latest_checkpoint
from zoo.commands import run as zoo
from zoo.planning import Asked, plan_resume
from zoo.runs import Run
from zoo.training import train_anew, train_on, trained_steps

# Enough that a training outlives the kills: PyTorch takes its steps one by one.
EPOCHS = {"tensorflow": 300, "jax": 300, "torch": 60}


def trained(folder, **asked):
    return train_anew(small_request(**asked), folder, progress=False, checkpoint_seconds=0)


def go_on(run, **longer):
    request = plan_resume(run, None, Asked(**longer))
    return train_on(run, request, progress=False, checkpoint_seconds=0)


def train_through_kills(out, options, kills, longest, seed):
    """Train in processes of which `kills` are killed; return the steps at which each stood."""
    delays = random.Random(seed)
    steps = []
    for _ in range(kills):
        if (out / "run.json").exists():
            process = start_zoo("train", "--resume", out, "--checkpoint-every", "0.2")
        else:
            shutil.rmtree(out, ignore_errors=True)
            process = start_zoo("train", "vae", "--out", out, *options)
        process.stdout.readline()  # "Training ..." or "Resuming ...": now it is at work
        try:
            process.communicate(timeout=delays.uniform(0, longest))
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL, "It ended before it was killed."
        steps.append(trained_steps(Run.open(out)) if (out / "run.json").exists() else 0)
    process = start_zoo("train", "--resume", out)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    return steps


@pytest.mark.slow
def test_twenty_kills_at_random_moments_change_no_bit(tmp_path, capsys):
    backend = keras.backend.backend()
    options = ("--set", "hidden_sizes=16", "--set", "latent_size=3", "--checkpoint-every", "0.2")
    options += ("--backend", backend, "--epochs", str(EPOCHS[backend]))
    steps = train_through_kills(tmp_path / "killed", options, kills=20, longest=8, seed=1)
    assert zoo(["train", "vae", "--out", str(tmp_path / "whole"), *options]) == 0
    assert_same_bits(tmp_path / "whole", tmp_path / "killed")
    assert records(tmp_path / "whole") == records(tmp_path / "killed")
    assert [record["epoch"] for record in records(tmp_path / "killed")] == list(
        range(1, EPOCHS[backend] + 1)
    )
    progress = sum(after > before for before, after in zip([0, *steps], steps, strict=False))
    assert progress >= 8, f"Too few processes came as far as a checkpoint: {steps}"
    with capsys.disabled():
        print(f"\n{backend}: 20 kills; newest checkpoint after each: {steps}")  # noqa: T201


@pytest.mark.backends
def test_two_kills_change_no_bit(tmp_path):
    options = ("--set", "hidden_sizes=4", "--set", "latent_size=2", "--checkpoint-every", "0.1")
    options += ("--backend", keras.backend.backend(), "--epochs", "20")
    out, moments, steps = tmp_path / "killed", random.Random(2), []
    for arguments in (("vae", "--out", out, *options), ("--resume", out)):
        process = start_zoo("train", *arguments)
        for _ in range(moments.randint(3, 8)):  # epochs
            process.stdout.readline()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(moments.uniform(0, 0.2))
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        steps.append(trained_steps(Run.open(out)))
    assert zoo(["train", "--resume", str(out)]) == 0
    assert zoo(["train", "vae", "--out", str(tmp_path / "whole"), *options]) == 0
    assert 0 < steps[0] < steps[1] < trained_steps(Run.open(out))
    assert_same_bits(tmp_path / "whole", out)
    assert records(tmp_path / "whole") == records(out)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_says_how_to_go_on(number, tmp_path):
    out = tmp_path / "my run"
    options = ("--set", "hidden_sizes=4", "--set", "latent_size=2")
    process = start_zoo("train", "vae", "--out", out, "--epochs", 100, *options)
    process.stdout.readline()
    process.stdout.readline()  # epochs are being logged: training is under way
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    step = trained_steps(Run.open(out))
    assert errors.strip() == f"Stopped at step {step}. Go on with: zoo train --resume '{out}'"
    last_step = str(step + 7)
    assert zoo(["train", "--resume", str(out), "--steps", last_step]) == 0
    assert zoo(["train", "vae", "--out", "whole", *options, "--steps", last_step]) == 0
    assert_same_bits(out, Path("whole"))
    assert records(out) == records(Path("whole"))


@pytest.mark.backends
def test_stopping_within_an_epoch_keeps_its_running_means(tmp_path):
    whole = trained(tmp_path / "whole", steps=2 * STEPS_PER_EPOCH)
    half = trained(tmp_path / "half", steps=STEPS_PER_EPOCH + 2)
    half = go_on(half, steps=2 * STEPS_PER_EPOCH)
    assert_same_bits(whole.path, half.path)
    first, cut, last = records(half.path)  # the end of the shorter training was logged too
    assert [first, last] == records(whole.path)
    assert (cut["epoch"], cut["step"]) == (2, STEPS_PER_EPOCH + 2)


def test_more_epochs_give_the_bits_of_a_training_that_was_as_long_at_once(tmp_path):
    whole = trained(tmp_path / "whole", epochs=2)
    half = go_on(trained(tmp_path / "half", epochs=1), epochs=2)
    assert_same_bits(whole.path, half.path)
    assert records(whole.path) == records(half.path)
    assert Run.open(half.path).request.epochs == 2


def test_augmented_training_goes_on_with_the_same_bits(tmp_path):
    asked = {"augment": "flip,translate,brightness"}
    whole = trained(tmp_path / "whole", steps=STEPS_PER_EPOCH + 3, **asked)
    half = trained(tmp_path / "half", steps=STEPS_PER_EPOCH + 1, **asked)
    half = go_on(half, steps=STEPS_PER_EPOCH + 3)
    assert_same_bits(whole.path, half.path)
    plain = trained(tmp_path / "plain", steps=STEPS_PER_EPOCH + 3)
    assert records(plain.path)[0] != records(whole.path)[0]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of six steps on a folder of images, and that folder."""
    folder = tmp_path_factory.mktemp("finished")
    images = write_images(folder / "images")
    return trained(folder / "run", data=str(images), batch_size=4, steps=6), images


def test_a_finished_run_is_left_as_it_is(finished):
    run, _ = finished
    before, logged = newest_state(run.path), records(run.path)
    assert zoo(["train", "--resume", str(run.path)]) == 0
    assert all(np.array_equal(before[n], v) for n, v in newest_state(run.path).items())
    assert records(run.path) == logged


def test_training_shorter_than_trained_is_refused(finished, capsys):
    run, _ = finished
    before = (run.path / "run.json").read_bytes()
    assert zoo(["train", "--resume", str(run.path), "--epochs", "1"]) == 1
    error = capsys.readouterr().err
    assert "has trained 6 steps already. Expected: to train to step 3" in error
    assert "Give more --epochs or --steps" in error
    assert (run.path / "run.json").read_bytes() == before
    assert trained_steps(run) == 6


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--set", "latent_size=3"], "config.latent_size: run has 2, asked 3"),
        (["--seed", "4"], "seed: run has 3, asked 4"),
        (["autoencoder"], "model: run has vae, asked autoencoder"),
        (["--data", "digits"], "asked digits"),
        (["--batch-size", "5"], "batch_size: run has 4, asked 5"),
    ],
)
def test_another_training_is_refused_with_the_difference(finished, options, line, capsys):
    run, _ = finished
    before = (run.path / "run.json").read_bytes()
    assert zoo(["train", *options, "--resume", str(run.path)]) == 1
    error = capsys.readouterr().err
    assert line in error
    assert error.count("\n") == 1
    assert (run.path / "run.json").read_bytes() == before


def test_another_backend_is_refused(finished, capsys):
    run, _ = finished
    other = "jax" if keras.backend.backend() != "jax" else "torch"
    assert zoo(["train", "--backend", other, "--resume", str(run.path)]) == 1
    assert f"backend: run has {keras.backend.backend()}, asked {other}" in capsys.readouterr().err


def test_a_changed_image_is_refused(finished, capsys):
    run, images = finished
    before, picture = (run.path / "run.json").read_bytes(), (images / "03.png").read_bytes()
    Image.new("L", (8, 8)).save(images / "03.png")
    try:
        assert zoo(["train", "--resume", str(run.path), "--steps", "9"]) == 1
    finally:
        (images / "03.png").write_bytes(picture)
    assert "fingerprint: run has" in capsys.readouterr().err
    assert (run.path / "run.json").read_bytes() == before


def test_a_run_that_another_process_trains_is_refused(finished, capsys):
    run, _ = finished
    program = (
        "import sys; from pathlib import Path; from zoo.runs import Run\n"
        "with Run.open(Path(sys.argv[1])).lock(): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(run.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        holder.stdout.readline()
        before = (run.path / "run.json").read_bytes()
        assert zoo(["train", "--resume", str(run.path), "--steps", "9"]) == 1
        holder.stdin.close()
    assert f"is in use by process {holder.pid}." in capsys.readouterr().err
    assert (run.path / "run.json").read_bytes() == before


def test_a_broken_newest_checkpoint_is_passed_over(tmp_path, caplog):
    whole = trained(tmp_path / "whole", steps=6)
    half = trained(tmp_path / "half", steps=2)
    half = go_on(half, steps=3)
    torn = latest_checkpoint(half.checkpoints_path) / "state.safetensors"
    torn.write_bytes(torn.read_bytes()[:-100])
    half = go_on(half, steps=6)
    assert "was cut short or altered" in caplog.text
    assert_same_bits(whole.path, half.path)
