"""Small trainings that several tests make, and what is left of them."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from zoo.checkpoints import latest_checkpoint, load_checkpoint
from zoo.planning import Asked, plan
from zoo.runs import Run, RunRequest

STEPS_PER_EPOCH = 4  # of the embedded digits, with the batch size below
SMALL = ("hidden_sizes=4", "latent_size=2")
BATCH_SIZE = 320
OPTIONS = ("--set", SMALL[0], "--set", SMALL[1], "--batch-size", str(BATCH_SIZE))


def small_request(model: str = "vae", **asked) -> RunRequest:
    """Return the request of a training that takes as little time as one can."""
    steps = asked.pop("steps", None)
    overrides = (*SMALL, *asked.pop("overrides", ()))
    asked = {"batch_size": BATCH_SIZE, "seed": 3, "epochs": 1, **asked}
    request = plan(model, Asked(overrides=overrides, **asked))
    return request if steps is None else dataclasses.replace(request, epochs=None, steps=steps)


def newest_state(folder: Path) -> dict[str, np.ndarray]:
    """Return all variables of a run's newest checkpoint."""
    return load_checkpoint(latest_checkpoint(folder / "checkpoints"))[0]


def records(folder: Path) -> list[dict]:
    """Return what a run logged, but for the time that it took."""
    return [
        {name: value for name, value in record.items() if name != "seconds"}
        for record in Run.open(folder).metrics()
    ]


def assert_same_bits(one: Path, other: Path) -> None:
    """Compare every variable of the newest checkpoints of two runs.

    By their order: Keras numbers the layers of a process through, and so their names.
    """
    states = [sorted(newest_state(folder).items()) for folder in (one, other)]
    different = [
        name
        for (name, a), (_, b) in zip(*states, strict=True)
        if a.dtype != b.dtype or a.shape != b.shape or a.tobytes() != b.tobytes()
    ]
    assert not different


def start_zoo(*arguments: object, **environment: str) -> subprocess.Popen:
    """Start the command line in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", "from zoo.commands import main; main()", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


def write_images(folder: Path, count: int = 12) -> Path:
    """Write a folder of grey pictures of 8x8 pixels."""
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (count, 8, 8), "uint8")
    for number, picture in enumerate(pixels):
        Image.fromarray(picture).save(folder / f"{number:02d}.png")
    return folder


def install_model(folder: Path, package: str, name: str, reference: str) -> None:
    """Write the metadata of a distribution that brings one model; `folder` is on `sys.path`."""
    metadata = folder / f"{package.replace('-', '_')}-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[zoo.models]\n{name} = {reference}\n")
