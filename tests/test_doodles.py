import time

import numpy as np
import pytest

from zoo.card import resolve
from zoo.data.cards import DOODLES
from zoo.data.dataset import Sequences
from zoo.data.doodles import TEST_EACH, TRAIN_EACH, _doodles, load_doodles
from zoo.data.forms import StrokesForm
from zoo.data.relabelled import Relabelled
from zoo.data.strokes import to_stroke_3
from zoo.errors import DataError
from zoo.media.sketch import render

NAMES = ("boat", "cat", "face", "fish", "flower", "house", "snail", "star")


def everything(split, **settings):
    data = load_doodles(split=split, **settings)
    return data.read(np.arange(len(data)))


def test_the_card_leads_to_the_doodles():
    data = resolve(DOODLES.load)(split="test")
    assert data.spec.kind == DOODLES.kind == "strokes"
    assert data.spec.class_names == NAMES
    train = load_doodles(split="train")
    assert f"{len(train) + len(data):,} doodles" in DOODLES.summary
    points = np.concatenate([train.lengths, data.lengths]) - 1
    assert f"{points.min()} to {points.max()} points" in DOODLES.summary
    assert data.spec.max_length == points.max() + 1


def test_the_classes_are_equally_many_and_no_doodle_is_in_both_splits():
    (train, train_labels), (test, test_labels) = everything("train"), everything("test")
    assert set(np.bincount(train_labels)) == {TRAIN_EACH}
    assert set(np.bincount(test_labels)) == {TEST_EACH}
    seen = {doodle.tobytes() for doodle in train}
    assert len(seen) == len(train)
    assert not seen & {doodle.tobytes() for doodle in test}


def test_the_offsets_of_the_training_split_have_a_deviation_of_one():
    data = load_doodles(split="train")
    sketches, _ = data.read(np.arange(len(data)))
    drawn = sketches[..., 4] == 0
    assert sketches[drawn][:, :2].std() == pytest.approx(1, abs=1e-5)
    assert load_doodles(split="test").spec == data.spec


def test_positions_are_whole_numbers_in_a_small_square():
    data = load_doodles(split="test")
    for sketch in data.read(np.arange(len(data)))[0]:
        points = to_stroke_3(sketch, data.spec.scale_factor)
        moves = points[1:, :2]
        np.testing.assert_allclose(moves, np.rint(moves), atol=1e-3)
        extent = np.ptp(np.cumsum(points[:, :2], axis=0), axis=0)
        assert 80 < extent.max() < 270


def test_a_picture_of_a_doodle_tells_its_class():
    pictures, labels = {}, {}
    for split in ("train", "test"):
        sketches, classes = everything(split)
        pictures[split] = np.array([render(sketch, 16).ravel() for sketch in sketches[::5]])
        labels[split] = classes[::5]
    away = ((pictures["test"][:, None] - pictures["train"][None]) ** 2).sum(axis=-1)
    nearest = labels["train"][away.argmin(axis=1)]
    assert np.mean(nearest == labels["test"]) > 0.9


def test_doodles_of_a_class_differ_in_size_and_proportions():
    sketches, labels = everything("train")
    places = np.cumsum(sketches[..., :2], axis=1)
    extents = np.ptp(places[:, :10], axis=1)  # (N, 2)
    for label, name in enumerate(NAMES):
        own = extents[labels == label]
        assert (own.std(axis=0) / own.mean(axis=0)).min() > 0.05, name
        assert (own[:, 0] / own[:, 1]).std() > 0.05, name


def test_the_doodles_are_always_the_same():
    # Written down once: a fingerprint that changes would make runs of before useless.
    assert load_doodles(split="train").fingerprint.startswith("837f250a123e148b")


def test_longer_doodles_are_left_out_and_named():
    data = load_doodles(split="train", form=StrokesForm(max_length=12))
    assert data.spec.class_names == ("boat", "star")
    assert data.spec.max_length == 12  # of 11 points and the end
    assert len(data.skipped) == 2400 - len(data) - len(
        load_doodles(split="test", form=StrokesForm(max_length=12))
    )
    assert "cat 1: 32 points; expected at most 12" in data.skipped
    with pytest.raises(DataError, match="'doodles' holds no sketch to train on"):
        load_doodles(split="train", form=StrokesForm(max_length=5))


def test_an_absent_split_is_refused():
    with pytest.raises(DataError, match=r"no split 'validation'\. It has: train, test"):
        load_doodles(split="validation")


def test_the_doodles_are_made_in_a_moment():
    _doodles.cache_clear()
    began = time.process_time()
    load_doodles(split="train")
    assert time.process_time() - began < 3


def test_doodles_keep_their_lengths_under_the_labels_of_other_data():
    data = load_doodles(split="test")
    turned = Relabelled(data, ("zebra", *reversed(NAMES)))
    assert isinstance(turned, Sequences)
    np.testing.assert_array_equal(turned.lengths, data.lengths)
    numbers = np.arange(len(data))
    np.testing.assert_array_equal(turned.read(numbers)[1], len(NAMES) - data.read(numbers)[1])
    with pytest.raises(DataError, match=f"a class '{NAMES[0]}', which the model does not know"):
        Relabelled(data, NAMES[1:])
