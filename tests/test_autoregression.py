"""The loop over elements, with a Markov chain whose every probability is known."""

import dataclasses

import keras
import numpy as np
import pytest
from keras import layers, ops

from zoo.autoregression import AutoregressiveModel, code_nats
from zoo.errors import DataError
from zoo.making import Decoder, draw_codes
from zoo.metrics.evaluation import choose_metrics
from zoo.protocols import Completes, Conditional, GenerativeModel, HasLikelihood
from zoo.testing.replay import replay_logits

ROWS, COLUMNS = 3, 4
FIRST = np.log([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]])  # by label
NEXT = np.log([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.3, 0.3, 0.4]])  # by the level before


@dataclasses.dataclass(frozen=True, kw_only=True)
class ChainConfig:
    """Configuration of `Chain`.

    Args:
        class_conditional: Whether the label decides the first element.
        class_count: Labels.
    """

    class_conditional: bool = False
    class_count: int = 2


class Table(layers.Layer):
    def build(self, input_shape):
        self.first = self.add_weight(shape=FIRST.shape, initializer="zeros", name="first")
        self.next = self.add_weight(shape=NEXT.shape, initializer="zeros", name="next")


class Chain(AutoregressiveModel):
    """Each element depends on the one before it, the first on the label."""

    config_class = ChainConfig
    examples_per_call = 50

    def __init__(self, config=None, **kwargs):
        super().__init__(config or ChainConfig(), **kwargs)
        self.network = Table()
        self.network.build(())
        self.network.first.assign(FIRST)
        self.network.next.assign(NEXT)

    element_shape = (ROWS, COLUMNS)
    levels = 3

    def codes(self, x):
        return ops.cast(ops.round(x * 2), "int32")

    def values(self, codes):
        return codes.astype("float32") / 2

    def first_logits(self, labels, count):
        labels = ops.zeros((count,), "int32") if labels is None else labels
        return ops.take(self.network.first.value, labels, axis=0)

    def logits(self, codes, labels, training):
        count = ops.shape(codes)[0]
        flat = ops.reshape(codes, (count, -1))
        others = ops.take(self.network.next.value, flat[:, :-1], axis=0)
        logits = ops.concatenate([self.first_logits(labels, count)[:, None], others], axis=1)
        return ops.reshape(logits, (count, ROWS, COLUMNS, 3))

    def decoder(self, labels):
        return ChainDecoder(self, labels)

    def make_optimizer(self):
        return keras.optimizers.Adam(0.05)


class ChainDecoder(Decoder):
    """Keeps the last element of the row above, and reads the one before it from the codes."""

    def __init__(self, model, labels):
        self.model, self.labels = model, labels

    def start(self, count):
        return {"above": ops.zeros((count,), "int32")}

    def begin_row(self, state, codes, row):
        count = codes.shape[0]
        place = (0, ops.maximum(row - 1, 0), COLUMNS - 1)
        return {"above": ops.slice(codes, place, (count, 1, 1))[:, 0, 0]}

    def step(self, state, codes, row, column):
        count = codes.shape[0]
        left = ops.slice(codes, (0, row, ops.maximum(column - 1, 0)), (count, 1, 1))[:, 0, 0]
        before = ops.where(column > 0, left, state["above"])
        logits = ops.take(self.model.network.next.value, before, axis=0)
        first = self.model.first_logits(self.labels, count)
        return ops.where((row == 0) & (column == 0), first, logits), state


def chances(before, after):
    """Return how often each level follows each other one."""
    counts = np.zeros((3, 3))
    np.add.at(counts, (before.ravel(), after.ravel()), 1)
    return counts / counts.sum(1, keepdims=True)


def levels_of(x):
    return np.round(x.reshape(len(x), -1) * 2).astype(int)


def log_probability(x, labels=None):
    levels = levels_of(x)
    labels = np.zeros(len(x), int) if labels is None else labels
    return FIRST[labels, levels[:, 0]] + NEXT[levels[:, :-1], levels[:, 1:]].sum(1)


@pytest.fixture(scope="module")
def chain():
    return Chain()


