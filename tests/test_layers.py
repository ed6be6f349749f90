"""The layers that plugins share compute what Keras's own do."""

import itertools

import keras
import numpy as np
import pytest
from keras import layers, ops

from zoo.engine import input_gradients
from zoo.engine.backend import value_and_gradients
from zoo.layers import UpConv2D, normalised_by_batch

pytestmark = pytest.mark.backends

SIZES = list(itertools.product((2, 3, 4, 5), ((4, 6), (7, 5), (1, 2))))


@pytest.fixture
def by_products(monkeypatch):
    """Choose the way of slow backends on every backend."""
    monkeypatch.setattr("zoo.layers._transposes_slowly", lambda: True)


def network(layer, size):
    return keras.Sequential([keras.Input((*size, 3)), layer])


def pair(kernel_size, size, **options):
    """Return Keras's layer and ours as networks with equal weights."""
    theirs = layers.Conv2DTranspose(4, kernel_size, strides=2, padding="same", **options)
    ours = UpConv2D(4, kernel_size, **options)
    networks = network(theirs, size), network(ours, size)
    bias = np.random.default_rng(1).standard_normal(4)
    theirs.set_weights([theirs.get_weights()[0], bias])
    ours.set_weights(theirs.get_weights())
    return networks


def array(tensor):
    return ops.convert_to_numpy(tensor)


def batch(size):
    images = np.random.default_rng(0).standard_normal((2, *size, 3))
    return ops.convert_to_tensor(images.astype("float32"))


def squares_and_gradients(model, x):
    def objective():
        total = ops.sum(ops.square(model(x)))
        return total, {"total": total}

    return [array(g) for g in value_and_gradients(model, objective, model.trainable_variables)[1]]


@pytest.mark.usefixtures("by_products")
@pytest.mark.parametrize(("kernel_size", "size"), SIZES)
def test_by_products_it_is_the_transposed_convolution(kernel_size, size):
    theirs, ours = pair(kernel_size, size, activation="tanh")
    x = batch(size)
    np.testing.assert_allclose(array(ours(x)), array(theirs(x)), atol=1e-5)


@pytest.mark.usefixtures("by_products")
@pytest.mark.parametrize("kernel_size", [3, 4, 5])
def test_by_products_its_gradients_are_those_of_the_transposed_convolution(kernel_size):
    theirs, ours = pair(kernel_size, (3, 4))
    x = batch((3, 4))
    wanted, got = squares_and_gradients(theirs, x), squares_and_gradients(ours, x)
    for expected, gradient in zip(wanted, got, strict=True):
        np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(
        array(input_gradients(ours, x)), array(input_gradients(theirs, x)), atol=1e-5
    )


def test_on_the_backend_in_use_it_is_the_transposed_convolution():
    theirs, ours = pair((3, 5), (4, 5))
    x = batch((4, 5))
    np.testing.assert_allclose(array(ours(x)), array(theirs(x)), atol=1e-5)
    assert ours.output_shape == theirs.output_shape == (None, 8, 10, 4)


def test_its_first_weights_are_drawn_as_keras_draws_them():
    def drawn(layer):
        return network(layer, (4, 4)).layers[0].get_weights()[0]

    initializer = keras.initializers.GlorotUniform(seed=3)
    theirs = layers.Conv2DTranspose(4, 4, strides=2, padding="same", kernel_initializer=initializer)
    np.testing.assert_array_equal(
        drawn(UpConv2D(4, 4, kernel_initializer=initializer)), drawn(theirs)
    )


def test_saved_and_loaded_it_gives_the_same(tmp_path):
    model = network(UpConv2D(4, 3, use_bias=False, activation="relu"), (3, 3))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(loaded.layers[0], UpConv2D)
    np.testing.assert_array_equal(array(loaded(batch((3, 3)))), array(model(batch((3, 3)))))
    assert keras.saving.get_registered_name(UpConv2D) == "zoo>UpConv2D"


def test_its_stride_cannot_be_chosen():
    with pytest.raises(TypeError, match="strides"):
        UpConv2D(4, 3, strides=1)


@pytest.fixture
def normalising():
    """Return a network with batch normalisation whose statistics are far from the batch's."""
    model = keras.Sequential([keras.Input((3,)), layers.Dense(4), layers.BatchNormalization()])
    normalisation = model.layers[-1]
    normalisation.moving_mean.assign(ops.full((4,), 7.0))
    return model


def test_outside_training_a_batch_is_normalised_by_itself_and_nothing_moves(normalising):
    x = batch((4, 6))[0, :, 0]  # (4, 3)
    before = [array(v).copy() for v in normalising.variables]
    outputs = array(normalised_by_batch(normalising, x, training=False))
    assert np.allclose(outputs.mean(axis=0), 0, atol=1e-5)
    for old, variable in zip(before, normalising.variables, strict=True):
        assert np.array_equal(old, array(variable))
    assert np.allclose(outputs, array(normalised_by_batch(normalising, x, training=True)))
    moved = array(normalising.layers[-1].moving_mean)
    assert not np.allclose(moved, 7.0)
