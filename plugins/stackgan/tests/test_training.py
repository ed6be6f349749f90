"""Two stages are one training, whatever ends it, and each is a run like any other."""

import os
import shutil
import signal
import threading
import time

import keras
import numpy as np
import pytest
from zoo_stackgan.training import StagedTrainer

from zoo.card import resolve
from zoo.checkpoints import latest_checkpoint, load_checkpoint
from zoo.data import load
from zoo.errors import Interrupted, RunError
from zoo.planning import Asked, card_of, plan, plan_resume
from zoo.runs import Run
from zoo.training import load_model, train_anew, train_on, trained_steps

SMALL = (
    "refinement=2",
    "text_size=4",
    "condition_size=3",
    "latent_size=3",
    "generator_filters=2",
    "discriminator_filters=2",
    "residual_blocks=1",
    "average=0.5",
    "first_stage_length=40",
)
STEPS = 3  # of stage II, of which stage I has 40 times as many
QUIETLY = {"progress": False, "checkpoint_seconds": 0}


def request(*overrides, image_size=16):
    asked = {"steps": STEPS, "batch_size": 8, "seed": 3, "form": {"image_size": image_size}}
    return plan("stackgan", Asked(overrides=[*SMALL, *overrides], **asked))


def go_on(run, **longer):
    return train_on(run, plan_resume(run, None, Asked(**longer)), **QUIETLY)


def assert_same_bits(run, other):
    ours, theirs = (load_checkpoint(latest_checkpoint(r.checkpoints_path))[0] for r in (run, other))
    assert len(ours) == len(theirs)
    pairs = zip(sorted(ours.items()), sorted(theirs.items()), strict=True)
    assert all(np.array_equal(a, b) for (_, a), (_, b) in pairs)


def first_weights(run):
    """Return the values of what stage II takes over from stage I, with moving averages in place."""
    variables = [v for network in load_model(run).first_networks for v in network.variables]
    return [np.array(keras.ops.convert_to_numpy(v.value)) for v in variables]


def assert_equal(arrays, others):
    assert all(np.array_equal(a, b) for a, b in zip(arrays, others, strict=True))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run of both stages."""
    return train_anew(request(), tmp_path_factory.mktemp("whole") / "run", progress=False)


@pytest.mark.backends
def test_a_run_of_stage_two_holds_one_of_stage_one(whole):
    first = Run.open(whole.path / "stage-1")
    assert (trained_steps(first), trained_steps(whole)) == (40 * STEPS, STEPS)
    assert first.request.config["stage"] == 1
    assert first.request.config["image_shape"] == [8, 8, 1]
    assert first.request.form["image_size"] == [8, 8]
    assert all(path.exists() for path in (first.report_path, first.model_path, whole.model_path))
    assert_equal(first_weights(whole), first_weights(first))
    assert load_model(first).sample(2)["image"].shape == (2, 8, 8, 1)
    assert load_model(whole).sample(2)["image"].shape == (2, 16, 16, 1)
    assert resolve(card_of(whole.request).trainer) is StagedTrainer


def interrupt(run_path):
    """Interrupt this process when the run in a folder has its first checkpoint.

    Later ones may not come before the end: where the disk is slow, training saves less often.
    """

    def watch():
        until = time.monotonic() + 300
        while time.monotonic() < until:
            if any((run_path / "checkpoints").glob("step-????????")):
                os.kill(os.getpid(), signal.SIGINT)
                return
            time.sleep(0.01)

    threading.Thread(target=watch, daemon=True).start()


@pytest.mark.backends
def test_what_is_interrupted_in_stage_one_goes_on_there_and_ends_on_the_same_bits(whole, tmp_path):
    run = Run.create(request(), tmp_path / "a run")
    (run.path / "stage-1").mkdir()  # as a kill leaves it, while the folder is made
    (run.path / "stage-1" / ".lock").touch()
    interrupt(run.path / "stage-1")
    with pytest.raises(Interrupted, match=r"Go on with: zoo train --resume '.*/a run'$"):
        train_on(run, run.request, **QUIETLY)
    first = Run.open(run.path / "stage-1")
    assert 1 <= trained_steps(first) < 40 * STEPS
    assert trained_steps(run) == 0
    go_on(run)
    assert_same_bits(run, whole)
    assert_same_bits(first, Run.open(whole.path / "stage-1"))


def test_an_interrupted_stage_one_is_not_removed_as_a_run_that_came_to_nothing(tmp_path):
    interrupt(tmp_path / "run" / "stage-1")
    with pytest.raises(Interrupted):
        train_anew(request(), tmp_path / "run", **QUIETLY)
    assert trained_steps(Run.open(tmp_path / "run" / "stage-1")) >= 1


def test_stage_one_made_longer_changes_nothing_in_a_stage_two_that_has_begun(whole, tmp_path):
    run = Run(shutil.copytree(whole.path, tmp_path / "run"), whole.request)
    before = first_weights(whole)
    first = go_on(Run.open(run.path / "stage-1"), steps=40 * STEPS + 2)
    assert trained_steps(first) == 40 * STEPS + 2
    go_on(run, steps=STEPS + 1)
    assert trained_steps(run) == STEPS + 1
    assert_equal(first_weights(run), before)


def test_a_trained_stage_one_is_refined_and_then_needed_no_more(whole, tmp_path):
    first = shutil.copytree(whole.path / "stage-1", tmp_path / "first")
    refined = train_anew(request(f"first_stage={first}"), tmp_path / "second", **QUIETLY)
    assert not (refined.path / "stage-1").exists()
    assert_same_bits(refined, whole)
    shutil.rmtree(first)
    assert trained_steps(go_on(refined)) == STEPS


def test_a_first_stage_that_does_not_fit_is_refused(whole, tmp_path):
    first = whole.path / "stage-1"
    for overrides, size, message in (
        ([f"first_stage={first}"], 32, r"image_shape = \(8, 8, 1\), and \(16, 16, 1\) is needed"),
        ([f"first_stage={whole.path}"], 16, "has stage = 2, and 1 is needed"),
        (["first_stage=nowhere"], 16, "There is no run 'nowhere'"),
    ):
        with pytest.raises(RunError, match=message):
            train_anew(request(*overrides, image_size=size), tmp_path / "refused", **QUIETLY)
        assert not (tmp_path / "refused").exists()


def test_embeddings_that_the_data_bring_are_what_it_is_trained_and_sampled_with(tmp_path):
    data = load("captioned-digits", split="train", kind="captioned", image_size=8)
    texts = sorted({text for index in range(len(data)) for text in data.texts(index)})
    embeddings = np.random.default_rng(0).normal(size=(len(texts), 5)).astype("float32")
    np.savez(tmp_path / "told.npz", captions=texts, embeddings=embeddings)
    form = {"image_size": 8, "embeddings": str(tmp_path / "told.npz")}
    asked = Asked(overrides=[*SMALL, "stage=1"], form=form, steps=1, batch_size=8)
    run = train_anew(plan("stackgan", asked), tmp_path / "run", **QUIETLY)
    model = load_model(run)
    caption = model.config.captions[-1]
    assert np.array_equal(model.embed([caption])[0], embeddings[texts.index(caption)])
    assert model.sample(2)["image"].shape == (2, 8, 8, 1)
