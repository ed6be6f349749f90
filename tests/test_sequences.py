"""Sequences with latent vectors, with a model whose every probability is known."""

import dataclasses

import keras
import numpy as np
import pytest
from keras import layers, ops
from scipy.stats import norm

from zoo.engine import Player
from zoo.errors import ConfigError, DataError
from zoo.making import Decoder, element
from zoo.protocols import Completes, Encodes, GenerativeModel, HasLikelihood
from zoo.sequences import SequenceVAE

# A word of the letters 1 and 2 ends with 0; z decides how frequent the letter 1 is.
LENGTH = 7
END = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class WordsConfig:
    """Configuration of `Words`.

    Args:
        max_length: Letters and end.
        latent_size: Of z.
        class_conditional: Whether there are labels.
        class_count: Labels.
    """

    max_length: int = LENGTH
    latent_size: int = 1
    class_conditional: bool = False
    class_count: int = 2


class Words(SequenceVAE):
    """q(z|x) is N(0.5, 1); a letter's logits are (0, z, 1), whatever came before it."""

    config_class = WordsConfig
    value_range = (0, 2)
    examples_per_call = 40
    mean, variance = 0.5, 1.0

    def __init__(self, config=None, **kwargs):
        super().__init__(config or WordsConfig(), **kwargs)
        self.network = layers.Dense(3)
        self.network.build((None, 1))
        self.network.set_weights([np.array([[0.0, 1.0, 0.0]]), np.array([0.0, 0.0, 1.0])])

    def players(self):
        return [
            Player(
                name="words",
                networks=[self.network],
                loss=lambda x, y, training: {"loss_nats": ops.mean(self.network(x[:, :1]))},
                terms=("loss_nats",),
                optimizer=keras.optimizers.Adam,
            )
        ]

    def logits(self, latents):
        return self.network(latents)

    def posterior(self, x, y, training=False):
        mean = ops.full((ops.shape(x)[0], 1), self.mean)
        return mean, ops.full((ops.shape(x)[0], 1), np.log(self.variance))

    def step_nats(self, x, y, latents, training=False):
        if latents is None:
            latents = ops.zeros((ops.shape(x)[0], 1))
        logits = ops.log_softmax(self.logits(latents))  # (B, 3)
        ends = ops.cast(x == END, "int32")
        counts = ops.cast(ops.cumsum(ends, axis=1) <= ends, "float32")
        return -ops.einsum("btl,bl->bt", ops.one_hot(x, 3), logits) * counts

    def decoder(self, told):
        return WordsDecoder(self, told)

    def end_element(self):
        return np.array(END, "int32")

    def has_ended(self, elements):
        return elements == END


class WordsDecoder(Decoder):
    def __init__(self, model, told):
        latents = told["latents"]
        self.model, self.latents = model, latents

    def start(self, count):
        return {"steps": ops.zeros((count,), "int32")}

    def step(self, state, elements, row, column):
        count = elements.shape[0]
        latents = ops.zeros((count, 1)) if self.latents is None else self.latents
        return self.model.logits(latents), {"steps": state["steps"] + 1}


@pytest.fixture(scope="module")
def words():
    return Words()


def log_probability(word, z):
    """Return log p(word | z)."""
    logits = np.array([0.0, z, 1.0])
    chances = logits - np.log(np.exp(logits).sum())
    end = list(word).index(END)
    return sum(chances[letter] for letter in word[: end + 1])


WORDS = np.array([[1, 2, 0, 0, 0, 0, 0], [2, 2, 2, 2, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0]], "int32")


def test_it_can_do_what_it_says(words):
    for protocol in (GenerativeModel, Encodes, HasLikelihood, Completes):
        assert isinstance(words, protocol)
    assert words.likelihood_kind == "bound"
    assert Words(WordsConfig(latent_size=0)).likelihood_kind == "exact"


def test_after_the_end_nothing_follows(words):
    samples = words.sample(200, seed=1)
    assert samples.shape == (200, LENGTH)
    ends = (samples == END).argmax(axis=1)
    for sample, end in zip(samples, ends, strict=True):
        assert not sample[end:].any() or END not in sample
        assert sample[:end].all()
    assert len(set(ends)) == LENGTH  # of words that have ended; the longest have no end


def test_letters_have_the_chances_that_their_latent_vectors_give(words):
    for z in (-2.0, 0.0, 2.0):
        samples = words.decode(np.full((4000, 1), z), temperature=1.0, seed=3)
        logits = np.exp([0.0, z, 1.0])
        expected = logits / logits.sum()
        found = np.bincount(samples[:, 0], minlength=3) / len(samples)
        np.testing.assert_allclose(found, expected, atol=0.03)


