"""The engine on TensorFlow: gradient tapes and tf.function."""

from collections.abc import Callable, Mapping, Sequence
from types import MethodType
from typing import Any

import keras
import tensorflow as tf
from keras import tree

from zoo.errors import ConfigError

# Grappler rewrites the graph differently from trace to trace (it reorders sums of three and more
# terms, among others), which changes the last bits of gradients. Without it the same seed gives the
# same weights, and resuming equals not stopping; a small dense VAE costs some 8 % more.
tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})


class StepMixin:
    """Keras's train_step and test_step for TensorFlow."""

    def train_step(self, data: Any) -> dict[str, Any]:
        """Play one turn on one batch."""
        _check_replicas()
        return self.play_turn(_checked(self, data))  # type: ignore[attr-defined]

    def test_step(self, data: Any) -> dict[str, Any]:
        """Compute every player's terms on one batch; nobody moves."""
        return self.assess(data)  # type: ignore[attr-defined]


def _check_replicas() -> None:
    """Raise ConfigError under a strategy that plays a turn in several replicas."""
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    if replicas > 1:
        raise ConfigError(
            f"A tf.distribute strategy with {replicas} replicas would give each the same noise, "
            "and only a part of the batch to normalise by. Train on one device, or on several "
            "with JAX (docs/scaling.md)."
        )


def _checked(model: Any, data: Any) -> Any:
    """Return a batch whose step fails on too few examples, where their number is not known yet."""
    examples = tree.flatten(data)[0]
    if examples.shape[0] is not None:
        return data
    least = model.slices * model.smallest_batch
    is_enough = tf.debugging.assert_greater_equal(
        tf.shape(examples)[0],
        least,
        f"A batch of {type(model).__name__} must hold at least {least} examples, the last one of "
        "an epoch too. Batch with drop_remainder=True, or take another batch size.",
    )
    with tf.control_dependencies([is_enough]):
        return tree.map_structure(tf.identity, data)


def value_and_gradients(
    model: Any,
    function: Callable[[], tuple[Any, Mapping[str, Any]]],
    variables: Sequence[Any],
) -> tuple[Mapping[str, Any], list[Any]]:
    """Return the terms of `function()` and the gradients of its objective by `variables`."""
    # Watching only the mover's weights keeps the other players' backward pass out of the graph.
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch([variable.value for variable in variables])
        objective, terms = function()
    return terms, tape.gradient(objective, [variable.value for variable in variables])


def input_gradients(network: Any, inputs: Any, training: bool = False) -> Any:
    """Return the gradient of `sum(network(inputs))` by `inputs`, itself differentiable."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(inputs)
        outputs = network(inputs, training=training)
    return tape.gradient(outputs, inputs)


def conditionally(model: Any, predicate: Any, action: Callable[[], None]) -> None:
    """Run `action`, which changes variables, where the scalar `predicate` holds."""

    def act() -> Any:
        action()
        return tf.constant(True)

    tf.cond(predicate, act, lambda: tf.constant(False))


def quicken(optimizer: keras.optimizers.Optimizer) -> None:
    """Let Adam update a weight in one pass over memory, where Keras's takes a dozen.

    The formula is the same; weights, moments and gradient are read and written once each.
    """
    if type(optimizer) is keras.optimizers.Adam and not optimizer.amsgrad:
        optimizer.update_step = MethodType(_adam_step, optimizer)


def _adam_step(
    optimizer: keras.optimizers.Adam, gradient: Any, variable: Any, learning_rate: Any
) -> None:
    if variable.dtype != tf.float32 or tf.distribute.has_strategy():
        type(optimizer).update_step(optimizer, gradient, variable, learning_rate)
        return
    index = optimizer._get_variable_index(variable)
    step = tf.cast(optimizer.iterations.value + 1, tf.float32)
    tf.raw_ops.ResourceApplyAdam(
        var=variable.handle,
        m=optimizer._momentums[index].value.handle,
        v=optimizer._velocities[index].value.handle,
        beta1_power=tf.pow(optimizer.beta_1, step),
        beta2_power=tf.pow(optimizer.beta_2, step),
        lr=tf.cast(learning_rate, tf.float32),
        beta1=optimizer.beta_1,
        beta2=optimizer.beta_2,
        epsilon=optimizer.epsilon,
        grad=tf.cast(tf.convert_to_tensor(gradient), tf.float32),
    )


def compile_function(
    model: Any, function: Callable[..., Any], *, xla: bool = False
) -> Callable[..., Any]:
    """Return `function` of tensors compiled into one graph; it reads the weights when called."""
    # XLA compiles for each shape anyway, and what it compiles may build on shapes that are known.
    return tf.function(function, jit_compile=xla, autograph=False, reduce_retracing=not xla)
