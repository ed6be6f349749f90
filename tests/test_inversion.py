import numpy as np
import pytest
from generators import Linear, LinearAutoencoder, LinearConfig, orthogonal

from zoo.errors import ConfigError, DataError, NonFiniteError
from zoo.inversion import invert
from zoo.protocols import Encodes, Inverts

pytestmark = pytest.mark.backends


def linear(**options):
    return Linear(**options).set(orthogonal(3, 16), np.full(16, 0.5, "float32"))


def test_the_latents_that_images_were_decoded_from_are_found():
    model = linear()
    assert isinstance(model, Inverts)
    assert not isinstance(model, Encodes)
    latents = np.array([[0.3, -1.2, 0.8], [2.0, 0.1, -0.4]], "float32")
    found = invert(model, model.decode(latents), restarts=2)
    np.testing.assert_allclose(found.latents, latents, atol=1e-3)
    np.testing.assert_allclose(found.squared_errors, 0, atol=1e-5)


def test_what_cannot_be_decoded_is_approached_as_by_least_squares():
    model = linear()
    image = np.random.default_rng(1).uniform(size=(1, 4, 4, 1)).astype("float32")
    weights = orthogonal(3, 16)
    expected, [residual], *_ = np.linalg.lstsq(weights.T, image.ravel() - 0.5, rcond=None)
    found = invert(model, image, restarts=3)
    np.testing.assert_allclose(found.latents[0], expected, atol=1e-3)
    np.testing.assert_allclose(found.squared_errors, [residual], rtol=1e-4)
    np.testing.assert_allclose(found.images, model.decode(found.latents), atol=1e-6)


def test_latents_stay_within_a_uniform_prior():
    model = linear(prior="uniform")
    found = invert(model, model.decode(np.array([[3.0, -3.0, 0.5]], "float32")))
    np.testing.assert_allclose(found.latents, [[1, -1, 0.5]], atol=1e-3)


def test_each_image_is_looked_for_under_its_own_label():
    config = LinearConfig(class_conditional=True, class_count=2)
    weights = np.concatenate([orthogonal(3, 16), [[0.0] * 16], [[1.0] * 16]]).astype("float32")
    model = Linear(config).set(weights, np.zeros(16, "float32"))
    latents = np.array([[0.5, 0, -0.5], [0.1, 0.2, 0.3]], "float32")
    labels = np.array([1, 0], "int32")
    found = invert(model, model.decode(latents, labels), labels=labels, restarts=2)
    np.testing.assert_allclose(found.latents, latents, atol=1e-3)


def test_the_code_of_an_encoder_is_where_the_first_descent_begins():
    model = LinearAutoencoder().set(orthogonal(3, 16), np.zeros(16, "float32"))
    far = np.array([[200.0, -100.0, 50.0]], "float32")  # farther than steps from the prior lead
    found = invert(model, model.decode(far), restarts=1, steps=20)
    np.testing.assert_allclose(found.latents, far, rtol=1e-3)


def test_the_seed_decides_what_is_found():
    model = linear()
    image = model.decode(np.ones((1, 3), "float32"))
    one, same, other = (invert(model, image, steps=3, seed=seed).latents for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_more_starts_find_nothing_worse():
    model = linear()
    image = model.decode(np.full((1, 3), 1.5, "float32"))
    errors = [
        invert(model, image, steps=2, restarts=restarts).squared_errors for restarts in (1, 20)
    ]
    assert errors[1] <= errors[0]


@pytest.mark.parametrize("name", ["steps", "restarts"])
def test_no_steps_and_no_starts_are_refused(name):
    with pytest.raises(ConfigError, match=rf"{name} must be 1 or more\. Received: 0"):
        invert(linear(), np.zeros((1, 4, 4, 1), "float32"), **{name: 0})


@pytest.mark.parametrize("shape", [(2, 5, 5, 1), (4, 4, 1), (2, 4, 4), (2, 1, 1, 1)])
def test_images_of_another_shape_are_refused(shape):
    with pytest.raises(DataError, match=r"shape \(count, 4, 4, 1\), as the model's\. Received"):
        invert(linear(), np.zeros(shape, "float32"))


def test_a_model_that_has_diverged_is_named():
    broken = Linear().set(np.full((3, 16), np.nan, "float32"), np.zeros(16, "float32"))
    with pytest.raises(NonFiniteError, match="diverged"):
        invert(broken, np.zeros((1, 4, 4, 1), "float32"), steps=2)
