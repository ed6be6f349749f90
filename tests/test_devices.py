"""A batch shared out among devices: what each holds, and what is refused."""

import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from small_runs import assert_same_bits, records, small_request

from zoo.commands import run as zoo
from zoo.engine.devices import BACKEND, choose_devices, shared_among
from zoo.errors import ConfigError
from zoo.planning import Asked, build_model, plan_resume
from zoo.runs import Run
from zoo.training import train_anew, train_on

pytestmark = pytest.mark.backends

needs_two = pytest.mark.skipif(
    keras.backend.backend() != BACKEND or len(keras.distribution.list_devices()) < 2,
    reason=f"{BACKEND} and two devices are needed: "
    "XLA_FLAGS=--xla_force_host_platform_device_count=2",
)


@pytest.mark.skipif(keras.backend.backend() == BACKEND, reason=f"{BACKEND} can do it")
def test_another_backend_is_refused_before_anything_is_written(capsys):
    assert zoo(["train", "vae", "--devices", "2"]) == 1
    error = capsys.readouterr().err
    assert f"--devices 2 needs the backend {BACKEND}. Received: {keras.backend.backend()}" in error
    assert not list(Path.cwd().iterdir())


MIRRORED = """
import numpy as np, tensorflow as tf, zoo
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
    model = zoo.create("vae", image_shape=(4, 4, 1), hidden_sizes=(4,), latent_size=2)
    model.compile()
model.fit(np.zeros((8, 4, 4, 1), "float32"), batch_size=4, verbose=0)
"""


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="a strategy of TensorFlow")
def test_a_strategy_that_would_train_wrongly_is_refused():
    child = subprocess.run(
        [sys.executable, "-c", MIRRORED], capture_output=True, text=True, check=False
    )
    assert child.returncode != 0
    assert "ConfigError: A tf.distribute strategy with 2 replicas would give each" in child.stderr


@needs_two
def test_every_device_holds_the_weights_and_half_of_the_batch():
    request = small_request()
    with shared_among(2, request.batch_size):
        model = build_model(request)
        distribution = keras.distribution.distribution()
        batch = distribution.get_data_layout((4, 8, 8, 1))
        last = distribution.get_data_layout((3, 8, 8, 1))
    assert keras.distribution.distribution() is None
    for variable in model.variables:
        assert len(variable.value.devices()) == 2
        assert variable.value.sharding.is_fully_replicated
    assert tuple(batch.axes) == ("batch", None, None, None)
    assert tuple(last.axes) == (None, None, None, None)  # it does not split: whole to each


@needs_two
def test_a_training_on_two_devices_logs_what_one_on_one_does(tmp_path):
    one = train_anew(small_request(epochs=2), tmp_path / "one", progress=False)
    two = train_anew(small_request(epochs=2, devices=2), tmp_path / "two", progress=False)
    for alone, shared in zip(records(one.path), records(two.path), strict=True):
        assert alone.keys() == shared.keys()
        np.testing.assert_allclose(list(shared.values()), list(alone.values()), rtol=1e-4)
    assert Run.open(two.path).request.devices == 2


@needs_two
def test_a_run_goes_on_with_other_devices(tmp_path):
    whole = train_anew(small_request(epochs=2), tmp_path / "whole", progress=False)
    half = train_anew(small_request(devices=2), tmp_path / "half", progress=False)
    longer = train_on(half, plan_resume(half, None, Asked(devices=1, epochs=2)), progress=False)
    assert longer.request.devices == 1
    last, expected = records(half.path)[-1], records(whole.path)[-1]
    np.testing.assert_allclose(list(last.values()), list(expected.values()), rtol=1e-4)


@needs_two
def test_a_run_that_goes_on_with_as_many_devices_ends_on_the_same_bits(tmp_path):
    whole = train_anew(small_request(steps=5, devices=2), tmp_path / "whole", progress=False)
    half = train_anew(small_request(steps=3, devices=2), tmp_path / "half", progress=False)
    train_on(half, plan_resume(half, None, Asked(steps=5)), progress=False)
    assert Run.open(half.path).request.devices == 2
    assert_same_bits(whole.path, half.path)


@needs_two
@pytest.mark.parametrize(
    ("count", "batch_size", "message"),
    [
        (1000, 4000, "--devices asks for 1000 devices. Found"),
        (0, 4, "--devices asks for 0 devices"),
        (2, 5, "must split into 2 equal parts.*--batch-size 5"),
    ],
)
def test_what_cannot_be_shared_out_is_refused(count, batch_size, message):
    with pytest.raises(ConfigError, match=message):
        choose_devices(count, batch_size)


def test_a_run_from_before_there_were_devices_is_of_one(tmp_path):
    run = Run.create(small_request(), tmp_path / "run")
    document = json.loads((run.path / "run.json").read_text())
    del document["devices"]
    (run.path / "run.json").write_text(json.dumps(document))
    assert Run.open(run.path).request.devices == 1
