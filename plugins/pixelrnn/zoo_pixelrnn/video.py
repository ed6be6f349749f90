"""Films, pixel by pixel: a PixelCNN that is told the frames before (Kalchbrenner et al. 2017).

    log p(x) = sum over frames t and pixels i of log p(x_ti | frames before t, pixels before i in t)

in nats (https://arxiv.org/abs/1610.00527). An encoder that keeps the resolution turns the frames
before t into features of every pixel; they are added to the gates of a gated PixelCNN that makes
frame t, as a label is in a conditional one. The first frame is made from nothing, so the model can
also begin a film; where a film's beginning is given (`complete`), it predicts how it goes on.

Departure from the paper: the encoder sees the last few frames side by side, where the paper's
convolutional LSTM can remember all of them. What has been hidden for longer is forgotten.
"""

import dataclasses
from typing import Any

import keras
import numpy as np
from keras import layers, ops, tree

from zoo.engine import Player
from zoo.making import Decoder
from zoo_pixelrnn.config import VideoPixelCNNConfig
from zoo_pixelrnn.decoders import GatedDecoder
from zoo_pixelrnn.pixelcnn import PixelNetwork
from zoo_pixelrnn.pixels import PixelModel, logit_count

# Shapes: B batch, T frames, H height, W width, C channels, K levels, n frames that the encoder
# sees, E features of the encoder.


class FrameEncoder(layers.Layer):
    """Residual network of 3x3 convolutions that keeps the resolution."""

    def __init__(self, config: VideoPixelCNNConfig, **kwargs: Any):
        super().__init__(**kwargs)
        height, width, channels = config.image_shape
        filters = config.encoder_filters

        def convolution() -> layers.Layer:
            return layers.Conv2D(filters, 3, padding="same")

        self.first = convolution()
        self.blocks = [(convolution(), convolution()) for _ in range(config.encoder_blocks)]
        self(ops.zeros((1, height, width, config.context_frames * channels)))

    def call(self, frames: Any) -> Any:
        """Return features (B, H, W, E) of the frames before one, (B, H, W, n C)."""
        features = self.first(frames)
        for widen, narrow in self.blocks:
            features = features + narrow(ops.relu(widen(ops.relu(features))))
        return ops.relu(features)


class VideoNetwork(layers.Layer):
    """The encoder of past frames, and the PixelCNN of the next one."""

    def __init__(self, config: VideoPixelCNNConfig, **kwargs: Any):
        super().__init__(**kwargs)
        self.encoder = FrameEncoder(config)
        self.pixels = PixelNetwork(config, config.encoder_filters)
        self.built = True

    def call(self, frames: Any, past: Any) -> Any:
        """Return logits (B, H, W, C K) of frames (B, H, W, C), and those before, (B, H, W, n C)."""
        return self.pixels(frames, self.encoder(past))


