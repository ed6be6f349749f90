"""The engine on JAX: every stateful turn is made a pure function by Keras's StatelessScope.

Inside the scope `variable.assign` is recorded rather than done. A scope does not see through to
the one around it, so each inner scope is given the current value of all that it may read.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import keras


class StepMixin:
    """Keras's train_step and test_step for JAX: pure functions of the state."""

    def train_step(self, state: Any, data: Any) -> tuple[dict[str, Any], Any]:
        """Play one turn on one batch."""
        groups = (
            self.trainable_variables,  # type: ignore[attr-defined]
            self.non_trainable_variables,  # type: ignore[attr-defined]
            self.optimizer.variables,  # type: ignore[attr-defined]
            self.metrics_variables,  # type: ignore[attr-defined]
        )
        return _purely(groups, state, lambda: self.play_turn(data))  # type: ignore[attr-defined]

    def test_step(self, state: Any, data: Any) -> tuple[dict[str, Any], Any]:
        """Compute every player's terms on one batch; nobody moves."""
        groups = (
            self.trainable_variables,  # type: ignore[attr-defined]
            self.non_trainable_variables,  # type: ignore[attr-defined]
            self.metrics_variables,  # type: ignore[attr-defined]
        )
        return _purely(groups, state, lambda: self.assess(data))  # type: ignore[attr-defined]


def value_and_gradients(
    model: Any,
    function: Callable[[], tuple[Any, Mapping[str, Any]]],
    variables: Sequence[Any],
) -> tuple[Mapping[str, Any], list[Any]]:
    """Return the terms of `function()` and the gradients of its objective by `variables`."""
    # A loss may read the count of turns, such as for a weight that changes as training goes on.
    optimizer = getattr(model, "optimizer", None)  # a model that is not compiled has none
    readable = [*model.variables, *(optimizer.variables if optimizer else ())]
    state = [(variable, variable.value) for variable in readable]

    def objective(values: list[Any]) -> tuple[Any, Any]:
        with keras.StatelessScope([*state, *zip(variables, values, strict=True)]) as scope:
            value, terms = function()
        changed = [scope.get_current_value(v) for v in model.non_trainable_variables]
        return value, (terms, changed)

    gradients, (terms, changed) = jax.grad(objective, has_aux=True)(
        [variable.value for variable in variables]
    )
    for variable, value in zip(model.non_trainable_variables, changed, strict=True):
        variable.assign(value)
    return terms, gradients


def input_gradients(network: Any, inputs: Any, training: bool = False) -> Any:
    """Return the gradient of `sum(network(inputs))` by `inputs`, itself differentiable."""
    trainable = [variable.value for variable in network.trainable_variables]
    non_trainable = [variable.value for variable in network.non_trainable_variables]

    def total(inputs: Any) -> tuple[Any, Any]:
        outputs, changed = network.stateless_call(
            trainable, non_trainable, inputs, training=training
        )
        return outputs.sum(), changed

    gradients, changed = jax.grad(total, has_aux=True)(inputs)
    for variable, value in zip(network.non_trainable_variables, changed, strict=True):
        variable.assign(value)
    return gradients


def conditionally(model: Any, predicate: Any, action: Callable[[], None]) -> None:
    """Run `action`, which changes variables, where the scalar `predicate` holds."""
    variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]

    def act(values: list[Any]) -> list[Any]:
        with keras.StatelessScope(list(zip(variables, values, strict=True))) as scope:
            action()
        return [scope.get_current_value(variable) for variable in variables]

    values = [variable.value for variable in variables]
    changed = jax.lax.cond(predicate, act, lambda values: values, values)
    for variable, value in zip(variables, changed, strict=True):
        variable.assign(value)


def quicken(optimizer: Any) -> None:
    """Leave an optimizer as it is: XLA fuses its passes."""


def compile_function(
    model: Any, function: Callable[..., Any], *, xla: bool = False
) -> Callable[..., Any]:
    """Return `function` of tensors compiled by XLA; it reads the weights when called."""

    @jax.jit
    def compiled(values: list[Any], *tensors: Any) -> Any:
        with keras.StatelessScope(list(zip(model.variables, values, strict=True))):
            return function(*tensors)

    def run(*tensors: Any) -> Any:
        return compiled([variable.value for variable in model.variables], *tensors)

    return run


def _purely(
    groups: Sequence[Sequence[Any]], state: Sequence[Sequence[Any]], action: Callable[[], Any]
) -> tuple[Any, tuple[list[Any], ...]]:
    """Run `action` on `state`, the values of `groups`; return its result and the new state."""
    mapping = [
        pair
        for group, values in zip(groups, state, strict=True)
        for pair in zip(group, values, strict=True)
    ]
    with keras.StatelessScope(mapping) as scope:
        result = action()
    return result, tuple(
        [scope.get_current_value(variable) for variable in group] for group in groups
    )
