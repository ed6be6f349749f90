"""Runs of a thousand steps and epochs, and folders of many files: no more room and work than few.

Memory is read in a process of its own, since TensorFlow keeps some of every model it has compiled.
"""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from small_runs import small_request, write_images

from zoo.media.facts import STRIP_LENGTH
from zoo.media.grid import save_grid
from zoo.media.report import write_report
from zoo.planning import card_of
from zoo.runs import Run

MEBIBYTE = 2**20
FROM_STEP, TO_STEP = 200, 1200

TRAINING = """
import sys
from pathlib import Path
import psutil
from zoo.recording import Recorder
from zoo.planning import Asked, plan
from zoo.training import train_anew

measure_epoch = Recorder.on_epoch_end

def measured(self, epoch, logs=None):
    measure_epoch(self, epoch, logs)
    print(self.step, psutil.Process().memory_info().rss, file=sys.stderr)

Recorder.on_epoch_end = measured
small = ("hidden_sizes=4", "latent_size=2")
train_anew(plan("vae", Asked(overrides=small, batch_size=320, steps=1200)), Path("run"))
"""
USING = """
import sys
import numpy as np
import psutil
import zoo

model = zoo.create("vae", image_shape=(8, 8, 1), hidden_sizes=(4,), latent_size=2)
images = np.random.default_rng(0).random((8, 8, 8, 1), "float32")
for step in range(1, 1201):
    model.sample(8, seed=step)
    model.log_likelihood(images, importance_samples=2, seed=step)
    model.decode(model.encode(images))
    print(step, psutil.Process().memory_info().rss, file=sys.stderr)
"""


def memory(script: str) -> dict[int, int]:
    """Return the bytes that a script holds in memory, by step."""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=1200
    )
    assert done.returncode == 0, done.stderr
    pairs = [line.split() for line in done.stderr.splitlines()]
    return {int(pair[0]): int(pair[1]) for pair in pairs if len(pair) == 2 and pair[0].isdigit()}


@pytest.mark.slow
@pytest.mark.parametrize("script", [TRAINING, USING], ids=["training", "using"])
def test_a_thousand_steps_take_no_more_memory_than_the_first(script):
    # Training validates in each of 300 epochs, and draws samples in twenty of them.
    held = memory(script)
    assert max(held) >= TO_STEP
    growth = held[TO_STEP] - held[FROM_STEP]
    assert growth < 24 * MEBIBYTE, f"{growth / MEBIBYTE:.1f} MiB"


def write_history(run: Run, epochs: int) -> None:
    """Write into a run what a training of so many epochs leaves, a picture of every epoch too."""
    generator = np.random.default_rng(0)
    run.samples_path.mkdir(exist_ok=True)
    terms = ("negative_bound_nats", "reconstruction_nats", "kl_nats")
    lines = []
    for epoch in range(1, epochs + 1):
        values = {name: 50 + float(generator.normal()) for name in terms}
        held_out = {f"val_{name}": value for name, value in values.items()}
        lines.append(
            json.dumps({"step": epoch * 4, "epoch": epoch, "seconds": 1.0} | values | held_out)
        )
    run.metrics_path.write_text("\n".join(lines) + "\n")
    first = run.samples_path / "epoch-0001.png"
    save_grid(generator.random((64, 8, 8, 1)), first)
    for epoch in range(2, epochs + 1):
        os.link(first, run.samples_path / f"epoch-{epoch:04d}.png")


def test_the_report_of_a_thousand_epochs_is_as_light_as_that_of_a_hundred(tmp_path):
    sizes = {}
    for epochs in (300, 1000, 10_000):
        run = Run.create(small_request(), tmp_path / str(epochs))
        write_history(run, epochs)
        write_report(run, card_of(run.request))
        page = run.report_path.read_text("utf-8")
        assert page.count("<img") <= STRIP_LENGTH + 3
        sizes[epochs] = len(page)
    assert sizes[1000] < 1.2 * sizes[300]
    assert sizes[10_000] < 1.2 * sizes[300]
    assert sizes[1000] < 200_000


def test_findings_that_come_in_every_epoch_do_not_swell_the_report(tmp_path):
    run = Run.create(small_request(), tmp_path / "run")
    write_history(run, 10)
    for step in range(1000):
        finding = {"step": step, "symptom": "a", "message": f"b {step}", "suggestion": "c"}
        run.log_finding(finding)
    write_report(run, card_of(run.request))
    page = run.report_path.read_text("utf-8")
    assert "b 999" in page
    assert "950 earlier ones" in page
    assert len(page) < 200_000


COUNTING = """
import sys

folder, opened, listed = sys.argv[1], [], []

def look(event, arguments):
    if event == "open" and isinstance(arguments[0], str) and arguments[0].startswith(folder):
        opened.append(arguments[0])
    if event == "os.scandir":
        listed.append(arguments[0])

sys.addaudithook(look)
from zoo.recording import Recorder

def first_step(self, batch, logs=None):
    print("opened", len([path for path in opened if path.endswith(".png")]), file=sys.stderr)
    sys.exit(0)

Recorder.on_train_batch_end = first_step
from zoo.commands import run
run(["train", "vae", "--data", folder, "--steps", "1", "--batch-size", "8"])
"""


def test_each_of_many_images_is_opened_once_before_the_first_step(tmp_path):
    # Opening is what takes the time with many small files. The first says in which form all may be.
    count = 200
    folder = write_images(tmp_path / "images", count)
    done = subprocess.run(
        [sys.executable, "-c", COUNTING, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert f"opened {count + 1}" in done.stderr.splitlines()  # TensorFlow may write after it
