"""A user's script of ten lines, on NumPy arrays and on a tf.data.Dataset; a stranger's plugin."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from plugin_folders import ROOT, lay_out, run_tests, zoo_in

EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/pyproject.toml"))
each_example = pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)

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


@each_example
def test_an_example_is_a_plugin_that_is_listed(example, tmp_path):
    points = tomllib.loads((example / "pyproject.toml").read_text())["project"]["entry-points"]
    done = zoo_in(lay_out(tmp_path, example), "list", "--json")
    status = {entry["name"]: entry["status"] for entry in json.loads(done.stdout)}
    assert points["zoo.models"]
    assert all(status[name] == "ok" for name in points["zoo.models"])
    assert not done.stderr


@each_example
def test_an_example_is_short_and_imports_what_a_plugin_may(example):
    (package,) = example.glob("zoo_*")
    allowed = {"zoo", "keras", "numpy", package.name} | sys.stdlib_module_names
    lines = 0
    for path in package.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        lines += sum(bool(line.strip()) for line in text.splitlines())
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert {name.partition(".")[0] for name in names} <= allowed, path
    assert lines < 150


@pytest.mark.slow
@pytest.mark.backends
@each_example
def test_an_example_keeps_the_contract_and_passes_its_own_tests(example, tmp_path):
    """`make test-wheels` runs them too, on TensorFlow, from the wheel."""
    done = run_tests(example, lay_out(tmp_path, example), "tests")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"[1-9][0-9] passed", done.stdout), done.stdout
