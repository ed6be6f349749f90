import os
import random
import re
import subprocess
import sys
from pathlib import Path

import keras  # noqa: F401  (importing it draws from Python's generator, which a test watches)
import numpy as np
import pytest

from zoo.data.arrays import ArrayImages
from zoo.errors import DataError
from zoo.metrics import FEATURES, MetricError
from zoo.metrics.classifier import build_network, cache_path
from zoo.metrics.features import feature_network, inception_inputs
from zoo.metrics.learning import load_cached, save_cached, training_steps

SEES = """
import sys
import numpy as np
from test_metrics_features import bars
from zoo.metrics.features import feature_network
data = bars()
np.save(sys.argv[1], feature_network("classifier", data).features(data.read(np.arange(5))[0]))
"""


def bars(split="train", *, count=80, labels=True, shape=(8, 8, 1)):
    """Noisy images with a bright row, or a bright column."""
    generator = np.random.default_rng(0 if split == "train" else 1)
    pixels = generator.integers(0, 128, (count, *shape))
    # Without labels rows alone: a column is a row that was turned.
    is_row = generator.integers(0, 2, count) if labels else np.ones(count, int)
    for image, row, place in zip(pixels, is_row, generator.integers(0, 4, count), strict=True):
        if row:
            image[place] = 255  # in the upper half, so that turns can be told too
        else:
            image[:, place] = 255
    return ArrayImages(
        name="/some where/bars",
        split=split,
        splits=("train", "test"),
        pixels=pixels.astype(np.uint8),
        labels=is_row.astype(np.int32) if labels else None,
        class_names=("column", "row") if labels else (),
    )


@pytest.fixture(scope="module")
def shared_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def cache(shared_cache, monkeypatch):
    monkeypatch.setenv("ZOO_CACHE_DIR", str(shared_cache))
    return shared_cache


def read_all(data):
    return data.read(np.arange(len(data)))


def test_the_classifier_learns_the_classes_from_a_seed_of_its_own():
    before = random.getstate(), np.random.get_state()[1].tolist()
    network = feature_network("classifier", bars())
    # The global generators, from which Keras and a user may draw, are as they were.
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before
    images, labels = read_all(bars("test"))
    assert network.name == "classifier-bars"
    assert (network.classify(images) == labels).mean() > 0.9
    features = network.features(images)
    assert (features.shape, features.dtype) == ((80, 64), np.float32)
    assert network.accuracy.value > 0.8
    assert network.accuracy.count == 8


def test_what_was_trained_once_is_read_from_the_cache():
    data = bars()
    images, _ = read_all(data)
    first = feature_network("classifier", data)
    path = cache_path(data)
    written = path.stat().st_mtime_ns
    again = feature_network("classifier", data)
    assert path.stat().st_mtime_ns == written
    assert again.accuracy.value == first.accuracy.value
    np.testing.assert_array_equal(again.features(images), first.features(images))


def damaged(content, damage):
    return {
        "cut": content[: len(content) // 2],
        "altered": content[:-8] + bytes(byte ^ 255 for byte in content[-8:]),
        "no safetensors": b"nothing",
    }[damage]


@pytest.mark.parametrize("damage", ["cut", "altered", "no safetensors"])
def test_a_broken_cache_is_not_read_and_it_is_said(damage, tmp_path, caplog):
    network, path = build_network((8, 8, 1), 2), tmp_path / "network.safetensors"
    save_cached(network, path, {"accuracy": np.array([0.75, 4])})
    assert load_cached(network, path)["accuracy"].tolist() == [0.75, 4]
    path.write_bytes(damaged(path.read_bytes(), damage))
    assert load_cached(network, path) is None
    assert "is broken and is made anew" in caplog.text


def test_weights_of_another_network_are_not_read(tmp_path, caplog):
    path = tmp_path / "network.safetensors"
    save_cached(build_network((8, 8, 1), 2), path, {})
    assert load_cached(build_network((8, 8, 3), 2), path) is None
    assert "is broken and is made anew" in caplog.text


def test_a_broken_cache_is_replaced():
    data = bars(count=12)
    path = cache_path(data)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"nothing")
    network = feature_network("classifier", data)
    assert np.isfinite(network.features(read_all(data)[0])).all()
    kept = load_cached(build_network((8, 8, 1), 2), path)
    assert kept["accuracy"].tolist() == [network.accuracy.value, network.accuracy.count]


