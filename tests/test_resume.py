"""Whatever ends a training, resuming it gives the bits of one that was never ended."""

import dataclasses
import os
import random
import re
import shutil
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest
from PIL import Image
from small_runs import (
    OPTIONS,
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
from zoo.errors import RunError
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
        print(f"\n{backend}: 20 kills; newest checkpoint after each: {steps}")


@pytest.mark.backends
def test_two_kills_change_no_bit(tmp_path):
    options = (*OPTIONS, "--epochs", "400", "--checkpoint-every", "0.1")
    options += ("--backend", keras.backend.backend())
    options = ("--set", "hidden_sizes=4", "--set", "latent_size=2", *options[4:])
    if keras.backend.backend() == "torch":
        options = (*options, "--epochs", "60")
    train_through_kills(tmp_path / "killed", options, kills=2, longest=8, seed=2)
    assert zoo(["train", "vae", "--out", str(tmp_path / "whole"), *options]) == 0
    assert_same_bits(tmp_path / "whole", tmp_path / "killed")
    assert records(tmp_path / "whole") == records(tmp_path / "killed")
