"""WaveNet (van den Oord et al. 2016, https://arxiv.org/abs/1609.03499).

    log p(x) = sum over samples t of log p(x_t | x_1, ..., x_(t-1), h)

in nats; a sample is one of 256 levels of the mu-law, its likelihood a softmax over them, and h a
condition, if any. Each layer of a stack of causal convolutions with dilations 1, 2, 4 and so on is

    z = tanh(W_f * x + V_f h) . sigmoid(W_g * x + V_g h)

and gives a 1x1 of z to the next layer, added to its own input, and another to the output, which is
the sum of all layers' followed by ReLU - 1x1 - ReLU - 1x1. The condition is a label, the same for
all samples, or a signal of a few numbers per frame, upsampled by a transposed convolution: here the
log-energies of mel bands, taken of the sound itself (copy synthesis).

Before the first sample of a sound stands nothing: all features there are 0. The loss is that of
samples whose receptive field lies inside the sound, or of all (`loss_from`).

Departures from the paper: the last layer has no way on, for nothing follows it; the biases of all
skip connections are one, for they are added; the paper's local conditions are linguistic features
and the fundamental frequency.
"""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.autoregression import AutoregressiveModel, code_nats, doubt
from zoo.engine import compile_function, in_batches
from zoo.errors import DataError
from zoo.making import Watch
from zoo_wavenet.config import WaveNetConfig
from zoo_wavenet.frames import frames_inside, log_mel
from zoo_wavenet.mulaw import decoded_levels, encode
from zoo_wavenet.network import WaveDecoder, WaveNetwork

# Shapes: B batch, N count asked for, T samples, K levels, L number of classes, F frames, C local
# channels.

GUIDES = 8  # how many sounds' frames are kept, for samples that are asked for without any


