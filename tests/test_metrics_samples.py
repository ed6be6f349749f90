"""What is measured of samples: drawing them, neighbours, the Parzen window, terms of losses."""

import dataclasses
import io
import math

import keras
import numpy as np
import pytest
from PIL import Image
from sklearn.neighbors import KernelDensity
from throwaway import Duel, DuelConfig

from zoo.data.arrays import ArrayImages
from zoo.errors import DataError, NonFiniteError
from zoo.metrics import MetricError, Settings
from zoo.metrics.comparison import compare
from zoo.metrics.distance import measure_distance
from zoo.metrics.nearest import Nearest
from zoo.metrics.neighbours import measure_neighbours
from zoo.metrics.parzen import BANDWIDTHS, log_likelihoods, measure_parzen
from zoo.metrics.precision_recall import measure_precision_recall
from zoo.metrics.terms import measure_terms

SIDE = 4


def noise(split="test", *, count=60, labels=None, seed=None):
    generator = np.random.default_rng((split == "train") if seed is None else seed)
    return ArrayImages(
        name="noise",
        split=split,
        splits=("train", "test"),
        pixels=generator.integers(0, 256, (count, SIDE, SIDE, 1)).astype(np.uint8),
        labels=labels,
        class_names=("rare", "common") if labels is not None else (),
    )


TRAIN, TEST = noise("train"), noise("test")


def settings(**changes):
    asked = Settings(features="pixels", load_seen=lambda: TRAIN, load_train=lambda: TRAIN)
    return dataclasses.replace(asked, **{"shared": {}, **changes})


class Noise:
    """Samples as the data are."""

    config = None
    seeds: list[int]

    def __init__(self):
        self.seeds = []

    def sample(self, count, *, seed=0):
        self.seeds.append(seed)
        pixels = np.random.default_rng(seed).integers(0, 256, (count, SIDE, SIDE, 1))
        return (pixels / 255).astype(np.float32)


class Copies(Noise):
    """Has learnt the training examples by heart."""

    def sample(self, count, *, seed=0):
        return TRAIN.read(np.random.default_rng(seed).integers(0, len(TRAIN), count))[0]


class OfClass(Noise):
    """A sample is as bright as its label says."""

    conditions = ("class",)

    def sample(self, count, *, seed=0, labels=None):
        return np.broadcast_to(labels[:, None, None, None], (count, SIDE, SIDE, 1)).astype("f4")


def test_the_metrics_of_one_evaluation_share_their_samples():
    model, asked = Noise(), settings()
    first = measure_distance(model, TEST, asked)
    measure_precision_recall(model, TEST, asked)
    assert len(model.seeds) == 1
    assert set(first) == {"frechet_distance/pixels", "kernel_distance/pixels"}
    assert {figure.count for figure in first.values()} == {60}
    measure_distance(model, TEST, dataclasses.replace(asked, seed=1))
    assert len(model.seeds) == 2


def test_every_chunk_of_samples_has_a_seed_of_its_own(monkeypatch):
    monkeypatch.setattr("zoo.metrics.comparison.SAMPLES_PER_CALL", 8)
    model = Noise()
    samples = compare(model, TEST, settings()).samples(20)
    assert len(samples) == 20
    assert len(set(model.seeds)) == 3
    assert len(np.unique(samples.reshape(20, -1), axis=0)) == 20
    np.testing.assert_array_equal(samples, compare(Noise(), TEST, settings()).samples(20))


def test_the_number_of_samples_is_that_of_the_real_ones_or_what_is_asked():
    assert compare(Noise(), TEST, settings(count=7)).sample_count == 7
    assert compare(Noise(), TEST, settings(samples=90)).sample_count == 90


def test_samples_that_do_not_fit_in_memory_are_fewer_and_it_is_said(monkeypatch, caplog):
    monkeypatch.setattr("zoo.metrics.comparison.MEMORY_BYTES", 10 * SIDE * SIDE * 4)
    assert compare(Noise(), TEST, settings()).sample_count == 10
    assert "10 samples are drawn, not 60" in caplog.text
    assert compare(Noise(), TEST, settings(samples=30)).sample_count == 30


def test_a_conditional_model_is_asked_for_classes_as_often_as_the_data_have_them():
    data = noise(count=400, labels=(np.arange(400) % 4 > 0).astype(np.int32))
    samples = compare(OfClass(), data, settings()).samples(400)
    assert samples.mean() == pytest.approx(3 / 4, abs=4 * math.sqrt(3 / 16 / 400))
    with pytest.raises(DataError, match="no labels to draw classes from"):
        compare(OfClass(), TEST, settings()).samples(5)


def test_broken_samples_are_not_measured():
    class Diverged(Noise):
        def sample(self, count, *, seed=0):
            return np.full((count, SIDE, SIDE, 1), np.nan, np.float32)

    class Larger(Noise):
        def sample(self, count, *, seed=0):
            return np.zeros((count, 8, 8, 1), np.float32)

    with pytest.raises(NonFiniteError, match="pixels that are NaN or infinite"):
        measure_distance(Diverged(), TEST, settings())
    with pytest.raises(DataError, match=r"shape \(60, 8, 8, 1\); the data are \(60, 4, 4, 1\)"):
        measure_distance(Larger(), TEST, settings())


