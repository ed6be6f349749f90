"""Wasserstein GAN (Arjovsky et al. 2017, https://arxiv.org/abs/1701.07875).

A critic f gives each image a score. Where f is K-Lipschitz, its best

    max_f  E[f(x)] - E[f(G(z))]  =  K W(data, G)                              (Eq. 2)

is the earth mover's distance between data and samples times K, so that the generator has a slope
to follow even where the two do not overlap. K is bounded by clipping each weight of the critic
to [-c, c] after each of its moves (Algorithm 1); its value is not known, so `wasserstein_score` can
be compared within a training only.

As in the authors' code, the critic moves 100 times before each of the generator's first 25 moves
and before every 500th, else 5 times; each time on fresh images.

Departures from the paper: leaky ReLU in the dense generator too; batch normalisation in the dense
generator.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from zoo.engine import Player
from zoo.generators import LatentGenerator
from zoo.layers import normalised_by_batch
from zoo_wgan_gp.config import WGANConfig
from zoo_wgan_gp.networks import build_critic, build_generator

# Shapes: B batch, H height, W width, C channels.

WARM_UP_MOVES = 25  # of the generator, each after many moves of the critic
LONG_PERIOD = 500  # moves of the generator between two such later


@keras.saving.register_keras_serializable(package="zoo_wgan_gp")
class Clip(keras.constraints.Constraint):
    """Keeps every weight within [-limit, limit].

    Args:
        limit: Largest size of a weight, c.
    """

    def __init__(self, limit: float):
        self.limit = limit

    def __call__(self, w: Any) -> Any:
        """Return the weights, clipped."""
        return ops.clip(w, -self.limit, self.limit)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"limit": self.limit}


@keras.saving.register_keras_serializable(package="zoo_wgan_gp")
class WGAN(LatentGenerator):
    """Wasserstein GAN with weight clipping.

    Args:
        config: A `WGANConfig`.
    """

    config_class = WGANConfig
    smallest_batch = 2  # batch normalisation needs a variance

    def __init__(self, config: WGANConfig, **kwargs: Any):
        super().__init__(config, **kwargs)
        self.generator = build_generator(self.config)
        self.critic = build_critic(self.config, Clip(self.config.clip))

    def players(self) -> Sequence[Player]:
        """Return the critic, which moves several times a turn, and the generator."""
        return [
            Player(
                name="critic",
                networks=[self.critic],
                loss=self.critic_loss,
                terms=("critic_score", "wasserstein_score"),
                optimizer=self.make_optimizer,
                steps=self.config.critic_steps,
                fresh_data=True,
            ),
            Player(
                name="generator",
                networks=[self.generator],
                loss=self.generator_loss,
                terms=("generator_score",),
                optimizer=lambda: self.make_optimizer(self.config.average),
                moves_at=lambda turn: generator_moves(
                    turn, self.config.long_critic_steps // self.config.critic_steps
                ),
            ),
        ]

    def make_optimizer(self, average: float = 0.0) -> keras.optimizers.Optimizer:
        """Return RMSProp as the paper sets it, averaging the weights if asked to."""
        averaging: dict[str, Any] = {"use_ema": True, "ema_momentum": average} if average else {}
        return keras.optimizers.RMSprop(self.config.learning_rate, rho=0.99, **averaging)

    def critic_loss(self, x: Any, y: Any, training: bool) -> dict[str, Any]:
        """Return what the critic minimises, and the distance that it sees (times K)."""
        fakes = ops.stop_gradient(self.fakes(ops.shape(x)[0], y, training))
        distance = self.score(x, training) - self.score(fakes, training)
        return {"critic_score": -distance, "wasserstein_score": distance}

    def generator_loss(self, x: Any, y: Any, training: bool) -> dict[str, Any]:
        """Return the negative score of as many fakes as there are images."""
        return {"generator_score": -self.score(self.fakes(ops.shape(x)[0], y, training), training)}

    def score(self, images: Any, training: bool) -> Any:
        """Return the critic's mean score of images (B, H, W, C)."""
        return ops.mean(normalised_by_batch(self.critic, images, training))


def generator_moves(turn: Any, long_turns: int) -> Any:
    """Return whether the generator moves in a turn of the critic's, a scalar boolean.

    It moves at the end of every turn, but of the last of `long_turns` alone where the critic is
    to move longer: before the generator's moves 0 to 24, and before each 500th.

    Args:
        turn: Number of the turn, from 0; a scalar integer tensor.
        long_turns: Turns that make up the critic's long training.
    """
    warm_up = WARM_UP_MOVES * long_turns  # turns
    in_warm_up = ops.equal(ops.mod(turn, long_turns), long_turns - 1)
    # Afterwards the turns repeat with each 500 moves: a long training and 499 short ones. The
    # warm-up ends at move 25 of such a round.
    period = long_turns + LONG_PERIOD - 1
    place = ops.mod(turn - warm_up + long_turns + WARM_UP_MOVES - 1, period)
    return ops.where(turn < warm_up, in_warm_up, place >= long_turns - 1)
