"""Decoded sounds on disc: written once, whole or not at all, and mapped into memory."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data import decoded
from zoo.data.files import some
from zoo.data.forms import SoundForm
from zoo.data.sound_files import UnusableSoundError, checked
from zoo.data.waveforms import ArrayWaveforms, reshape, sounds_digest
from zoo.errors import DataError

# Shapes: N sounds, S samples of all of them together.

_MARK = "sounds"  # in the name of every folder of decoded sounds
_SAMPLES = "samples.f32"
_DIGESTED = 2**22  # samples at once


@dataclass(frozen=True)
class DecodedSounds:
    """What a folder of decoded sounds holds.

    Args:
        samples: Mapped float32 (S,).
        ends: Where each sound ends, (N,).
        labels: int32 (N,), or None.
        about: `class_names`, `splits`, `sample_rate_hz`, `skipped` and `fingerprint`.
    """

    samples: np.ndarray
    ends: np.ndarray
    labels: np.ndarray | None
    about: dict[str, Any]

    @property
    def longest(self) -> int:
        """Samples of the longest sound."""
        return int(np.diff(self.ends, prepend=0).max())

    def waveforms(self, name: str, split: str, length: int) -> ArrayWaveforms:
        """Return them as a data set of clips of `length` samples."""
        return ArrayWaveforms(
            name=name,
            split=split,
            splits=tuple(self.about["splits"]),
            samples=self.samples,
            ends=self.ends,
            sample_rate_hz=self.about["sample_rate_hz"],
            length=length,
            labels=self.labels,
            class_names=tuple(self.about["class_names"]),
            fingerprint=self.about["fingerprint"],
            skipped=tuple(self.about["skipped"]),
        )


def folder(root: Path, name: str, split: str, form: SoundForm) -> Path:
    """Return where the sounds of a set are kept, for a split and a form; clips are cut later."""
    rate = "native" if form.sample_rate_hz is None else f"{form.sample_rate_hz}hz"
    trimmed = "-trimmed" if form.trim_silence else ""
    return decoded.of_set(root, name) / f"{split}-{_MARK}-{rate}{trimmed}"


def has_any(root: Path, name: str) -> bool:
    """Return whether there are decoded sounds of a set."""
    return any(decoded.of_set(root, name).glob(f"*-{_MARK}-*"))


def read(folder: Path, root: Path) -> DecodedSounds | None:
    """Return the decoded sounds in `folder`; None if there are none, or they are out of date."""
    try:
        about = decoded.read_about(
            folder,
            root,
            *("splits", "class_names", "skipped", "fingerprint", "has_labels", "sample_rate_hz"),
        )
        samples = np.memmap(folder / _SAMPLES, np.float32, "r")
        ends = decoded.load_array(folder / "ends.npy")
        whole = ends.ndim == 1 and ends.dtype.kind == "i" and ends[-1] == len(samples)
        if not whole or np.diff(ends, prepend=0).min() < 0:
            return None
        labels = decoded.read_labels(folder, about, len(ends))
    except decoded.BROKEN:
        return None
    return DecodedSounds(np.asarray(samples), ends, labels, about)


def write(
    folder: Path,
    examples: decoded.Examples,
    *,
    name: str,
    sample_rate_hz: int,
    form: SoundForm,
    splits: tuple[str, ...],
    root: Path,
) -> None:
    """Write `examples`, of the given rate, into `folder` in the form that is asked for.

    Raises:
        DataError: If none can be used, or they cannot be stored.
    """
    with decoded.written_whole(folder, name) as beside:
        ends, labels, skipped = _write_samples(
            beside / _SAMPLES, examples, name, sample_rate_hz, form
        )
        np.save(beside / "ends.npy", ends)
        # TFDS marks the examples of a test split without labels by -1.
        has_labels = bool(examples.class_names) and bool(np.all(labels >= 0))
        if has_labels:
            np.save(beside / "labels.npy", labels)
        samples = np.memmap(beside / _SAMPLES, np.float32, "r")
        parts = (samples[start : start + _DIGESTED] for start in range(0, len(samples), _DIGESTED))
        about = {
            "class_names": examples.class_names,
            "splits": splits,
            "has_labels": has_labels,
            "sample_rate_hz": form.sample_rate_hz or sample_rate_hz,
            "skipped": skipped,
            "fingerprint": sounds_digest(parts, ends, labels if has_labels else None),
        }
        decoded.write_about(beside, about, examples.source, root)


def _write_samples(
    path: Path, examples: decoded.Examples, name: str, sample_rate_hz: int, form: SoundForm
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Write sounds one after another; return their ends, labels, and what was skipped."""
    from tqdm import tqdm

    ends: list[int] = []
    labels: list[int] = []
    skipped: list[str] = []
    end = 0
    pairs = tqdm(
        examples.pairs, total=examples.count, desc=f"Decoding {name}", disable=None, leave=False
    )
    # Not a mapped file: where the disc is full, a write raises, a mapped page kills.
    with path.open("wb") as file:
        for number, (values, label) in enumerate(pairs):
            try:
                sound = reshape(_checked(values), sample_rate_hz, form)
            except UnusableSoundError as error:
                skipped.append(f"example {number}: {error}")
                continue
            file.write(np.ascontiguousarray(sound).data)
            end += len(sound)
            ends.append(end)
            labels.append(int(label))
        file.flush()
        os.fsync(file.fileno())
    if not ends:
        raise DataError(
            f"None of the {examples.count} sounds of '{name}' can be used: {some(skipped)}."
        )
    return np.array(ends), np.array(labels, np.int32), skipped


def _checked(values: np.ndarray) -> np.ndarray:
    """Return a sound as TFDS gives it, 16-bit integers or floats, as float32 in [-1, 1]."""
    if values.ndim != 1:
        raise UnusableSoundError(f"shape {values.shape}; expected mono")
    if values.dtype.kind == "i" and len(values):
        low, high = int(values.min()), int(values.max())
        if low < -(2**15) or high >= 2**15:
            raise UnusableSoundError(f"values from {low} to {high}; expected 16-bit integers")
        values = values.astype(np.int16)
    return checked(values)
