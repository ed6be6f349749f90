import math

import keras
import numpy as np
import pytest
from zoo_vae import VAE, VAEConfig

from zoo.data.arrays import ArrayImages
from zoo.errors import DataError, NonFiniteError
from zoo.metrics import MetricError, Settings
from zoo.metrics.nll import measure_nll

SIDE = 2  # images of 2 x 2 pixels, D = 4
WEIGHTS = np.array([[1.0, 0.5, -0.5, 0.2], [0.0, -1.0, 0.3, 0.7]])  # (Z, D)
NOISE = 0.5


def images(pixels, labels=None):
    return ArrayImages(
        name="tiny",
        split="test",
        splits=("test",),
        pixels=np.asarray(pixels, np.uint8).reshape(-1, SIDE, SIDE, 1),
        labels=labels,
    )


def random_images(count, seed=0):
    return images(np.random.default_rng(seed).integers(0, 256, (count, SIDE * SIDE)))


class Coins:
    """Each pixel is 1 with probability 1/4, else 0."""

    config = None
    likelihood_kind = "exact"

    def log_likelihood(self, x, labels=None, *, seed=0):
        ones = x.reshape(len(x), -1).sum(axis=1)
        return ones * math.log(1 / 4) + (SIDE * SIDE - ones) * math.log(3 / 4)


class LinearGaussian:
    """z ~ N(0, I), x | z ~ N(z W, s² I), with a proposal that is wider than the posterior."""

    config = None
    likelihood_kind = "bound"
    likelihood_of = "density"

    def __init__(self):
        self.precision = np.eye(2) + WEIGHTS @ WEIGHTS.T / NOISE**2  # of the posterior
        self.covariance = 1.5 * np.linalg.inv(self.precision)

    def log_likelihood(self, x, labels=None, *, importance_samples=1, seed=0):
        x = x.reshape(len(x), -1).astype(np.float64)
        mean = x @ WEIGHTS.T @ np.linalg.inv(self.precision) / NOISE**2  # (B, Z)
        noise = np.random.default_rng(seed).normal(size=(len(x), importance_samples, 2))
        offsets = noise @ np.linalg.cholesky(self.covariance).T
        z = mean[:, None] + offsets  # (B, K, Z)
        log_prior = log_normal(z, np.eye(2))
        log_proposal = log_normal(offsets, self.covariance)
        log_x = log_normal(x[:, None] - z @ WEIGHTS, NOISE**2 * np.eye(4))
        log_weights = log_prior + log_x - log_proposal
        return np.logaddexp.reduce(log_weights, axis=1) - math.log(importance_samples)

    def exact(self, x):
        return log_normal(x.reshape(len(x), -1), WEIGHTS.T @ WEIGHTS + NOISE**2 * np.eye(4))


def log_normal(x, covariance):
    """Return log N(x; 0, covariance) of (..., D)."""
    squares = np.einsum("...i,ij,...j->...", x, np.linalg.inv(covariance), x)
    return -0.5 * (squares + np.linalg.slogdet(2 * np.pi * covariance)[1])


@pytest.fixture(scope="module")
def vae():
    keras.utils.set_random_seed(0)
    return VAE(VAEConfig(image_shape=(SIDE, SIDE, 1), hidden_sizes=(8,), latent_size=3))


def test_an_exact_likelihood_of_discrete_values_is_given_in_nats_and_in_bits():
    data = images([[0, 0, 0, 0], [255, 255, 255, 255]])
    figures = measure_nll(Coins(), data, Settings())
    # -log2 of (3/4)^4 and of (1/4)^4, over 4 pixels each.
    bits = [-math.log2(3 / 4), 2.0]
    assert figures["nll_bits_per_dim"].value == pytest.approx(sum(bits) / 2)
    assert figures["nll_nats"].value == pytest.approx(4 * math.log(2) * sum(bits) / 2)
    # The standard error of two values is half their distance.
    assert figures["nll_bits_per_dim"].standard_error == pytest.approx((bits[1] - bits[0]) / 2)
    assert {figure.count for figure in figures.values()} == {2}


def test_the_importance_weighted_bound_comes_to_the_closed_form():
    data = random_images(200)
    x, _ = data.read(np.arange(200))
    model = LinearGaussian()
    exact = -model.exact(x).mean()
    figures = measure_nll(model, data, Settings(importance_samples=2000))
    assert figures["density_nll_iw2000_nats"].value == pytest.approx(exact, abs=0.01)
    bound = figures["density_nll_bound_nats"].value
    # KL of N(0, 1.5 V) from N(0, V) in two dimensions, which is how far this bound lies above.
    gap = 0.5 * (2 * 1.5 - 2 - 2 * math.log(1.5))
    assert bound == pytest.approx(exact + gap, abs=0.15)


