"""The recurrent layers against Keras's with the same weights: outputs, ends and gradients."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from zoo.engine.backend import value_and_gradients
from zoo.recurrence import lstm_sequence
from zoo.recurrent import GRU, LSTM, Recurrent, at_end, backwards

pytestmark = pytest.mark.backends

COUNT, STEPS, FEATURES, CONTEXT, UNITS = 3, 7, 4, 2, 5
LENGTHS = np.array([7, 3, 1], "int32")


def arrays(*shapes):
    generator = np.random.default_rng(0)
    return [generator.standard_normal(shape).astype("float32") for shape in shapes]


def numpy(x):
    return np.asarray(ops.convert_to_numpy(ops.stop_gradient(x)))


def keras_twin(layer: Recurrent):
    """Keras's layer of the same weights, the context among the inputs; its order of parts."""
    weights = [numpy(w) for w in (layer.kernel, layer.context_kernel, layer.recurrent_kernel)]
    kernel, recurrent = np.concatenate(weights[:2]), weights[2]
    bias = numpy(layer.bias)
    if isinstance(layer, LSTM):
        twin = layers.LSTM(UNITS, return_sequences=True)
        order = np.concatenate([np.arange(UNITS) + part * UNITS for part in (0, 1, 3, 2)])
        kernel, recurrent, bias = kernel[:, order], recurrent[:, order], bias[order]
    else:
        twin = layers.GRU(UNITS, return_sequences=True, reset_after=True)
        reset = np.concatenate([np.zeros(2 * UNITS, "float32"), numpy(layer.reset_bias)])
        bias = np.stack([bias, reset])
    twin.build((None, STEPS, FEATURES + CONTEXT))
    twin.set_weights([kernel, recurrent, bias])
    return twin


@pytest.fixture(params=[LSTM, GRU])
def layer(request):
    made = request.param(UNITS, FEATURES, CONTEXT)
    for weight in made.weights:
        if weight.name != "seed_generator_state" and weight.shape != ():
            weight.assign(0.5 * np.random.default_rng(1).standard_normal(weight.shape))
    return made


@pytest.fixture
def given():
    inputs, context, *state = arrays(
        (COUNT, STEPS, FEATURES), (COUNT, CONTEXT), (COUNT, UNITS), (COUNT, UNITS)
    )
    joined = np.concatenate([inputs, np.repeat(context[:, None], STEPS, axis=1)], axis=-1)
    return inputs, context, state, joined


def state_of(layer, state):
    tensors = tuple(map(ops.convert_to_tensor, state))
    return tensors if isinstance(layer, LSTM) else tensors[0]


def test_outputs_are_those_of_keras(layer, given):
    inputs, context, state, joined = given
    twin = keras_twin(layer)
    found = layer(inputs, state=state_of(layer, state), context=context)
    initial = [ops.convert_to_tensor(s) for s in state][: 2 if isinstance(layer, LSTM) else 1]
    assert np.allclose(numpy(found), numpy(twin(joined, initial_state=initial)), atol=1e-5)
    assert np.allclose(numpy(layer(inputs, context=context)), numpy(twin(joined)), atol=1e-5)


def test_outputs_at_the_ends_are_those_of_keras_under_a_mask(layer, given):
    inputs, context, _, joined = given
    mask = ops.convert_to_tensor(np.arange(STEPS) < LENGTHS[:, None])
    expected = numpy(keras_twin(layer)(joined, mask=mask))[:, -1]  # it repeats the last output
    found = numpy(at_end(layer(inputs, context=context), LENGTHS))
    assert np.allclose(found, expected, atol=1e-5)


class Trained(keras.Model):
    """Any layer, with an objective to which outputs of all steps contribute differently."""

    def __init__(self, layer, call):
        super().__init__()
        self.layer, self.run = layer, call
        self.given = [
            self.add_weight(shape=array.shape, initializer="zeros")
            for array in arrays((COUNT, STEPS, FEATURES), (COUNT, CONTEXT), *[(COUNT, UNITS)] * 2)
        ]

        self.compile("sgd")

    def gradients(self, values):
        weights = np.random.default_rng(2).standard_normal((COUNT, STEPS, UNITS)).astype("float32")
        weights = ops.convert_to_tensor(weights)
        for variable, value in zip(self.given, values, strict=True):
            variable.assign(value)

        def objective():
            total = ops.sum(self.run(*(ops.convert_to_tensor(v) for v in self.given)) * weights)
            return total, {"total": total}

        found = value_and_gradients(self, objective, self.trainable_variables)[1]
        return {
            id(variable): None if gradient is None else numpy(gradient)
            for variable, gradient in zip(self.trainable_variables, found, strict=True)
        }