@pytest.mark.backends
def test_samples_have_the_chances_of_the_chain(chain):
    levels = levels_of(chain.sample(2000, seed=1))
    assert np.allclose(chances(levels[:, :-1], levels[:, 1:]), np.exp(NEXT), atol=0.02)
    firsts = np.bincount(levels[:, 0], minlength=3) / 2000
    assert np.allclose(firsts, np.exp(FIRST[0]), atol=0.04)


@pytest.mark.backends
def test_the_log_likelihood_is_that_of_the_chain(chain):
    x = chain.sample(70, seed=2)
    assert np.allclose(chain.log_likelihood(x), log_probability(x), atol=1e-4)


@pytest.mark.backends
def test_the_decoder_predicts_what_the_network_does(chain):
    x = chain.sample(5, seed=3)
    logits = ops.convert_to_numpy(chain.logits(chain.codes(x), None, False))
    assert np.allclose(replay_logits(chain, x), logits, atol=1e-6)


def test_the_first_samples_of_many_are_those_of_few_and_watching_changes_nothing(chain):
    seen = []
    many = chain.sample(120, seed=4)
    few = chain.sample(20, seed=4, watch=lambda made: seen.append((made, made.examples())))
    assert np.array_equal(many[:20], few)
    assert [made.elements for made, _ in seen] == [20 * COLUMNS * row for row in (1, 2, 3)]
    assert [made.rows for made, _ in seen] == [1, 2, 3]
    assert {made.total for made, _ in seen} == {few.size}
    for made, part in seen:
        assert np.array_equal(part[:, : made.rows], few[:, : made.rows])
        assert not part[:, made.rows :].any()


def test_watching_several_batches_counts_all_of_them(chain):
    told = []
    chain.sample(120, seed=4, watch=told.append)
    assert told[-1].elements == told[-1].total == 120 * ROWS * COLUMNS
    assert [made.elements for made in told] == sorted(made.elements for made in told)
    assert [made.first for made in told[::ROWS]] == [0, 50, 100]
    assert len(told[-1].examples()) == 20


@pytest.mark.backends
def test_what_is_known_is_kept_and_the_rest_follows_from_it(chain):
    x = np.full((2000, ROWS, COLUMNS), 0.5, "float32")
    known = np.zeros(x.shape, bool)
    known[:, 0] = True
    made = chain.complete(x, known, seed=5)
    assert np.array_equal(made[:, 0], x[:, 0])
    firsts = np.bincount(levels_of(made)[:, COLUMNS], minlength=3) / 2000
    assert np.allclose(firsts, np.exp(NEXT[1]), atol=0.04)
    assert np.array_equal(chain.complete(x, np.ones(x.shape, bool)), x)
    nothing = chain.complete(x[:5], np.zeros(x[:5].shape, bool), seed=4)
    assert np.array_equal(nothing, chain.sample(5, seed=4))


def test_what_is_not_known_may_hold_anything(chain):
    x = np.full((3, ROWS, COLUMNS), 0.5, "float32")
    known = np.zeros(x.shape, bool)
    known[:, 0] = True
    blank = np.where(known, x, np.nan)
    assert np.array_equal(chain.complete(blank, known, seed=5), chain.complete(x, known, seed=5))


def test_no_temperature_takes_the_most_likely_level_and_much_flattens(chain):
    levels = levels_of(chain.sample(3, temperature=0.0))
    assert np.array_equal(levels[:, :3], np.tile([0, 0, 0], (3, 1)))
    levels = levels_of(chain.sample(2000, temperature=100.0))
    assert np.allclose(chances(levels[:, :-1], levels[:, 1:]), 1 / 3, atol=0.03)


