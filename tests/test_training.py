"""Training in a run's folder: what it leaves behind when all goes well, and when it does not."""

import contextlib
import dataclasses
import itertools
import re
import resource
import subprocess
import sys

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_runs import (
    BATCH_SIZE,
    STEPS_PER_EPOCH,
    assert_same_bits,
    install_model,
    newest_state,
    records,
    small_request,
)

import zoo as zoo_package
from zoo.checkpoints import latest_checkpoint
from zoo.commands import run as zoo
from zoo.data.arrays import ArrayImages
from zoo.data.dataset import AT_A_GLANCE, ImageSpec
from zoo.errors import DataError, NonFiniteError, RunError
from zoo.media import save_samples
from zoo.planning import Asked, plan
from zoo.runs import Run
from zoo.training import legs, load_model, train_anew, train_on, trained_steps


@pytest.fixture
def picture(tmp_path, monkeypatch):
    """Install the model `picture`; return a function that makes requests for it."""
    install_model(tmp_path / "site", "genzoo-picture", "picture", "averaged:CARD")
    monkeypatch.syspath_prepend(tmp_path / "site")

    def request(**asked):
        return plan("picture", Asked(**asked))

    return request


@contextlib.contextmanager
def files_of_at_most(size):
    """Let no file of this process grow beyond `size` bytes, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@given(st.integers(0, 200), st.integers(0, 200), st.integers(1, 20))
def test_legs_are_the_steps_that_are_left_and_only_the_ends_are_cut(step, last_step, per_epoch):
    found = list(legs(step, last_step, per_epoch))
    steps = [
        epoch * per_epoch + leg.offset + batch
        for leg in found
        for epoch in range(leg.epoch, leg.epoch + leg.epochs)
        for batch in range(leg.batches)
    ]
    assert steps == list(range(step, last_step))
    for leg in found:
        cut = leg.batches < per_epoch
        assert not (cut and leg.epochs > 1)
        assert not (cut and leg is not found[0] and leg is not found[-1])
    assert len(found) <= 3


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Train for an epoch and a half; no bar, a line per epoch."""
    folder = tmp_path_factory.mktemp("runs") / "vae"
    return train_anew(small_request(steps=6), folder, progress=False)


@pytest.mark.backends
def test_a_run_holds_what_its_page_says(run):
    assert {path.name for path in run.path.iterdir()} == {
        ".lock",
        "README.md",
        "checkpoints",
        "metrics.jsonl",
        "model.keras",
        "report.html",
        "run.json",
        "samples",
    }
    assert [path.name for path in sorted(run.samples_path.iterdir())] == [
        "epoch-0001.png",
        "epoch-0002.png",
    ]
    assert trained_steps(run) == 6
    assert [(record["step"], record["epoch"]) for record in run.metrics()] == [(4, 1), (6, 2)]
    for record in run.metrics():
        for prefix in ("", "val_"):
            bound = record[f"{prefix}reconstruction_nats"] + record[f"{prefix}kl_nats"]
            assert record[f"{prefix}negative_bound_nats"] == pytest.approx(bound, rel=1e-5)
        assert record["seconds"] > 0


@pytest.mark.backends
@pytest.mark.parametrize("load", [keras.saving.load_model, zoo_package.load_model])
def test_the_keras_file_and_the_checkpoint_are_the_same_model(run, load):
    archived = load(run.model_path)
    assert np.array_equal(archived.sample(5, seed=2), load_model(run).sample(5, seed=2))
    assert archived.config.latent_size == 2


@pytest.mark.parametrize("name", ["model.keras", "."])
def test_the_model_is_loaded_in_a_fresh_process(run, name):
    program = (
        "import sys, zoo; model = zoo.load_model(sys.argv[1]); model.compile(); "
        "print(type(model).__name__, model.sample(5, seed=2).sum())"
    )
    done = python(run, program, str(run.path / name))
    name, total = done.stdout.split()
    assert name == "VAE"
    assert float(total) == pytest.approx(load_model(run).sample(5, seed=2).sum(), rel=1e-5)


