"""Captions are read as they stand, whatever fills them up; and right and wrong ones are told."""

import keras
import numpy as np
import pytest
from keras import ops
from zoo_stackgan.text import (
    TextEncoder,
    matching_terms,
    replaced,
    same_pairs,
    wrong_captions,
)


def array(values):
    return np.asarray(ops.convert_to_numpy(values))


@pytest.fixture
def encoder():
    keras.utils.set_random_seed(0)
    return TextEncoder(9, 6)


@pytest.mark.backends
def test_what_fills_a_caption_up_changes_nothing(encoder):
    short = np.array([[3, 5, 2]], "int32")
    padded = np.array([[3, 5, 2, 0, 0, 0]], "int32")
    assert np.allclose(array(encoder(short)), array(encoder(padded)), atol=1e-6)


@pytest.mark.backends
def test_the_order_of_words_counts(encoder):
    one, other = array(encoder(np.array([[3, 5, 2, 0], [5, 3, 2, 0]], "int32")))
    assert not np.allclose(one, other, atol=1e-2)


def test_every_embedding_has_the_same_length(encoder):
    embeddings = array(encoder(np.array([[3, 0, 0], [1, 1, 1], [8, 7, 6]], "int32")))
    assert np.allclose(np.linalg.norm(embeddings, axis=1), np.sqrt(6), atol=1e-4)


@pytest.mark.backends
def test_a_wrong_caption_is_of_another_label_and_other_words():
    generator = np.random.default_rng(0)
    tokens = generator.integers(1, 3, (12, 2)).astype("int32")  # few captions: many are equal
    labels = generator.integers(0, 3, 12).astype("int32")
    drawn = np.zeros((12, 12), bool)
    for _ in range(200):
        keys = generator.uniform(size=(12, 12)).astype("float32")
        same = same_pairs(tokens, labels)
        others, has_other = wrong_captions(same, ops.convert_to_tensor(keys))
        drawn[np.arange(12), array(others)] = True
        assert array(has_other).all()
    same_words = (tokens[:, None] == tokens[None]).all(axis=2)
    allowed = ~same_words & (labels[:, None] != labels[None])
    assert np.array_equal(drawn, allowed)  # and each that is allowed comes up


def test_without_labels_another_caption_is_wrong():
    tokens = np.array([[2, 0], [2, 0], [3, 0]], "int32")
    keys = ops.zeros((3, 3))
    others, has_other = wrong_captions(same_pairs(tokens, None), keys)
    assert array(others).tolist()[:2] == [2, 2]
    assert array(has_other).tolist() == [1, 1, 1]


def test_an_example_without_a_wrong_caption_in_its_batch_says_so():
    tokens = np.array([[2, 0], [3, 0]], "int32")
    _, has_other = wrong_captions(same_pairs(tokens, np.zeros(2, "int32")), ops.zeros((2, 2)))
    assert array(has_other).tolist() == [0, 0]


@pytest.mark.backends
def test_a_word_is_replaced_by_that_of_another_caption_at_its_place():
    tokens = np.array([[2, 3, 4, 0], [5, 6, 0, 0], [2, 7, 8, 9]], "int32")
    others = np.array([1, 2, 0], "int32")
    found = {0: set(), 1: set(), 2: set()}
    for seed in range(40):
        keys = np.random.default_rng(seed).uniform(size=(3, 4)).astype("float32")
        rows = array(replaced(tokens, others, ops.convert_to_tensor(keys))).tolist()
        for index, row in enumerate(rows):
            found[index].add(tuple(row))
    assert found[0] == {(5, 3, 4, 0), (2, 6, 4, 0)}
    assert found[1] == {(2, 6, 0, 0), (5, 7, 0, 0)}
    assert found[2] == {(2, 3, 8, 9), (2, 7, 4, 9)}  # the first words are the same


@pytest.mark.backends
def test_matching_is_the_cross_entropy_of_each_pair_among_those_that_differ_from_it():
    generator = np.random.default_rng(0)
    images, texts = generator.normal(size=(2, 4, 3)).astype("float32")
    near = generator.normal(size=(4, 2, 3)).astype("float32")
    unlike = np.array([[True, True], [True, False], [False, False], [True, True]])
    same = np.eye(4, dtype=bool)
    same[0, 1] = same[1, 0] = True

    def scores(images, texts):
        norms = np.linalg.norm(images, axis=-1) * np.linalg.norm(texts, axis=-1)
        return np.exp((images * texts).sum(axis=-1) / norms / 0.1)

    losses, nearest = [], []
    for index in range(4):
        own = scores(images[index], texts[index])
        against = [j for j in range(4) if j == index or not same[index, j]]
        of_texts = scores(images[index], texts[against]).tolist()
        of_texts += scores(images[index], near[index])[unlike[index]].tolist()
        of_images = scores(images[against], texts[index])
        losses += [-np.log(own / np.sum(of_texts)), -np.log(own / of_images.sum())]
        nearest.append(own >= max(of_texts))
    nats, accuracy = matching_terms(images, texts, same, near, unlike)
    assert array(nats) == pytest.approx(np.mean(losses), rel=1e-4)
    assert array(accuracy) == pytest.approx(np.mean(nearest))
