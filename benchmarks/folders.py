"""How long it takes from the command to the first step of a training on a folder of many images.

    python -m benchmarks.folders

Beside it stands the same training on few of them, which says what is not about their number.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COUNTS = (1_000, 100_000)
CLASSES = 10
FILES = 100  # pictures that differ; the others are hard links to them
SIDE = 28  # pixels
FIRST_STEP = """
import sys, time
from zoo.recording import Recorder

def stop(self, batch, logs=None):
    print(time.time())
    sys.exit(0)

Recorder.on_train_batch_end = stop
from zoo.commands import run
run(["train", "vae", "--data", sys.argv[1], "--steps", "1", "--out", sys.argv[2]])
"""


def write_images(folder: Path, count: int) -> None:
    """Write so many grey PNG files of 28x28 pixels, in class folders."""
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits().images[:FILES]
    sources = folder.with_name(f"{folder.name}-sources")
    sources.mkdir(parents=True)
    for number, digit in enumerate(digits):
        picture = Image.fromarray((digit * 15.9).astype("uint8")).resize((SIDE, SIDE))
        picture.save(sources / f"{number}.png")
    for name in range(CLASSES):
        (folder / str(name)).mkdir(parents=True)
    for number in range(count):
        name = folder / str(number % CLASSES) / f"{number:06d}.png"
        os.link(sources / f"{number % FILES}.png", name)


def seconds_to_first_step(folder: Path, out: Path) -> float:
    """Return the wall time from the start of the process to the end of the first step."""
    started = time.time()
    done = subprocess.run(
        [sys.executable, "-c", FIRST_STEP, str(folder), str(out)],
        check=True,
        capture_output=True,
        text=True,
    )
    return float(done.stdout.splitlines()[-1]) - started


def main() -> None:
    """Print a table."""
    print(f"{'images':>8} {'seconds':>8}   to the end of the first step, best of 2")
    with tempfile.TemporaryDirectory() as scratch:
        for count in COUNTS:
            folder = Path(scratch) / str(count)
            write_images(folder, count)
            readings = [seconds_to_first_step(folder, Path(scratch) / "run") for _ in range(2)]
            print(f"{count:>8,} {min(readings):>8.1f}")


if __name__ == "__main__":
    main()