def test_the_script_of_the_card_runs_in_a_fresh_process(run):
    [script] = re.findall(r"```\n(import os\n.*?)```", run.card_path.read_text(), re.S)
    assert python(run, script).returncode == 0
    assert (run.path / "samples.png").exists()
    (run.path / "samples.png").unlink()


def python(run, program, *arguments):
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, cwd=run.path, capture_output=True, text=True, check=True)


def test_what_holds_no_model_is_not_loaded(tmp_path):
    with pytest.raises(DataError, match=r"holds no 'model.keras'.*`zoo train --resume`"):
        zoo_package.load_model(tmp_path)
    with pytest.raises(DataError, match=r"none.keras' cannot be read: No such file"):
        zoo_package.load_model(str(tmp_path / "none.keras"))


def test_the_logged_terms_are_means_over_the_epoch(run, tmp_path):
    single = train_anew(small_request(steps=4), tmp_path / "single", progress=False)
    assert records(single.path) == records(run.path)[:1]


def test_what_is_held_out_is_measured_as_a_whole(run, tmp_path, monkeypatch):
    """Of the terms, the KL needs no draw: in one batch or in many it is the same."""
    monkeypatch.setattr("zoo.recording.HELD_OUT_BATCH", 50)
    parts = train_anew(small_request(steps=6), tmp_path / "parts", progress=False)
    for one, many in zip(run.metrics(), parts.metrics(), strict=True):
        assert many["val_kl_nats"] == pytest.approx(one["val_kl_nats"], rel=1e-5)
        assert many["kl_nats"] == one["kl_nats"]


def test_a_training_that_cannot_begin_leaves_nothing_behind(tmp_path):
    request = small_request(batch_size=5000)
    with pytest.raises(DataError, match=r"do not fill one batch of 5000.*--batch-size"):
        train_anew(request, tmp_path / "new" / "run")
    assert not (tmp_path / "new" / "run").exists()


def test_steps_beyond_the_decay_of_the_rate_are_warned_of(tmp_path, caplog):
    for epochs in (1, 2):
        request = small_request(epochs=epochs, overrides=("decay_steps=4",))
        train_anew(request, tmp_path / str(epochs), progress=False)
    said = [text for text in caplog.messages if "The learning rate falls to 0" in text]
    assert len(said) == 1
    assert "at step 4, and nothing is learned from there to step 8" in said[0]


