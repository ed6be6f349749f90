"""The VAE is what its paper says: its bound is one on the likelihood, and IWAE reaches it."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy import integrate, special, stats
from zoo_vae import VAE, VAEConfig

from zoo.errors import ConfigError, DataError
from zoo.planning import Asked, plan
from zoo.training import train_anew

TINY = (2, 2, 1)
IMAGES = (np.random.default_rng(0).uniform(size=(6, *TINY)) < 0.5).astype("float32")


def array(values):
    return np.asarray(ops.convert_to_numpy(values), "float64")


def vae(seed=0, **config):
    keras.utils.set_random_seed(seed)
    return VAE(VAEConfig(**{"image_shape": TINY, "hidden_sizes": (), "latent_size": 1, **config}))


def linear(**config):
    """Return a VAE of two linear maps, and NumPy's copies of their weights.

    The weights are large enough for the posterior to be far from the prior.
    """
    model = vae(**config)
    draws = np.random.default_rng(1)
    for network, scale in ((model.encoder, 0.4), (model.decoder, 2.0)):
        network.set_weights(
            [draws.normal(0, scale, weight.shape).astype("float32") for weight in network.weights]
        )
    return model, *(array(w) for w in (*model.encoder.weights, *model.decoder.weights))


def measured_terms(model, images):
    """Return the terms of the loss as numbers."""
    terms = model.negative_bound(images, None, training=False)
    return {name: float(array(value)) for name, value in terms.items()}


def log_joint(image, latent, kernel, bias):
    """Return log p(x, z) in nats of one image at one latent number, for black and white pixels."""
    probabilities = special.expit(latent * kernel[0] + bias)
    return stats.bernoulli.logpmf(image.ravel(), probabilities).sum() + stats.norm.logpdf(latent)


def posterior(image, kernel, bias):
    """Return q(z|x), a distribution of SciPy."""
    mean, log_variance = image.ravel() @ kernel + bias
    return stats.norm(mean, np.exp(log_variance / 2))


def exact_log_likelihood(image, kernel, bias):
    """Return log p(x) in nats by quadrature over the only latent dimension."""
    total, error = integrate.quad(
        lambda latent: np.exp(log_joint(image, latent, kernel, bias)), -12, 12, points=[0.0]
    )
    assert error < 1e-6
    return np.log(total)


def exact_bound(image, encoder, decoder):
    """Return the evidence lower bound in nats by quadrature."""
    q = posterior(image, *encoder)
    spread = 10 * q.std()
    value, error = integrate.quad(
        lambda z: q.pdf(z) * (log_joint(image, z, *decoder) - q.logpdf(z)),
        q.mean() - spread,
        q.mean() + spread,
        points=[q.mean()],
    )
    assert error < 1e-5
    return value


@pytest.mark.backends
def test_the_importance_weighted_bound_reaches_the_likelihood():
    model, _, _, kernel, bias = linear()
    exact = [exact_log_likelihood(image, kernel, bias) for image in IMAGES]
    found = model.log_likelihood(IMAGES, importance_samples=20_000, seed=1)
    assert np.allclose(found, exact, atol=0.02)


@pytest.mark.backends
def test_one_sample_is_a_draw_of_the_bound_which_is_below_the_likelihood():
    model, *weights = linear()
    encoder, decoder = weights[:2], weights[2:]
    draws = 20_000
    for image in IMAGES[:3]:
        found = model.log_likelihood(np.repeat(image[None], draws, axis=0), seed=2)
        bound = exact_bound(image, encoder, decoder)
        error = found.std() / np.sqrt(draws)
        assert abs(found.mean() - bound) < 5 * error
        assert bound < exact_log_likelihood(image, *decoder) - 0.01


@pytest.mark.backends
def test_the_loss_is_the_bound_and_its_two_terms():
    model, *weights = linear()
    images = np.repeat(IMAGES[:1], 20_000, axis=0)
    terms = measured_terms(model, images)
    bound = exact_bound(IMAGES[0], weights[:2], weights[2:])
    q = posterior(IMAGES[0], *weights[:2])
    kl, _ = integrate.quad(
        lambda z: q.pdf(z) * (q.logpdf(z) - stats.norm.logpdf(z)), -15, 15, points=[q.mean()]
    )
    assert terms["kl_nats"] == pytest.approx(kl, rel=1e-4)
    assert terms["negative_bound_nats"] == pytest.approx(-bound, abs=0.05)
    assert terms["negative_bound_nats"] == pytest.approx(
        terms["reconstruction_nats"] + terms["kl_nats"], rel=1e-6
    )


@pytest.mark.backends
@pytest.mark.parametrize("beta", [1.0, 4.0])
def test_terms_are_sums_over_pixels_and_latents_and_means_over_the_batch(beta):
    config = {"image_shape": (4, 4, 3), "hidden_sizes": (5,), "latent_size": 3, "beta": beta}
    model = vae(**config)
    images = np.random.default_rng(2).uniform(size=(7, 4, 4, 3)).astype("float32")
    terms = measured_terms(model, images)
    noise = array(keras.random.normal((7, 1, 3), seed=keras.random.SeedGenerator(0)))[:, 0]
    w1, b1, w2, b2 = (array(weight) for weight in model.encoder.weights)
    statistics = np.tanh(images.reshape(7, -1) @ w1 + b1) @ w2 + b2
    mean, log_variance = statistics[:, :3], statistics[:, 3:]
    latents = mean + np.exp(log_variance / 2) * noise
    w1, b1, w2, b2 = (array(weight) for weight in model.decoder.weights)
    white = special.expit(np.tanh(latents @ w1 + b1) @ w2 + b2)  # (7, 48)
    grey = images.reshape(7, -1)
    reconstruction = -(grey * np.log(white) + (1 - grey) * np.log(1 - white)).sum(1).mean()
    kl = -0.5 * (1 + log_variance - mean**2 - np.exp(log_variance)).sum(1).mean()  # appendix B
    assert terms["reconstruction_nats"] == pytest.approx(reconstruction, rel=1e-4)
    assert terms["kl_nats"] == pytest.approx(kl, rel=1e-4)
    assert terms[model.objective_name] == pytest.approx(reconstruction + beta * kl, rel=1e-4)
    assert next(iter(terms)) == model.objective_name
    assert model.objective_name == ("negative_bound_nats" if beta == 1 else "weighted_bound_nats")


@pytest.mark.backends
def test_several_importance_samples_minimise_the_tighter_bound():
    model, *weights = linear(importance_samples=50)
    images = np.repeat(IMAGES[:1], 2_000, axis=0)
    loss = measured_terms(model, images)["negative_bound_nats"]
    bound = exact_bound(IMAGES[0], weights[:2], weights[2:])
    exact = exact_log_likelihood(IMAGES[0], *weights[2:])
    assert exact - 0.1 < -loss < exact + 0.02
    assert -loss > bound


@pytest.mark.backends
def test_a_gaussian_likelihood_is_a_density_around_the_mean_image():
    model, *weights = linear(likelihood="gaussian")
    model.pixel_log_variance.log_variance.assign(-2.0)
    latents = np.array([[[-1.0], [0.5]]] * 6, "float32")  # (B, K, Z)
    found = array(model.nll_given(IMAGES, None, latents))
    for k, latent in enumerate((-1.0, 0.5)):
        mean = special.expit(latent * weights[2][0] + weights[3])
        expected = -stats.norm.logpdf(IMAGES.reshape(6, -1), mean, np.exp(-1)).sum(1)
        assert np.allclose(found[:, k], expected, rtol=1e-4)


@pytest.mark.backends
def test_many_images_and_samples_are_measured_as_one_by_one():
    model, *_ = linear()
    images = np.concatenate([IMAGES] * 3)
    found = model.log_likelihood(images, importance_samples=12_000, seed=3)  # three chunks each
    assert found.shape == (18,)
    assert np.allclose(found[:6], found[6:12], atol=0.05)  # other draws, the same images
    assert not np.array_equal(found[:6], found[6:12])


@pytest.mark.parametrize(
    ("config", "count"),
    [
        ({"hidden_sizes": (400,), "latent_size": 20}, 652_824),
        ({"hidden_sizes": (512,), "latent_size": 50}, 881_524),
        (
            {"architecture": "convolutional", "hidden_sizes": (16,), "latent_size": 2},
            134_165,
        ),
    ],
)
def test_the_networks_have_the_sizes_of_those_they_are_compared_with(config, count):
    assert VAE(VAEConfig(**config)).count_params() == count


@pytest.mark.backends
def test_the_label_is_given_to_encoder_and_decoder():
    model = vae(class_conditional=True, class_count=3, latent_size=2)
    assert model.conditions == ("class",)
    zeros, ones = np.zeros(6, "int32"), np.ones(6, "int32")
    assert not np.allclose(model.encode(IMAGES, zeros), model.encode(IMAGES, ones))
    latents = np.zeros((6, 2), "float32")
    assert not np.allclose(model.decode(latents, zeros), model.decode(latents, ones))
    assert not np.allclose(
        model.log_likelihood(IMAGES, zeros, seed=1), model.log_likelihood(IMAGES, ones, seed=1)
    )
    for use in (model.encode, model.log_likelihood):
        with pytest.raises(DataError, match=r"between 0 and 2\. Received: 50 to 50"):
            use(IMAGES, zeros + 50)
        with pytest.raises(DataError, match=r"shape \(6,\)\. Received: \(5,\)"):
            use(IMAGES, zeros[:5])
    # Without labels, samples go through the classes in turn.
    turns = model.sample(6, seed=4)
    asked = model.sample(6, seed=4, labels=np.array([0, 1, 2, 0, 1, 2], "int32"))
    assert np.array_equal(turns, asked)
    with pytest.raises(DataError, match="class-conditional and needs labels"):
        model.negative_bound(IMAGES, None, False)


@pytest.mark.backends
def test_temperature_scales_the_spread_of_the_latents():
    model, _, _, _, bias = linear()
    cold = model.sample(3, seed=1, temperature=0.0)
    assert np.allclose(cold, special.expit(bias).reshape(TINY), atol=1e-6)
    warm, hot = model.sample(500, seed=1), model.sample(500, seed=1, temperature=2.0)
    logits = [
        special.logit(pixels.astype("float64")).reshape(500, -1) - bias for pixels in (warm, hot)
    ]
    assert np.allclose(2 * logits[0], logits[1], rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"architecture": "convolutional", "kernel_size": 1},
            r"kernel_size must be at least 2\. Received: 1\.",
        ),
        (
            {"architecture": "convolutional", "image_shape": (30, 28, 1)},
            r"divisible by 4, because 2 convolutions halve it\. Received: 30x28\. Resize with",
        ),
        ({"importance_samples": 5, "beta": 2.0}, r"needs beta = 1.*beta = 2\.0"),
        ({"class_conditional": True}, r"class_count of at least 2.*class_count = 0"),
        ({"beta": -0.5}, r"beta must be at least 0\. Received: -0\.5"),
        ({"latent_size": 0}, r"latent_size must be at least 1\. Received: 0"),
        ({"hidden_sizes": (16, 0)}, r"hidden_sizes must hold positive numbers"),
        ({"learning_rate": 0.0}, r"learning_rate must be above 0"),
        ({"decay_steps": -1}, r"decay_steps must be at least 0"),
        ({"importance_samples": 0}, r"importance_samples must be at least 1"),
    ],
)
def test_a_configuration_that_makes_no_model_is_refused(config, message):
    with pytest.raises(ConfigError, match=message):
        VAEConfig(**config)


@pytest.mark.backends
def test_the_learning_rate_falls_along_a_cosine():
    optimizer = vae(decay_steps=100, learning_rate=0.5, optimizer="adam").make_optimizer()
    rates = [float(array(optimizer._learning_rate(step))) for step in (0, 50, 100, 200)]
    assert rates == pytest.approx([0.5, 0.25, 0.0, 0.0], abs=1e-6)
    assert float(array(vae(learning_rate=0.5).make_optimizer().learning_rate)) == 0.5


def test_the_paper_is_trained_with_adagrad_and_the_presets_with_adam():
    assert isinstance(vae().make_optimizer(), keras.optimizers.Adagrad)
    assert isinstance(vae(optimizer="adam").make_optimizer(), keras.optimizers.Adam)


def test_sixty_epochs_of_digits_reach_the_bound_of_a_plain_training_loop(tmp_path):
    run = train_anew(plan("vae", Asked(epochs=60)), tmp_path / "run", progress=False)
    measured = run.metrics()[-1]
    # The same networks in a hand-written PyTorch loop reach 24.35 nats; the grey levels
    # themselves, as probabilities of white, leave 13.7 that no model can save.
    assert 23.5 < measured["val_negative_bound_nats"] < 24.8
    assert 2.0 < measured["val_kl_nats"] < 4.5  # the latents are used
