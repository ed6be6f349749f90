"""The rows of the autoregressive family."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from benchmarks.row import Pass, Row

_PIXELS = 28 * 28
_BINARY: dict[str, Any] = {"levels": 2, "first_kernel_size": 7, "head_filters": 32}
_PLAIN: dict[str, Any] = {
    **_BINARY,
    "architecture": "plain",
    "filters": 16,
    "blocks": 15,
    "kernel_size": 3,
}
_GATED: dict[str, Any] = {
    **_BINARY,
    "architecture": "gated",
    "filters": 128,
    "blocks": 10,
    "kernel_size": 3,
}
_ROW_LSTM: dict[str, Any] = {**_BINARY, "architecture": "row", "filters": 16, "layers": 7}
_DIAGONAL: dict[str, Any] = {**_ROW_LSTM, "architecture": "diagonal"}

_WAVENET_30: dict[str, Any] = {
    "levels": 256,
    "filter_width": 2,
    "dilations": 10,
    "stacks": 3,
    "residual_channels": 32,
    "dilation_channels": 32,
    "skip_channels": 1024,
    "head_channels": 512,
    "loss_from": "receptive-field",
}
_WAVENET_24: dict[str, Any] = {
    "levels": 256,
    "filter_width": 3,
    "dilations": 6,
    "stacks": 4,
    "residual_channels": 128,
    "dilation_channels": 128,
    "skip_channels": 128,
    "head_channels": 128,
    "loss_from": "start",
}
_WAVENET_10: dict[str, Any] = {
    **_WAVENET_30,
    "stacks": 1,
    "skip_channels": 128,
    "head_channels": 128,
    "loss_from": "start",
}
_LOSS_SAMPLES = 2048  # of a sound whose first samples have no loss

_STORED = (
    "The reference stores its kernels whole, with the rows and taps that masks always blot out; "
    "ours leaves the rows below a pixel out."
)
_NAIVE = (
    "torch-pixels-naive runs the whole network for every pixel. It makes 2 pixels of each image, "
    "and its rate is scaled to whole images, for every pixel costs the same. Ours keeps states, "
    "and is compiled in its first step."
)
_BIASES = "The reference has a bias in the skip connection of each layer; ours has one for all."
_SAMPLES = "An example is a sample of a sound."
_QUEUES = (
    f"{_SAMPLES} torch-wavenet-queues keeps a queue for each layer, as public code for fast "
    "generation does; torch-wavenet-naive runs the network over the receptive field for every "
    "sample, 4 samples a call. Ours is compiled in its first step."
)


def _pixel_passes(training: bool) -> tuple[Pass, ...]:
    """Return the one use of a network of pixels."""
    use = "weights" if training else "none"
    return (Pass(network="network", positions=_PIXELS, gradients=use),)


def _wavenet_passes(config: Mapping[str, Any], length: int, training: bool) -> tuple[Pass, ...]:
    """Return the uses of a WaveNet's parts, each at the samples that bear on those with a loss.

    The first convolution picks rows of its kernel, and costs no products.
    """
    before = [0]  # samples before those with a loss at which a layer is needed, the last first
    dilations = [2**n for n in range(config["dilations"])] * config["stacks"]
    for dilation in reversed(dilations[1:]):
        before.append(before[-1] + (config["filter_width"] - 1) * dilation)
    # Nothing stands before the start of a whole sound.
    whole = config["loss_from"] == "start" or not training
    mean_before = 0 if whole else sum(before) / len(before)
    use = "both" if training else "none"
    return (
        Pass(network="network.stack", positions=length + mean_before, gradients=use),
        *(
            Pass(network=f"network.{part}", positions=length, gradients=use)
            for part in ("skip", "head", "last")
        ),
    )


def _sampled_pixels(training: Row, target: float, published_rate: float) -> Row:
    """Return the row that samples what another trains, in batches of the same size."""
    return dataclasses.replace(
        training,
        name=f"{training.name}-sampling",
        passes=_pixel_passes(training=False),
        kind="sampling",
        reference="torch-pixels-naive",
        target=target,
        published_rate=published_rate,
        published_fraction=None,
        backends=("tensorflow", "jax"),
        note=_NAIVE,
    )


def _sampled_sounds(name: str, config: dict[str, Any], length: int, **options: Any) -> Row:
    """Return the row that samples one sound of so many samples."""
    return Row(
        name=name,
        model="wavenet",
        config={**config, "loss_from": "start"},
        batch_size=1,
        passes=_wavenet_passes(config, length, training=False),
        length=length,
        counted=length,
        kind="sampling",
        reference="torch-wavenet-queues",
        beside=("torch-wavenet-naive",),
        backends=("tensorflow", "jax"),
        **options,
    )


_PIXELCNN_ROW = Row(
    name="pixelcnn",
    model="pixelcnn",
    config=_PLAIN,
    batch_size=64,
    parameters=41_377,
    reference_parameters=53_569,
    passes=_pixel_passes(training=True),
    reference="torch-pixels",
    target=1.5,
    published_rate=265,
    published_fraction=".32",
    note=_STORED,
)
_GATED_ROW = Row(
    name="pixelcnn-gated",
    model="pixelcnn",
    config=_GATED,
    batch_size=8,
    parameters=3_542_977,
    reference_parameters=4_861_633,
    passes=_pixel_passes(training=True),
    reference="torch-pixels",
    target=1.0,
    published_rate=8.3,
    published_fraction=".67",
    note=_STORED,
)
_DIAGONAL_ROW = Row(
    name="diagonal-bilstm",
    model="pixelrnn",
    config=_DIAGONAL,
    batch_size=16,
    parameters=64_513,
    reference_parameters=65_185,
    passes=_pixel_passes(training=True),
    reference="torch-pixels",
    target=4.0,
    published_rate=21,
    published_fraction=".03",
    note="Both directions. " + _STORED,
)
_ROW_LSTM_ROW = Row(
    name="row-lstm",
    model="pixelrnn",
    config=_ROW_LSTM,
    batch_size=16,
    parameters=56_449,
    reference_parameters=71_457,
    passes=_pixel_passes(training=True),
    reference="torch-pixels",
    target=3.0,
    published_rate=85,
    published_fraction=".09",
    note=_STORED,
)

AUTOREGRESSIVE_ROWS = (
    _PIXELCNN_ROW,
    _GATED_ROW,
    _DIAGONAL_ROW,
    _ROW_LSTM_ROW,
    Row(
        name="wavenet-30",
        model="wavenet",
        config=_WAVENET_30,
        batch_size=1,
        parameters=1_812_032,
        reference_parameters=1_841_728,
        passes=_wavenet_passes(_WAVENET_30, _LOSS_SAMPLES, training=True),
        length=3071 + _LOSS_SAMPLES,
        counted=_LOSS_SAMPLES,
        reference="torch-wavenet",
        target=1.5,
        published_rate=2_400,
        published_fraction=".35",
        note="An example is a sample with a loss, of which a sound has 2,048 past the receptive "
        f"field of 3,071. {_BIASES}",
    ),
    Row(
        name="wavenet-24",
        model="wavenet",
        config=_WAVENET_24,
        batch_size=1,
        parameters=3_286_528,
        reference_parameters=3_289_472,
        passes=_wavenet_passes(_WAVENET_24, 4000, training=True),
        length=4000,
        counted=4000,
        reference="torch-wavenet",
        target=1.0,
        published_rate=7_100,
        published_fraction=".69",
        note=f"{_SAMPLES} {_BIASES}",
    ),
    _sampled_pixels(_PIXELCNN_ROW, target=50, published_rate=1.3),
    _sampled_pixels(_GATED_ROW, target=200, published_rate=0.029),
    _sampled_pixels(_DIAGONAL_ROW, target=50, published_rate=0.15),
    _sampled_pixels(_ROW_LSTM_ROW, target=50, published_rate=0.33),
    _sampled_sounds(
        "wavenet-30-sampling",
        _WAVENET_30,
        length=4000,
        parameters=1_812_032,
        reference_parameters=1_841_728,
        target=10,
        published_rate=285,
        note=_QUEUES,
    ),
    _sampled_sounds(
        "wavenet-24-sampling",
        _WAVENET_24,
        length=4000,
        parameters=3_286_528,
        reference_parameters=3_289_472,
        target=10,
        published_rate=192,
        note=_QUEUES,
    ),
    _sampled_sounds(
        "wavenet-10-sampling",
        _WAVENET_10,
        length=16_000,
        parameters=158_144,
        reference_parameters=159_296,
        note="10 dilations, 32 residual and 128 skip channels. Real time at 16 kHz is 16,000 "
        f"examples/s. {_QUEUES}",
    ),
)