@pytest.mark.backends
def test_a_label_decides_what_it_conditions():
    chain = Chain(ChainConfig(class_conditional=True))
    ones = levels_of(chain.sample(500, labels=np.ones(500, int)))[:, 0]
    assert np.mean(ones == 2) == pytest.approx(0.8, abs=0.05)
    x = chain.sample(6)
    assert np.allclose(
        chain.log_likelihood(x, np.arange(6) % 2), log_probability(x, np.arange(6) % 2), atol=1e-4
    )
    with pytest.raises(DataError, match="needs labels"):
        chain.log_likelihood(x)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1, 2], r"between 0 and 1\. Received: 0 to 2"),
        ([0, -1, 1], r"between 0 and 1\. Received: -1 to 1"),
        ([0], r"shape \(3,\)\. Received: \(1,\)"),
        ([0, 1, 0, 1], r"shape \(3,\)\. Received: \(4,\)"),
    ],
)
def test_labels_that_are_no_classes_are_refused_wherever_they_come_in(labels, message):
    chain = Chain(ChainConfig(class_conditional=True))
    x = chain.sample(3)
    known = np.ones(x.shape, bool)
    for use in (
        lambda: chain.sample(3, labels=labels),
        lambda: chain.log_likelihood(x, labels),
        lambda: chain.complete(x, known, labels=labels),
    ):
        with pytest.raises(DataError, match=message):
            use()


def test_labels_that_are_no_classes_are_not_trained_or_measured_on():
    chain = Chain(ChainConfig(class_conditional=True))
    x, labels = chain.sample(4), np.array([0, 1, 1, 2])
    chain.compile()
    for use in (chain.fit, chain.evaluate):
        with pytest.raises(DataError, match=r"between 0 and 1\. Received: 0 to 2"):
            use(x, labels, verbose=0)
    good = labels % 2
    with pytest.raises(DataError, match=r"between 0 and 1\. Received: 0 to 2"):
        chain.fit(x, good, validation_data=(x, labels), verbose=0)
    chain.fit(x, good, validation_data=(x, good), verbose=0)


EXAMPLES = np.zeros((2, ROWS, COLUMNS), "float32")


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (EXAMPLES[:, :2], r"must have the shape \(3, 4\)\. Received: \(2, 4\)\. Cut or resize"),
        (EXAMPLES.reshape(2, 4, 3), r"must have the shape \(3, 4\)\. Received: \(4, 3\)"),
        (EXAMPLES[..., None], r"must have the shape \(3, 4\)\. Received: \(3, 4, 1\)"),
        (EXAMPLES[0], r"must have the shape \(3, 4\)\. Received: \(4,\)"),
        (EXAMPLES - 1, r"must lie between 0 and 1\. Received: from -1 to -1"),
        (EXAMPLES + 1.5, r"must lie between 0 and 1\. Received: from 1\.5 to 1\.5"),
        (EXAMPLES + np.nan, r"must lie between 0 and 1\. Received: from nan to nan"),
        (EXAMPLES + np.inf, r"must lie between 0 and 1\. Received: from inf to inf"),
    ],
)
def test_examples_that_are_not_the_models_are_refused(chain, x, message):
    chain.compile()
    for use in (
        chain.log_likelihood,
        lambda x: chain.complete(x, np.ones(x.shape, bool)),
        chain.fit,
        chain.evaluate,
    ):
        with pytest.raises(DataError, match=message):
            use(x)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32"])
def test_integers_are_no_examples(chain, dtype):
    chain.compile()
    x = EXAMPLES.astype(dtype)
    for use in (chain.log_likelihood, chain.fit, chain.train_on_batch):
        with pytest.raises(DataError, match=f"floating-point.*between 0 and 1.*{dtype}"):
            use(x)


@pytest.mark.backends
def test_of_nothing_nothing_is_made(chain):
    nothing = chain.sample(0)
    assert (nothing.shape, nothing.dtype) == ((0, ROWS, COLUMNS), np.float32)
    assert chain.log_likelihood(nothing).shape == (0,)
    assert chain.complete(nothing, nothing > 0).shape == (0, ROWS, COLUMNS)


@pytest.mark.backends
def test_training_learns_the_chances():
    chain = Chain()
    x = chain.sample(500, seed=7)
    chain.network.next.assign(np.zeros((3, 3)))
    chain.compile()
    history = chain.fit(x, epochs=15, batch_size=50, verbose=0).history
    learnt = ops.convert_to_numpy(ops.softmax(chain.network.next.value))
    assert np.allclose(learnt, np.exp(NEXT), atol=0.06)
    expected = -log_probability(x).mean()
    assert history["nll_nats"][-1] == pytest.approx(expected, rel=0.03)
    bits = history["nll_nats"][-1] / np.log(2) / (ROWS * COLUMNS)
    assert history["nll_bits_per_dim"][-1] == pytest.approx(bits, rel=1e-4)


