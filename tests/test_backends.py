"""The choice of a backend, made once in a process, and training where TensorFlow is missing."""

import importlib.util
import json
import os
import subprocess
import sys

import keras
import pytest

from zoo.backends import BACKENDS, quietly, use_backend, versions
from zoo.errors import ZooError

WITHOUT_TENSORFLOW = """
import sys
from importlib.machinery import PathFinder

find = PathFinder.find_spec

def find_others(name, path=None, target=None):
    blocked = name.partition(".")[0] in ("tensorflow", "tensorflow_datasets", "keras_cv")
    return None if blocked else find(name, path, target)

PathFinder.find_spec = find_others
from zoo.commands import run

small = ["--set", "hidden_sizes=4", "--set", "latent_size=2", "--steps", "3"]
assert run(["train", "vae", "--backend", sys.argv[1], "--out", "run", *small]) == 0
assert run(["sample", "run"]) == 0
assert run(["evaluate", "run", "--metrics", "reconstruction", "--json"]) == 0
assert "tensorflow" not in sys.modules
"""


def python(program, *arguments, **environment):
    """Run a program in a process of its own, which chooses its backend itself."""
    inherited = {name: v for name, v in os.environ.items() if name != "KERAS_BACKEND"}
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**inherited, **environment},
    )


def test_an_unknown_backend_is_refused():
    with pytest.raises(ZooError, match=r"one of tensorflow, jax, torch\. Received: 'theano'"):
        use_backend("theano")


def test_the_backend_in_use_may_be_asked_for_again():
    assert use_backend() == use_backend(keras.backend.backend()) == keras.backend.backend()


def test_keras_cannot_change_its_backend():
    active = keras.backend.backend()
    other = next(name for name in BACKENDS if name != active)
    with pytest.raises(ZooError, match=f"already runs on '{active}'.*KERAS_BACKEND={other}"):
        use_backend(other)


def test_a_backend_that_is_not_installed_is_named_with_what_to_do():
    program = """
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "jax" else find(name, *rest)
from zoo.commands import run
raise SystemExit(run(["train", "vae", "--backend", "jax", "--steps", "1"]))
"""
    done = python(program)
    assert done.returncode == 1
    assert done.stderr == (
        "error: The backend 'jax' is not installed. Run `pip install jax`, or choose another with "
        "--backend or KERAS_BACKEND.\n"
    )


def test_the_environment_variable_is_checked_like_the_option():
    done = python("from zoo.backends import use_backend; use_backend()", KERAS_BACKEND="theano")
    assert "The backend must be one of tensorflow, jax, torch. Received: 'theano'" in done.stderr


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_the_core_trains_where_tensorflow_is_not_installed(backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed.")
    done = python(WITHOUT_TENSORFLOW, backend)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    measured = json.loads(done.stdout[done.stdout.index("{") :])
    assert measured["metrics"]["reconstruction_mse"]["count"] == 360


def test_without_tensorflow_the_default_backend_says_what_to_choose():
    blocked = WITHOUT_TENSORFLOW.partition("small =")[0]
    done = python(f"{blocked}raise SystemExit(run(['train', 'vae', '--steps', '1']))")
    assert done.returncode == 1
    error = done.stderr.splitlines()[-1]
    assert "If TensorFlow is not installed, choose another backend with --backend" in error


def test_training_writes_nothing_to_stderr():
    small = ["--set", "hidden_sizes=4", "--steps", "2"]
    program = "import sys; from zoo.commands import run; raise SystemExit(run(sys.argv[1:]))"
    done = python(program, "train", "vae", *small)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Training vae on digits, preset 'laptop'\n")


def test_what_is_said_while_loading_is_kept_for_a_failure(capfd):
    with quietly():
        os.write(2, b"chatter\n")
    assert capfd.readouterr().err == ""

    def fail():
        with quietly():
            os.write(2, b"the reason\n")
            raise ImportError

    with pytest.raises(ImportError):
        fail()
    assert capfd.readouterr().err == "the reason\n"


def test_versions_name_all_that_a_result_depends_on():
    found = versions(keras.backend.backend())
    assert found["keras"] == keras.__version__
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert set(found) == {"python", "zoo", "keras", "numpy", keras.backend.backend()}
