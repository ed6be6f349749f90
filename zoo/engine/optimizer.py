"""One Keras optimizer that holds every player's own, the turn counter and the loss scales."""

from bisect import bisect
from collections.abc import Callable, Mapping, Sequence
from types import MethodType
from typing import Any

import keras
from keras import ops

from zoo.engine.backend import conditionally, quicken
from zoo.engine.player import Player

# Dynamic loss scaling for float16, with the constants of Keras's LossScaleOptimizer, which cannot
# itself be used inside a MultiOptimizer.
_FIRST_SCALE = 2.0**15
_GROWTH_STEPS = 2000
_NO_RATE = 1e-9  # a learning rate that moves nothing any more


class PlayersOptimizer(keras.optimizers.MultiOptimizer):
    """The optimizers of all players, as `model.optimizer`.

    Callbacks, saving and sharding see every variable through it. `iterations` counts turns.

    Args:
        optimizers: Each player's optimizer by the player's name.
        players: The players, whose weights must have been created.
        scale_losses: Whether to scale each loss dynamically, as float16 needs.
        when_averaged: Called when moving averages have been put in place of the weights.
    """

    def __init__(
        self,
        optimizers: Mapping[str, keras.optimizers.Optimizer],
        players: Sequence[Player],
        scale_losses: bool,
        when_averaged: Callable[[], None],
    ):
        owners = {
            id(variable): optimizers[player.name]
            for player in players
            for variable in player.variables
        }
        super().__init__(lambda variable: owners[id(variable)], name="players")
        self.by_player = dict(optimizers)
        # Moves per turn, None where it is not the same in each.
        self._moves = {p.name: None if p.moves_at else p.steps for p in players}
        for optimizer in self.by_player.values():
            quicken(optimizer)
            optimizer._update_model_variables_moving_average = MethodType(_average, optimizer)
        self.averages_at_end = True
        self._when_averaged = when_averaged
        self._scales: dict[str, tuple[keras.Variable, keras.Variable]] = {}
        if scale_losses:
            for name in optimizers:
                scale = self.add_variable((), initializer="ones", name=f"{name}_loss_scale")
                scale.assign(_FIRST_SCALE)
                good_steps = self.add_variable((), initializer="zeros", name=f"{name}_good_steps")
                self._scales[name] = (scale, good_steps)

    def finalize_variable_values(self, var_list: Sequence[keras.Variable]) -> None:
        """Put the moving averages, where there are any, in place of the weights.

        Keras calls this when `fit` ends. A trainer that goes on from these weights sets
        `averages_at_end` to False.
        """
        if self.averages_at_end:
            super().finalize_variable_values(var_list)
            if self.averages:
                # Copies: JAX hands the weights' memory on in a step, and the averages are kept.
                for variable in var_list:
                    variable.assign(ops.copy(variable.value))
                self._when_averaged()

    @property
    def averages(self) -> bool:
        """Whether a player's optimizer keeps moving averages."""
        return any(optimizer.use_ema for optimizer in self.by_player.values())

    def end_of_rates(self, turns: int) -> int | None:
        """Return the turn from which on no player learns, for all learning rates have fallen to 0.

        Args:
            turns: Turns that are asked for; None is returned where somebody learns in the last.
        """
        ends = []
        for name, moves in self._moves.items():
            rate = self.by_player[name]._learning_rate
            is_schedule = isinstance(rate, keras.optimizers.schedules.LearningRateSchedule)
            if moves is None or not is_schedule:
                return None

            def is_over(turn: int, rate: Any = rate, moves: int = moves) -> bool:
                return float(rate(turn * moves)) < _NO_RATE

            if is_over(0) or not is_over(turns - 1):
                return None
            ends.append(bisect(range(turns), False, key=is_over))
        return max(ends)

    def loss_scale(self, player: str) -> Any:
        """Return what the player's objective must be multiplied by before its gradient is taken."""
        return self._scales[player][0].value if self._scales else None

    def move(self, model: Any, player: str, gradients: list[Any], variables: list[Any]) -> None:
        """Apply one player's gradients of its scaled objective."""
        optimizer = self.by_player[player]
        if not self._scales:
            optimizer.apply(gradients, variables)
            return
        scale, good_steps = self._scales[player]
        gradients = [gradient / scale.value for gradient in gradients]
        finite = ops.all(ops.stack([ops.all(ops.isfinite(gradient)) for gradient in gradients]))
        conditionally(model, finite, lambda: optimizer.apply(gradients, variables))
        steps = ops.where(finite, good_steps.value + 1.0, 0.0)
        grows = ops.greater_equal(steps, _GROWTH_STEPS)
        factor = ops.where(finite, ops.where(grows, 2.0, 1.0), 0.5)
        scale.assign(scale.value * ops.cast(factor, scale.dtype))
        good_steps.assign(ops.where(grows, 0.0, steps))


def _average(optimizer: keras.optimizers.Optimizer, variables: Sequence[keras.Variable]) -> None:
    """Update an optimizer's moving averages, if it keeps any, in place of Keras's own method.

    After t moves the momentum is at most (1 + t) / (10 + t), so that the average follows the last
    tenth of a short training, where Keras's would still hold the weights of its beginning.
    """
    if not optimizer.use_ema:
        return
    moves = ops.cast(optimizer.iterations, "float32")
    momentum = ops.minimum(optimizer.ema_momentum, (1.0 + moves) / (10.0 + moves))
    momentum = ops.where(moves > 0, momentum, 0.0)  # it starts at the weights of the first move
    for variable, average in zip(variables, optimizer._model_variables_moving_average, strict=True):
        if average is not None:
            share = ops.cast(momentum, average.dtype)
            average.assign(share * average + (1 - share) * ops.cast(variable, average.dtype))
