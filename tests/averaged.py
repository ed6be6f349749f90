"""A model of the zoo whose optimizer keeps averages, and whose loss can be made to break."""

import dataclasses

import keras
import numpy as np
from keras import layers, ops

from zoo.card import ModelCard
from zoo.config import Preset
from zoo.engine import Player, PlayerModel


@dataclasses.dataclass(frozen=True, kw_only=True)
class PictureConfig:
    """Configuration of `Picture`.

    Args:
        image_shape: (H, W, C) of one image.
        breaks_at: Step at which a term becomes NaN; 0 is never.
    """

    image_shape: tuple[int, int, int] = (8, 8, 1)
    breaks_at: int = 0


@keras.saving.register_keras_serializable(package="averaged")
class Picture(PlayerModel):
    """One picture that comes to look like the mean of the data; its weights are averaged."""

    config_class = PictureConfig

    def __init__(self, config, **kwargs):
        super().__init__(config, **kwargs)
        height, width, channels = self.config.image_shape
        self.painter = keras.Sequential(
            [keras.Input((1,)), layers.Dense(height * width * channels, use_bias=False)]
        )
        self.steps = self.add_weight((), "zeros", trainable=False, name="steps")

    def players(self):
        return [
            Player(
                name="painter",
                networks=[self.painter],
                loss=self.distance,
                terms=("distance_l2", "check_l2"),
                optimizer=lambda: keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5),
            )
        ]

    def distance(self, x, y, training):
        if training:
            self.steps.assign_add(1.0)
        picture = ops.cast(self.painter(ops.ones((1, 1))), "float32")
        distance = ops.mean(ops.square(ops.reshape(x, (-1, picture.shape[1])) - picture))
        broken = ops.equal(self.steps, float(self.config.breaks_at or -1))
        return {"distance_l2": distance, "check_l2": ops.where(broken, float("nan"), 0.0)}

    def sample(self, count, *, seed=0):
        picture = ops.convert_to_numpy(self.painter.weights[0].value).reshape(
            self.config.image_shape
        )
        return np.clip(np.repeat(picture[None], count, axis=0), 0.0, 1.0)


CARD = ModelCard(
    name="picture",
    title="Picture",
    summary="One picture.",
    paper="A. Author, On Pictures",
    year=2001,
    url="https://example.org",
    kind="image",
    data="digits",
    model=f"{__name__}:Picture",
    config=f"{__name__}:PictureConfig",
    presets=f"{__name__}:PRESETS",
)
PRESETS = {"laptop": Preset(summary="Digits.", data="digits", steps=3, batch_size=320)}
