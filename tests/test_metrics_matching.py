"""Whether images of text suit their captions, and how such images are compared with real ones."""

import math

import numpy as np
import pytest
from keras import ops
from patches import COLOURS, Blind, Mirrored, Obedient, drawn, patches, settings

from zoo.errors import DataError, NonFiniteError
from zoo.metrics import MetricError, UnsuitableError
from zoo.metrics.comparison import compare
from zoo.metrics.directions import better
from zoo.metrics.distance import frechet_distance, measure_distance
from zoo.metrics.evaluation import choose_metrics
from zoo.metrics.learning import cache_path
from zoo.metrics.matching import (
    VERSION,
    is_own,
    matching_nats,
    matching_network,
    measure_matching,
)
from zoo.metrics.neighbours import measure_neighbours
from zoo.metrics.parzen import measure_parzen
from zoo.metrics.precision_recall import measure_precision_recall

TEST = patches()
NAME = "matching-my-patches"


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def one_cache(cache, monkeypatch):
    """Keep the networks that one test has trained for the others."""
    monkeypatch.setenv("ZOO_CACHE_DIR", str(cache))


def texts_of(data):
    return [data.texts(index)[0] for index in range(len(data))]


def test_what_does_as_it_is_told_is_matched_and_what_does_not_is_not():
    obedient = measure_matching(Obedient(), TEST, settings())
    assert list(obedient) == [f"r_precision{part}/{NAME}" for part in ("", "_real", "_chance")]
    assert obedient[f"r_precision/{NAME}"].value > 0.95
    assert obedient[f"r_precision_real/{NAME}"].value > 0.95
    assert obedient[f"r_precision_chance/{NAME}"].value == pytest.approx(1 / 9)  # all captions
    blind = measure_matching(Blind(), TEST, settings(samples=300))[f"r_precision/{NAME}"]
    assert blind.count == 300
    assert abs(blind.value - 1 / 9) < 4 * blind.standard_error
    # The words are the same, and stand in another order.
    same_colours = np.mean([text.split()[0] == text.split()[-1] for text in texts_of(TEST)])
    mirrored = measure_matching(Mirrored(), TEST, settings())[f"r_precision/{NAME}"]
    assert mirrored.value == pytest.approx(same_colours, abs=0.05)


def test_an_image_has_to_be_nearer_to_its_own_caption_than_to_any_other():
    captions = np.eye(3)
    images = np.array([[1, 0.9, 0], [1, 0.9, 0], [0, 0, 1], [1, 1, 0]])
    own = np.array([0, 1, 2, 0])
    np.testing.assert_array_equal(is_own(images, captions, own, 0), [True, False, True, False])


def test_of_many_captions_99_others_are_drawn():
    captions = np.random.default_rng(0).normal(size=(1000, 20))
    images = np.random.default_rng(1).normal(size=(2000, 20))
    own = np.random.default_rng(2).integers(0, 1000, 2000)
    found = is_own(images, captions, own, 3)
    assert abs(found.mean() - 0.01) < 4 * math.sqrt(0.01 * 0.99 / 2000)
    np.testing.assert_array_equal(found, is_own(images, captions, own, 3))
    assert is_own(captions, captions, np.arange(1000), 3).mean() > 0.9


def test_the_loss_is_the_cross_entropy_both_ways():
    logits = np.random.default_rng(0).normal(size=(4, 4)).astype(np.float32)
    alike = np.eye(4, dtype=np.float32)
    alike[0, 1] = alike[1, 0] = 1
    exp = np.exp(logits)
    by_image = -np.log(exp / exp.sum(axis=1, keepdims=True))
    by_caption = -np.log(exp / exp.sum(axis=0, keepdims=True))
    both = by_image + by_caption
    expected = [
        (both[0, 0] / 2 + by_image[0, 1] / 2 + by_caption[1, 0] / 2) / 2,
        (both[1, 1] / 2 + by_image[1, 0] / 2 + by_caption[0, 1] / 2) / 2,
        both[2, 2] / 2,
        both[3, 3] / 2,
    ]
    nats = matching_nats(ops.convert_to_tensor(alike), ops.convert_to_tensor(logits))
    np.testing.assert_allclose(ops.convert_to_numpy(nats), expected, rtol=1e-5)


def test_the_network_is_kept_and_does_not_depend_on_what_is_measured():
    train = patches("train", count=300)
    first = matching_network(train)
    path = cache_path("matching", train, VERSION)
    written = path.stat().st_mtime_ns
    images, captions = (TEST.read(np.arange(9))[0][key] for key in ("image", "caption"))
    again = matching_network(train)
    assert path.stat().st_mtime_ns == written
    np.testing.assert_array_equal(first.see(images), again.see(images))
    np.testing.assert_array_equal(first.read(captions), again.read(captions))
    np.testing.assert_allclose(np.linalg.norm(first.read(captions), axis=1), 1, rtol=1e-5)


def test_all_captions_alike_can_not_be_told_apart():
    alike = patches(colours=np.zeros((10, 2), int))
    with pytest.raises(UnsuitableError, match="the same of all 10 examples of 'folder/of/my pat"):
        measure_matching(Obedient(), alike, settings())


def test_the_network_is_not_judged_on_what_it_learnt():
    with pytest.raises(UnsuitableError, match=r"judged on another.*has: train, test"):
        measure_matching(Obedient(), patches("train"), settings())
    with pytest.raises(MetricError, match="settings without load_train"):
        measure_matching(Obedient(), TEST, settings(load_train=None))


