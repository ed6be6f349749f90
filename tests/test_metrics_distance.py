import numpy as np
import pytest
from scipy.linalg import sqrtm

from zoo.metrics import MetricError
from zoo.metrics.distance import (
    frechet_distance,
    frechet_figure,
    kernel_distance,
    kernel_figure,
)

# Shapes: N, M examples, F features.


def points(count, size, seed, scale=1.0, shift=0.0):
    return np.random.default_rng(seed).normal(shift, scale, (count, size)).astype(np.float32)


def whitened(count, size, seed):
    """Points whose mean is 0 and whose covariance is the unit matrix, exactly."""
    x = np.random.default_rng(seed).normal(size=(count, size))
    x -= x.mean(axis=0)
    return x @ np.linalg.inv(np.linalg.cholesky(np.cov(x.T))).T


def naive_frechet(x, y):
    cov_x, cov_y = np.cov(x.T), np.cov(y.T)
    root = sqrtm(cov_x @ cov_y).real
    return np.square(x.mean(0) - y.mean(0)).sum() + np.trace(cov_x + cov_y - 2 * root)


def naive_kernel(x, y):
    def k(a, b):
        return (a @ b / len(a) + 1) ** 3

    n, m = len(x), len(y)
    within_x = sum(k(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    within_y = sum(k(y[i], y[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    across = sum(k(a, b) for a in x for b in y) / (n * m)
    return within_x + within_y - 2 * across


def test_gaussians_of_one_direction_lie_as_far_apart_as_the_closed_form_says():
    # Of diagonal covariances: the squared distance of the means, and of the standard deviations.
    stds, others, shift = np.array([1.0, 2.0, 0.5]), np.array([1.5, 0.1, 0.5]), np.array([3, 0, -1])
    x = whitened(50, 3, 0) * stds
    y = whitened(80, 3, 1) * others + shift
    expected = np.square(shift).sum() + np.square(stds - others).sum()
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-9)


def test_the_frechet_distance_is_that_of_the_naive_formula():
    mixing = np.random.default_rng(2).normal(size=(6, 6))
    x, y = points(100, 6, 0) @ mixing, points(90, 6, 1, scale=1.4, shift=0.3)
    assert frechet_distance(x, y) == pytest.approx(naive_frechet(x, y), rel=1e-6)
    assert frechet_distance(x, y) == pytest.approx(frechet_distance(y, x), rel=1e-9)


def test_equal_sets_have_frechet_distance_zero_even_where_the_covariance_is_singular():
    few = points(5, 20, 0)
    assert frechet_distance(few, few) == pytest.approx(0, abs=1e-5)
    constant = np.ones((4, 3), np.float32)
    assert frechet_distance(constant, constant + 2) == pytest.approx(12)


def test_the_error_of_the_frechet_distance_is_its_spread_over_new_draws():
    drawn = [
        frechet_distance(points(200, 4, seed), points(200, 4, seed + 1000, shift=0.5))
        for seed in range(100)
    ]
    figure = frechet_figure(points(200, 4, 0), points(200, 4, 1000, shift=0.5), seed=0)
    assert figure.standard_error == pytest.approx(np.std(drawn), rel=0.35)
    assert figure.count == 200


def test_the_kernel_distance_is_that_of_the_naive_double_loop():
    x, y = points(12, 5, 0), points(9, 5, 1, scale=2.0, shift=0.5)
    assert kernel_distance(x, y) == pytest.approx(naive_kernel(x, y), rel=1e-5)


def test_blocks_change_nothing_in_the_kernel_distance(monkeypatch):
    x, y = points(25, 5, 0), points(21, 5, 1)
    whole = kernel_figure(x, y)
    monkeypatch.setattr("zoo.metrics.distance.BLOCK", 4)
    parts = kernel_figure(x, y)
    assert parts.value == pytest.approx(whole.value, abs=1e-6)
    assert parts.standard_error == pytest.approx(whole.standard_error, rel=1e-5)


def test_the_kernel_distance_of_equal_distributions_is_zero_on_average():
    drawn = [kernel_distance(points(40, 3, 2 * s), points(30, 3, 2 * s + 1)) for s in range(200)]
    assert abs(np.mean(drawn)) < 3 * np.std(drawn) / np.sqrt(200)
    assert min(drawn) < 0  # unbiased, so that some lie below


def test_the_error_of_the_kernel_distance_is_its_spread_over_new_draws():
    def pair(seed):
        return points(100, 3, seed), points(150, 3, seed + 1000, shift=0.5)

    drawn = [kernel_distance(*pair(seed)) for seed in range(200)]
    errors = [kernel_figure(*pair(seed)).standard_error for seed in range(20)]
    assert np.mean(errors) == pytest.approx(np.std(drawn), rel=0.2)


def test_the_jackknife_is_that_of_leaving_out_one_at_a_time():
    x, y = points(7, 2, 0).astype(np.float64), points(6, 2, 1).astype(np.float64)
    without_x = [naive_kernel(np.delete(x, i, 0), y) for i in range(7)]
    without_y = [naive_kernel(x, np.delete(y, i, 0)) for i in range(6)]
    variance = 6 * np.var(without_x) + 5 * np.var(without_y)
    assert kernel_figure(x, y).standard_error == pytest.approx(np.sqrt(variance), rel=1e-9)


def test_one_example_has_no_distance():
    for figure in (lambda a, b: frechet_figure(a, b, 0), kernel_figure):
        with pytest.raises(MetricError, match=r"2 or more held-out examples.*Received: 1 and 5"):
            figure(points(1, 3, 0), points(5, 3, 1))


def test_too_many_features_for_a_covariance_are_an_error():
    with pytest.raises(MetricError, match=r"4096 features at most\. Received: 4097\. Take"):
        frechet_figure(np.zeros((2, 4097)), np.zeros((2, 4097)), 0)


def test_two_examples_have_a_kernel_distance_without_error():
    assert kernel_figure(points(2, 3, 0), points(2, 3, 1)).standard_error is None