@keras.saving.register_keras_serializable(package="zoo_pixelrnn")
class VideoPixelCNN(PixelModel):
    """Predicts a film's next frame, pixel by pixel.

    A row of elements is a row of pixels; the rows of all frames follow one another, T * H in all.

    Args:
        config: A `VideoPixelCNNConfig`.
    """

    config_class = VideoPixelCNNConfig
    examples_per_call = 16

    def __init__(self, config: VideoPixelCNNConfig, **kwargs: Any):
        super().__init__(config, **kwargs)
        self.network = VideoNetwork(self.config)

    @property
    def element_shape(self) -> tuple[int, int]:
        """Rows of all frames, and elements per row."""
        frames, height, width, channels = self.config.video_shape
        return frames * height, width * channels

    def values(self, codes: np.ndarray) -> np.ndarray:
        """Return films (B, T, H, W, C) in [0, 1] of levels (B, T H, W C)."""
        films = codes.reshape(-1, *self.config.video_shape)
        return np.divide(films, self.levels - 1, dtype="float32")

    def canvas(self, codes: Any) -> Any:
        """Return what the network sees of levels (B, T H, W C): (B, T, H, W, C) in [-1, 1]."""
        return self.scale(ops.reshape(codes, (-1, *self.config.video_shape)))

    def logits(self, codes: Any, labels: Any, training: bool) -> Any:
        """Return the logits (B, T H, W C, K) of levels (B, T H, W C)."""
        canvas = self.canvas(codes)  # (B, T, H, W, C)
        frames, height, width, channels = self.config.video_shape
        count = self.config.context_frames
        # Before the first frame there is 0, which is no level's own.
        padded = ops.pad(canvas, ((0, 0), (count, 0), (0, 0), (0, 0), (0, 0)))
        past = ops.concatenate([padded[:, n : n + frames] for n in range(count)], axis=-1)
        past = ops.reshape(past, (-1, height, width, count * channels))
        logits = self.network(ops.reshape(canvas, (-1, height, width, channels)), past)
        return ops.reshape(logits, (-1, *self.element_shape, logit_count(self.levels)))

    def decoder(self, labels: Any) -> Decoder:
        """Return what predicts pixel after pixel, frame after frame."""
        return VideoDecoder(self)

    def players(self) -> list[Player]:
        """Return the one player."""
        [player] = super().players()
        return [dataclasses.replace(player, terms=(*player.terms, "next_frame_nats"))]

    def nll(self, x: Any, y: Any, training: bool) -> dict[str, Any]:
        """Return the negative log-likelihood of films, and that of one frame given those before.

        `next_frame_nats` is the mean over frames whose whole context is given.
        """
        frames, height, _, _ = self.config.video_shape
        nats = self.element_nats(x, y, training)  # (B, T H, W C)
        by_frame = ops.sum(ops.reshape(nats, (-1, frames, height * nats.shape[2])), axis=2)
        nll = ops.mean(ops.sum(by_frame, axis=1))
        return {
            "nll_nats": nll,
            "nll_bits_per_dim": nll / (np.prod(self.config.video_shape) * np.log(2.0)),
            "next_frame_nats": ops.mean(by_frame[:, self.config.context_frames :]),
        }


class VideoDecoder(GatedDecoder):
    """Encodes the past when a frame begins, and then makes the frame as an image is made."""

    def __init__(self, model: VideoPixelCNN):
        super().__init__(model, None, model.network.pixels)
        self.encoder, self.config = model.network.encoder, model.config

    def start(self, count: int) -> dict[str, Any]:
        """Return the state before the first frame."""
        height, width, _ = self.config.image_shape
        shape = (count, height, width, self.config.encoder_filters)
        return {
            "frame": super().start(count),
            "context": ops.zeros(shape, self.model.compute_dtype),
        }

    def begin_row(self, state: dict[str, Any], codes: Any, row: Any) -> dict[str, Any]:
        """Encode the past if the row is a frame's first; run the vertical stack."""
        height = self.config.image_shape[0]
        line = row % height
        context = ops.cond(
            line == 0,
            lambda: self.encode(codes, row),
            lambda: state["context"],
        )  # (B, H, W, E)
        # A frame begins with nothing above it.
        goes_on = ops.cast(line > 0, self.model.compute_dtype)
        frame = tree.map_structure(lambda kept: kept * goes_on, state["frame"])
        above = self.canvas_row(codes, row - 1) * goes_on
        count, _, width, size = context.shape
        told = ops.slice(context, (0, line, 0, 0), (count, 1, width, size))[:, 0]  # (B, W, E)
        return {"frame": self.run_vertical(frame, above, told), "context": context}

    def encode(self, codes: Any, row: Any) -> Any:
        """Return the features (B, H, W, E) of the frames before the one that begins at `row`."""
        height, width, channels = self.config.image_shape
        frames, count = self.config.context_frames, codes.shape[0]
        canvas = self.model.scale(codes)  # (B, T H, W C)
        padded = ops.pad(canvas, ((0, 0), (frames * height, 0), (0, 0)))
        past = ops.slice(padded, (0, row, 0), (count, frames * height, width * channels))
        past = ops.reshape(past, (count, frames, height, width, channels))
        past = ops.reshape(
            ops.transpose(past, (0, 2, 3, 1, 4)), (count, height, width, frames * channels)
        )
        return self.encoder(past)

    def pixel(self, state: dict[str, Any], canvas: Any, pixel: Any) -> tuple[Any, dict[str, Any]]:
        """Return the features (B, h) of a pixel of a row (B, W, C), and the state."""
        features, frame = super().pixel(state["frame"], canvas, pixel)
        return features, {**state, "frame": frame}