def test_it_has_the_capabilities_that_it_claims(chain):
    for protocol in (GenerativeModel, HasLikelihood, Completes):
        assert isinstance(chain, protocol)
    assert chain.likelihood_kind == "exact"
    assert chain.conditions == ()
    conditional = Chain(ChainConfig(class_conditional=True))
    assert isinstance(conditional, Conditional)
    assert conditional.conditions == ("class",)


def test_bad_requests_are_refused(chain):
    for temperature in (-1, np.nan):
        with pytest.raises(DataError, match=rf"temperature.*Received: {temperature}"):
            chain.sample(1, temperature=temperature)
    with pytest.raises(DataError, match="known must have the shape of x"):
        chain.complete(np.zeros((1, ROWS, COLUMNS)), np.zeros((1, ROWS), bool))


def test_nats_of_codes_are_those_of_softmax_and_bernoulli():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4, 5)).astype("float32")
    codes = rng.integers(5, size=4)
    softmax = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    nats = ops.convert_to_numpy(
        code_nats(ops.convert_to_tensor(logits), ops.convert_to_tensor(codes))
    )
    assert np.allclose(nats, -np.log(softmax[np.arange(4), codes]), atol=1e-5)
    on = 1 / (1 + np.exp(-logits[:, :1]))
    nats = ops.convert_to_numpy(
        code_nats(ops.convert_to_tensor(logits[:, :1]), ops.convert_to_tensor([0, 1, 1, 0]))
    )
    assert np.allclose(nats, -np.log(np.where([0, 1, 1, 0], on[:, 0], 1 - on[:, 0])), atol=1e-5)


def test_draws_invert_the_distribution_function():
    uniforms = [0.0, 0.49, 0.51, 0.69, 0.71, 0.9999999]
    assert drawn([0.5, 0.2, 0.3], uniforms) == [0, 0, 1, 1, 2, 2]


def test_draws_of_two_levels_need_one_logit():
    uniforms = ops.convert_to_tensor([0.1, 0.74, 0.76])
    upper = ops.full((3, 1), np.log(0.25 / 0.75))  # the upper level's chance is 1/4
    codes = draw_codes(upper, uniforms, ops.convert_to_tensor(1.0))
    assert ops.convert_to_numpy(codes).tolist() == [0, 0, 1]


@pytest.mark.parametrize("uniform", [0.0, 0.5, 0.9999999])
def test_at_temperature_zero_the_most_likely_level_is_taken_though_others_come_near(uniform):
    for chances, best in (([0.2, 0.4, 0.4], 1), ([0.4, 0.2, 0.4], 0)):
        assert drawn(chances, [uniform], temperature=0.0) == [best]
    for logit, code in ((1e-3, 1), (-1e-3, 0)):
        codes = draw_codes(
            ops.full((1, 1), logit), ops.convert_to_tensor([uniform]), ops.convert_to_tensor(0.0)
        )
        assert ops.convert_to_numpy(codes).tolist() == [code]


def test_rounding_does_not_make_the_last_level_more_likely():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 4, size=(500, 256)).astype("float32")
    logits[:, -1] = -60.0
    largest = np.full(500, np.nextafter(np.float32(1), np.float32(0)))
    codes = draw_codes(*map(ops.convert_to_tensor, (logits, largest)), ops.convert_to_tensor(1.0))
    assert ops.convert_to_numpy(codes).max() < 255


def drawn(chances, uniforms, temperature=1.0):
    logits = ops.convert_to_tensor(np.tile(np.log(chances), (len(uniforms), 1)), "float32")
    codes = draw_codes(logits, ops.convert_to_tensor(uniforms), ops.convert_to_tensor(temperature))
    return ops.convert_to_numpy(codes).tolist()


def test_no_metric_draws_many_samples_unasked(chain):
    assert choose_metrics(chain, (), "chain", "image") == ["nll", "marginal"]
    assert choose_metrics(chain, ("distance",), "chain", "image") == ["distance"]
