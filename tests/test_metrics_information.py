"""KL, mutual information and active units against closed forms."""

import math

import keras
import numpy as np
import pytest
from keras import ops
from zoo_vae import VAE, VAEConfig

from zoo.data.arrays import ArrayImages
from zoo.errors import NonFiniteError
from zoo.metrics import Settings
from zoo.metrics.evaluation import choose_metrics
from zoo.metrics.information import information_terms, measure_information


class Channel(keras.Model):
    """z ~ N(gain (2 x - 1), variance) in each of as many dimensions as there are gains."""

    config = None

    def __init__(self, gains, variance):
        super().__init__()
        self.gains, self.variance = np.asarray(gains, "float32"), variance

    def posterior(self, x, y):
        centred = 2 * ops.reshape(ops.convert_to_tensor(x), (-1, 1)) - 1
        mean = centred * self.gains
        return mean, ops.zeros_like(mean) + math.log(self.variance)


def images(levels):
    return ArrayImages(
        name="tiny",
        split="test",
        splits=("test",),
        pixels=np.asarray(levels, np.uint8).reshape(-1, 1, 1, 1),
        labels=None,
    )


def measure(model, data, **settings):
    return measure_information(model, data, Settings(**settings))


def test_the_information_of_a_gaussian_channel_is_its_capacity():
    draws, (count, size) = np.random.default_rng(0), (4000, 2)
    signal, noise = np.array([1.0, 0.5]), 0.25  # variances of the mean, and around it
    mean = draws.normal(0, np.sqrt(signal), (count, size))
    terms = information_terms(mean, np.full((count, size), math.log(noise)), draws)
    expected = 0.5 * np.log(1 + signal / noise).sum()  # nats
    error = terms.std() / math.sqrt(count)
    assert terms.mean() == pytest.approx(expected, abs=5 * error)


def test_the_parts_in_which_pairs_are_compared_change_nothing(monkeypatch):
    draws = np.random.default_rng(0)
    mean, log_variance = draws.normal(0, 1, (2, 50, 3))
    whole = information_terms(mean, log_variance, np.random.default_rng(1))
    z = mean + np.exp(log_variance / 2) * np.random.default_rng(1).standard_normal((50, 3))
    squares = np.square(z[:, None] - mean) / np.exp(log_variance)
    log_q = -0.5 * (squares + log_variance + math.log(2 * math.pi)).sum(axis=2)  # (N, N)
    naive = np.diag(log_q) - np.logaddexp.reduce(log_q, axis=1) + math.log(50)
    assert np.allclose(whole, naive)
    monkeypatch.setattr("zoo.metrics.information.PAIRS_PER_PART", 120)
    parts = information_terms(mean, log_variance, np.random.default_rng(1))
    assert np.allclose(parts, whole)


def test_examples_that_are_all_told_apart_have_the_information_of_their_number():
    figures = measure(Channel([100.0], 1e-4), images(np.arange(200)))
    assert figures["mutual_information_nats"].value == pytest.approx(math.log(200), abs=1e-6)


def test_a_posterior_that_has_collapsed_is_seen_in_all_three():
    figures = measure(Channel([0.0, 0.0], 1.0), images(np.arange(100)))
    assert figures["kl_nats"].value == pytest.approx(0, abs=1e-6)
    assert figures["mutual_information_nats"].value == pytest.approx(0, abs=1e-6)
    assert figures["active_units"].value == 0


def test_kl_without_information_is_told_from_kl_with_it():
    # Every example has the same posterior, which is not the prior.
    figures = measure(Channel([0.0], 0.1), images(np.arange(100)))
    assert figures["kl_nats"].value == pytest.approx(0.5 * (0.1 - 1 - math.log(0.1)), rel=1e-5)
    assert figures["mutual_information_nats"].value == pytest.approx(0, abs=1e-6)


def test_the_kl_is_the_closed_form_and_units_above_the_threshold_are_active():
    levels = np.arange(256)
    centred = 2 * levels / 255 - 1
    gains = np.array([1.0, 0.2, 0.1])  # variances .335, .0134 and .00335 of the mean
    figures = measure(Channel(gains, 0.5), images(levels))
    per_unit = 0.5 * (np.square(centred[:, None] * gains) + 0.5 - 1 - math.log(0.5))
    assert figures["kl_nats"].value == pytest.approx(per_unit.sum(axis=1).mean(), rel=1e-5)
    assert figures["active_units"].value == 2
    assert figures["active_units"].standard_error is None
    assert {figure.count for figure in figures.values()} == {256}


def test_the_seed_decides_the_draws_and_the_count_the_examples():
    model, data = Channel([1.0], 0.5), images(np.arange(100))
    first, again, other = (measure(model, data, count=40, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert first != other
    assert first["kl_nats"].count == 40


def test_it_is_measured_unasked_of_a_vae_on_images():
    keras.utils.set_random_seed(0)
    model = VAE(VAEConfig(image_shape=(1, 1, 1), hidden_sizes=(4,), latent_size=2))
    assert "information" in choose_metrics(model, (), "vae", "image")
    figures = measure(model, images(np.arange(20)))
    assert set(figures) == {"kl_nats", "mutual_information_nats", "active_units"}
    assert figures["mutual_information_nats"].value < figures["kl_nats"].value


def test_a_posterior_that_is_not_finite_is_an_error():
    with pytest.raises(NonFiniteError, match="kl_nats"):
        measure(Channel([float("nan")], 1.0), images([1, 2]))
