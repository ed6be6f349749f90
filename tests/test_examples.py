"""A user's script of ten lines, on NumPy arrays and on a tf.data.Dataset."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

ON_NUMPY = """
import zoo
from sklearn.datasets import load_digits

images = load_digits().images[..., None].astype("float32") / 16
model = zoo.create("vae", image_shape=(8, 8, 1), latent_size=2, hidden_sizes=(32,))
model.compile()
history = model.fit(images[:1500], validation_data=(images[1500:], None), epochs=4, verbose=0)
digits = model.sample(4, seed=0)
codes = model.encode(images[:5])
"""

ON_TF_DATA = """
import tensorflow as tf
import zoo
from sklearn.datasets import load_digits

images = load_digits().images[..., None].astype("float32") / 16
data = tf.data.Dataset.from_tensor_slices(images).shuffle(1500, seed=0)
model = zoo.create("vae", image_shape=(8, 8, 1), latent_size=2, hidden_sizes=(32,))
model.compile(optimizer={"vae": "adam"})
history = model.fit(data.take(1500).batch(50), validation_data=data.skip(1500).batch(50), epochs=4)
digits = model.sample(4, seed=0)
codes = model.encode(images[:5])
"""

# What must be true after either script: it learned, and its samples and codes have their form.
CHECKS = """
bound = history.history["negative_bound_nats"]
assert bound[-1] < 0.9 * bound[0], bound
assert history.history["val_negative_bound_nats"][-1] < bound[0]
assert digits.shape == (4, 8, 8, 1) and 0 <= digits.min() < digits.max() <= 1
assert codes.shape == (5, 2)
"""


def run_script(script: str, folder: Path) -> None:
    assert len([line for line in script.splitlines() if line.strip()]) <= 10
    done = subprocess.run(
        [sys.executable, "-c", script + CHECKS],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.backends
def test_a_user_script_of_ten_lines_fits_numpy_arrays(tmp_path):
    run_script(ON_NUMPY, tmp_path)


@pytest.mark.backends
def test_a_user_script_of_ten_lines_fits_a_tf_dataset(tmp_path):
    pytest.importorskip("tensorflow", reason="tf.data needs TensorFlow")
    run_script(ON_TF_DATA, tmp_path)
