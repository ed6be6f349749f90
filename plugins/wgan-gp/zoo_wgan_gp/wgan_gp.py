"""Wasserstein GAN with gradient penalty (Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028).

The critic f scores images as in the Wasserstein GAN, but is held near slope 1 by a penalty in place
of clipping; it minimises

    E[f(G(z))] - E[f(x)] + lambda E[(|grad f(x^)| - 1)^2]                     (Eq. 3)

with x^ = a x + (1 - a) G(z) and a uniform in [0, 1], drawn for each example. The norm is over all
values of one image. `wasserstein_score` is E[f(x)] - E[f(G(z))], an estimate of the earth mover's
distance between data and samples, with pixels in [-1, 1]; it falls as samples improve. Each of the
critic's moves sees fresh images. There is no batch normalisation in the critic, for the penalty is
on each example by itself.

Departures from the paper: a constant of 1e-12 under the root, where its slope would be infinite;
sizes other than 32 and 64.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from zoo.engine import Player, input_gradients
from zoo.generators import LatentGenerator
from zoo_wgan_gp.config import WGANGPConfig
from zoo_wgan_gp.networks import build_critic, build_generator

# Shapes: B batch, H height, W width, C channels.

UNDER_THE_ROOT = 1e-12
PIXEL_RANGE = 2.0  # the critic sees pixels in [-1, 1], which are given in [0, 1]


@keras.saving.register_keras_serializable(package="zoo_wgan_gp")
class WGANGP(LatentGenerator):
    """Wasserstein GAN with gradient penalty.

    Args:
        config: A `WGANGPConfig`.
    """

    config_class = WGANGPConfig
    smallest_batch = 2  # the generator's batch normalisation needs a variance

    def __init__(self, config: WGANGPConfig, **kwargs: Any):
        super().__init__(config, **kwargs)
        self.generator = build_generator(self.config)
        self.critic = build_critic(self.config)

    def players(self) -> Sequence[Player]:
        """Return the critic, which moves several times a turn, and the generator."""
        return [
            Player(
                name="critic",
                networks=[self.critic],
                loss=self.critic_loss,
                terms=("critic_score", "wasserstein_score", "penalty_score"),
                optimizer=lambda: self.make_optimizer(moves_per_turn=self.config.critic_steps),
                steps=self.config.critic_steps,
                fresh_data=True,
            ),
            Player(
                name="generator",
                networks=[self.generator],
                loss=self.generator_loss,
                terms=("generator_score",),
                optimizer=lambda: self.make_optimizer(average=self.config.average),
            ),
        ]

    def make_optimizer(
        self, *, moves_per_turn: int = 1, average: float = 0.0
    ) -> keras.optimizers.Optimizer:
        """Return Adam as the configuration sets it.

        Args:
            moves_per_turn: Moves of the player per move of the generator.
            average: Momentum of a moving average of the weights; 0 keeps none.
        """
        config = self.config
        rate = config.learning_rate
        if config.decay_steps:
            steps = config.decay_steps * moves_per_turn
            rate = keras.optimizers.schedules.PolynomialDecay(rate, steps, end_learning_rate=0.0)
        averaging: dict[str, Any] = {"use_ema": True, "ema_momentum": average} if average else {}
        return keras.optimizers.Adam(rate, beta_1=config.beta_1, beta_2=config.beta_2, **averaging)

    def critic_loss(self, x: Any, y: Any, training: bool) -> dict[str, Any]:
        """Return what the critic minimises, the distance that it estimates, and the penalty."""
        fakes = ops.stop_gradient(self.fakes(ops.shape(x)[0], y, training))
        distance = self.score(x, training) - self.score(fakes, training)
        penalty = self.config.penalty * self.slope_error(x, fakes, training)
        return {
            "critic_score": penalty - distance,
            "wasserstein_score": distance,
            "penalty_score": penalty,
        }

    def slope_error(self, x: Any, fakes: Any, training: bool) -> Any:
        """Return the mean of (|grad f| - 1)^2 between images and fakes, (B, H, W, C) each."""
        x = ops.cast(x, "float32")
        alpha = keras.random.uniform((ops.shape(x)[0], 1, 1, 1), seed=self.noise_seed(training))
        between = alpha * x + (1 - alpha) * fakes  # (B, H, W, C)
        slopes = input_gradients(self.critic, between, training=training)
        slopes = ops.cast(slopes, "float32") / PIXEL_RANGE
        squares = ops.sum(ops.square(slopes), axis=(1, 2, 3))  # (B,)
        return ops.mean(ops.square(ops.sqrt(squares + UNDER_THE_ROOT) - 1))

    def generator_loss(self, x: Any, y: Any, training: bool) -> dict[str, Any]:
        """Return the negative score of as many fakes as there are images."""
        return {"generator_score": -self.score(self.fakes(ops.shape(x)[0], y, training), training)}

    def score(self, images: Any, training: bool) -> Any:
        """Return the critic's mean score of images (B, H, W, C)."""
        return ops.mean(self.critic(images, training=training))