def test_copies_of_training_examples_are_found_and_shown(tmp_path):
    asked = settings(folder=tmp_path)
    [(name, figure)] = measure_neighbours(Copies(), TEST, asked).items()
    assert name == "nearest_neighbour_ratio/pixels"
    assert figure.value == pytest.approx(0, abs=1e-5)
    picture = Image.open(io.BytesIO((tmp_path / "neighbours.png").read_bytes()))
    assert picture.width > picture.height / 2 > 200
    unseen = measure_neighbours(Noise(), TEST, settings())[name]
    assert unseen.value == pytest.approx(1, abs=5 * unseen.standard_error)
    assert 0 < unseen.standard_error < 0.1


def test_a_planted_copy_is_the_nearest_neighbour():
    samples = Noise().sample(5).reshape(5, -1)
    train = TRAIN.read(np.arange(len(TRAIN)))[0].reshape(len(TRAIN), -1)
    samples[3] = train[17]
    nearest = Nearest(samples, 2)
    for start in range(0, len(train), 7):
        block = train[start : start + 7]
        nearest.add(block, np.arange(start, start + len(block)))
    assert nearest.indices[3, 0] == 17
    assert nearest.squares[3, 0] == pytest.approx(0, abs=1e-9)
    assert nearest.squares[2, 0] > 0.1


def test_training_examples_have_no_neighbours_to_compare_with():
    with pytest.raises(MetricError, match="Received: the training examples themselves"):
        measure_neighbours(Noise(), TRAIN, settings())
    again = noise("test", seed=1)  # other split, equal content but for the name
    with pytest.raises(MetricError, match=r"training examples themselves|stands among"):
        measure_neighbours(Noise(), again, settings())


def test_fewer_training_examples_than_neighbours_are_all_shown(tmp_path):
    few = noise("train", count=2)
    measure_neighbours(Noise(), TEST, settings(load_seen=lambda: few, folder=tmp_path))
    assert (tmp_path / "neighbours.png").exists()


def test_the_parzen_window_is_that_of_scikit_learn():
    x, centres = np.random.default_rng(0).random((9, 5)), np.random.default_rng(1).random((40, 5))
    found = log_likelihoods(x, centres, np.array([0.1, 0.3]))
    for bandwidth, values in zip((0.1, 0.3), found, strict=True):
        expected = KernelDensity(bandwidth=bandwidth).fit(centres).score_samples(x)
        np.testing.assert_allclose(values, expected, rtol=1e-9)


def test_the_bandwidth_is_the_likeliest_for_training_examples():
    figures = measure_parzen(Noise(), TEST, settings(samples=200))
    samples = compare(Noise(), TEST, settings()).samples(200).reshape(200, -1)
    train, held_out = (data.read(np.arange(60))[0].reshape(60, -1) for data in (TRAIN, TEST))
    scores = [KernelDensity(bandwidth=b).fit(samples).score(train) for b in BANDWIDTHS]
    best = BANDWIDTHS[int(np.argmax(scores))]
    assert figures["parzen_bandwidth"].value == pytest.approx(best)
    values = KernelDensity(bandwidth=best).fit(samples).score_samples(held_out)
    figure = figures["parzen_log_likelihood_nats"]
    assert figure.value == pytest.approx(values.mean())
    assert figure.standard_error == pytest.approx(values.std(ddof=1) / math.sqrt(60))


def test_the_parzen_window_is_not_judged_on_what_chose_it():
    with pytest.raises(MetricError, match=r"chosen on the training split.*Received: 'train'"):
        measure_parzen(Noise(), TRAIN, settings())


def test_too_few_examples_are_named():
    with pytest.raises(MetricError, match=r"2 or more held-out examples.*Received: 1 and 1"):
        measure_distance(Noise(), TEST, settings(count=1))


class Points:
    """Points of the plane as a data set of any kind: terms ask for no more."""

    name, split, splits, skipped, fingerprint = "points", "test", ("train", "test"), (), ""
    spec = TEST.spec

    def __init__(self, count):
        self.x = np.random.default_rng(0).normal(size=(count, 2)).astype(np.float32)

    def __len__(self):
        return len(self.x)

    def read(self, indices):
        return self.x[indices], None


def test_every_term_of_every_player_is_measured_and_nothing_moves():
    keras.utils.set_random_seed(0)
    model = Duel(DuelConfig())
    model.compile()
    before = [np.array(w) for w in model.get_weights()]
    data = Points(250)
    figures = measure_terms(model, data, settings())
    assert list(figures) == ["critic_nats", "penalty_nats", "generator_nats"]
    assert {figure.count for figure in figures.values()} == {250}
    assert figures == measure_terms(model, data, settings())  # the noise is rewound
    for weight, old in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, old)
    # The mean over batches by their examples is the mean that Keras's own evaluation gives.
    expected = model.evaluate(data.x, batch_size=100, verbose=0, return_dict=True)
    for name, figure in figures.items():
        assert figure.value == pytest.approx(expected[name], rel=1e-4)
        assert figure.standard_error > 0


def test_one_batch_has_no_error():
    model = Duel(DuelConfig())
    model.compile()
    assert measure_terms(model, Points(20), settings())["critic_nats"].standard_error is None
