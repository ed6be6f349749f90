import dataclasses
import io

import numpy as np
import pytest
from PIL import Image

from zoo.data.arrays import ArrayImages
from zoo.errors import DataError
from zoo.metrics import MetricError, Settings
from zoo.metrics.probe import PERCENTS, SUBSETS, measure_probe, subsets
from zoo.metrics.reconstruction import measure_reconstruction


def xor_images(split, count=400, labels=True):
    """Two pixels of black or white and two of noise; the class is whether the first two differ."""
    random = np.random.default_rng(1 if split == "train" else 2)
    pixels = random.integers(0, 256, (count, 4))
    pixels[:, :2] = 255 * random.integers(0, 2, (count, 2))
    differs = (pixels[:, 0] != pixels[:, 1]).astype(np.int32)
    return ArrayImages(
        name="xor",
        split=split,
        splits=("train", "test"),
        pixels=pixels.astype(np.uint8).reshape(-1, 2, 2, 1),
        labels=differs if labels else None,
        class_names=("same", "different") if labels else (),
    )


class SeesTheDifference:
    """Encodes how much the first two pixels differ; decodes to grey."""

    config = None

    def encode(self, x, labels=None):
        return np.abs(x[:, 0, 0] - x[:, 0, 1])

    def decode(self, latents, labels=None):
        return np.full((len(latents), 2, 2, 1), 0.5, np.float32)


def settings(**changes):
    return dataclasses.replace(Settings(load_train=lambda: xor_images("train")), **changes)


def test_codes_that_hold_the_class_are_told_from_pixels_that_hide_it():
    figures = measure_probe(SeesTheDifference(), xor_images("test"), settings())
    for percent in PERCENTS[:-1]:
        assert figures[f"probe_accuracy_at_{percent}_percent"].value == 1
    assert figures["probe_accuracy"].value == 1
    # No line separates exclusive or: chance, to within its error of 1 / (2 sqrt(400)).
    assert figures["pixels_accuracy"].value == pytest.approx(0.5, abs=0.13)
    assert figures["pixels_accuracy"].standard_error == pytest.approx(0.025, rel=0.05)
    assert len(figures) == 2 * len(PERCENTS)
    assert {figure.count for figure in figures.values()} == {400}


def test_the_examples_to_judge_on_can_be_fewer():
    figures = measure_probe(SeesTheDifference(), xor_images("test"), settings(count=50))
    assert {figure.count for figure in figures.values()} == {50}


def test_a_picture_of_the_curves_is_left_in_the_folder(tmp_path):
    measure_probe(SeesTheDifference(), xor_images("test"), settings(folder=tmp_path))
    picture = Image.open(io.BytesIO((tmp_path / "probe.png").read_bytes()))
    assert picture.width > picture.height > 400


def test_a_share_of_the_labels_has_the_same_share_of_every_class():
    labels = np.array([0] * 100 + [1] * 50 + [2] * 3)
    drawn = list(subsets(labels, 10, seed=0))
    assert len(drawn) == SUBSETS
    for indices in drawn:
        assert len(set(indices)) == len(indices)
        assert np.bincount(labels[indices]).tolist() == [10, 5, 1]
    assert not np.array_equal(drawn[0], drawn[1])
    assert np.array_equal(drawn[0], next(subsets(labels, 10, seed=0)))


def test_all_the_labels_are_one_subset():
    [everything] = subsets(np.array([0, 1, 1]), 100, seed=0)
    assert everything.tolist() == [0, 1, 2]


def test_too_many_raw_values_are_thinned_out_and_it_is_said(monkeypatch, caplog):
    monkeypatch.setattr(
        "zoo.metrics.probe.MEMORY_BYTES", 100 * 4 * (4 + 1)
    )  # 100 of 4 pixels, 1 code
    figures = measure_probe(SeesTheDifference(), xor_images("test"), settings())
    assert "uses 100 of 400 training examples" in caplog.text
    assert figures["probe_accuracy"].value == 1


def test_data_without_labels_cannot_be_probed():
    unlabelled = xor_images("train", labels=False)
    with pytest.raises(DataError, match=r"'xor' has no labels, .* one sub-folder per class"):
        measure_probe(
            SeesTheDifference(), xor_images("test"), settings(load_train=lambda: unlabelled)
        )


def test_data_of_one_class_cannot_be_probed():
    one = xor_images("train", count=1)
    with pytest.raises(DataError, match="examples of one class"):
        measure_probe(SeesTheDifference(), xor_images("test"), settings(load_train=lambda: one))


def test_training_examples_cannot_judge_a_probe():
    with pytest.raises(MetricError, match=r"judged on another.*Received: 'train'"):
        measure_probe(SeesTheDifference(), xor_images("train"), settings())


def test_a_model_that_is_told_the_class_is_not_probed():
    class Told(SeesTheDifference):
        conditions = ("class",)

    with pytest.raises(MetricError, match="this model's encoder is given the class"):
        measure_probe(Told(), xor_images("test"), settings())


def test_a_discriminator_is_probed_by_its_features_even_if_it_is_told_the_class():
    class Discriminator:
        config = None
        conditions = ("class",)

        def features(self, x):
            return np.tile(SeesTheDifference().encode(x)[:, None], (1, 3, 1))  # (B, 3, 1)

    figures = measure_probe(Discriminator(), xor_images("test"), settings())
    assert figures["probe_accuracy"].value == 1
    assert figures["pixels_accuracy"].value < 0.7


def test_large_features_are_counted_in_the_memory_too(monkeypatch, caplog):
    class Wide(SeesTheDifference):
        def features(self, x):
            return np.repeat(self.encode(x).reshape(len(x), -1), 96, axis=1)

    monkeypatch.setattr("zoo.metrics.probe.MEMORY_BYTES", 100 * 4 * (4 + 96))
    measure_probe(Wide(), xor_images("test"), settings())
    assert "uses 100 of 400 training examples" in caplog.text


def test_the_reconstruction_error_is_the_mean_square_over_pixels():
    data = ArrayImages(
        name="two",
        split="test",
        splits=("test",),
        pixels=np.array([[0, 255, 0, 255], [51, 51, 51, 51]], np.uint8).reshape(2, 2, 2, 1),
        labels=None,
    )
    figures = measure_reconstruction(SeesTheDifference(), data, Settings())
    # Everything is rebuilt as 0.5: 0.25 for black and white, 0.09 for the grey of 51 / 255 = 0.2.
    assert figures["reconstruction_mse"].value == pytest.approx((0.25 + 0.09) / 2)
    assert figures["reconstruction_mse"].standard_error == pytest.approx((0.25 - 0.09) / 2)
