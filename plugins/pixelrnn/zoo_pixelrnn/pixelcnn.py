"""PixelCNN, plain and gated (van den Oord et al. 2016, twice).

    log p(x) = sum over pixels i and channels c of log p(x_ic | pixels before i, channels before c)

in nats; pixels are read row by row, a pixel's channels R, G, B. A channel is a softmax over levels,
a Bernoulli variable where there are two.

Plain (https://arxiv.org/abs/1601.06759): a convolution under mask A, then residual blocks of ReLU,
1x1, ReLU, 3x3 under mask B, ReLU, 1x1; then ReLU and two 1x1 layers. A triangle of pixels to the
upper right is never seen: the blind spot.

Gated (https://arxiv.org/abs/1606.05328): a vertical stack sees all rows above, a horizontal one the
pixels to the left and what the vertical one has found; each layer is tanh(a) * sigmoid(b), and the
label, if any, is added to a and b.

Departures from the papers: the plain network can be told the class too. The first horizontal
layer has no residual connection in either, for it would show the pixel itself.
"""

from typing import Any

import keras
from keras import layers, ops

from zoo.making import Decoder
from zoo_pixelrnn.config import PixelCNNConfig
from zoo_pixelrnn.decoders import GatedDecoder, PlainDecoder
from zoo_pixelrnn.layers import MaskedConv2D, gate
from zoo_pixelrnn.pixels import PixelModel, logit_count

# Shapes: B batch, H height, W width, C channels, K levels, L number of classes, h filters,
# F features of the residual path.


class PlainBlock(layers.Layer):
    """Residual block: 1x1 to h features, 3x3, and 1x1 back to 2h, each after a ReLU.

    Args:
        config: The configuration.
        condition_size: Numbers of what it is told, S; 0 where it is told nothing.
    """

    def __init__(self, config: Any, condition_size: int, **kwargs: Any):
        super().__init__(**kwargs)
        channels, reach = config.image_shape[2], config.kernel_size // 2
        self.narrow = MaskedConv2D(config.filters, channels=channels)
        self.look = MaskedConv2D(
            config.filters, above=reach, left=reach, right=reach, channels=channels
        )
        self.widen = MaskedConv2D(2 * config.filters, channels=channels)
        self.told = told_layer(condition_size, config.filters)

    def call(self, inputs: Any, condition: Any = None) -> Any:
        """Return features (B, H, W, 2h) of features (B, H, W, 2h) and a condition."""
        hidden = self.look(ops.relu(self.narrow(ops.relu(inputs))))
        if self.told is not None:
            hidden = hidden + self.told(condition)
        return inputs + self.widen(ops.relu(hidden))


class GatedBlock(layers.Layer):
    """One layer of the vertical and the horizontal stack.

    Args:
        config: The configuration.
        number: From 0; the first layer sees the image itself, of which only what is before a pixel
            may be seen.
        condition_size: Numbers of what it is told, S; 0 where it is told nothing.
    """

    def __init__(self, config: Any, number: int, condition_size: int, **kwargs: Any):
        super().__init__(**kwargs)
        is_first = number == 0
        channels, filters = config.image_shape[2], config.filters
        size = config.first_kernel_size if is_first else config.kernel_size
        self.reach, self.is_first = size // 2, is_first
        # The first layer leaves out the pixel's own row.
        self.rows = self.reach if is_first else self.reach + 1
        self.vertical = layers.Conv2D(2 * filters, (self.rows, size))
        self.across = layers.Dense(2 * filters)
        self.horizontal = MaskedConv2D(
            2 * filters,
            left=self.reach,
            mask="A" if is_first else "B",
            channels=channels,
            parts=2,
        )
        self.out = MaskedConv2D(filters, channels=channels)
        self.horizontal_told = told_layer(condition_size, 2 * filters)
        # Nothing looks at the last layer's gated vertical stack.
        is_last = number == config.blocks
        self.vertical_told = None if is_last else told_layer(condition_size, 2 * filters)

    def call(self, inputs: Any, condition: Any = None) -> tuple[Any, Any]:
        """Return both stacks (B, H, W, h) of both stacks (B, H, W, F) and a condition."""
        above, row = inputs
        seen = self.vertical(self.pad(above))[:, : above.shape[1]]  # (B, H, W, 2h)
        found = self.horizontal(row) + self.across(seen)
        if self.horizontal_told is not None:
            found = found + self.horizontal_told(condition)
        if self.vertical_told is not None:
            seen = seen + self.vertical_told(condition)
        outputs = self.out(gate(found))
        return gate(seen), outputs if self.is_first else row + outputs

    def pad(self, features: Any) -> Any:
        """Return features (B, H, W, F) with what the vertical kernel sees beyond the borders."""
        # The first layer's outputs are one row lower than its kernel's last row.
        above = self.rows if self.is_first else self.rows - 1
        return ops.pad(features, ((0, 0), (above, 0), (self.reach, self.reach), (0, 0)))


