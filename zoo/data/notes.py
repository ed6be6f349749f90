"""Single notes of made-up instruments, computed when they are asked for: no network, no files."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from zoo.data.arrays import check_split
from zoo.data.forms import SoundForm
from zoo.data.waveforms import ArrayWaveforms, join, reshape

# Shapes: K pitches, I instruments, N notes of each, P partials, T samples of a note.

NOTE_RATE_HZ = 8_000
NOTE_LENGTH = 2_400  # 0.3 s
PITCHES_HZ = {  # C major in equal temperament, A4 = 440 Hz
    "C4": 261.63,
    "D4": 293.66,
    "E4": 329.63,
    "F4": 349.23,
    "G4": 392.00,
    "A4": 440.00,
    "B4": 493.88,
    "C5": 523.25,
}
TRAIN_EACH, TEST_EACH = 25, 6  # notes of each pitch and instrument


@dataclass(frozen=True, kw_only=True)
class Instrument:
    """What makes the sound of an instrument.

    Args:
        multiples: Frequencies of the partials, as multiples of the pitch.
        strengths: Amplitude of each partial.
        attack_seconds: Time in which a note grows.
        fading: How fast the first partial fades, per second.
        fading_step: How much faster each further partial does.
    """

    multiples: tuple[float, ...]
    strengths: tuple[float, ...]
    attack_seconds: float
    fading: float
    fading_step: float


FLUTE = Instrument(
    multiples=(1, 2, 3, 4),
    strengths=(1.0, 0.30, 0.12, 0.05),
    attack_seconds=0.050,
    fading=0.5,
    fading_step=0.5,
)
REED = Instrument(  # a pipe that is closed at one end: odd harmonics
    multiples=(1, 3, 5, 7),
    strengths=(1.0, 0.55, 0.35, 0.15),
    attack_seconds=0.020,
    fading=0.5,
    fading_step=1.0,
)
PLUCKED_STRING = Instrument(
    multiples=(1, 2, 3, 4, 5, 6),
    strengths=(1.0, 0.6, 0.45, 0.3, 0.2, 0.1),
    attack_seconds=0.004,
    fading=6.0,
    fading_step=5.0,
)
STRUCK_BAR = Instrument(  # the partials of a free bar are no harmonics
    multiples=(1, 2.76, 5.40),
    strengths=(1.0, 0.5, 0.25),
    attack_seconds=0.002,
    fading=7.0,
    fading_step=8.0,
)
INSTRUMENTS = (FLUTE, REED, PLUCKED_STRING, STRUCK_BAR)

_LEVELS = 32_768  # 16 bits: arithmetic that differs in its last digits makes the same samples


def load_notes(*, split: str, form: SoundForm | None = None) -> ArrayWaveforms:
    """Return notes of 8 pitches, which are the classes, by 4 instruments: 0.3 s at 8 kHz.

    Strength, tuning (a few cents), vibrato, attack, fading and phases differ from note to note,
    always in the same way. 800 notes to train, 192 to test.
    """
    splits = ("train", "test")
    check_split("notes", split, splits)
    form = form or SoundForm()
    rate = form.sample_rate_hz or NOTE_RATE_HZ
    notes = [reshape(note, NOTE_RATE_HZ, form) for note in _notes().reshape(-1, NOTE_LENGTH)]
    place = np.arange(len(notes))
    is_test = place % (TRAIN_EACH + TEST_EACH) >= TRAIN_EACH
    rows = place[is_test if split == "test" else ~is_test]
    samples, ends = join([notes[row] for row in rows])
    return ArrayWaveforms(
        name="notes",
        split=split,
        splits=splits,
        samples=samples,
        ends=ends,
        sample_rate_hz=rate,
        length=form.length(max(map(len, notes)), rate),
        labels=(rows // (len(notes) // len(PITCHES_HZ))).astype(np.int32),
        class_names=tuple(PITCHES_HZ),
    )


@lru_cache(maxsize=1)  # `train` and `test` are parts of the same notes
def _notes() -> np.ndarray:
    """Return all notes, float32 (K, I, N, T)."""
    each = TRAIN_EACH + TEST_EACH
    # Raw integers of PCG64: NumPy promises those to stay the same in all versions.
    raw = np.random.PCG64(2016).random_raw(len(PITCHES_HZ) * len(INSTRUMENTS) * each * 12)
    draws = ((raw >> 11) / 2.0**53).reshape(len(PITCHES_HZ), len(INSTRUMENTS), each, 12)
    notes = [
        [_play(pitch, instrument, draws[k, i]) for i, instrument in enumerate(INSTRUMENTS)]
        for k, pitch in enumerate(PITCHES_HZ.values())
    ]
    return (np.rint(np.array(notes) * _LEVELS) / _LEVELS).astype(np.float32)


def _play(pitch_hz: float, instrument: Instrument, draws: np.ndarray) -> np.ndarray:
    """Return notes (N, T) of one pitch; `draws` (N, 12) in [0, 1) vary them."""
    time = np.arange(NOTE_LENGTH) / NOTE_RATE_HZ  # (T,)
    loudness, detune, depth, speed, attack, fade = draws[:, :6].T[..., None]  # (N, 1) each
    cents = 16 * detune - 8 + 12 * depth * np.sin(2 * np.pi * ((4 + 3 * speed) * time + detune))
    phase = np.cumsum(pitch_hz * 2 ** (cents / 1200), axis=1) / NOTE_RATE_HZ  # (N, T) in turns
    notes = np.zeros_like(phase)
    partials = zip(instrument.multiples, instrument.strengths, strict=True)
    for number, (multiple, strength) in enumerate(partials):
        fading = instrument.fading + number * instrument.fading_step
        decay = np.exp(-fading * (0.7 + 0.6 * fade) * time)
        start = draws[:, 6 + number, None]
        notes += strength * decay * np.sin(2 * np.pi * (multiple * phase + start))
    notes *= 1 - np.exp(-3 * time / (instrument.attack_seconds * (0.7 + 0.6 * attack)))
    notes *= np.minimum(1, (time[-1] - time) / 0.01)  # 10 ms to the end: no click
    peaks = np.abs(notes).max(axis=1, keepdims=True)
    return (0.4 + 0.5 * loudness) * notes / peaks
