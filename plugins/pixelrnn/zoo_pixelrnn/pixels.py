"""What all models of pixels share: levels, the order of elements, the optimizer."""

import math
from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from zoo.autoregression import AutoregressiveModel

# Shapes: B batch, H height, W width, C channels, K levels.


class PixelModel(AutoregressiveModel):
    """A model that predicts pixel after pixel, and in a pixel channel after channel.

    A row of elements is a row of pixels, H rows of W * C elements.

    Args:
        config: A configuration with `image_shape`, `levels`, `learning_rate`, `gradient_clip` and
            `average`.
    """

    @property
    def likelihood_of(self) -> Literal["binary", "discrete"]:
        """What of: black and white, or levels."""
        return "binary" if self.levels == 2 else "discrete"

    @property
    def element_shape(self) -> tuple[int, int]:
        """Rows, and elements per row."""
        height, width, channels = self.config.image_shape
        return height, width * channels

    @property
    def levels(self) -> int:
        """Values that an element can take, K."""
        return self.config.levels

    def codes(self, x: Any) -> Any:
        """Return the levels, int32 (B, H, W C), of images (B, H, W, C) in [0, 1]."""
        levels = ops.floor(ops.cast(x, "float32") * self.levels)
        levels = ops.clip(ops.cast(levels, "int32"), 0, self.levels - 1)
        return ops.reshape(levels, (-1, *self.element_shape))

    def values(self, codes: np.ndarray) -> np.ndarray:
        """Return images (B, H, W, C) in [0, 1] of levels (B, H, W C)."""
        images = codes.reshape(-1, *self.config.image_shape)
        return np.divide(images, self.levels - 1, dtype="float32")

    def canvas(self, codes: Any) -> Any:
        """Return what the network sees of levels (B, H, W C): (B, H, W, C) in [-1, 1]."""
        return self.scale(ops.reshape(codes, (-1, *self.config.image_shape)))

    def scale(self, levels: Any) -> Any:
        """Return levels scaled to [-1, 1], so that 0 beyond the border is no level's own."""
        return ops.cast(levels, self.compute_dtype) * (2 / (self.levels - 1)) - 1

    def make_optimizer(self) -> keras.optimizers.Optimizer:
        """Return RMSProp with the gradient clipped elementwise, averaging weights if asked to."""
        config = self.config
        rate: Any = config.learning_rate
        if config.decay_steps:
            rate = keras.optimizers.schedules.CosineDecay(rate, config.decay_steps)
        averaging: dict[str, Any] = {}
        if config.average:
            averaging = {"use_ema": True, "ema_momentum": config.average}
        # What is minimised is the sum over elements.
        clip = config.gradient_clip * math.prod(self.element_shape)
        return keras.optimizers.RMSprop(rate, clipvalue=clip, **averaging)


def logit_count(levels: int) -> int:
    """Return how many logits an element of so many levels has."""
    return 1 if levels == 2 else levels
