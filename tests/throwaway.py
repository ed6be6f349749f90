"""Small models that exist to try the engine: one player with a known course, and two players."""

import dataclasses

import keras
import numpy as np
from keras import layers, ops

from zoo.engine import Player, PlayerModel, every, input_gradients


@dataclasses.dataclass(frozen=True, kw_only=True)
class LineConfig:
    """Configuration of `Line`.

    Args:
        size: Numbers per example.
        steps: Moves per turn.
        fresh_data: Whether each move sees its own slice.
        period: Turns per turn in which the player moves.
    """

    size: int = 3
    steps: int = 1
    fresh_data: bool = False
    period: int = 1


@keras.saving.register_keras_serializable(package="throwaway")
class Line(PlayerModel):
    """w . x for a weight w; the loss is -mean(w . x), so that descent adds means of x to w."""

    config_class = LineConfig

    def __init__(self, config, **kwargs):
        super().__init__(config, **kwargs)
        self.line = keras.Sequential(
            [
                keras.Input((self.config.size,)),
                layers.Dense(1, use_bias=False, kernel_initializer="zeros"),
            ]
        )

    def players(self):
        return [
            Player(
                name="line",
                networks=[self.line],
                loss=lambda x, y, training: {
                    "line_nats": -ops.mean(ops.cast(self.line(x, training=training), "float32"))
                },
                terms=("line_nats",),
                optimizer=lambda: keras.optimizers.SGD(1.0),
                steps=self.config.steps,
                fresh_data=self.config.fresh_data,
                moves_at=None if self.config.period == 1 else every(self.config.period),
            )
        ]

    def sample(self, count, *, seed=0):
        return np.zeros((count, self.config.size), "float32")

    @property
    def weight(self):
        return keras.ops.convert_to_numpy(self.line.weights[0].value)[:, 0]


@dataclasses.dataclass(frozen=True, kw_only=True)
class DuelConfig:
    """Configuration of `Duel`.

    Args:
        critic_steps: Moves of the critic per turn.
        generator_period: Turns per move of the generator.
        penalty: Weight of the gradient penalty.
    """

    critic_steps: int = 2
    generator_period: int = 1
    penalty: float = 10.0


@keras.saving.register_keras_serializable(package="throwaway")
class Duel(PlayerModel):
    """A Wasserstein GAN with gradient penalty on points of the plane."""

    config_class = DuelConfig

    def __init__(self, config, **kwargs):
        super().__init__(config, **kwargs)
        self.generator = keras.Sequential(
            [
                keras.Input((4,)),
                layers.Dense(8),
                layers.BatchNormalization(),
                layers.Activation("relu"),
                layers.Dense(2),
            ]
        )
        self.critic = keras.Sequential(
            [
                keras.Input((2,)),
                layers.Dense(16, activation="tanh"),
                layers.Dropout(0.1),
                layers.Dense(1, use_bias=False),
            ]
        )

    def players(self):
        return [
            Player(
                name="critic",
                networks=[self.critic],
                loss=self.critic_loss,
                terms=("critic_nats", "penalty_nats"),
                optimizer=lambda: keras.optimizers.Adam(1e-3, beta_1=0.0, beta_2=0.9),
                steps=self.config.critic_steps,
                fresh_data=True,
            ),
            Player(
                name="generator",
                networks=[self.generator],
                loss=self.generator_loss,
                terms=("generator_nats",),
                optimizer=lambda: keras.optimizers.RMSprop(1e-3),
                moves_at=every(self.config.generator_period),
            ),
        ]

    def fakes(self, x, training):
        noise = keras.random.normal((ops.shape(x)[0], 4), seed=self.noise_seed(training))
        return self.generator(noise, training=training)

    def score(self, points, training):
        return ops.mean(ops.cast(self.critic(points, training=training), "float32"))

    def critic_loss(self, x, y, training):
        fake = ops.cast(self.fakes(x, training), "float32")
        seed = self.noise_seed(training)
        alpha = keras.random.uniform((ops.shape(x)[0], 1), seed=seed)
        between = x + alpha * (fake - x)
        slopes = input_gradients(self.critic, between, training=training)
        norm = ops.sqrt(ops.sum(ops.square(ops.cast(slopes, "float32")), axis=1) + 1e-12)
        penalty = self.config.penalty * ops.mean(ops.square(norm - 1.0))
        real_score = self.score(x, training)
        fake_score = self.score(fake, training)
        return {"critic_nats": fake_score - real_score + penalty, "penalty_nats": penalty}

    def generator_loss(self, x, y, training):
        return {"generator_nats": -self.score(self.fakes(x, training), False)}

    def sample(self, count, *, seed=0):
        noise = keras.random.normal((count, 4), seed=seed)
        return keras.ops.convert_to_numpy(self.generator(noise, training=False))
