"""The engine on PyTorch: eager steps and torch.autograd."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from keras import ops, tree


class StepMixin:
    """Keras's train_step and test_step for PyTorch."""

    def train_step(self, data: Any) -> dict[str, Any]:
        """Play one turn on one batch."""
        # Dropout without a seed draws from torch's own generator, which data loaders draw from
        # too: seeded from the model's state, it makes a resumed training draw the same.
        first, second = self.seed_generator.next()  # type: ignore[attr-defined]
        torch.manual_seed(int(first) + int(second))
        return self.play_turn(data)  # type: ignore[attr-defined]

    def test_step(self, data: Any) -> dict[str, Any]:
        """Compute every player's terms on one batch; nobody moves."""
        return self.assess(data)  # type: ignore[attr-defined]


def value_and_gradients(
    model: Any,
    function: Callable[[], tuple[Any, Mapping[str, Any]]],
    variables: Sequence[Any],
) -> tuple[Mapping[str, Any], list[Any]]:
    """Return the terms of `function()` and the gradients of its objective by `variables`."""
    objective, terms = function()
    gradients = torch.autograd.grad(
        objective, [variable.value for variable in variables], allow_unused=True
    )
    return {name: term.detach() for name, term in terms.items()}, list(gradients)


def input_gradients(network: Any, inputs: Any, training: bool = False) -> Any:
    """Return the gradient of `sum(network(inputs))` by `inputs`, itself differentiable."""
    with torch.enable_grad():  # evaluate() runs under no_grad
        if not inputs.requires_grad:
            inputs = inputs.detach().requires_grad_()
        outputs = network(inputs, training=training)
        (gradients,) = torch.autograd.grad(outputs.sum(), inputs, create_graph=True)
    return gradients


def conditionally(model: Any, predicate: Any, action: Callable[[], None]) -> None:
    """Run `action`, which changes variables, where the scalar `predicate` holds."""
    if bool(predicate):
        action()


def quicken(optimizer: Any) -> None:
    """Leave an optimizer as it is: Keras has torch's own kernels."""


def compile_function(
    model: Any, function: Callable[..., Any], *, xla: bool = False
) -> Callable[..., Any]:
    """Return `function` of tensors run without gradients; it reads the weights when called."""

    @functools.wraps(function)
    def run(*tensors: Any) -> Any:
        with torch.no_grad():
            return function(*tree.map_structure(_tensor, tensors))

    return run


def _tensor(array: Any) -> Any:
    return None if array is None else ops.convert_to_tensor(array)