@keras.saving.register_keras_serializable(package="zoo_wavenet")
class WaveNet(AutoregressiveModel):
    """Dilated causal convolutional network of a sound's samples.

    Args:
        config: A `WaveNetConfig`.
    """

    config_class = WaveNetConfig
    value_range = (-1.0, 1.0)

    def __init__(self, config: WaveNetConfig, **kwargs: Any):
        super().__init__(config, **kwargs)
        self.network = WaveNetwork(self.config)
        self.samples_of_codes = decoded_levels(self.config.levels)
        if self.follows_frames:
            self.frames_compiled = compile_function(self, lambda x: self.frames_of(self.codes(x)))
            self.guides = self.add_weight(
                shape=(
                    self.config.class_count if self.takes_labels else GUIDES,
                    self.config.frame_count,
                    self.config.local_channels,
                ),
                initializer=keras.initializers.Constant(-1.0),  # silence
                trainable=False,
                name="guides",
            )

    @property
    def follows_frames(self) -> bool:
        """Whether the network is given a signal frame by frame."""
        return self.config.local_channels > 0

    @property
    def lacks(self) -> tuple[str, ...]:
        """The protocols that this model, as configured, does not fulfil."""
        return () if self.follows_frames else ("Follows",)

    @property
    def element_shape(self) -> tuple[int, int]:
        """A row for each sample, one element in it."""
        return self.config.length, 1

    @property
    def example_shape(self) -> tuple[int | None, ...]:
        """Samples of a sound: of any number, unless it follows a signal, which has one length."""
        return (self.config.length if self.follows_frames else None,)

    @property
    def levels(self) -> int:
        """Values that a sample can take, K."""
        return self.config.levels

    def codes(self, x: Any) -> Any:
        """Return the mu-law codes, int32 (B, T, 1), of sounds (B, T) in [-1, 1]."""
        return encode(x, self.levels)[..., None]

    def values(self, codes: np.ndarray) -> np.ndarray:
        """Return sounds (B, T) of codes (B, T, 1)."""
        return self.samples_of_codes[codes[..., 0]]

    def logits(self, codes: Any, told: Any, training: bool) -> Any:
        """Return the logits (B, T, 1, K) of codes (B, T, 1), told labels and frames."""
        return self.network(codes[..., 0], *self.conditions_of(told))[:, :, None]

    def decoder(self, told: Any) -> WaveDecoder:
        """Return what predicts sample after sample, told labels and frames."""
        return WaveDecoder(self.network, *self.conditions_of(told))

    def conditions_of(self, told: Mapping[str, Any]) -> tuple[Any, Any]:
        """Return one-hot labels (B, L) and frames (B, F, C), each None where there are none."""
        labels = told["labels"]
        return None if labels is None else self.one_hot(labels), told["frames"]

    def told_of(self, codes: Any, labels: Any) -> dict[str, Any]:
        """Return the labels (B,) of sounds, codes (B, T, 1), and their own frames (B, F, C)."""
        frames = self.frames_of(codes) if self.follows_frames else None
        return {"labels": self.needed(labels), "frames": frames}

    def make_optimizer(self) -> keras.optimizers.Optimizer:
        """Return Adam, averaging the weights if asked to."""
        average = self.config.average
        averaging: dict[str, Any] = {"use_ema": True, "ema_momentum": average} if average else {}
        return keras.optimizers.Adam(self.config.learning_rate, **averaging)

    def nll(self, x: Any, y: Any, training: bool) -> dict[str, Any]:
        """Return the negative log-likelihood of sounds (B, T), of the samples that count."""
        first = self.config.receptive_field if self.config.loss_from == "receptive-field" else 0
        self.check_form(x)
        if x.shape[1] is not None and x.shape[1] <= first:
            raise DataError(
                f"Sounds must be longer than the receptive field of {first} samples, past which "
                f"training begins. Received: {x.shape[1]} samples. Cut longer pieces, or set "
                "loss_from to start."
            )
        codes = self.codes(x)
        told = self.told_of(codes, y)
        if self.follows_frames and training:
            self.guides.assign(self.newest_guides(told["frames"], y))
        conditions = self.conditions_of(told)
        logits = self.network(codes[..., 0], *conditions, first=first)  # (B, T - first, K)
        nats = code_nats(logits, codes[:, first:, 0])
        nll = ops.mean(ops.sum(nats, axis=1)) + ops.sum(doubt(x))
        samples = ops.cast(ops.shape(nats)[1], "float32")
        return {"nll_nats": nll, "nll_bits_per_dim": nll / (samples * np.log(2.0))}

    # Sounds made after a signal.

    def frames_of(self, codes: Any) -> Any:
        """Return log-mel energies (B, F, C) of codes (B, T, 1), as tensors."""
        config = self.config
        samples = ops.take(ops.convert_to_tensor(self.samples_of_codes), codes[..., 0], axis=0)
        return log_mel(samples, config.frame_length, config.local_channels, config.sample_rate_hz)

    def newest_guides(self, frames: Any, labels: Any) -> Any:
        """Return the signals to keep, given those (B, F, C) of a batch: the last, or of each class.

        Args:
            frames: Signals of the batch.
            labels: Labels (B,), where the model takes them: the last sound of each is kept.
        """
        if not self.takes_labels:
            return ops.concatenate([frames, self.guides], axis=0)[:GUIDES]
        classes = ops.arange(self.config.class_count)
        is_of = ops.equal(ops.cast(labels, classes.dtype), classes[:, None])  # (L, B)
        places = ops.cast(is_of, "int32") * ops.cumsum(ops.ones_like(is_of, "int32"), axis=1)
        last = ops.take(frames, ops.argmax(places, axis=1), axis=0)  # (L, F, C)
        kept = ops.convert_to_tensor(self.guides)
        return ops.where(ops.any(is_of, axis=1)[:, None, None], last, kept)

    def frames(
        self, x: np.ndarray, known: np.ndarray | None = None, labels: Any = None
    ) -> np.ndarray:
        """Return the signal (B, F, C) that sounds (B, T) can be made again after.

        Args:
            x: Sounds (B, T).
            known: What there is of them, booleans (B, T); None for all. Frames whose windows see
                anything else are those of the last sounds of training, of the class or in turn.
            labels: Labels (B,), for those frames; by default all in turn.

        Raises:
            DataError: If the model follows no signal, or sounds do not suit it.
        """
        self.check_follows()
        if known is None:
            return in_batches(self.frames_compiled, self.examples_per_call, self.checked(x))
        x, known = self.known_part(x, known)
        own = in_batches(self.frames_compiled, self.examples_per_call, x)
        is_own = frames_inside(known, self.config.frame_length)  # (B, F)
        guides = self.guides_for(len(x), self.labels_for(len(x), labels))
        return np.where(is_own[..., None], own, guides)

    def guides_for(self, count: int, labels: np.ndarray | None) -> np.ndarray:
        """Return signals (N, F, C): of each label's last sound, or of the last sounds in turn."""
        places = np.arange(count) % GUIDES if labels is None else labels
        return np.asarray(ops.convert_to_numpy(self.guides)[places])

    def sample(
        self,
        count: int,
        *,
        seed: int = 0,
        labels: Any = None,
        temperature: float = 1.0,
        watch: Watch | None = None,
        length: int | None = None,
        frames: Any = None,
    ) -> np.ndarray:
        """Return `count` sounds (N, T); where it takes labels, of all in turn.

        Args:
            count: How many, N.
            seed: Decides the draws; the first of many sounds are those of few.
            labels: Labels (N,).
            temperature: What logits are divided by; 0 takes the most likely level.
            watch: Called as the making goes on, some forty times a batch.
            length: Samples of a sound, T; None takes that of the training.
            frames: The signal (N, F, C) to follow, such as `frames` returns; by default, of a
                model that follows one, that of the last sound of the label that it was trained on,
                or of the last sounds in turn.

        Raises:
            DataError: If frames are given that cannot be followed, or do not suit the length.
        """
        length = self.config.length if length is None else length
        if self.follows_frames and length != self.config.length:
            raise DataError(
                "A WaveNet that follows a signal makes sounds as long as those of its training, "
                f"{self.config.length} samples. Received: length = {length}."
            )
        if length < 1:
            raise DataError(f"length must be at least 1. Received: {length}.")
        codes = np.zeros((count, length, 1), "int32")
        told = self.told_for(count, labels, frames)
        sampling = {"temperature": temperature}
        return self.make(codes, codes > 0, told, seed=seed, sampling=sampling, watch=watch)

    def complete(
        self,
        x: np.ndarray,
        known: np.ndarray,
        *,
        seed: int = 0,
        labels: Any = None,
        temperature: float = 1.0,
        watch: Watch | None = None,
        frames: Any = None,
    ) -> np.ndarray:
        """Return sounds (B, T) that equal `x` where `known` is true; the rest is drawn.

        Args:
            x: Sounds (B, T); what is not known may hold anything.
            known: Booleans (B, T): give a beginning.
            seed: Decides the draws.
            labels: Labels (B,).
            temperature: As in `sample`.
            watch: Called as the making goes on, some forty times a batch.
            frames: The signal (B, F, C) to follow, such as `frames` returns of whole sounds; by
                default, of a model that follows one, that of what is known, and from there on that
                of the last sounds of training.

        Raises:
            DataError: If what is known, a label or the frames do not suit the model.
        """
        x, known = self.known_part(x, known)
        if self.follows_frames and frames is None:
            frames = self.frames(x, known, labels)
        told, sampling = self.told_for(len(x), labels, frames), {"temperature": temperature}
        return self.fill(x, known, told, seed=seed, sampling=sampling, watch=watch)

    def told_for(self, count: int, labels: Any = None, frames: Any = None) -> dict[str, Any]:
        """Return the labels (N,) and frames (N, F, C) of sounds that are made.

        Raises:
            DataError: If frames are given that cannot be followed, of another shape or not finite.
        """
        labels = self.labels_for(count, labels)
        if not self.follows_frames:
            if frames is not None:
                self.check_follows()
            return {"labels": labels, "frames": None}
        if frames is None:
            frames = self.guides_for(count, labels)
        frames = np.asarray(frames, "float32")
        expected = (count, *self.guides.shape[1:])
        if frames.shape != expected:
            raise DataError(f"frames must have the shape {expected}. Received: {frames.shape}.")
        if not np.isfinite(frames).all():
            raise DataError("frames must be finite. Received: NaN or infinity among them.")
        return {"labels": labels, "frames": frames}

    def check_follows(self) -> None:
        """Raise DataError unless the model follows a signal."""
        if not self.follows_frames:
            raise DataError(
                "This WaveNet follows no signal, and can make no use of frames. Leave them out, "
                "or train with local_channels above 0."
            )