def test_a_cache_that_cannot_be_written_is_a_warning(tmp_path, caplog):
    (tmp_path / "file").write_text("no folder")
    path = tmp_path / "file" / "network.safetensors"
    save_cached(build_network((8, 8, 1), 2), path, {})
    assert "trained anew next time" in caplog.text


@pytest.mark.parametrize("backend", [pytest.param("jax", marks=pytest.mark.slow), "torch"])
def test_other_backends_read_the_same_cache_and_see_the_same(backend, tmp_path):
    pytest.importorskip(backend)
    data = bars()
    here = feature_network("classifier", data).features(data.read(np.arange(5))[0])
    written = cache_path(data).stat().st_mtime_ns
    subprocess.run(
        [sys.executable, "-c", SEES, str(tmp_path / "features.npy")],
        env={
            **os.environ,
            "KERAS_BACKEND": backend,
            "PYTHONPATH": os.path.dirname(__file__),
        },
        check=True,
    )
    np.testing.assert_allclose(np.load(tmp_path / "features.npy"), here, rtol=1e-3, atol=1e-4)
    assert cache_path(data).stat().st_mtime_ns == written


def test_other_images_and_other_sizes_have_a_file_of_their_own():
    paths = {
        cache_path(data)
        for data in (bars(), bars("test"), bars(labels=False), bars(shape=(8, 8, 3)))
    }
    assert len(paths) == 4


def test_the_cache_stands_where_the_variables_say(monkeypatch, tmp_path):
    monkeypatch.delenv("ZOO_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_path(bars()).parent == tmp_path / "zoo" / "features"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_path(bars()).parent == tmp_path / "home" / ".cache" / "zoo" / "features"


@pytest.mark.parametrize(
    ("shape", "count", "chance"), [((8, 8, 1), 200, 1 / 4), ((8, 10, 3), 100, 1 / 2)]
)
def test_images_without_labels_are_learnt_from_by_their_turns(shape, count, chance):
    network = feature_network("classifier", bars(labels=False, count=count, shape=shape))
    assert network.name == "rotations-bars"
    assert network.classify is None
    assert network.accuracy.value > chance + 0.2
    assert network.features(np.zeros((2, *shape), np.float32)).shape == (2, 64)


def test_one_image_is_too_few_to_learn_from():
    with pytest.raises(DataError, match=r"two training images or more\. '/some where/bars' has 1"):
        feature_network("classifier", bars(count=1))


@pytest.mark.parametrize("side", [2, 8, 28, 64, 128])
def test_the_network_fits_images_of_any_size(side):
    network = build_network((side, side, 3), 10)
    assert [output.shape for output in network.outputs] == [(None, 64), (None, 10)]
    assert network.count_params() < 250_000


def test_large_images_and_small_sets_are_trained_on_for_fewer_steps():
    assert training_steps((28, 28, 1), 54_000) == 1000
    assert training_steps((64, 64, 3), 54_000) == 250
    assert training_steps((8, 8, 1), 128) == 30


def test_pixels_are_features_as_they_are():
    network = feature_network("pixels", bars())
    images, _ = read_all(bars())
    np.testing.assert_array_equal(network.features(images), images.reshape(80, 64))
    assert (network.name, network.accuracy) == ("pixels", None)


def test_unknown_features_are_answered_with_the_closest():
    with pytest.raises(MetricError, match=r"Did you mean 'inception'\? Features: classifier,"):
        feature_network("inceptoin", bars())
    assert set(FEATURES) == {"classifier", "inception", "pixels"}


def test_inception_takes_colour_at_299_pixels_between_minus_one_and_one():
    images = np.full((2, 8, 8, 1), 0.75, np.float32)
    images[1] = 0
    inputs = np.asarray(inception_inputs(images))
    assert inputs.shape == (2, 299, 299, 3)
    np.testing.assert_allclose(inputs[0], 0.5, atol=1e-6)
    np.testing.assert_allclose(inputs[1], -1, atol=1e-6)


def test_without_its_weights_inception_says_where_they_are_kept(monkeypatch):
    kept = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "models"
    if list(kept.glob("inception_v3*")):
        pytest.skip("Keras has the weights here")

    def no_network(*arguments, **options):
        raise OSError("no network here")

    monkeypatch.setattr("socket.getaddrinfo", no_network)
    with pytest.raises(MetricError, match="weights of Inception v3 could not be had") as caught:
        feature_network("inception", bars())
    assert f"'{kept}'" in str(caught.value)
    assert re.search(r"[^.]\. They are kept in", str(caught.value))
    assert "take other --features: classifier, pixels" in str(caught.value)
