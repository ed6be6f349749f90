"""A player: one of the parties of a training game."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from zoo.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Player:
    """What one party moves, what it minimises, and when it moves.

    A VAE is a game of one player, a GAN of two. In a turn the players move in the order in which
    the model lists them.

    Args:
        name: Unique within the model; overrides of the optimizer go by it.
        networks: Layers whose trainable weights this player moves, and nobody else does.
        loss: `loss(x, y, training)` returns every term by name, scalars averaged over the batch;
            the first is what is minimised. `y` is None where the data has no labels.
        terms: Names of those terms in order; each ends in its unit, such as `kl_nats`.
        optimizer: Makes the optimizer that the paper uses.
        steps: Moves per turn.
        fresh_data: Whether each of these moves sees a slice of the batch of its own: the batch
            is then cut into as many slices as the player with the most such steps has moves.
        moves_at: `moves_at(turn)` says in which turns (a scalar integer tensor, from 0) the
            player moves at all; None is every turn.
        hands_on: Names of tensors that the loss returns beside its terms. The losses of the players
            after this one find them in `x`, which must be a mapping, in the same turn: what was
            made is so judged as it was before its maker moved, and not made twice.
    """

    name: str
    networks: Sequence[keras.layers.Layer]
    loss: Callable[[Any, Any, bool], dict[str, Any]]
    terms: Sequence[str]
    optimizer: Callable[[], keras.optimizers.Optimizer]
    steps: int = 1
    fresh_data: bool = False
    moves_at: Callable[[Any], Any] | None = None
    hands_on: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ConfigError(
                f"Player '{self.name}' must move at least once a turn. Received: "
                f"steps = {self.steps}."
            )
        if not self.terms:
            raise ConfigError(
                f"Player '{self.name}' must name the terms of its loss; the first is minimised."
            )
        if self.hands_on and (self.moves_at is not None or self.steps > 1):
            raise ConfigError(
                f"Player '{self.name}' hands on {', '.join(self.hands_on)}, so it must move once "
                f"in every turn, without `moves_at`. Received: steps = {self.steps}, moves_at = "
                f"{self.moves_at}."
            )

    @property
    def variables(self) -> list[keras.Variable]:
        """The weights that this player moves."""
        by_id = {
            id(variable): variable
            for network in self.networks
            for variable in network.trainable_variables
        }
        return list(by_id.values())


def every(period: int) -> Callable[[Any], Any]:
    """Return a `moves_at` for a player that moves in the last of every `period` turns."""
    return lambda turn: ops.equal(ops.mod(turn, period), period - 1)
