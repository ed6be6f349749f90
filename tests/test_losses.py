"""The terms of losses against SciPy's distributions, and where numbers grow large."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops
from scipy import integrate, special, stats

from zoo.losses import (
    bernoulli_nll_nats,
    discriminator_accuracies,
    discriminator_loss,
    gaussian_kl_nats,
    gaussian_nll_nats,
    generator_loss,
    nats_to_bits_per_dim,
)

pytestmark = pytest.mark.backends

NORMAL = np.random.default_rng(0).normal
UNIFORM = np.random.default_rng(1).uniform


def array(values):
    return np.asarray(ops.convert_to_numpy(values))


def test_bernoulli_is_the_log_mass_summed_over_all_pixels():
    logits = NORMAL(size=(5, 4, 3, 2)).astype("float32")
    targets = (UNIFORM(size=logits.shape) < 0.5).astype("float32")
    expected = -stats.bernoulli.logpmf(targets, special.expit(logits)).sum((1, 2, 3))
    found = array(bernoulli_nll_nats(targets, logits))
    assert found.shape == (5,)
    assert np.allclose(found, expected, rtol=1e-5)


def test_grey_levels_are_probabilities_of_a_white_pixel():
    logits = NORMAL(size=(6, 8)).astype("float32")
    grey = UNIFORM(size=logits.shape).astype("float32")
    white, black = (
        bernoulli_nll_nats(np.full_like(grey, v)[..., None], logits[..., None], batch_axes=2)
        for v in (1, 0)
    )
    expected = (grey * array(white) + (1 - grey) * array(black)).sum(1)
    assert np.allclose(array(bernoulli_nll_nats(grey, logits)), expected, rtol=1e-5)


@pytest.mark.parametrize("logit", [-1e4, -100.0, 100.0, 1e4])
def test_extreme_logits_are_finite_and_right(logit):
    for target in (0.0, 1.0):
        found = array(bernoulli_nll_nats(np.full((1, 1), target), np.full((1, 1), logit)))
        # Where the logit agrees with the target there is nothing to lose; else all of it.
        expected = abs(logit) if (logit > 0) != (target > 0) else 0.0
        assert found[0] == pytest.approx(expected, abs=1e-6)


def test_bernoulli_broadcasts_targets_over_further_batch_axes():
    logits = NORMAL(size=(2, 3, 4)).astype("float32")
    targets = (UNIFORM(size=(2, 1, 4)) < 0.5).astype("float32")
    found = array(bernoulli_nll_nats(targets, logits, batch_axes=2))
    assert found.shape == (2, 3)
    for k in range(3):
        assert np.allclose(found[:, k], array(bernoulli_nll_nats(targets[:, 0], logits[:, k])))


def test_gaussian_is_the_log_density_summed_over_all_dimensions():
    targets, mean, log_variance = NORMAL(size=(3, 7, 4, 2)).astype("float32")
    expected = -stats.norm.logpdf(targets, mean, np.exp(log_variance / 2)).sum((1, 2))
    assert np.allclose(array(gaussian_nll_nats(targets, mean, log_variance)), expected, rtol=1e-5)


def test_one_log_variance_serves_all_pixels():
    targets, mean = NORMAL(size=(2, 7, 4)).astype("float32")
    found = array(gaussian_nll_nats(targets, mean, np.float32(0.3)))
    assert np.allclose(found, -stats.norm.logpdf(targets, mean, np.exp(0.15)).sum(1), rtol=1e-5)


def test_kl_is_the_integral_of_the_log_ratio():
    for mean, log_variance in ((0.0, 0.0), (1.5, -2.0), (-0.7, 1.2)):
        posterior = stats.norm(mean, np.exp(log_variance / 2))
        expected, _ = integrate.quad(
            lambda z, q=posterior: q.pdf(z) * (q.logpdf(z) - stats.norm.logpdf(z)),
            -25,
            25,
            points=[mean],
        )
        found = array(gaussian_kl_nats(np.full((1, 1), mean), np.full((1, 1), log_variance)))
        assert found[0] == pytest.approx(expected, abs=1e-5)


def test_kl_is_summed_over_latent_dimensions():
    mean, log_variance = NORMAL(size=(2, 5, 3)).astype("float32")
    single = [
        array(gaussian_kl_nats(mean[:, i : i + 1], log_variance[:, i : i + 1])) for i in range(3)
    ]
    assert np.allclose(array(gaussian_kl_nats(mean, log_variance)), sum(single), rtol=1e-5)


@settings(max_examples=50, deadline=None)
@given(st.floats(-50, 50), st.floats(-30, 30))
def test_kl_is_never_negative(mean, log_variance):
    found = array(gaussian_kl_nats(np.full((1, 1), mean), np.full((1, 1), log_variance)))
    assert np.isfinite(found).all()
    assert found[0] >= -1e-6


def test_a_uniform_guess_costs_one_bit_per_black_and_white_pixel():
    nats = array(bernoulli_nll_nats(np.ones((1, 784)), np.zeros((1, 784))))
    assert nats_to_bits_per_dim(nats, 784)[0] == pytest.approx(1.0)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_summed_in_full(dtype):
    # 70,000 half nats: beyond float16, and lost to rounding in bfloat16.
    logits = ops.zeros((1, 70_000), dtype)
    found = array(bernoulli_nll_nats(ops.ones((1, 70_000), dtype), logits))
    assert found.dtype == np.float32
    assert found[0] == pytest.approx(70_000 * np.log(2), rel=1e-4)


KINDS = ("minimax", "non-saturating", "least-squares", "hinge")
REAL, FAKE = NORMAL(size=(40, 1)).astype("float32"), NORMAL(size=(40, 1)).astype("float32")


@pytest.mark.parametrize("kind", KINDS)
def test_the_two_losses_of_each_game_are_its_formulas(kind):
    probability = special.expit
    cross_entropy = -np.log(probability(REAL)).mean() - np.log(1 - probability(FAKE)).mean()
    discriminator = {
        "minimax": cross_entropy,
        "non-saturating": cross_entropy,
        "least-squares": ((REAL - 1) ** 2).mean() / 2 + (FAKE**2).mean() / 2,
        "hinge": np.maximum(0, 1 - REAL).mean() + np.maximum(0, 1 + FAKE).mean(),
    }
    generator = {
        "minimax": np.log(1 - probability(FAKE)).mean(),
        "non-saturating": -np.log(probability(FAKE)).mean(),
        "least-squares": ((FAKE - 1) ** 2).mean() / 2,
        "hinge": -FAKE.mean(),
    }
    assert float(discriminator_loss(kind, REAL, FAKE)) == pytest.approx(
        discriminator[kind], rel=1e-5
    )
    assert float(generator_loss(kind, FAKE)) == pytest.approx(generator[kind], rel=1e-5)


def test_the_best_discriminators_loss_is_log_four_less_twice_the_jensen_shannon_divergence():
    """On three outcomes; as many examples of each as its probability says."""
    p, q = np.array([8, 1, 1]), np.array([2, 2, 6])
    logits = np.log(p / q).astype("float32")  # of the best discriminator: p / (p + q)
    loss = discriminator_loss("minimax", np.repeat(logits, p), np.repeat(logits, q))
    mixture = (p + q) / 20
    divergence = 0.5 * (stats.entropy(p / 10, mixture) + stats.entropy(q / 10, mixture))
    assert float(loss) == pytest.approx(np.log(4) - 2 * divergence, rel=1e-5)


def test_only_the_minimax_generator_stands_still_where_the_discriminator_is_sure():
    sure = np.full((1, 1), -20.0, "float32")
    step = np.float32(0.5)
    change = {
        kind: float(generator_loss(kind, sure + step)) - float(generator_loss(kind, sure))
        for kind in KINDS
    }
    assert abs(change["minimax"]) < 1e-6
    assert all(change[kind] < -0.4 for kind in KINDS if kind != "minimax")


def test_accuracies_are_shares_on_the_right_side_of_the_boundary():
    real, fake = np.array([[2.0], [0.2], [-1.0]]), np.array([[-2.0], [0.2], [0.7]])
    assert np.allclose(discriminator_accuracies("hinge", real, fake), [2 / 3, 1 / 3])
    assert np.allclose(discriminator_accuracies("least-squares", real, fake), [1 / 3, 2 / 3])


@pytest.mark.parametrize("kind", KINDS)
def test_sure_discriminators_have_finite_losses(kind):
    far = np.full((1, 1), 1e4, "float32")
    for real, fake in ((far, -far), (-far, far)):
        assert np.isfinite(float(discriminator_loss(kind, real, fake)))
        assert np.isfinite(float(generator_loss(kind, fake)))