def test_samples_are_made_of_the_first_captions_of_the_held_out_examples():
    model = Obedient()
    comparison = compare(model, TEST, settings())
    assert comparison.samples(60).shape == (60, 8, 8, 3)
    assert sorted(model.asked) == sorted(texts_of(TEST))  # each once
    given = [texts_of(TEST)[index] for index in comparison.illustrated(60)]
    assert model.asked == given
    assert given != texts_of(TEST)  # which may be sorted by what they show


def test_captions_come_in_turn_where_there_are_fewer_or_more_samples():
    model = Obedient()
    comparison = compare(model, TEST, settings(count=20))
    comparison.samples(50)
    drawn_once = [texts_of(TEST)[index] for index in comparison.real_indices]
    assert sorted(model.asked[:20]) == sorted(drawn_once)
    assert model.asked[20:40] == model.asked[:20]
    few = comparison.illustrated(5)
    np.testing.assert_array_equal(few, comparison.illustrated(50)[:5])


def test_no_image_is_made_of_a_caption_without_a_word_that_the_model_knows(caplog):
    model, data = Obedient(), patches(foreign=10)
    figures = measure_matching(model, data, settings())
    assert "zebra" not in model.asked
    assert len(model.asked) == figures[f"r_precision/{NAME}"].count == 50
    assert figures[f"r_precision_real/{NAME}"].count == 60
    assert figures[f"r_precision/{NAME}"].value > 0.9
    assert "10 of 60 held-out captions, such as 'zebra'" in caplog.text
    with pytest.raises(DataError, match="knows no word of the captions of 'folder/of/my patches'"):
        measure_distance(model, patches(foreign=60), settings())


def test_embeddings_are_given_where_the_data_bring_them():
    rows = np.eye(18, 4, dtype=np.float32)
    texts = [text for left in COLOURS for right in COLOURS for text in both(left, right)]
    vectors = {text: rows[number] + number for number, text in enumerate(texts)}
    data, seen = patches(embeddings=vectors), []

    class Reads(Obedient):
        def sample(self, count, *, seed=0, texts=None, embeddings=None):
            seen.extend(zip(texts, embeddings, strict=True))
            return super().sample(count, seed=seed, texts=texts)

    compare(Reads(), data, settings()).samples(60)
    assert len(seen) == 60
    for text, embedding in seen:
        np.testing.assert_array_equal(embedding, vectors[text])


def both(left, right):
    return f"{left} to the left of {right}", f"{right} beside {left}"


def test_images_of_text_are_compared_with_the_held_out_images():
    model, asked = Obedient(), settings()
    figures = measure_distance(model, TEST, asked)
    real = TEST.images.read(np.arange(60))[0].reshape(60, -1)
    fake = compare(model, TEST, asked).samples(60).reshape(60, -1)
    expected = frechet_distance(real, fake)
    assert figures["frechet_distance/pixels"].value == pytest.approx(expected, rel=1e-6)
    assert len(model.asked) == 60
    figures = measure_precision_recall(model, TEST, asked)
    assert figures["coverage/pixels"].value > 0.5
    assert 0.5 < measure_neighbours(model, TEST, asked)["nearest_neighbour_ratio/pixels"].value < 2
    assert len(model.asked) == 60  # the same samples
    measured = measure_parzen(model, TEST, settings(samples=100))
    assert math.isfinite(measured["parzen_log_likelihood_nats"].value)


def test_training_images_are_no_neighbours_of_themselves():
    train = patches("train", count=300)
    with pytest.raises(MetricError, match="the training examples themselves"):
        measure_neighbours(Obedient(), train, settings(load_seen=lambda: train))


def test_only_what_illustrates_is_asked_for_images_of_text():
    class Sampler:
        config = None

        def sample(self, count, *, seed=0):
            raise NotImplementedError

    with pytest.raises(MetricError, match=r"Sampler makes no images of text.*'Illustrates'"):
        measure_distance(Sampler(), TEST, settings())


def test_broken_images_of_text_are_not_measured():
    class Diverged(Obedient):
        def paint(self, texts, seed):
            return np.full((len(texts), 8, 8, 3), np.nan, np.float32)

    class Small(Obedient):
        def paint(self, texts, seed):
            return drawn(np.zeros((len(texts), 2), int), seed)[:, :4] / 255

    with pytest.raises(NonFiniteError, match="pixels that are NaN"):
        measure_matching(Diverged(), TEST, settings())
    with pytest.raises(DataError, match=r"samples of shape \(60, 4, 8, 3\)"):
        measure_matching(Small(), TEST, settings())


def test_what_is_measured_of_an_illustrator_unasked():
    unasked = choose_metrics(Obedient(), (), "obedient", "captioned")
    assert unasked == ["distance", "matching", "attributes"]
    with pytest.raises(MetricError, match=r"'matching' needs .*'Illustrates'"):
        choose_metrics(object(), ("matching",), "nothing", "captioned")
    with pytest.raises(MetricError, match=r"is of data of kind 'captioned'\. 'obedient' models"):
        choose_metrics(Obedient(), ("matching",), "obedient", "image")


@pytest.mark.parametrize(
    ("figure", "expected"),
    [
        ("r_precision/matching-scenes", "higher"),
        ("r_precision_real/matching-scenes", None),
        ("r_precision_chance/matching-scenes", None),
        ("first_colour_accuracy", "higher"),
        ("first_colour_accuracy_real", None),
        ("all_chance", None),
    ],
)
def test_baselines_have_no_better_direction(figure, expected):
    assert better(figure) == expected
