"""WaveNet's network: a causal dilated stack, over a whole sound and sample by sample."""

from typing import Any

import numpy as np
from keras import initializers, layers, ops

from zoo.making import Decoder
from zoo_wavenet.config import WaveNetConfig

# Shapes: B batch, T samples, K levels, L number of classes, F frames, N samples per frame,
# C local channels, w filter width, R residual channels, D dilation channels, S skip channels,
# H head channels, Y layers.

Weights = tuple[Any, Any]  # kernel and bias of a 1x1 layer


class FirstConvolution(layers.Layer):
    """Causal convolution over one-hot codes: each tap picks a row of its kernel.

    Output t sees the codes t - 1 to t - w; before the first code everything is 0.

    Args:
        config: The configuration.
    """

    def __init__(self, config: WaveNetConfig, **kwargs: Any):
        super().__init__(**kwargs)
        self.width, self.levels = config.filter_width, config.levels
        channels = config.residual_channels
        self.kernel = self.add_weight(
            shape=(self.width, self.levels, channels),  # a sample k before: row k - 1
            # One row of each tap is picked, however many there are.
            initializer=initializers.RandomNormal(stddev=self.width**-0.5),
            name="kernel",
        )
        self.bias = self.add_weight(shape=(channels,), initializer="zeros", name="bias")
        self.built = True

    def call(self, codes: Any) -> Any:
        """Return features (B, T, R) of codes (B, T)."""
        features = ops.cast(self.bias, self.compute_dtype)
        # What stands before the first code picks a row of zeros.
        before = ops.pad(codes, ((0, 0), (self.width, 0)), constant_values=self.levels)
        for tap, table in enumerate(self.tables()):
            seen = before[:, self.width - 1 - tap : -1 - tap]  # (B, T)
            features = features + ops.take(ops.pad(table, ((0, 1), (0, 0))), seen, axis=0)
        return features

    def tables(self) -> list[Any]:
        """Return what a code adds to the features, (K, R), one sample before, two and so on."""
        kernel = ops.cast(self.kernel, self.compute_dtype)
        return [kernel[tap] for tap in range(self.width)]


class GatedLayer(layers.Layer):
    """tanh(filter) * sigmoid(gate) of a dilated causal convolution, and the way on from it.

    The skip connection's 1x1 stands in the network, where those of all layers are one product.

    Args:
        config: The configuration.
        dilation: Samples from one tap to the next.
        is_last: Whether no layer follows, so that there is no way on.
    """

    def __init__(self, config: WaveNetConfig, dilation: int, is_last: bool, **kwargs: Any):
        super().__init__(**kwargs)
        self.width, self.dilation, self.is_last = config.filter_width, dilation, is_last
        channels, gated = config.residual_channels, config.dilation_channels
        # From taps, the oldest first, and local condition, to filter and gate.
        inputs = self.width * channels + config.local_channels
        self.kernel = self.add_weight(
            shape=(inputs, 2 * gated), initializer="glorot_uniform", name="kernel"
        )
        self.bias = self.add_weight(shape=(2 * gated,), initializer="zeros", name="bias")
        self.label_kernel = None
        if config.class_conditional:
            self.label_kernel = self.add_weight(
                shape=(config.class_count, 2 * gated),
                initializer="glorot_uniform",
                name="label_kernel",
            )
        if not is_last:
            self.residual = layers.Dense(channels)
            self.residual.build((None, gated))
        self.built = True

    def call(self, features: Any, labels: Any = None, local: Any = None) -> tuple[Any, Any]:
        """Return features (B, T, R) for the next layer, and what is gated (B, T, D).

        Args:
            features: (B, T, R).
            labels: One-hot labels (B, L).
            local: The local condition (B, T, C).
        """
        kernel = ops.cast(self.kernel, self.compute_dtype)
        channels = features.shape[2]
        taps = self.width * channels
        hidden = ops.conv(
            ops.pad(features, ((0, 0), ((self.width - 1) * self.dilation, 0), (0, 0))),
            ops.reshape(kernel[:taps], (self.width, channels, -1)),
            dilation_rate=self.dilation,
        )  # (B, T, 2D)
        if local is not None:
            hidden = hidden + product(local, kernel[taps:])
        gated = gate(hidden + self.offset(labels))
        return features if self.is_last else features + project(gated, self.onward()), gated

    def offset(self, labels: Any) -> Any:
        """Return what is added to filter and gate at every sample, (2D,) or (B, 1, 2D)."""
        bias = ops.cast(self.bias, self.compute_dtype)
        if self.label_kernel is None:
            return bias
        labels = ops.cast(labels, self.compute_dtype)
        return (bias + ops.matmul(labels, ops.cast(self.label_kernel, self.compute_dtype)))[:, None]

    def onward(self) -> Weights:
        """Return the 1x1 from what is gated to what is added to the features."""
        return weights_of(self.residual)


