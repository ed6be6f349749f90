"""The engine: players that take turns, turned into Keras's custom train_step on three backends."""

from zoo.engine.backend import compile_function, input_gradients
from zoo.engine.batching import call_size, in_batches, next_size
from zoo.engine.model import PlayerModel
from zoo.engine.player import Player, every

__all__ = [
    "Player",
    "PlayerModel",
    "call_size",
    "compile_function",
    "every",
    "in_batches",
    "input_gradients",
    "next_size",
]
