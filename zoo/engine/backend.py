"""The few operations that differ between TensorFlow, JAX and PyTorch, for the backend in use.

Each `on_<backend>.py` has the same names; nothing else in the zoo names a backend:

- `StepMixin`: Keras's `train_step` and `test_step` around `PlayerModel.play_turn` and `.assess`.
- `value_and_gradients(model, function, variables)`: `function` returns (objective, terms).
- `input_gradients(network, inputs, training)`: for penalties on a gradient.
- `conditionally(model, predicate, action)`: runs an action that changes variables, or does not.
- `quicken(optimizer)`: takes a faster kernel for the same update, where there is one.
- `compile_function(model, function)`: a function of tensors, compiled, reading the weights.
"""

import importlib

import keras

_backend = importlib.import_module(f"zoo.engine.on_{keras.backend.backend()}")

StepMixin = _backend.StepMixin
value_and_gradients = _backend.value_and_gradients
input_gradients = _backend.input_gradients
conditionally = _backend.conditionally
quicken = _backend.quicken
compile_function = _backend.compile_function
