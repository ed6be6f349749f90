"""PixelRNN is what its paper says: its LSTMs pixel by pixel, and what each of them can see."""

import keras
import numpy as np
import pytest
from keras import ops
from zoo_pixelrnn import PixelRNN, PixelRNNConfig
from zoo_pixelrnn.diagonal_lstm import DiagonalLSTM
from zoo_pixelrnn.row_lstm import RowLSTM, walk_all_layers, walk_layers_inside

from zoo.data import load
from zoo.errors import ConfigError
from zoo.testing import PluginContract
from zoo.testing.replay import replay_logits

pytestmark = pytest.mark.backends

SMALL = {"filters": 3, "layers": 2, "first_kernel_size": 3, "head_filters": 4}
WIDE = {"filters": 6, "head_filters": 12}  # no change is lost in units that are off


class TestRowLSTM(PluginContract):
    model_name = "pixelrnn"
    config = {**SMALL, "levels": 2, "architecture": "row", "average": 0.9}


class TestDiagonalLSTM(PluginContract):
    model_name = "pixelrnn"
    config = {**SMALL, "levels": 5, "architecture": "diagonal", "class_conditional": True}


def array(values):
    return np.asarray(ops.convert_to_numpy(values), "float64")


def sigmoid(values):
    return 1 / (1 + np.exp(-values))


def shaken(layer, seed=0):
    """Return the layer with weights that are nowhere zero, biases and first states included."""
    rng = np.random.default_rng(seed)
    for variable in layer.trainable_variables:
        noise = rng.normal(scale=0.5, size=variable.shape)
        variable.assign((array(variable.value) + noise).astype("float32"))
    return layer


def config(**fields):
    return PixelRNNConfig(**{"image_shape": (4, 5, 1), **SMALL, **fields})


def model(seed=0, **fields):
    made = PixelRNN(config(**fields))
    shaken(made.network, seed)
    return made


def lstm_pixel(gates, cell):
    """Return the state and cell of one pixel, gates in the order write, keep, show, content."""
    write, keep, show, content = np.split(gates, 4)
    cell = sigmoid(keep) * cell + sigmoid(write) * np.tanh(content)
    return sigmoid(show) * np.tanh(cell), cell


def test_a_row_lstm_is_the_one_of_the_paper_pixel_by_pixel():
    height, width, h = 4, 5, 3
    lstm = RowLSTM(config(architecture="row"))
    x = np.random.default_rng(1).normal(size=(2, height, width, 2 * h)).astype("float32")
    lstm(ops.convert_to_tensor(x))
    shaken(lstm)
    found = array(lstm(ops.convert_to_tensor(x)))
    for image, result in zip(x.astype("float64"), found, strict=True):
        features = image
        for layer in range(2):
            own = array(lstm.inputs_to_state[layer].kernel)[0]
            bias = array(lstm.inputs_to_state[layer].bias)
            above = array(lstm.state_to_state[layer])
            widen, widen_bias = (array(w) for w in lstm.widen[layer].trainable_variables)
            hidden, cells = np.zeros((2, height + 1, width + 2, h))  # a border of zeros around
            outputs = np.zeros_like(features)
            for row in range(height):
                for column in range(width):
                    gates = bias + features[row, column] @ own[1]
                    if column:
                        gates = gates + features[row, column - 1] @ own[0]
                    for tap in range(3):
                        gates = gates + hidden[row, column + tap] @ above[tap]
                    state, cell = lstm_pixel(gates, cells[row, column + 1])
                    hidden[row + 1, column + 1], cells[row + 1, column + 1] = state, cell
                    outputs[row, column] = features[row, column] + state @ widen[0, 0] + widen_bias
            features = outputs
        assert np.allclose(result, features, atol=1e-5)


def one_way(features, kernel, bias, states, initial):
    """Return the states of an LSTM that goes along the columns as they stand."""
    height, width, _ = features.shape
    h = initial.shape[1]
    hidden = np.zeros((height, width, h))
    for row in range(height):
        left, cell = initial
        for column in range(width):
            above = hidden[row - 1, column] if row else np.zeros(h)
            gates = bias + features[row, column] @ kernel
            gates = gates + above @ states[:h] + left @ states[h:]
            left, cell = lstm_pixel(gates, cell)
            hidden[row, column] = left
    return hidden