class Upsampling(layers.Layer):
    """Transposed convolution from frames to samples; each frame reaches over two frames.

    At first it interpolates linearly between the middles of frames; training goes on from there.

    Args:
        config: The configuration.
    """

    def __init__(self, config: WaveNetConfig, **kwargs: Any):
        super().__init__(**kwargs)
        self.frame_length, self.length = config.frame_length, config.length
        channels = config.local_channels
        reach = 2 * self.frame_length
        slope = 1 - np.abs((np.arange(reach) + 0.5) / self.frame_length - 1)  # a triangle
        linear = slope[:, None, None] * np.eye(channels)  # (2N, C, C)
        self.kernel = self.add_weight(
            shape=(channels, reach * channels),
            initializer=initializers.Constant(
                np.moveaxis(linear, 1, 0).reshape(channels, -1).astype("float32")
            ),
            name="kernel",
        )
        self.built = True

    def call(self, frames: Any) -> Any:
        """Return the condition (B, T, C) of frames (B, F, C)."""
        count, channels = frames.shape[1:]
        half = self.frame_length // 2
        spread = product(ops.cast(frames, self.compute_dtype), self.cast_kernel())
        spread = ops.reshape(spread, (-1, count, 2, self.frame_length, channels))
        # Frame i adds to the samples from i N - N / 2: one half to part i, the other to part i + 1.
        # Beyond either end there is the frame at that end once more.
        earlier = ops.concatenate([spread[:, :, 0], spread[:, -1:, 0]], axis=1)
        later = ops.concatenate([spread[:, :1, 1], spread[:, :, 1]], axis=1)
        samples = ops.reshape(earlier + later, (-1, (count + 1) * self.frame_length, channels))
        return samples[:, half : half + self.length]

    def cast_kernel(self) -> Any:
        """Return the kernel in the type that is computed in."""
        return ops.cast(self.kernel, self.compute_dtype)


class WaveNetwork(layers.Layer):
    """Everything from the codes of a sound to the logits of its samples.

    Args:
        config: The configuration.
    """

    def __init__(self, config: WaveNetConfig, **kwargs: Any):
        super().__init__(**kwargs)
        self.levels = config.levels
        self.first = FirstConvolution(config)
        dilations = config.layer_dilations
        self.stack = [
            GatedLayer(config, dilation, is_last=number == len(dilations) - 1)
            for number, dilation in enumerate(dilations)
        ]
        self.upsampling = Upsampling(config) if config.local_channels else None
        self.skip = layers.Dense(config.skip_channels)
        self.skip.build((None, len(dilations) * config.dilation_channels))
        self.head = layers.Dense(config.head_channels)
        self.head.build((None, config.skip_channels))
        self.last = layers.Dense(config.levels)
        self.last.build((None, config.head_channels))
        self.built = True

    def call(self, codes: Any, labels: Any = None, frames: Any = None, first: int = 0) -> Any:
        """Return logits (B, T - first, K) of the codes from `first` on.

        Args:
            codes: Codes (B, T).
            labels: One-hot labels (B, L), or None.
            frames: Frames (B, F, C), or None.
            first: How many samples are only seen, not predicted.
        """
        local = None if self.upsampling is None else self.upsampling(frames)
        features = self.first(codes)  # (B, T, R)
        outputs = []
        for layer in self.stack:
            features, gated = layer(features, labels, local)
            outputs.append(gated[:, first:])
        return read(ops.concatenate(outputs, axis=-1), self.reading())

    def reading(self) -> list[Weights]:
        """Return the 1x1 layers from what all layers have gated to the logits."""
        return [weights_of(layer) for layer in (self.skip, self.head, self.last)]


