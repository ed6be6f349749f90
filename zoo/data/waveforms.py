"""Sounds as one array, read as clips of one length."""

import hashlib
import math
from collections.abc import Iterable, Sequence

import numpy as np

from zoo.data.dataset import Batch, WaveformSpec
from zoo.data.forms import SoundForm

# Shapes: N sounds, M clips, B batch, S samples of all sounds together, T samples of a clip.

SILENCE = 0.01  # of the peak: 40 dB below it


class ArrayWaveforms:
    """Sounds that stand one after another in an array, in memory or mapped from a file.

    A sound that is longer than `length` is read as consecutive clips; the last clip, and a
    shorter sound, end in silence.

    Args:
        name: What `--data` was given.
        split: Which split this is.
        splits: The splits that the data set has.
        samples: float32 (S,) in [-1, 1].
        ends: Where in `samples` each sound ends, (N,).
        sample_rate_hz: Samples per second.
        length: Samples per example, T.
        labels: int32 (N,), or None.
        class_names: Name of each label.
        fingerprint: Digest of the content without rate and length; computed where not given.
        skipped: "path: reason" of every file that could not be used.
    """

    def __init__(
        self,
        *,
        name: str,
        split: str,
        splits: tuple[str, ...],
        samples: np.ndarray,
        ends: np.ndarray,
        sample_rate_hz: int,
        length: int,
        labels: np.ndarray | None,
        class_names: tuple[str, ...] = (),
        fingerprint: str | None = None,
        skipped: tuple[str, ...] = (),
    ):
        self.name = name
        self.split = split
        self.splits = splits
        self.spec = WaveformSpec(
            sample_rate_hz=sample_rate_hz, length=length, class_names=class_names
        )
        content = fingerprint or sounds_digest([samples], ends, labels)
        self.fingerprint = hashlib.sha256(f"{content} {self.spec}".encode()).hexdigest()
        self.skipped = skipped
        begins = np.concatenate([[0], ends[:-1]])  # (N,)
        counts = -(-(ends - begins) // length)  # clips of each sound
        sounds = np.repeat(np.arange(len(ends)), counts)  # (M,)
        places = np.arange(len(sounds)) - np.repeat(np.cumsum(counts) - counts, counts)
        self._begins = begins[sounds] + places * length
        self._ends = np.minimum(self._begins + length, ends[sounds])
        self._samples = samples
        self._labels = None if labels is None else labels[sounds]

    def __len__(self) -> int:
        return len(self._begins)

    def read(self, indices: np.ndarray) -> Batch:
        """Return the clips at `indices` (B,) as float32 (B, T), and their labels."""
        clips = np.zeros((len(indices), self.spec.length), np.float32)
        for row, index in enumerate(indices):
            begin, end = self._begins[index], self._ends[index]
            clips[row, : end - begin] = self._samples[begin:end]
        return clips, None if self._labels is None else self._labels[indices]


def reshape(sound: np.ndarray, sample_rate_hz: int, form: SoundForm) -> np.ndarray:
    """Return a sound (S,) trimmed and at the rate that `form` asks for, float32 in [-1, 1].

    What resampling carries beyond full scale is clipped.
    """
    if form.trim_silence:
        sound = trim(sound)
    return resample(sound, sample_rate_hz, form.sample_rate_hz or sample_rate_hz)


def trim(sound: np.ndarray) -> np.ndarray:
    """Return a sound (S,) without what is 40 dB below its peak at both ends."""
    size = np.abs(sound)
    heard = np.flatnonzero(size >= SILENCE * size.max())
    return sound[heard[0] : heard[-1] + 1]


def resample(sound: np.ndarray, from_hz: int, to_hz: int) -> np.ndarray:
    """Return a sound (S,) at another rate, with a filter against aliasing, clipped to [-1, 1]."""
    if from_hz == to_hz:
        return sound
    from scipy.signal import resample_poly

    common = math.gcd(from_hz, to_hz)
    changed = resample_poly(sound, to_hz // common, from_hz // common)
    return np.clip(changed, -1, 1).astype(np.float32)


def resampled_length(length: int, from_hz: int, to_hz: int) -> int:
    """Return how many samples `resample` makes of `length`."""
    return -(-length * to_hz // from_hz)


def join(sounds: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return sounds one after another (S,), and where each ends (N,)."""
    return np.concatenate(sounds), np.cumsum([len(sound) for sound in sounds])


def sounds_digest(parts: Iterable[np.ndarray], ends: np.ndarray, labels: np.ndarray | None) -> str:
    """Return the sha256 of the samples, in parts as they come, of their ends and of labels."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(np.ascontiguousarray(part).data)
    digest.update(ends.astype("<i8").tobytes())
    if labels is not None:
        digest.update(labels.astype("<i4").tobytes())
    return digest.hexdigest()