def test_a_density_is_called_one_and_has_no_bits():
    figures = measure_nll(LinearGaussian(), random_images(3), Settings(importance_samples=5))
    assert list(figures) == ["density_nll_bound_nats", "density_nll_iw5_nats"]


@pytest.mark.parametrize("white", [255, 128])
def test_a_likelihood_of_black_and_white_has_bits_for_black_and_white_alone(white):
    class BlackAndWhite(Coins):
        likelihood_of = "binary"

    figures = measure_nll(BlackAndWhite(), images([[0, 0, white, 255]]), Settings())
    assert list(figures) == ["nll_nats"] + ["nll_bits_per_dim"] * (white == 255)


def test_the_bound_of_one_draw_is_what_training_minimises(vae):
    data = images(np.tile(np.random.default_rng(0).integers(0, 256, 4), (4000, 1)))
    x, _ = data.read(np.arange(4000))
    vae.compile()
    minimised = vae.evaluate(x, batch_size=1000, verbose=0, return_dict=True)
    figure = measure_nll(vae, data, Settings(importance_samples=1))["nll_bound_nats"]
    error = figure.standard_error
    assert figure.value == pytest.approx(minimised["negative_bound_nats"], abs=6 * error)
    assert error < 0.05


def test_more_draws_tighten_the_bound_of_a_vae(vae):
    data = random_images(300)
    few, many = (measure_nll(vae, data, Settings(importance_samples=k)) for k in (5, 100))
    bound = few["nll_bound_nats"].value
    assert bound > few["nll_iw5_nats"].value > many["nll_iw100_nats"].value
    assert set(few) == {"nll_bound_nats", "nll_iw5_nats"}  # grey levels have no bits


def test_one_draw_gives_one_bound(vae):
    figures = measure_nll(vae, random_images(3), Settings(importance_samples=1))
    assert list(figures) == ["nll_bound_nats"]


def test_the_seed_decides_draws_and_examples(vae):
    data = random_images(60)
    first, again, other = (
        measure_nll(vae, data, Settings(count=20, seed=seed, importance_samples=3))
        for seed in (0, 0, 1)
    )
    assert first == again
    assert first != other
    assert {figure.count for figure in first.values()} == {20}


def test_batches_do_not_share_their_noise(vae, monkeypatch):
    monkeypatch.setattr("zoo.metrics.nll.MAX_BATCH", 1)
    data = images(np.zeros((2, SIDE * SIDE)))
    figure = measure_nll(vae, data, Settings(importance_samples=1))["nll_bound_nats"]
    assert figure.standard_error > 0


def test_a_class_conditional_model_is_given_the_labels():
    keras.utils.set_random_seed(0)
    model = VAE(
        VAEConfig(
            image_shape=(SIDE, SIDE, 1),
            hidden_sizes=(4,),
            latent_size=2,
            class_conditional=True,
            class_count=2,
        )
    )
    pixels = np.zeros((50, SIDE * SIDE))
    of_class = [
        measure_nll(model, images(pixels, np.full(50, label, np.int32)), Settings())
        for label in (0, 1)
    ]
    assert of_class[0]["nll_iw100_nats"].value != of_class[1]["nll_iw100_nats"].value
    with pytest.raises(DataError, match="needs labels"):
        measure_nll(model, images(pixels), Settings())


def test_one_example_has_no_standard_error():
    figures = measure_nll(Coins(), images([[0, 0, 0, 0]]), Settings())
    assert figures["nll_nats"].standard_error is None


def test_more_examples_than_there_are_is_an_error():
    with pytest.raises(DataError, match=r"has 3 examples\. Received: a count of 4"):
        measure_nll(Coins(), random_images(3), Settings(count=4))


def test_no_draws_is_an_error(vae):
    with pytest.raises(MetricError, match=r"importance_samples must be 1 or more\. Received: 0"):
        measure_nll(vae, random_images(3), Settings(importance_samples=0))


def test_a_diverged_model_is_named_and_not_averaged():
    class Diverged(Coins):
        def log_likelihood(self, x, labels=None, *, seed=0):
            return np.where(np.arange(len(x)) == 1, np.nan, -1.0)

    with pytest.raises(NonFiniteError, match=r"nll_nats is NaN or infinite for 1 of 3 examples"):
        measure_nll(Diverged(), random_images(3), Settings())
