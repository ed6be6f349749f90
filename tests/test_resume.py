"""Whatever ends a training, resuming it gives the bits of one that was never ended."""

import contextlib
import itertools
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import pytest
from PIL import Image
from small_runs import (
    STEPS_PER_EPOCH,
    assert_same_bits,
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

KILLS = 20
EPOCHS = 300  # more than the kills can come to
OPTIONS = ("--set", "hidden_sizes=16", "--set", "latent_size=3", "--batch-size", "128")


def trained(folder, **asked):
    return train_anew(small_request(**asked), folder, progress=False, checkpoint_seconds=0)


def go_on(run, **longer):
    request = plan_resume(run, None, Asked(**longer))
    return train_on(run, request, progress=False, checkpoint_seconds=0)


def step_logged(folder):
    """Return the step of the last whole epoch."""
    logged = Run.open(folder).metrics() if (folder / "run.json").exists() else []
    return logged[-1]["step"] if logged else 0


def kill_at_a_random_moment(process, out, moments):
    """Kill a training while it loads or compiles, or some epochs from where it stood."""
    process.stdout.readline()  # "Training ..." or "Resuming ...": now it is at work
    epochs, before = moments.randint(0, 6), step_logged(out)
    delay = moments.uniform(0, 0.3) if epochs else moments.uniform(0, 2)
    while step_logged(out) < before + epochs * 11 and process.poll() is None:
        time.sleep(0.02)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(delay)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL, "It ended before it was killed."


@pytest.mark.slow
def test_twenty_kills_at_random_moments_change_no_bit(tmp_path, capsys):
    backend = keras.backend.backend()
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    options = (*OPTIONS, "--backend", backend, "--epochs", str(EPOCHS), "--checkpoint-every", "0.2")
    moments, steps = random.Random(1), [0]
    for _ in range(KILLS):
        if (killed / "run.json").exists():
            arguments = ("--resume", killed, "--checkpoint-every", "0.2")
        else:
            shutil.rmtree(killed, ignore_errors=True)
            arguments = ("vae", "--out", killed, *options)
        kill_at_a_random_moment(start_zoo("train", *arguments), killed, moments)
        steps.append(trained_steps(Run.open(killed)) if (killed / "run.json").exists() else 0)
    process = start_zoo("train", "--resume", killed)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert zoo(["train", "vae", "--out", str(whole), *options]) == 0
    assert_same_bits(whole, killed)
    assert records(whole) == records(killed)
    assert [record["epoch"] for record in records(killed)] == list(range(1, EPOCHS + 1))
    advances = sum(after > before for before, after in itertools.pairwise(steps))
    assert advances >= KILLS // 2, f"Too few processes came as far as a checkpoint: {steps}"
    with capsys.disabled():
        print(f"\n{backend}: steps of the newest checkpoint after each kill: {steps[1:]}")  # noqa: T201


@pytest.mark.backends
def test_two_kills_change_no_bit(tmp_path):
    options = (*OPTIONS, "--checkpoint-every", "0", "--epochs", "60")  # a line every three epochs
    options = (*options, "--backend", keras.backend.backend())
    out, moments, steps = tmp_path / "killed", random.Random(2), []
    for arguments in (("vae", "--out", out, *options), ("--resume", out)):
        process = start_zoo("train", *arguments)
        for _ in range(moments.randint(3, 6)):
            process.stdout.readline()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(moments.uniform(0, 0.2))
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        steps.append(trained_steps(Run.open(out)))
    assert zoo(["train", "--resume", str(out)]) == 0
    assert zoo(["train", "vae", "--out", str(tmp_path / "whole"), *options]) == 0
    assert 0 < steps[0] <= steps[1] < trained_steps(Run.open(out))
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
    checkpoint = latest_checkpoint(run.checkpoints_path) / "position.json"  # with the state's hash
    before, logged = checkpoint.read_bytes(), run.metrics()
    assert zoo(["train", "--resume", str(run.path)]) == 0
    assert checkpoint.read_bytes() == before
    assert run.metrics() == logged


def test_training_shorter_than_trained_is_refused(finished, capsys):
    run, _ = finished
    before = (run.path / "run.json").read_bytes()
    assert zoo(["train", "--resume", str(run.path), "--epochs", "1"]) == 1
    error = capsys.readouterr().err
    assert "has trained 6 steps already. Expected: to train to step 2" in error
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
    before, picture = (run.path / "run.json").read_bytes(), (images / "00.png").read_bytes()
    Image.new("L", (8, 8)).save(images / "00.png")
    try:
        assert zoo(["train", "--resume", str(run.path), "--steps", "9"]) == 1
    finally:
        (images / "00.png").write_bytes(picture)
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
