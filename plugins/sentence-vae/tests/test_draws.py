"""Draws from the k most likely words and from the nucleus, against NumPy."""

import numpy as np
import pytest
from keras import ops
from zoo_sentence_vae.draws import draw_words, sampling_of

from zoo.errors import DataError

pytestmark = pytest.mark.backends

MANY = 4000


def drawn(logits, *, temperature=1.0, top_k=0, nucleus=1.0, count=MANY):
    """Return the words that numbers spread evenly over [0, 1) draw, (count,)."""
    uniforms = ((np.arange(count) + 0.5) / count).astype("float32")
    logits = np.tile(np.asarray(logits, "float32"), (count, 1))
    sampling = {
        name: ops.convert_to_tensor(np.float32(value))
        for name, value in sampling_of(temperature, top_k, nucleus).items()
    }
    words = draw_words(ops.convert_to_tensor(logits), ops.convert_to_tensor(uniforms), sampling)
    return np.asarray(ops.convert_to_numpy(words))


def shares(logits, **filters):
    return np.bincount(drawn(logits, **filters), minlength=len(logits)) / MANY


def expected(logits, *, temperature=1.0, top_k=0, nucleus=1.0):
    """Return the probabilities of the words that are left, one word after another."""
    scaled = np.asarray(logits, np.float64) / temperature
    p = np.exp(scaled - scaled.max())
    p /= p.sum()
    order = sorted(range(len(p)), key=lambda word: (-p[word], word))
    if top_k:
        p[order[top_k:]] = 0
        p /= p.sum()
    kept, mass = [], 0.0
    for word in order:
        if kept and mass >= nucleus:
            break
        kept.append(word)
        mass += p[word]
    p[[word for word in order if word not in kept]] = 0
    return p / p.sum()


LOGITS = np.log([0.05, 0.4, 0.1, 0.25, 0.2])


@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"top_k": 3},
        {"top_k": 50},
        {"nucleus": 0.6},
        {"nucleus": 0.83},
        {"nucleus": 0.999},
        {"top_k": 3, "nucleus": 0.7},
        {"temperature": 0.5, "nucleus": 0.7},
        {"temperature": 2.0, "top_k": 2},
    ],
    ids=str,
)
def test_words_are_drawn_by_the_probabilities_of_those_that_are_left(filters):
    assert np.allclose(shares(LOGITS, **filters), expected(LOGITS, **filters), atol=2 / MANY)


@pytest.mark.parametrize("filters", [{"top_k": 1}, {"nucleus": 1e-9}, {"temperature": 0.0}])
def test_the_narrowest_filters_take_the_most_likely_word(filters):
    assert set(drawn(LOGITS, **filters)) == {1}


def test_of_equal_words_the_first_count_as_more_likely():
    equal = np.zeros(6)
    assert set(drawn(equal, top_k=2)) == {0, 1}
    assert np.allclose(shares(equal, top_k=4), [0.25] * 4 + [0] * 2, atol=2 / MANY)
    assert set(drawn(equal, nucleus=0.4)) == {0, 1, 2}  # two of six are a third
    assert set(drawn([0.0, 3.0, 3.0, 1.0], top_k=1)) == {1}


def test_a_nucleus_that_is_reached_exactly_takes_no_word_more():
    assert set(drawn(np.log([0.5, 0.25, 0.25]), nucleus=0.5)) == {0}
    assert set(drawn(np.log([0.5, 0.25, 0.25]), nucleus=0.75)) == {0, 1}


def test_logits_far_apart_are_drawn_from_without_overflow():
    assert set(drawn([1000.0, -1000.0, 0.0], nucleus=0.9)) == {0}
    assert set(drawn([-1e9, 0.0, -1e9], top_k=3)) == {1}


def test_what_filters_nothing_is_left_out():
    assert sampling_of(0.7, 0, 1.0) == {"temperature": 0.7}


@pytest.mark.parametrize(
    ("top_k", "nucleus", "message"),
    [
        (-1, 1.0, "top_k"),
        (1.5, 1.0, "top_k"),
        (np.nan, 1.0, "top_k"),
        (np.inf, 1.0, "top_k"),
        (0, 0.0, "nucleus"),
        (0, 1.1, "nucleus"),
        (0, np.nan, "nucleus"),
    ],
)
def test_filters_out_of_range_are_refused(top_k, nucleus, message):
    with pytest.raises(DataError, match=f"{message} must"):
        sampling_of(1.0, top_k, nucleus)
