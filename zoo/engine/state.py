"""All that a compiled model is, as arrays by name: weights, optimizers, noise, running means."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from zoo.errors import NonFiniteError, RunError


def read_state(model: Any) -> dict[str, np.ndarray]:
    """Return the value of every variable of a compiled `PlayerModel`, by group, place and path.

    Raises:
        NonFiniteError: If a weight or an optimizer's variable is NaN or infinite.
    """
    sync(model)
    state = {}
    for name, variable in _variables(model).items():
        value = keras.ops.convert_to_numpy(variable.value)
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise NonFiniteError(f"The variable '{name}' has become NaN or infinite.")
        state[name] = np.array(value)  # a copy, because some backends share memory
    return state


def restore_state(model: Any, state: Mapping[str, np.ndarray], groups: tuple[str, ...]) -> None:
    """Give the variables of the named groups ("model", "optimizer", "metrics") their values.

    Variables are matched by their place, because Keras numbers the layers of a process through,
    and so their paths. Nothing is changed unless all fit.

    Raises:
        RunError: If the state is that of another model.
    """
    wanted = {_place(name): variable for name, variable in _variables(model).items()}
    wanted = {place: v for place, v in wanted.items() if place[0] in groups}
    given = {_place(name): value for name, value in state.items()}
    given = {place: value for place, value in given.items() if place[0] in groups}
    if wanted.keys() != given.keys():
        raise RunError(
            f"The checkpoint holds {len(given)} variables and the model has {len(wanted)}: it was "
            "written by another version of the model. Install the version that run.json names."
        )
    for place, variable in wanted.items():
        if tuple(variable.shape) != given[place].shape:
            raise RunError(
                f"The checkpoint has shape {given[place].shape} for '{variable.path}', and the "
                f"model has {tuple(variable.shape)}: it was written by another version of the "
                "model. Install the version that run.json names."
            )
    for place, variable in wanted.items():
        variable.assign(given[place])


def sync(model: Any) -> None:
    """Bring the model's variables up to date in the middle of `fit`, where JAX keeps them apart."""
    if hasattr(model, "jax_state_sync"):
        model.jax_state_sync()


@contextmanager
def averaged(model: Any) -> Iterator[None]:
    """Put moving averages in place of the weights for a while, where an optimizer keeps any."""
    optimizer = model.optimizer
    if not optimizer.averages:
        yield
        return
    variables = model.weights  # running statistics included
    kept = [keras.ops.copy(variable.value) for variable in variables]
    always, optimizer.averages_at_end = optimizer.averages_at_end, True
    optimizer.finalize_variable_values(model.trainable_variables)
    optimizer.averages_at_end = always
    try:
        yield
    finally:
        for variable, value in zip(variables, kept, strict=True):
            variable.assign(value)


def _variables(model: Any) -> dict[str, keras.Variable]:
    groups = {
        "model": model.variables,
        "optimizer": model.optimizer.variables,
        "metrics": model.metrics_variables,
    }
    return {
        f"{group}/{place:04d}/{variable.path}": variable
        for group, variables in groups.items()
        for place, variable in enumerate(variables)
    }


def _place(name: str) -> tuple[str, str]:
    group, place, _ = (*name.split("/", 2), "", "")[:3]
    return group, place
