"""word2vec is skip-gram with negative sampling: its loss, its windows and its draws."""

import math

import keras
import numpy as np
import pytest
from keras import ops
from zoo_sentence_vae import Word2Vec, Word2VecConfig
from zoo_sentence_vae.word2vec import neighbour_pairs

from zoo.errors import ConfigError, DataError
from zoo.words import analogy, nearest_words

pytestmark = pytest.mark.backends

WORDS = ("", "▁<unknown>", "▁a", "▁b", "▁c", "▁d", "▁e")
LENGTH = 8


def array(values):
    return np.asarray(ops.convert_to_numpy(values), "float64")


def word2vec(seed=0, **config):
    keras.utils.set_random_seed(seed)
    values = {"vocabulary": WORDS, "max_length": LENGTH, "embedding_size": 3, "subsample": 0.0}
    return Word2Vec(Word2VecConfig(**{**values, **config}))


def spread(model, scale=1.0):
    draws = np.random.default_rng(1)
    for weight in model.trainable_variables:
        weight.assign(draws.normal(0, scale, weight.shape).astype("float32"))
    return model


def counted(model, counts):
    model.counts.assign(np.asarray(counts, "float32"))
    return model


def test_the_loss_is_that_of_a_loop_over_words_neighbours_and_negatives():
    # One word is all the noise there is, and a window of 1 leaves nothing to draw.
    model = counted(spread(word2vec(window=1, negatives=4)), [5, 3, 0, 0, 7, 0, 0])
    x = np.array([[2, 3, 4, 0, 0, 0, 0, 0], [5, 6, 1, 2, 2, 0, 0, 0]], "int32")
    found = {name: float(array(v)) for name, v in model.loss_of(x, None, False).items()}
    v, u = array(model.words.embeddings), array(model.neighbours.embeddings)
    positive = negative = 0.0
    for sentence in ([2, 3, 4], [5, 6, 2, 2]):  # what the vocabulary lacks is left out
        for place, word in enumerate(sentence):
            for other in (place - 1, place + 1):
                if 0 <= other < len(sentence):
                    positive += math.log1p(math.exp(-u[sentence[other]] @ v[word]))
                    negative += 4 * math.log1p(math.exp(u[4] @ v[word]))
    assert found["neighbours_nats"] == pytest.approx(positive / 2, rel=1e-4)
    assert found["negatives_nats"] == pytest.approx(negative / 2, rel=1e-4)
    assert found["objective_nats"] == pytest.approx((positive + negative) / 2, rel=1e-4)


def test_the_window_of_a_word_reaches_as_far_as_was_drawn_for_it():
    is_word = np.array([[True, True, True, True, False]])
    reach = np.array([[1, 3, 2, 1, 5]])
    pairs = array(neighbour_pairs(*map(ops.convert_to_tensor, (is_word, reach))))[0]
    expected = [[1], [0, 2, 3], [0, 1, 3], [2], []]
    assert [list(np.flatnonzero(row)) for row in pairs] == expected


def test_near_neighbours_count_more_by_the_draws_of_the_window():
    model = counted(word2vec(window=4), [0, 0, 1, 1, 1, 1, 1])
    x = np.tile(np.array([2, 3, 4, 5, 6, 0, 0, 0], "int32"), (2000, 1))
    found = float(array(model.loss_of(x, None, True)["neighbours_nats"])) / math.log(2)
    # Pairs at distance d are kept with probability (5 - d) / 4; u is 0, so each costs log 2.
    expected = 2 * sum((5 - d) * (5 - d) / 4 for d in (1, 2, 3, 4))
    assert found == pytest.approx(expected, rel=0.02)


def test_frequent_words_are_left_out_by_the_root_of_their_frequency_and_the_rest_moves_up():
    model = counted(word2vec(subsample=0.1), [9, 9, 90, 10, 0, 0, 0])
    x = np.tile(np.array([2, 3, 1, 2, 3, 0, 0, 0], "int32"), (20000, 1))
    uniforms = np.random.default_rng(0).random(x.shape, "float32")
    tokens, is_word = map(array, model.thinned(ops.convert_to_tensor(x), uniforms))
    kept = tokens[is_word.astype(bool)]
    assert set(kept) == {2, 3}
    assert np.mean(kept == 2) * len(kept) / 40000 == pytest.approx(math.sqrt(0.1 / 0.9), abs=0.01)
    assert np.count_nonzero(kept == 3) == 40000  # its frequency is not above the threshold
    assert np.all(is_word[:, :-1] >= is_word[:, 1:])  # words first, without gaps
    # The order stays.
    whole = [row[mask].tolist() for row, mask in zip(tokens, is_word.astype(bool), strict=True)]
    assert {tuple(words) for words in whole} <= {(2, 3, 2, 3), (3, 2, 3), (2, 3, 3), (3, 3)}