def test_decoding_takes_the_most_likely_letters_unless_told_otherwise(words):
    np.testing.assert_array_equal(words.decode(np.zeros((3, 1))), np.full((3, LENGTH), 2))
    np.testing.assert_array_equal(words.decode(np.full((3, 1), 3.0)), np.full((3, LENGTH), 1))


def test_the_seed_and_neither_batches_nor_watching_decide_the_samples(words):
    samples, seen = words.sample(90, seed=4), []
    np.testing.assert_array_equal(words.sample(90, seed=4, watch=seen.append), samples)
    np.testing.assert_array_equal(words.sample(10, seed=4), samples[:10])
    assert (words.sample(90, seed=5) != samples).any()
    assert seen[-1].elements == seen[-1].total == 90 * LENGTH


def test_the_draws_do_not_follow_the_latent_vectors(words):
    latents, first = words.draw_latents(4000, seed=0)[:, 0], words.sample(4000, seed=0)[:, 0]
    weights = np.exp(np.stack([0 * latents, latents, 0 * latents + 1]))
    chances = weights / weights.sum(axis=0)  # (3, N)
    for part in (latents < -1, latents > 1):
        for letter in range(3):
            assert np.mean(first[part] == letter) == pytest.approx(
                chances[letter, part].mean(), abs=0.06
            )


def test_a_beginning_is_kept_and_what_follows_it_is_drawn(words):
    x = np.tile(WORDS[1], (300, 1))
    known = np.zeros(x.shape, bool)
    known[:, :3] = True
    completed = words.complete(x, known, seed=2)
    np.testing.assert_array_equal(completed[:, :3], x[:, :3])
    assert len(set(completed[:, 3].tolist())) == 3
    assert (words.complete(np.where(known, x, 1), known, seed=2) == completed).all()
    with pytest.raises(DataError, match=r"shape of x, \(300, 7\)\. Received: \(300, 3\)"):
        words.complete(x, known[:, :3])


def test_latent_vectors_are_such_as_the_beginning_is_likely_for(words):
    x = np.tile([1, 1, 1, 1, 0, 0, 0], (4000, 1))
    given = np.zeros(x.shape, bool)
    given[:, :4] = True
    latents = words.latents_of_beginnings(x, given, None, seed=0)[:, 0]
    z = np.linspace(-8, 8, 4001)
    chances = [np.exp(4 * (value - np.log(1 + np.exp(value) + np.e))) for value in z]
    weights = chances * norm.pdf(z)
    mean = np.sum(weights * z) / np.sum(weights)
    spread = np.sqrt(np.sum(weights * (z - mean) ** 2) / np.sum(weights))
    assert latents.mean() == pytest.approx(mean, abs=0.07)
    assert latents.std() == pytest.approx(spread, abs=0.07)
    nothing = words.latents_of_beginnings(x, np.zeros_like(given), None, seed=0)
    assert nothing.mean() == pytest.approx(0, abs=0.07)


def test_an_end_that_is_known_ends_the_sequence(words):
    known = np.zeros(WORDS.shape, bool)
    known[:, :5] = True
    np.testing.assert_array_equal(words.complete(WORDS, known)[:, 5:], 0)


def test_the_importance_weighted_bound_rises_to_the_logarithm_of_the_integral(words):
    z = np.linspace(-8, 8, 4001)
    for word in WORDS:
        integrand = [np.exp(log_probability(word, value)) for value in z] * norm.pdf(z)
        exact = np.log(np.sum(integrand) * (z[1] - z[0]))
        x = np.tile(word, (300, 1))
        bounds = [words.log_likelihood(x, importance_samples=k).mean() for k in (1, 5, 200)]
        assert bounds[0] < bounds[1] < bounds[2] + 1e-3
        assert bounds[2] == pytest.approx(exact, abs=0.02)


def test_without_latent_vectors_the_likelihood_is_exact_and_there_is_nothing_to_decode():
    model = Words(WordsConfig(latent_size=0))
    expected = [log_probability(word, 0.0) for word in WORDS]
    np.testing.assert_allclose(model.log_likelihood(WORDS), expected, rtol=1e-5)
    assert model.sample(5).shape == (5, LENGTH)
    for use in (model.draw_latents, model.encode, model.decode):
        with pytest.raises(ConfigError, match="no latent vectors, because its latent_size is 0"):
            use(2)


def test_a_negative_temperature_is_refused(words):
    with pytest.raises(DataError, match="temperature must be at least 0"):
        words.sample(2, temperature=-1.0)


@pytest.mark.parametrize("count", [0, -1])
def test_a_bound_needs_an_importance_sample(words, count):
    with pytest.raises(
        DataError, match=f"importance_samples must be at least 1. Received: {count}"
    ):
        words.log_likelihood(WORDS, importance_samples=count)