def test_a_folder_with_something_in_it_stays_as_it_is(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    with pytest.raises(RunError, match="not an empty folder"):
        train_anew(small_request(), tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_weights_that_explode_stop_the_run_with_term_and_player(capsys, tmp_path):
    arguments = ["train", "vae", "--set", "learning_rate=1e20", "--out", str(tmp_path / "run")]
    assert zoo(arguments) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "of player 'vae' became" in error
    assert "None was saved yet. Lower the learning rate" in error
    assert not (tmp_path / "run").exists()


@pytest.mark.backends
def test_a_term_that_is_not_a_number_keeps_the_last_good_checkpoint(picture, tmp_path):
    run = train_anew(picture(overrides=["breaks_at=6"], steps=5), tmp_path / "run", progress=False)
    good = newest_state(run.path)
    with pytest.raises(NonFiniteError) as raised:
        train_on(run, dataclasses.replace(run.request, steps=9), progress=False)
    message = str(raised.value)
    assert "The term 'check_l2' of player 'painter' became nan at step 6." in message
    assert f"The last good checkpoint is '{latest_checkpoint(run.checkpoints_path)}'" in message
    assert trained_steps(run) == 5
    after = newest_state(run.path)
    assert good.keys() == after.keys()
    assert all(np.array_equal(good[name], after[name]) for name in good)


def test_a_full_disk_is_told_in_one_line_and_keeps_the_last_checkpoint(tmp_path, capsys):
    run = train_anew(small_request(steps=3), tmp_path / "run", progress=False)
    before = newest_state(run.path)
    with files_of_at_most(10_000):
        code = zoo(["train", "--resume", str(run.path), "--steps", "5"])
    error = capsys.readouterr().err
    assert code == 1
    assert error.count("\n") == 1
    assert "Checkpoint '" in error
    assert "could not be saved" in error
    assert trained_steps(Run.open(run.path)) == 3
    after = newest_state(run.path)
    assert all(np.array_equal(before[name], after[name]) for name in before)
    assert zoo(["train", "--resume", str(run.path), "--steps", "5"]) == 0
    assert trained_steps(Run.open(run.path)) == 5


@pytest.mark.backends
def test_samples_are_drawn_with_averages_while_checkpoints_hold_what_was_trained(picture, tmp_path):
    run = train_anew(picture(steps=3), tmp_path / "run", progress=False)
    state = newest_state(run.path)
    (trained,) = (value for name, value in state.items() if "kernel" in name and "model/" in name)
    (average,) = (value for name, value in state.items() if "average" in name)
    assert not np.allclose(trained, average)
    archived = keras.saving.load_model(run.model_path)
    for model in (load_model(run), archived):
        assert np.array_equal(keras.ops.convert_to_numpy(model.painter.weights[0]), average)
    drawn = (run.samples_path / "epoch-0001.png").read_bytes()
    pictures = {}
    for name, weights in (("trained", trained), ("average", average)):
        archived.painter.set_weights([weights])
        samples = archived.sample(AT_A_GLANCE["image"])
        path = tmp_path / f"{name}.png"
        save_samples(ImageSpec(image_shape=samples.shape[1:]), samples, path)
        pictures[name] = path.read_bytes()
    assert drawn == pictures["average"] != pictures["trained"]


def test_averages_do_not_change_how_a_run_goes_on(picture, tmp_path):
    whole = train_anew(picture(steps=6), tmp_path / "whole", progress=False)
    half = train_anew(picture(steps=3), tmp_path / "half", progress=False)
    half = train_on(half, dataclasses.replace(half.request, steps=6), progress=False)
    assert_same_bits(whole.path, half.path)


@pytest.mark.backends
@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_half_precision_trains_and_loads(precision, tmp_path):
    run = train_anew(
        small_request(precision=precision, steps=STEPS_PER_EPOCH), tmp_path / "run", progress=False
    )
    (record,) = run.metrics()
    assert 20 < record["val_negative_bound_nats"] < 60
    model = load_model(run)
    assert model.compute_dtype == precision
    samples = model.sample(3)
    assert samples.dtype == np.float32
    assert np.isfinite(samples).all()
    if precision == "float16":
        scales = [value for name, value in newest_state(run.path).items() if "loss_scale" in name]
        assert [float(scale) for scale in scales] == [2.0**15]


def test_training_shows_a_line_per_epoch_where_there_is_no_terminal(tmp_path, capsys):
    train_anew(small_request(steps=6), tmp_path / "run")
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["epoch 1, step 4", "epoch 2, step 6"]
    assert "val_negative_bound_nats" in lines[0]
    assert captured.err == ""


def test_a_run_without_a_checkpoint_says_how_to_go_on(tmp_path):
    run = Run.create(small_request(), tmp_path / "run")
    assert trained_steps(run) == 0
    with pytest.raises(RunError, match=r"no checkpoint yet.*zoo train --resume"):
        load_model(run)


@pytest.mark.backends
def test_a_file_that_breaks_in_the_middle_of_a_training_is_named(tmp_path, monkeypatch):
    read, reads = ArrayImages.read, itertools.count()

    def breaks(self, indices):
        if len(indices) == BATCH_SIZE and next(reads) == 2:
            raise DataError("'photos/x.png' cannot be read: it is cut short.")
        return read(self, indices)

    monkeypatch.setattr(ArrayImages, "read", breaks)
    with pytest.raises(DataError, match=r"photos/x\.png' cannot be read"):
        train_anew(small_request(), tmp_path / "run", progress=False)
