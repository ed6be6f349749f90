"""Draws of the priors have the distribution that they say; the seed alone decides them."""

import numpy as np
import pytest
from scipy import stats

from zoo.errors import ConfigError
from zoo.priors import draw_prior, prior_tensor


@pytest.mark.parametrize(
    ("prior", "distribution"), [("normal", stats.norm()), ("uniform", stats.uniform(-1, 2))]
)
def test_draws_follow_the_prior(prior, distribution):
    latents = draw_prior(prior, 500, 8, seed=0)
    assert latents.shape == (500, 8)
    assert latents.dtype == np.float32
    assert stats.kstest(latents.ravel(), distribution.cdf).pvalue > 0.01
    assert np.array_equal(latents, draw_prior(prior, 500, 8, seed=0))
    assert not np.array_equal(latents, draw_prior(prior, 500, 8, seed=1))


@pytest.mark.parametrize("truncation", [0.001, 0.5, 2.0])
def test_truncated_draws_follow_what_is_left_of_the_normal(truncation):
    latents = draw_prior("normal", 500, 8, seed=0, truncation=truncation)
    assert np.abs(latents).max() <= truncation * (1 + 1e-6)
    expected = stats.truncnorm(-truncation, truncation)
    assert stats.kstest(latents.ravel(), expected.cdf).pvalue > 0.01


def test_temperature_multiplies_what_was_drawn():
    cold, warm = (draw_prior("normal", 5, 3, seed=2, temperature=t) for t in (0.5, 1.0))
    assert np.allclose(2 * cold, warm)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("temperature", -1.0, "temperature must be at least 0"),
        ("temperature", float("nan"), "temperature must be at least 0"),
        ("truncation", 0.0, "truncation must be above 0"),
        ("truncation", float("nan"), "truncation must be above 0"),
    ],
)
def test_what_is_out_of_range_is_refused(option, value, message):
    with pytest.raises(ConfigError, match=message):
        draw_prior("normal", 2, 2, seed=0, **{option: value})


def test_a_uniform_prior_is_not_truncated():
    with pytest.raises(ConfigError, match="truncation suits a normal prior"):
        draw_prior("uniform", 2, 2, seed=0, truncation=1.0)


@pytest.mark.backends
@pytest.mark.parametrize(
    ("prior", "distribution"), [("normal", stats.norm()), ("uniform", stats.uniform(-1, 2))]
)
def test_what_is_trained_on_follows_the_prior_too(prior, distribution):
    import keras

    seed = keras.random.SeedGenerator(3)
    first, second = (
        keras.ops.convert_to_numpy(prior_tensor(prior, (400, 8), seed)) for _ in range(2)
    )
    assert stats.kstest(first.ravel(), distribution.cdf).pvalue > 0.01
    assert not np.array_equal(first, second)