@pytest.mark.parametrize("latent_size", [1, 0])
def test_of_nothing_nothing_is_made(latent_size):
    words, known = Words(WordsConfig(latent_size=latent_size)), np.zeros((0, LENGTH), bool)
    assert words.sample(0).shape == (0, LENGTH)
    assert words.complete(WORDS[:0], known).shape == (0, LENGTH)
    assert words.log_likelihood(WORDS[:0]).shape == (0,)
    if latent_size:
        assert words.encode(WORDS[:0]).shape == (0, 1)
        assert words.decode(np.zeros((0, 1))).shape == (0, LENGTH)


@pytest.mark.parametrize("latent_size", [1, 0])
def test_labels_that_are_no_classes_are_refused(latent_size):
    words = Words(WordsConfig(latent_size=latent_size, class_conditional=True))
    uses = [words.log_likelihood, lambda x, labels: words.complete(x, x > 0, labels=labels)]
    for use in [*uses, words.encode][: 2 + latent_size]:
        with pytest.raises(DataError, match=r"between 0 and 1\. Received: 0 to 2"):
            use(WORDS, [0, 1, 2])
        with pytest.raises(DataError, match=r"shape \(3,\)\. Received: \(4,\)"):
            use(WORDS, [0, 1, 0, 1])


def test_the_loop_stops_when_all_have_ended(words):
    """Steps taken are counted in the decoder's state."""
    elements = np.full((4, LENGTH, 1), END, "int32")
    known = np.zeros(elements.shape, bool)
    known[:, 2] = True  # the third is a known end
    draws = {
        "known": known,
        "uniforms": np.full((4, LENGTH, 1, 1), 0.99, "float32"),
        "sampling": {"temperature": np.float32(1.0)},
    }
    told = {"latents": np.zeros((4, 1), "float32"), "labels": None}
    start = {"steps": np.zeros(4, "int32")}
    carried = (elements, start, np.zeros(4, bool))
    _, state, ended = words.make_compiled(
        carried, draws, told, (np.asarray(0, "int32"), np.asarray(LENGTH, "int32"))
    )
    np.testing.assert_array_equal(ops.convert_to_numpy(ended), True)
    np.testing.assert_array_equal(ops.convert_to_numpy(state["steps"]), 3)


def test_elements_of_any_shape_are_read(words):
    grid = np.arange(2 * 3 * 1 * 4).reshape(2, 3, 1, 4).astype("float32")
    found = ops.convert_to_numpy(element(ops.convert_to_tensor(grid), 1, 0))
    np.testing.assert_array_equal(found, grid[:, 1, 0])


@pytest.mark.parametrize(
    ("x", "reason"),
    [
        (np.zeros((2, 7), "float32"), "must be whole numbers .* Received: float32"),
        (np.zeros((2, 7, 1), "int32"), r"must have the shape \(any,\). Received: \(7, 1\)"),
        (np.full((2, 7), 3), "must lie between 0 and 2. Received: from 3 to 3"),
        (np.full((2, 7), -1), "must lie between 0 and 2. Received: from -1 to -1"),
    ],
)
def test_sequences_that_do_not_suit_are_refused(words, x, reason):
    words.compile()
    for use in (words.encode, words.log_likelihood, words.fit):
        with pytest.raises(DataError, match=reason):
            use(x)


def test_what_is_known_is_a_beginning_with_room_for_the_rest(words):
    x = np.zeros((2, LENGTH), "int32")
    known = np.zeros(x.shape, bool)
    known[1, [0, 2]] = True
    with pytest.raises(DataError, match=r"without a gap\. Received: .* in sequence 1"):
        words.complete(x, known)
    with pytest.raises(DataError, match=r"max_length = 7 elements\. Received: 3"):
        words.complete(x[:, :3], known[:, :3])


def test_sequences_are_measured_as_far_as_they_go_in_whatever_order(words):
    x = np.array([[1, 2, 1, 2, 1, 2, 0], [1, 0, 0, 0, 0, 0, 0], [2, 1, 1, 0, 0, 0, 0]])
    assert words.lengths(x).tolist() == [7, 2, 4]
    assert [words.cut(x[rows]).shape[1] for rows in ([0, 1], [1], [1, 2])] == [7, 4, 6]
    exact = Words(WordsConfig(latent_size=0))
    one_by_one = [exact.log_likelihood(x[row : row + 1])[0] for row in range(3)]
    assert np.allclose(exact.log_likelihood(x), one_by_one, atol=1e-5)
    assert np.allclose(exact.log_likelihood(x[::-1]), one_by_one[::-1], atol=1e-5)