def test_gradients_are_those_of_keras(layer, given):
    inputs, context, state, _ = given
    is_lstm = isinstance(layer, LSTM)
    twin = keras_twin(layer)

    def own(inputs, context, first, second):
        return layer(inputs, state=(first, second) if is_lstm else first, context=context)

    def of_keras(inputs, context, first, second):
        repeated = ops.repeat(context[:, None], STEPS, axis=1)
        initial = [first, second] if is_lstm else [first]
        return twin(ops.concatenate([inputs, repeated], axis=-1), initial_state=initial)

    model, other = Trained(layer, own), Trained(twin, of_keras)
    found = model.gradients([inputs, context, *state])
    expected = other.gradients([inputs, context, *state])
    for ours, theirs in list(zip(model.given, other.given, strict=True))[: 4 if is_lstm else 3]:
        assert np.allclose(found[id(ours)], expected[id(theirs)], atol=1e-4)
    kernel, recurrent, bias = (expected[id(weight)] for weight in twin.trainable_weights)
    if is_lstm:
        order = np.concatenate([np.arange(UNITS) + part * UNITS for part in (0, 1, 3, 2)])
        kernel, recurrent, bias = kernel[:, order], recurrent[:, order], bias[order]
    else:
        assert np.allclose(found[id(layer.reset_bias)], bias[1, 2 * UNITS :], atol=1e-4)
        bias = bias[0]
    assert np.allclose(found[id(layer.kernel)], kernel[:FEATURES], atol=1e-4)
    assert np.allclose(found[id(layer.context_kernel)], kernel[FEATURES:], atol=1e-4)
    assert np.allclose(found[id(layer.recurrent_kernel)], recurrent, atol=1e-4)
    assert np.allclose(found[id(layer.bias)], bias, atol=1e-4)


def test_steps_one_by_one_give_what_the_sequence_gives(layer, given):
    inputs, context, state, _ = given
    expected = numpy(layer(inputs, state=state_of(layer, state), context=context))
    current, told = state_of(layer, state), layer.told(context)
    for step in range(STEPS):
        output, current = layer.step(ops.convert_to_tensor(inputs[:, step]), current, told)
        assert np.allclose(numpy(output), expected[:, step], atol=1e-5)


def test_what_comes_later_changes_no_output(layer, given):
    inputs, context, _, _ = given
    other = inputs.copy()
    other[:, 4] += 1
    before, after = (numpy(layer(x, context=context)) for x in (inputs, other))
    assert np.array_equal(before[:, :4], after[:, :4])
    assert not np.isclose(before[:, 4:], after[:, 4:]).any()


def test_sequences_run_backwards_from_their_ends():
    x = np.arange(2 * 4 * 1, dtype="float32").reshape(2, 4, 1)
    found = numpy(backwards(x, np.array([3, 1])))[..., 0]
    assert found.tolist() == [[2, 1, 0, 3], [4, 5, 6, 7]]


def test_recurrent_dropout_leaves_out_candidates_alone():
    # With gates that are open throughout, the cell is the sum of the candidates that are kept.
    candidate, steps = 0.5, 40
    gates = np.concatenate([np.full((steps, 1, 3), 20.0), np.full((steps, 1, 1), candidate)], -1)
    kept = np.random.default_rng(0).random((steps, 1, 1)) < 0.9
    zeros = np.zeros((1, 1), "float32")
    tensors = [ops.convert_to_tensor(x.astype("float32")) for x in (gates, np.zeros((1, 4)))]
    scale = ops.convert_to_tensor((kept / 0.9).astype("float32"))
    found = numpy(lstm_sequence(*tensors, zeros, zeros, scale))[:, 0, 0]
    expected = np.tanh(np.cumsum(kept[:, 0, 0] / 0.9 * np.tanh(candidate)))
    assert np.allclose(found, expected, atol=1e-4)


def test_recurrent_dropout_is_drawn_anew_in_training_and_not_otherwise(given):
    inputs, _, _, _ = given
    layer = LSTM(UNITS, FEATURES, recurrent_dropout=0.5)
    first, second = (numpy(layer(inputs, training=True)) for _ in range(2))
    assert not np.allclose(first, second)
    assert np.array_equal(numpy(layer(inputs)), numpy(layer(inputs)))


def test_gradients_with_dropout_are_those_of_numbers_a_little_apart():
    gates, kernel, hidden, cell, scale = (
        x.astype("float32") for x in arrays((STEPS, 2, 12), (3, 12), (2, 3), (2, 3), (STEPS, 2, 3))
    )

    class Variables(keras.Model):
        def __init__(self):
            super().__init__()
            self.values = [self.add_weight(shape=x.shape) for x in (gates, kernel, hidden, cell)]
            self.compile("sgd")

    model = Variables()
    for variable, value in zip(model.values, (gates, kernel, hidden, cell), strict=True):
        variable.assign(value)

    def objective():
        tensors = [variable + 0.0 for variable in model.values]
        total = ops.sum(ops.square(lstm_sequence(*tensors, ops.convert_to_tensor(scale))))
        return total, {"total": total}

    found = value_and_gradients(model, objective, model.trainable_variables)[1]
    step = 1e-2
    for variable, gradient in zip(model.values, found, strict=True):
        value = numpy(variable)
        direction = np.random.default_rng(3).standard_normal(value.shape).astype("float32")
        ends = []
        for sign in (1, -1):
            variable.assign(value + sign * step * direction)
            ends.append(float(numpy(objective()[0])))
        variable.assign(value)
        slope = (ends[0] - ends[1]) / (2 * step)
        assert np.isclose(np.sum(numpy(gradient) * direction), slope, rtol=2e-2, atol=2e-2)