@pytest.mark.parametrize("shape", [(4, 5, 1), (5, 3, 1)])
def test_a_diagonal_bilstm_is_the_one_of_the_paper_pixel_by_pixel(shape):
    h = 3
    lstm = DiagonalLSTM(config(image_shape=shape))
    x = np.random.default_rng(1).normal(size=(2, *shape[:2], 2 * h)).astype("float32")
    lstm(ops.convert_to_tensor(x))
    shaken(lstm)
    found = array(lstm(ops.convert_to_tensor(x)))
    for image, result in zip(x.astype("float64"), found, strict=True):
        features = image
        for layer in range(2):
            kernel = array(lstm.inputs_to_state[layer].kernel)[0, 0]
            bias = array(lstm.inputs_to_state[layer].bias)
            states, initial = array(lstm.state_to_state[layer]), array(lstm.initial[layer])
            widen, widen_bias = (array(w) for w in lstm.widen[layer].trainable_variables)
            left, right = slice(0, 4 * h), slice(4 * h, None)
            sum_ = one_way(features, kernel[:, left], bias[left], states[0], initial[0])
            mirrored = one_way(
                features[:, ::-1], kernel[:, right], bias[right], states[1], initial[1]
            )
            sum_[1:] += mirrored[:-1, ::-1]  # one row down
            features = features + sum_ @ widen[0, 0] + widen_bias
        assert np.allclose(result, features, atol=1e-5)


