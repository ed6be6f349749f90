"""PixelRNN (van den Oord et al. 2016, https://arxiv.org/abs/1601.06759).

    log p(x) = sum over pixels i and channels c of log p(x_ic | pixels before i, channels before c)

in nats; pixels are read row by row, a pixel's channels R, G, B. The likelihood of a channel is a
softmax over levels, a Bernoulli variable where there are two.

A convolution under mask A, then LSTM layers with residual connections, each going over the image
along rows or along diagonals, then ReLU and two 1x1 layers. The Row LSTM's context is a triangle
above the pixel and the row to the left; the Diagonal BiLSTM's is all that is before the pixel, but
for one: under mask A no position of a row sees the row's last pixel, so that only the first
convolution shows it to the next row.

Departures from the paper: the network can be told the class, which is added to all gates.
"""

from typing import Any

import keras
from keras import layers, ops

from zoo.making import Decoder
from zoo_pixelrnn.config import PixelRNNConfig
from zoo_pixelrnn.decoders import PixelDecoder
from zoo_pixelrnn.diagonal_lstm import DiagonalLSTM, DiagonalState
from zoo_pixelrnn.layers import KeptConv, MaskedConv2D
from zoo_pixelrnn.pixels import PixelModel, logit_count
from zoo_pixelrnn.row_lstm import RowLSTM, RowState

# Shapes: B batch, H height, W width, C channels, K levels, N number of classes, F features of the
# residual path (2h).


class RecurrentNetwork(layers.Layer):
    """Everything from an image to the logits of its pixels."""

    def __init__(self, config: PixelRNNConfig, **kwargs: Any):
        super().__init__(**kwargs)
        height, width, channels = config.image_shape
        reach = config.first_kernel_size // 2
        self.first = MaskedConv2D(
            2 * config.filters,
            above=reach,
            left=reach,
            right=reach,
            mask="A",
            channels=channels,
        )
        self.lstm = (RowLSTM if config.architecture == "row" else DiagonalLSTM)(config)
        self.head = MaskedConv2D(config.head_filters, channels=channels)
        self.last = MaskedConv2D(channels * logit_count(config.levels), channels=channels)
        labels = ops.zeros((1, config.class_count)) if config.class_conditional else None
        self(ops.zeros((1, height, width, channels)), labels)  # builds the weights

    def call(self, canvas: Any, labels: Any = None) -> Any:
        """Return logits (B, H, W, C K) of images (B, H, W, C) in [-1, 1], one-hot labels (B, N)."""
        features = self.lstm(self.first(canvas), labels)  # (B, H, W, F)
        return self.last(ops.relu(self.head(ops.relu(features))))


@keras.saving.register_keras_serializable(package="zoo_pixelrnn")
class PixelRNN(PixelModel):
    """Recurrent network of pixels, along rows or along diagonals.

    Args:
        config: A `PixelRNNConfig`.
    """

    config_class = PixelRNNConfig

    def __init__(self, config: PixelRNNConfig, **kwargs: Any):
        super().__init__(config, **kwargs)
        self.network = RecurrentNetwork(self.config)

    def logits(self, codes: Any, labels: Any, training: bool) -> Any:
        """Return the logits (B, H, W C, K) of levels (B, H, W C)."""
        labels = self.one_hot(labels) if self.takes_labels else None
        logits = self.network(self.canvas(codes), labels)  # (B, H, W, C K)
        return ops.reshape(logits, (-1, *self.element_shape, logit_count(self.levels)))

    def decoder(self, labels: Any) -> Decoder:
        """Return what predicts pixel after pixel."""
        return RecurrentDecoder(self, self.one_hot(labels) if self.takes_labels else None)


class RecurrentDecoder(PixelDecoder):
    """Keeps the rows that the first convolution will look at, and the states of the LSTM."""

    def __init__(self, model: PixelRNN, labels: Any):
        super().__init__(model, None)  # the label goes to the gates of the LSTM
        is_row = model.config.architecture == "row"
        self.first = KeptConv(self.network.first, self.width)
        self.lstm = (RowState if is_row else DiagonalState)(self.network.lstm, labels, self.width)

    def start(self, count: int) -> dict[str, Any]:
        """Return the state before the first pixel."""
        return {"first": self.first.start(count), "lstm": self.lstm.start(count)}

    def begin_row(self, state: dict[str, Any], codes: Any, row: Any) -> dict[str, Any]:
        """Return the state with what the rows above give to the row."""
        first = self.first.with_row(state["first"], self.canvas_row(codes, row - 1))
        return {
            "first": self.first.begin_row(first),
            "lstm": self.lstm.begin_row(state["lstm"], row),
        }

    def pixel(self, state: dict[str, Any], canvas: Any, pixel: Any) -> tuple[Any, dict[str, Any]]:
        """Return the features (B, F) of a pixel of a row (B, W, C), and the state."""
        first = self.first.with_row(state["first"], canvas)
        features, lstm = self.lstm.step(state["lstm"], self.first.look(first, pixel), pixel)
        return features, {"first": first, "lstm": lstm}
