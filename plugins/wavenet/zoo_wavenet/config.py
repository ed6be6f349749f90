"""Configuration and presets of WaveNet; importable without Keras."""

from dataclasses import dataclass
from typing import Literal

from zoo.config import Preset
from zoo.errors import ConfigError

MOST_DILATIONS = 24  # the last one reaches back 9 minutes at 16 kHz


@dataclass(frozen=True, kw_only=True)
class WaveNetConfig:
    """Configuration of WaveNet; the defaults are the paper's where it gives them.

    Args:
        sample_rate_hz: Samples per second.
        length: Samples of one sound, T; others may have more or fewer, unless a signal is followed.
        levels: Values that a sample can take, spaced by the mu-law with mu = levels - 1.
        filter_width: Samples that a convolution looks at.
        dilations: Layers of a stack, at most 24; their dilations are 1, 2, 4 and so on.
        stacks: How often the dilations are repeated.
        residual_channels: Features that go from layer to layer.
        dilation_channels: Features of the filter, and of the gate, of a layer.
        skip_channels: Features of the sum of all layers' contributions to the output.
        head_channels: Features between the two 1x1 layers before the output.
        class_conditional: Whether the network is given the label.
        class_count: Labels in the data; used by `class_conditional` alone.
        local_channels: Mel bands whose log-energies the network is given, frame by frame; 0 for
            none.
        frame_length: Samples per frame of this signal; used with `local_channels` alone.
        loss_from: Where in a sound training begins: past the receptive field, as for pieces cut
            from something longer, or at its start, for whole sounds.
        learning_rate: Of Adam.
        average: Momentum of a moving average of the weights, which is then what samples and is
            measured; 0 keeps none.
    """

    sample_rate_hz: int = 16_000
    length: int = 16_000
    levels: int = 256
    filter_width: int = 2
    dilations: int = 10
    stacks: int = 3
    residual_channels: int = 64
    dilation_channels: int = 64
    skip_channels: int = 256
    head_channels: int = 256
    class_conditional: bool = False
    class_count: int = 0
    local_channels: int = 0
    frame_length: int = 80
    loss_from: Literal["receptive-field", "start"] = "receptive-field"
    learning_rate: float = 1e-3
    average: float = 0.0

    def __post_init__(self) -> None:
        for name in (
            "sample_rate_hz",
            "length",
            "dilations",
            "stacks",
            "residual_channels",
            "dilation_channels",
            "skip_channels",
            "head_channels",
        ):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1. Received: {getattr(self, name)}.")
        if self.dilations > MOST_DILATIONS:
            raise ConfigError(
                f"dilations must be at most {MOST_DILATIONS}, because each is twice as long as the "
                f"last. Received: {self.dilations}. For more layers set stacks."
            )
        if not 3 <= self.levels <= 65_536:
            raise ConfigError(f"levels must lie between 3 and 65536. Received: {self.levels}.")
        if self.filter_width < 2:
            raise ConfigError(
                "filter_width must be at least 2, because with 1 no sample before the last is "
                f"seen. Received: {self.filter_width}."
            )
        if self.class_conditional and self.class_count < 2:
            raise ConfigError(
                "class_conditional needs a class_count of at least 2; it is taken from data that "
                f"has labels. Received: class_count = {self.class_count}."
            )
        if self.local_channels < 0:
            raise ConfigError(
                f"local_channels must not be below 0. Received: {self.local_channels}."
            )
        if self.local_channels and (self.frame_length < 2 or self.frame_length % 2):
            raise ConfigError(
                "frame_length must be even and at least 2, because a frame's window reaches one "
                f"and a half frames to either side. Received: {self.frame_length}."
            )
        if self.loss_from == "receptive-field" and self.length <= self.receptive_field:
            raise ConfigError(
                f"length must be above the receptive field of {self.receptive_field} samples, "
                f"because the loss begins past it. Received: {self.length}. Take longer clips, "
                "fewer dilations or stacks, or set loss_from to start."
            )
        if not self.learning_rate > 0:
            raise ConfigError(f"learning_rate must be above 0. Received: {self.learning_rate}.")
        if not 0 <= self.average < 1:
            raise ConfigError(f"average must lie in [0, 1). Received: {self.average}.")

    @property
    def layer_dilations(self) -> tuple[int, ...]:
        """The dilation of each layer."""
        return tuple(2**number for number in range(self.dilations)) * self.stacks

    @property
    def receptive_field(self) -> int:
        """How many samples before a sample bear on it."""
        before = self.filter_width - 1
        return 1 + before * (1 + self.stacks * (2**self.dilations - 1))

    @property
    def frame_count(self) -> int:
        """Frames of one sound, F; the last may be longer than what is left."""
        return -(-self.length // self.frame_length)


_SMALL = {
    "dilations": 9,
    "stacks": 1,
    "residual_channels": 32,
    "dilation_channels": 32,
    "skip_channels": 128,
    "head_channels": 128,
    "class_conditional": True,
    "loss_from": "start",
}

PRESETS = {
    "laptop": Preset(
        summary="Notes of four instruments at 8 kHz, told the pitch.",
        data="notes",
        epochs=10,
        batch_size=8,
        config=_SMALL,
    ),
    "paper": Preset(
        summary="One second at 16 kHz, 256 levels, 3 x 10 dilations; your own --data, such as a "
        "folder of WAV files of some length.",
        data="notes",
        form={"sample_rate_hz": 16_000, "clip_seconds": 1.0},
        epochs=100,
        batch_size=8,
    ),
    "spoken-digits": Preset(
        summary="Spoken digits of half a second at 8 kHz, told the digit.",
        data="tfds:spoken_digit",
        form={"sample_rate_hz": 8_000, "clip_seconds": 0.5},
        epochs=30,
        batch_size=8,
        config={**_SMALL, "stacks": 2, "average": 0.999},
    ),
}