class WaveDecoder(Decoder):
    """Keeps a queue of features for each layer, as long as its taps reach.

    Args:
        network: The network whose weights to use.
        labels: One-hot labels (B, L), or None.
        frames: Frames (B, F, C), or None.
    """

    def __init__(self, network: WaveNetwork, labels: Any, frames: Any):
        self.network = network
        # (B, T, C), a row of which is looked at in each step.
        self.local = None if network.upsampling is None else network.upsampling(frames)
        # Weights are read here, outside the loop over samples.
        self.tables, self.reading = network.first.tables(), network.reading()
        self.bias = ops.cast(network.first.bias, network.compute_dtype)
        self.kernels = [ops.cast(layer.kernel, layer.compute_dtype) for layer in network.stack]
        self.onward = [layer.onward() for layer in network.stack if not layer.is_last]
        self.offsets = [
            layer.offset(labels) if layer.label_kernel is None else layer.offset(labels)[:, 0]
            for layer in network.stack
        ]

    def start(self, count: int) -> list[Any]:
        """Return a queue (B, (w - 1) d + 1, R) for each layer: before a sound, features are 0."""
        channels = self.network.first.kernel.shape[2]
        return [
            ops.zeros((count, queue_length(layer), channels), layer.compute_dtype)
            for layer in self.network.stack
        ]

    def step(self, state: list[Any], codes: Any, row: Any, column: Any) -> tuple[Any, list[Any]]:
        """Return the logits (B, K) of a sample, and the queues after it."""
        features = self.enter(codes[:, :, 0], row)  # (B, R)
        local = self.local_at(row)
        queues, outputs = [], []
        for number, layer in enumerate(self.network.stack):
            taps, queue = put_and_look(state[number], features, row, layer)
            taps += local
            hidden = ops.matmul(ops.concatenate(taps, axis=-1), self.kernels[number])
            gated = gate(hidden + self.offsets[number])  # (B, D)
            if not layer.is_last:
                features = features + project(gated, self.onward[number])
            queues.append(queue)
            outputs.append(gated)
        return read(ops.concatenate(outputs, axis=-1), self.reading), queues

    def enter(self, codes: Any, row: Any) -> Any:
        """Return the first convolution's features (B, R) at one row of codes (B, T)."""
        features = self.bias
        for tap, table in enumerate(self.tables):
            before = row - 1 - tap
            code = ops.slice(codes, (0, ops.maximum(before, 0)), (codes.shape[0], 1))[:, 0]
            picked = ops.take(table, code, axis=0)
            features = features + picked * ops.cast(before >= 0, picked.dtype)
        return features

    def local_at(self, row: Any) -> list[Any]:
        """Return the local condition (B, C) of a sample in a list, which is empty without one."""
        return [] if self.local is None else [look(self.local, row)]


def queue_length(layer: GatedLayer) -> int:
    """Return how many features a layer keeps: those its taps reach, and the newest."""
    return (layer.width - 1) * layer.dilation + 1


def put_and_look(queue: Any, features: Any, row: Any, layer: GatedLayer) -> tuple[list[Any], Any]:
    """Return what a layer's taps see at a row, the oldest first, and the queue with the newest.

    The queue is a ring: the features of row t stand at place t mod its length.
    """
    length = queue_length(layer)
    queue = ops.slice_update(queue, (0, row % length, 0), features[:, None])
    taps = [
        look(queue, (row + length - tap * layer.dilation) % length)
        for tap in reversed(range(1, layer.width))
    ]
    return [*taps, features], queue


def look(values: Any, row: Any) -> Any:
    """Return one row (B, R) of values (B, T, R)."""
    count, _, channels = values.shape
    return ops.slice(values, (0, row, 0), (count, 1, channels))[:, 0]


def weights_of(layer: layers.Dense) -> Weights:
    """Return kernel (F, G) and bias (G,) in the type that is computed in."""
    return ops.cast(layer.kernel, layer.compute_dtype), ops.cast(layer.bias, layer.compute_dtype)


def project(inputs: Any, weights: Weights) -> Any:
    """Return the 1x1 layer's features (..., G) of inputs (..., F)."""
    kernel, bias = weights
    return product(inputs, kernel) + bias


def read(gated: Any, reading: list[Weights]) -> Any:
    """Return the logits (..., K) of what all layers have gated, (..., Y D)."""
    skip, head, last = reading
    summed = project(gated, skip)  # (..., S): the sum of all layers' skip connections
    hidden = project(ops.relu(summed), head)  # (..., H)
    return project(ops.relu(hidden), last)


def product(inputs: Any, kernel: Any) -> Any:
    """Return inputs (..., F) times a kernel (F, G), as one product of two matrices."""
    flat = ops.matmul(ops.reshape(inputs, (-1, inputs.shape[-1])), kernel)
    return ops.reshape(flat, (-1, *ops.shape(inputs)[1:-1], kernel.shape[1]))


def gate(hidden: Any) -> Any:
    """Return tanh(a) * sigmoid(b) of [a, b]."""
    filtered, gates = ops.split(hidden, 2, axis=-1)
    return ops.tanh(filtered) * ops.sigmoid(gates)