def test_negatives_are_drawn_by_counts_to_the_power():
    counts = np.array([50.0, 50, 1, 16, 81, 0, 0])
    model = counted(word2vec(negative_power=0.75), counts)
    uniforms = ((np.arange(7000) + 0.5) / 7000).astype("float32").reshape(7, 1000)
    drawn = array(model.noise_words(uniforms)).astype(int)
    assert drawn.shape == (7, 1000)
    found = np.bincount(drawn.ravel(), minlength=7) / 7000
    weights = np.array([0, 0, 1, 8, 27, 0, 0])
    assert np.allclose(found, weights / 36, atol=1e-3)


def test_at_the_power_of_zero_words_that_were_seen_are_drawn_alike_and_nothing_else():
    model = counted(word2vec(negative_power=0.0), [50, 50, 1, 16, 81, 0, 0])
    uniforms = ((np.arange(3000) + 0.5) / 3000).astype("float32")
    found = np.bincount(array(model.noise_words(uniforms)).astype(int), minlength=7) / 3000
    assert np.allclose(found, np.array([0, 0, 1, 1, 1, 0, 0]) / 3, atol=1e-3)
    for weight in model.trainable_variables:
        weight.assign(np.zeros(weight.shape, "float32"))
    neighbours = model.sample(300)[:, 1:].ravel()
    assert set(neighbours[neighbours > 0]) == {2, 3, 4}


def test_words_are_counted_in_training_alone():
    model = word2vec()
    x = np.array([[2, 3, 2, 0, 0, 0, 0, 0]], "int32")
    model.loss_of(x, None, False)
    assert np.array_equal(array(model.counts), np.ones(7))
    model.loss_of(x, None, True)
    assert np.array_equal(array(model.counts), [6, 1, 3, 2, 1, 1, 1])
    assert np.allclose(array(model.frequencies()), [0, 0, 3 / 8, 2 / 8, 1 / 8, 1 / 8, 1 / 8])


def test_a_sample_is_a_word_and_neighbours_drawn_by_what_was_learnt():
    model = counted(spread(word2vec(window=3)), [0, 0, 10, 20, 30, 40, 0])
    samples = model.sample(20_000, seed=1)
    assert samples.shape == (20_000, LENGTH)
    assert samples.dtype == np.int32
    first = np.bincount(samples[:, 0], minlength=7) / len(samples)
    assert np.allclose(first, [0, 0, 0.1, 0.2, 0.3, 0.4, 0], atol=0.015)
    v, u = array(model.words.embeddings), array(model.neighbours.embeddings)
    weights = np.array([0, 0, 10, 20, 30, 40, 0]) ** 0.75 * np.exp(u @ v[5])
    neighbours = samples[samples[:, 0] == 5, 1:-1]
    found = np.bincount(neighbours.ravel(), minlength=7) / neighbours.size
    assert np.allclose(found, weights / weights.sum(), atol=0.015)
    assert not samples[:, -1].any()
    greedy = model.sample(50, seed=2, temperature=0)
    assert all(len(set(row[1:-1])) == 1 for row in greedy)
    with pytest.raises(DataError, match="temperature must"):
        model.sample(1, temperature=-1)


def test_words_that_are_used_alike_come_to_lie_near():
    # Royals rule, farmers plough; each sentence is a person, what they do, and its place.
    people = {"king": 0, "queen": 0, "farmer": 1, "miller": 1}
    contexts = [("rules", "crown", "castle"), ("ploughs", "corn", "field")]
    words = ["", "▁<unknown>", *people, *contexts[0], *contexts[1]]
    draws = np.random.default_rng(0)
    x = np.zeros((600, 5), "int32")
    for row in x:
        person = draws.choice(list(people))
        rest = draws.permutation(contexts[people[person]])
        row[:4] = [words.index(word) for word in (person, *rest)]
    model = word2vec(
        vocabulary=tuple(words), max_length=5, embedding_size=8, learning_rate=0.02, window=3
    )
    model.compile()
    model.fit(x, batch_size=50, epochs=15, verbose=0)
    assert nearest_words(model, "king", 1)[0][0] == "queen"
    assert nearest_words(model, "miller", 1)[0][0] == "farmer"
    assert analogy(model, "king", "queen", "farmer", 1)[0][0] == "miller"


def test_values_that_make_no_model_are_refused():
    with pytest.raises(ConfigError, match="window must be at least 1"):
        Word2VecConfig(window=0)
    with pytest.raises(ConfigError, match="begins with the empty token"):
        Word2VecConfig(vocabulary=())
    with pytest.raises(DataError, match="holds no words"):
        Word2Vec(Word2VecConfig()).sample(1)
    with pytest.raises(DataError, match=r"temperature must be at least 0\. Received: nan"):
        Word2Vec(Word2VecConfig()).sample(1, temperature=float("nan"))


@pytest.mark.parametrize("x", [np.full((4, 5), 99), np.ones((4, 5), "float32"), np.ones(4, int)])
def test_sentences_that_do_not_suit_are_refused(x):
    model = Word2Vec(Word2VecConfig())
    model.compile()
    with pytest.raises(DataError, match=r"[Ee]xamples? must|values of examples must"):
        model.fit(x)
