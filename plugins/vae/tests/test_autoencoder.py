"""The autoencoder is what its paper says, and its samples what its docstring says."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy import special
from zoo_vae import Autoencoder, AutoencoderConfig

from zoo.data import load
from zoo.errors import ConfigError, DataError

pytestmark = pytest.mark.backends

SHAPE = (3, 4, 1)
IMAGES = np.random.default_rng(0).uniform(size=(9, *SHAPE)).astype("float32")


def array(values):
    return np.asarray(ops.convert_to_numpy(values), "float64")


def autoencoder(seed=0, **config):
    keras.utils.set_random_seed(seed)
    config = {"image_shape": SHAPE, "hidden_sizes": (6,), "latent_size": 2, **config}
    return Autoencoder(AutoencoderConfig(**config))


def test_the_loss_is_the_cross_entropy_with_the_reconstruction():
    model = autoencoder()
    w1, b1, w2, b2 = (array(weight) for weight in model.encoder.weights)
    codes = np.maximum(IMAGES.reshape(9, -1) @ w1 + b1, 0) @ w2 + b2
    w1, b1, w2, b2 = (array(weight) for weight in model.decoder.weights)
    rebuilt = special.expit(np.maximum(codes @ w1 + b1, 0) @ w2 + b2)
    grey = IMAGES.reshape(9, -1)
    expected = -(grey * np.log(rebuilt) + (1 - grey) * np.log(1 - rebuilt)).sum(1).mean()
    found = model.reconstruction(IMAGES, None, False)
    assert list(found) == ["reconstruction_nats"]
    assert float(array(found["reconstruction_nats"])) == pytest.approx(expected, rel=1e-4)
    assert np.allclose(model.encode(IMAGES), codes, atol=1e-5)
    assert np.allclose(model.decode(model.encode(IMAGES)).reshape(9, -1), rebuilt, atol=1e-5)


def test_the_statistics_follow_the_codes_as_a_moving_average():
    model = autoencoder()
    model.compile({"autoencoder": keras.optimizers.SGD(0.0)})  # the codes stay what they are
    codes = model.encode(IMAGES)
    mean, variance = np.zeros(2), np.ones(2)
    for _ in range(3):
        model.fit(IMAGES, batch_size=9, epochs=1, verbose=0)
        mean = 0.99 * mean + 0.01 * codes.mean(0)
        variance = 0.99 * variance + 0.01 * codes.var(0)
    assert np.allclose(array(model.code_statistics.mean), mean, atol=1e-6)
    assert np.allclose(array(model.code_statistics.variance), variance, atol=1e-6)


def test_measuring_leaves_the_statistics_alone():
    model = autoencoder()
    model.compile()
    model.evaluate(IMAGES, batch_size=9, verbose=0)
    assert np.array_equal(array(model.code_statistics.mean), np.zeros(2))
    assert np.array_equal(array(model.code_statistics.variance), np.ones(2))


def test_samples_are_decoded_from_codes_with_those_statistics():
    model = autoencoder()
    model.code_statistics.mean.assign([3.0, -2.0])
    model.code_statistics.variance.assign([0.0, 0.0])
    expected = model.decode(np.array([[3.0, -2.0]], "float32"))
    assert np.allclose(model.sample(4, seed=1), expected, atol=1e-6)


def test_a_reconstruction_comes_closer_than_the_mean_image():
    train, _ = load("digits", split="train").read(np.arange(1437))
    test, _ = load("digits", split="test").read(np.arange(360))
    model = autoencoder(image_shape=(8, 8, 1), hidden_sizes=(64,), latent_size=8)
    model.compile()
    model.fit(train, batch_size=64, epochs=12, verbose=0)
    error = np.square(model.decode(model.encode(test)) - test).mean()
    assert error < 0.5 * np.square(train.mean(0) - test).mean()


def test_an_image_that_cannot_be_halved_is_refused():
    with pytest.raises(ConfigError, match=r"divisible by 4.*Received: 3x4"):
        AutoencoderConfig(image_shape=SHAPE, architecture="convolutional")


def test_images_and_codes_that_do_not_suit_are_refused():
    model = Autoencoder(AutoencoderConfig(image_shape=(4, 4, 1), latent_size=2))
    model.compile()
    with pytest.raises(DataError, match="must lie between 0 and 1"):
        model.fit(np.full((8, 4, 4, 1), 2.0, "float32"), verbose=0)
    with pytest.raises(DataError, match=r"shape \(count, 2\)"):
        model.decode(np.zeros((8, 3)))