def told_layer(condition_size: int, units: int) -> layers.Layer | None:
    """Return the 1x1 layer that a condition goes through, if there is any."""
    return layers.Dense(units, use_bias=False) if condition_size else None


class PixelNetwork(layers.Layer):
    """Everything from an image, and what may be told of it, to the logits of its pixels.

    Args:
        config: The configuration of an image's network.
        condition_size: Numbers of a condition, S; 0 for none. A condition is one vector for the
            whole image, (B, 1, 1, S), or one for each pixel, (B, H, W, S).
    """

    def __init__(self, config: Any, condition_size: int = 0, **kwargs: Any):
        super().__init__(**kwargs)
        height, width, channels = config.image_shape
        reach = config.first_kernel_size // 2
        self.is_gated = config.architecture == "gated"
        if self.is_gated:
            self.blocks = [
                GatedBlock(config, number, condition_size) for number in range(config.blocks + 1)
            ]
        else:
            self.first = MaskedConv2D(
                2 * config.filters,
                above=reach,
                left=reach,
                right=reach,
                mask="A",
                channels=channels,
            )
            self.blocks = [PlainBlock(config, condition_size) for _ in range(config.blocks)]
        self.head = MaskedConv2D(config.head_filters, channels=channels)
        self.last = MaskedConv2D(channels * logit_count(config.levels), channels=channels)
        condition = ops.zeros((1, 1, 1, condition_size)) if condition_size else None
        self(ops.zeros((1, height, width, channels)), condition)  # builds the weights

    def call(self, canvas: Any, condition: Any = None) -> Any:
        """Return logits (B, H, W, C K) of images (B, H, W, C) in [-1, 1] and a condition."""
        if self.is_gated:
            above = features = canvas
            for block in self.blocks:
                above, features = block((above, features), condition)
        else:
            features = self.first(canvas)  # (B, H, W, 2h)
            for block in self.blocks:
                features = block(features, condition)
        return self.last(ops.relu(self.head(ops.relu(features))))


@keras.saving.register_keras_serializable(package="zoo_pixelrnn")
class PixelCNN(PixelModel):
    """Convolutional network of pixels, plain or gated.

    Args:
        config: A `PixelCNNConfig`.
    """

    config_class = PixelCNNConfig

    def __init__(self, config: PixelCNNConfig, **kwargs: Any):
        super().__init__(config, **kwargs)
        config = self.config
        self.network = PixelNetwork(config, config.class_count if self.takes_labels else 0)

    def logits(self, codes: Any, labels: Any, training: bool) -> Any:
        """Return the logits (B, H, W C, K) of levels (B, H, W C)."""
        logits = self.network(self.canvas(codes), self.condition(labels))  # (B, H, W, C K)
        return ops.reshape(logits, (-1, *self.element_shape, logit_count(self.levels)))

    def condition(self, labels: Any) -> Any:
        """Return labels (B,) as the condition (B, 1, 1, L) of a whole image, or None."""
        return self.one_hot(labels)[:, None, None] if self.takes_labels else None

    def decoder(self, labels: Any) -> Decoder:
        """Return what predicts pixel after pixel."""
        decoder = GatedDecoder if self.network.is_gated else PlainDecoder
        return decoder(self, self.condition(labels))
