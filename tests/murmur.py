"""A model of sounds that tests can train in no time: the mean of the data, with a little noise."""

import dataclasses

import keras
import numpy as np
from keras import layers, ops

from zoo.card import ModelCard
from zoo.config import Preset
from zoo.engine import Player, PlayerModel


@dataclasses.dataclass(frozen=True, kw_only=True)
class MurmurConfig:
    """Configuration of `Murmur`.

    Args:
        sample_rate_hz: Samples per second.
        length: Samples of a sound.
    """

    sample_rate_hz: int = 8000
    length: int = 100


@keras.saving.register_keras_serializable(package="murmur")
class Murmur(PlayerModel):
    """One sound that comes to be the mean of the data."""

    config_class = MurmurConfig

    def __init__(self, config, **kwargs):
        super().__init__(config, **kwargs)
        self.voice = keras.Sequential(
            [keras.Input((1,)), layers.Dense(self.config.length, use_bias=False)]
        )

    def players(self):
        return [
            Player(
                name="voice",
                networks=[self.voice],
                loss=self.distance,
                terms=("distance_l2",),
                optimizer=lambda: keras.optimizers.SGD(0.1),
            )
        ]

    def distance(self, x, y, training):
        sound = ops.cast(self.voice(ops.ones((1, 1))), "float32")
        return {"distance_l2": ops.mean(ops.square(x - sound))}

    def sample(self, count, *, seed=0):
        sound = ops.convert_to_numpy(self.voice.weights[0].value)  # (1, T)
        noise = np.random.default_rng(seed).normal(0, 0.1, (count, sound.shape[1]))
        return np.clip(sound + noise, -1, 1).astype(np.float32)


CARD = ModelCard(
    name="murmur",
    title="Murmur",
    summary="One sound.",
    paper="A. Author, On Murmurs",
    year=2001,
    url="https://example.org",
    kind="waveform",
    data="sounds",
    model=f"{__name__}:Murmur",
    config=f"{__name__}:MurmurConfig",
    presets=f"{__name__}:PRESETS",
)
PRESETS = {
    "laptop": Preset(
        summary="Small.",
        data="sounds",
        steps=2,
        batch_size=2,
        form={"sample_rate_hz": 4000, "clip_seconds": 0.05},
    )
}
