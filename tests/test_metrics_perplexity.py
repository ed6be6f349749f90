"""Perplexity against what is known of texts and models."""

import math

import numpy as np
import pytest

from zoo.data.forms import TextForm
from zoo.data.texts import text_splits
from zoo.data.vocabulary import lengths_of
from zoo.errors import NonFiniteError
from zoo.metrics import MetricError, Settings, UnsuitableError
from zoo.metrics.evaluation import choose_metrics
from zoo.metrics.nll import measure_nll
from zoo.metrics.perplexity import measure_perplexity, perplexity_figure

TEXTS = ["a", "a b c", "b b b b b", "c a", "c c b a"]


def texts(passages=TEXTS):
    return text_splits("tiny", {"train": TEXTS, "test": passages})["test"]


class Dice:
    """Every token, the end too, is one of so many that are equally likely."""

    config = None
    likelihood_kind = "exact"
    calls = 0

    def __init__(self, sides):
        self.sides = sides

    def log_likelihood(self, x, labels=None, *, seed=0):
        self.calls += 1
        return -lengths_of(x) * math.log(self.sides)


class Bound(Dice):
    """As `Dice`, but lower by a nat, over the number of draws."""

    likelihood_kind = "bound"

    def log_likelihood(self, x, labels=None, *, importance_samples=1, seed=0):
        return super().log_likelihood(x) - 1 / importance_samples


class Uneven(Dice):
    """Texts of one token are sure, others are as of dice."""

    def log_likelihood(self, x, labels=None, *, seed=0):
        return np.where(lengths_of(x) == 2, 0.0, super().log_likelihood(x))


def test_the_perplexity_of_equally_likely_tokens_is_their_number():
    figure = measure_perplexity(Dice(7), texts(), Settings())["perplexity"]
    assert figure.value == pytest.approx(7)
    assert figure.standard_error == pytest.approx(0, abs=1e-6)
    assert figure.count == 5


def test_the_end_of_a_text_is_counted_as_a_token():
    figure = measure_perplexity(Uneven(5), texts(["a", "a b c"]), Settings())["perplexity"]
    assert figure.value == pytest.approx(5 ** (4 / 6))


def test_a_bound_is_called_one_and_falls_with_its_draws():
    figures = measure_perplexity(Bound(7), texts(), Settings(importance_samples=10))
    tokens = sum(len(text.split()) + 1 for text in TEXTS)
    assert list(figures) == ["perplexity_bound", "perplexity_iw10", "unknown_share"]
    assert figures["perplexity_bound"].value == pytest.approx(7 * math.exp(5 / tokens))
    assert figures["perplexity_iw10"].value == pytest.approx(7 * math.exp(0.5 / tokens))
    with pytest.raises(MetricError, match="importance_samples must be 1 or more"):
        measure_perplexity(Bound(7), texts(), Settings(importance_samples=0))


def test_the_standard_error_is_that_of_many_repetitions():
    draws = np.random.default_rng(0)

    def repetition():
        tokens = draws.integers(1, 12, 300)
        return tokens * 2.0 + draws.normal(0, 1, 300) * np.sqrt(tokens), tokens

    figures = [perplexity_figure(*repetition()) for _ in range(400)]
    spread = np.std([figure.value for figure in figures])
    assert np.mean([figure.standard_error for figure in figures]) == pytest.approx(spread, rel=0.1)


def test_one_text_has_no_standard_error():
    assert (
        measure_perplexity(Dice(3), texts(["a b"]), Settings())["perplexity"].standard_error is None
    )


def test_the_likelihood_is_computed_once_for_both_metrics():
    model, settings, data = Dice(4), Settings(), texts()
    nll = measure_nll(model, data, settings)
    perplexity = measure_perplexity(model, data, settings)["perplexity"]
    assert model.calls == 1
    assert list(nll) == ["nll_nats"]  # bits per dimension mean nothing where lengths differ
    mean_length = np.mean([len(text.split()) + 1 for text in TEXTS])
    assert perplexity.value == pytest.approx(math.exp(nll["nll_nats"].value / mean_length))


def test_the_count_is_that_of_the_texts_that_were_asked_for():
    assert measure_perplexity(Uneven(4), texts(), Settings(count=3))["perplexity"].count == 3


def test_a_likelihood_that_is_not_finite_is_an_error():
    with pytest.raises(NonFiniteError, match="nll_nats"):
        measure_perplexity(Dice(math.inf), texts(), Settings())


@pytest.mark.parametrize("nats_per_token", [709.7, 710, 1e200])
def test_a_perplexity_beyond_any_number_is_left_out(nats_per_token):
    with pytest.raises(UnsuitableError, match=r"The perplexity .* may have diverged"):
        perplexity_figure(nats_per_token * np.array([2.0, 39.0]), np.array([1, 40]))


def test_a_likelihood_is_still_measured_where_the_perplexity_is_left_out():
    model, settings, data = Dice(10**400), Settings(), texts()
    assert measure_nll(model, data, settings)["nll_nats"].value > 1000
    with pytest.raises(UnsuitableError, match=r"The perplexity of 921 nats per token"):
        measure_perplexity(model, data, settings)


def test_it_is_measured_unasked_of_models_of_text_and_of_no_others():
    assert choose_metrics(Dice(2), (), "dice", "tokens") == ["nll", "perplexity"]
    assert "perplexity" not in choose_metrics(Dice(2), (), "dice", "image")
    with pytest.raises(MetricError, match="of data of kind 'tokens'"):
        choose_metrics(Dice(2), ("perplexity",), "dice", "image")


@pytest.mark.parametrize(("kept", "warnings"), [(100, 1), (4, 0)])
def test_unknown_tokens_are_counted_and_warned_of_where_training_had_none(kept, warnings, caplog):
    form = TextForm(vocabulary_size=kept)  # with the end and what is unknown
    splits = text_splits("tiny", {"train": TEXTS, "test": ["a d", "b e e"]}, form)
    settings = Settings(load_seen=lambda: splits["train"])
    figure = measure_perplexity(Dice(3), splits["test"], settings)["unknown_share"]
    assert figure.value == pytest.approx(3 / 7)
    assert figure.standard_error > 0
    assert [r.levelname for r in caplog.records] == ["WARNING"] * warnings
    assert all("--vocabulary-size" in record.getMessage() for record in caplog.records)
