"""The code that only knows how often each level occurs."""

import math

import numpy as np
import pytest
from zoo_pixelrnn import PixelCNN, PixelCNNConfig

from zoo.data.arrays import ArrayImages
from zoo.metrics import MetricError, Settings
from zoo.metrics.evaluation import choose_metrics
from zoo.metrics.marginal import level_nats, measure_marginal

SHAPE = (2, 3, 1)  # six elements


MODEL = PixelCNN(PixelCNNConfig(image_shape=SHAPE, levels=4, filters=2, blocks=1, head_filters=2))


def images_of(levels, split="test"):
    """Return images whose pixels have the levels (N, 6) of 0 to 3."""
    return ArrayImages(
        name="levels",
        split=split,
        splits=("train", "test"),
        pixels=(np.asarray(levels, np.uint8) * 85).reshape(-1, *SHAPE),
        labels=None,
    )


def drawn(probabilities, count, split, seed):
    return images_of(np.random.default_rng(seed).choice(4, (count, 6), p=probabilities), split)


def measure(test, train, **changes):
    return measure_marginal(MODEL, test, Settings(load_seen=lambda: train, **changes))


def test_the_code_lengths_are_those_of_the_counts_with_one_added():
    train = images_of([[0, 0, 0, 1, 1, 2]], "train")
    # Counts 3, 2, 1, 0 of 6, and one more of each of 4 levels.
    expected = -np.log(np.array([4, 3, 2, 1]) / 10)
    np.testing.assert_allclose(level_nats(MODEL, train, Settings()), expected)
    test = images_of([[0] * 6, [3] * 6])
    figures = measure(test, train)
    first, second = 6 * -math.log(0.4), 6 * -math.log(0.1)
    assert figures["marginal_nats"].value == pytest.approx((first + second) / 2)
    # The standard error of two values is half their distance.
    assert figures["marginal_nats"].standard_error == pytest.approx((second - first) / 2)
    bits = figures["marginal_bits_per_dim"]
    assert bits.value == pytest.approx((-math.log2(0.4) - math.log2(0.1)) / 2)
    assert bits.count == 2


def test_examples_of_a_known_histogram_take_its_entropy():
    probabilities = np.array([0.5, 0.25, 0.125, 0.125])  # 1.75 bits
    train, test = drawn(probabilities, 4000, "train", 0), drawn(probabilities, 2000, "test", 1)
    figure = measure(test, train)["marginal_bits_per_dim"]
    assert figure.value == pytest.approx(1.75, abs=4 * figure.standard_error)
    # The code length of one element has the variance 0.6875 bits².
    assert figure.standard_error == pytest.approx(math.sqrt(0.6875 / 12_000), rel=0.05)


def test_other_levels_than_in_training_cost_the_cross_entropy():
    train = drawn([0.7, 0.1, 0.1, 0.1], 4000, "train", 0)
    figure = measure(drawn([0.1, 0.1, 0.1, 0.7], 2000, "test", 1), train)["marginal_bits_per_dim"]
    expected = -0.1 * math.log2(0.7) - 0.9 * math.log2(0.1)
    assert figure.value == pytest.approx(expected, abs=4 * figure.standard_error + 0.01)


def test_batches_change_nothing(monkeypatch):
    train, test = drawn([0.4, 0.3, 0.2, 0.1], 50, "train", 0), drawn([0.25] * 4, 30, "test", 1)
    whole = measure(test, train)
    monkeypatch.setattr("zoo.metrics.marginal.ELEMENTS_PER_BATCH", 7 * 6)
    assert measure(test, train) == whole
    assert measure(test, train, count=9)["marginal_nats"].count == 9


def test_it_is_measured_unasked_of_models_that_are_autoregressive():
    assert choose_metrics(MODEL, (), "pixels", "image") == ["nll", "marginal"]

    class Sampler:
        config = None

        def sample(self, count, *, seed=0):
            return np.zeros((count, *SHAPE), np.float32)

    with pytest.raises(MetricError, match=r"needs a model with the protocol 'AutoregressiveModel'"):
        choose_metrics(Sampler(), ("marginal",), "sampler", "image")


def test_without_training_examples_there_is_no_marginal():
    with pytest.raises(MetricError, match="settings without load_seen"):
        measure_marginal(MODEL, images_of([[0] * 6]), Settings())