def reached(made, place):
    """Return where a prediction changes in any of some images, (R, M), when one element does."""
    codes = np.random.default_rng(3).integers(made.levels, size=(16, *made.element_shape))
    other = codes.copy()
    other[:, *place] = (other[:, *place] + made.levels // 2) % made.levels
    before, after = (
        array(made.logits(ops.convert_to_tensor(c.astype("int32")), None, False))
        for c in (codes, other)
    )
    return (before != after).any(axis=(0, 3))


def test_a_diagonal_bilstm_sees_everything_before_a_pixel_and_nothing_else():
    # One LSTM layer is enough: the whole image is its context.
    made = model(image_shape=(5, 5, 1), levels=2, architecture="diagonal", layers=1, **WIDE)
    for row, column in [(0, 0), (0, 3), (2, 2), (3, 0), (1, 4)]:
        after = np.zeros(25, bool)
        after[row * 5 + column + 1 :] = True
        if column == 4:
            # No position of its row has seen a row's last pixel, and so the states from right to
            # left bring it down one row late: there only the first convolution shows it.
            after[(row + 1) * 5 : (row + 1) * 5 + 3] = False
        assert np.array_equal(reached(made, (row, column)).ravel(), after), (row, column)


def test_a_row_lstm_sees_a_triangle():
    made = model(image_shape=(6, 8, 1), levels=2, architecture="row", layers=1, **WIDE)
    # The first convolution and the input to the state see two pixels to the left, and the row above
    # from two to the left to one to the right; the states spread by one pixel a row.
    row, column = 1, 3
    seen = reached(made, (row, column))
    expected = np.zeros((6, 8), bool)
    expected[row, column + 1 : column + 3] = True
    for below in range(1, 5):
        # From the pixels of its own row, and from those of the next that the convolution reaches.
        left, right = column - below, column + 2 + below
        expected[row + below, max(left, 0) : right + 1] = True
    assert np.array_equal(seen, expected)


@pytest.mark.parametrize("architecture", ["row", "diagonal"])
def test_a_channel_sees_those_before_it_in_its_pixel_and_none_after(architecture):
    shape = (3, 4, 3)
    made = model(image_shape=shape, levels=4, architecture=architecture, **WIDE)
    for channel in range(3):
        place = (1, 2 * 3 + channel)
        seen = reached(made, place).ravel()
        position = 12 + place[1]
        assert not seen[: position + 1].any()
        own = seen[position + 1 : 12 + 9]
        assert own.all()


@pytest.mark.parametrize("architecture", ["row", "diagonal"])
def test_kept_states_predict_what_the_network_does_in_colour(architecture):
    made = model(image_shape=(3, 4, 3), levels=4, architecture=architecture)
    x = np.random.default_rng(4).random((2, 3, 4, 3)).astype("float32")
    logits = array(made.logits(made.codes(ops.convert_to_tensor(x)), None, False))
    assert np.allclose(replay_logits(made, x), logits, atol=1e-5)


@pytest.mark.parametrize("architecture", ["row", "diagonal"])
def test_the_likelihoods_of_all_images_sum_to_one(architecture):
    made = model(image_shape=(2, 3, 1), levels=2, architecture=architecture)
    images = (np.arange(64)[:, None] >> np.arange(6)) & 1
    nats = made.log_likelihood(images.reshape(64, 2, 3, 1).astype("float32"))
    assert np.exp(nats.astype("float64")).sum() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("architecture", ["row", "diagonal"])
def test_samples_come_as_often_as_the_likelihood_says(architecture):
    made = model(image_shape=(2, 2, 1), levels=2, architecture=architecture)
    made.examples_per_call = 4096
    codes = np.round(made.sample(4096, seed=1).reshape(-1, 4)) @ (1 << np.arange(4))
    images = ((np.arange(16)[:, None] >> np.arange(4)) & 1).reshape(16, 2, 2, 1)
    expected = np.exp(made.log_likelihood(images.astype("float32")))
    shares = np.bincount(codes.astype(int), minlength=16) / 4096
    assert np.abs(shares - expected).max() < 5 * 0.5 / np.sqrt(4096)


@pytest.mark.parametrize("architecture", ["row", "diagonal"])
def test_training_beats_pixels_that_know_nothing_of_each_other(architecture):
    data = load("digits", split="train").read(np.arange(512))[0]
    x = (data > 0.5).astype("float32")
    mean = x.mean(0).clip(1e-3, 1 - 1e-3)
    alone = -(x * np.log(mean) + (1 - x) * np.log(1 - mean)).sum((1, 2, 3)).mean()
    keras.utils.set_random_seed(0)
    made = PixelRNN(
        config(
            image_shape=(8, 8, 1),
            levels=2,
            architecture=architecture,
            filters=8,
            layers=1,
            head_filters=16,
            learning_rate=1e-2,
        )
    )
    made.compile()
    made.fit(x, batch_size=32, epochs=8, verbose=0)
    assert -made.log_likelihood(x).mean() < 0.93 * alone


def test_the_paper_is_the_default():
    paper = PixelRNNConfig()
    assert (paper.architecture, paper.layers, paper.filters) == ("diagonal", 12, 128)
    assert (paper.head_filters, paper.levels) == (1024, 256)


def test_an_image_of_one_row_is_refused():
    with pytest.raises(ConfigError, match=r"at least 2 rows and 2 columns.*Received: \(1, 9, 1\)"):
        PixelRNNConfig(image_shape=(1, 9, 1))
    with pytest.raises(ConfigError, match="layers must be at least 1"):
        PixelRNNConfig(layers=0)


@pytest.mark.skipif(keras.config.backend() != "jax", reason="elsewhere it is unrolled")
@pytest.mark.parametrize(("height", "layers"), [(5, 3), (2, 4), (1, 1)])
def test_a_row_lstm_in_a_loop_makes_what_it_makes_unrolled(height, layers):
    rng = np.random.default_rng(0)
    shapes = (layers, 17, 12), (layers, 1, 1, 12), (layers, 3, 4), (layers, 1, 4)
    weights = tuple(ops.convert_to_tensor(rng.normal(size=s).astype("float32")) for s in shapes)
    rows = ops.convert_to_tensor(rng.normal(size=(height, 2, 6, 4)).astype("float32"))
    nothing = ops.zeros((1, 2, 6, 3))
    looped = walk_all_layers(rows, nothing, weights)
    unrolled = walk_layers_inside(rows, nothing, weights)
    assert looped.shape == (height, 2, 6, 4)
    assert np.allclose(array(looped), array(unrolled), atol=1e-6)
