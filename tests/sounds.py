"""WAV files for tests, written by Python's own module, which the zoo does not use."""

import wave
from pathlib import Path

import numpy as np


def tone(count: int = 400, *, hz: float = 200, rate: int = 8000, peak: float = 0.5) -> np.ndarray:
    """Return a tone (T,)."""
    return peak * np.sin(2 * np.pi * hz * np.arange(count) / rate + 0.3)


def write_wav(path: Path, sound: np.ndarray, *, rate: int = 8000, width: int = 2) -> Path:
    """Write a sound (T,) or (T, channels) with `width` bytes per sample, and return the path."""
    levels = np.rint(np.asarray(sound) * (2 ** (8 * width - 1) - 1)).astype(np.int64)
    if width == 1:
        content = (levels + 128).astype(np.uint8).tobytes()
    else:
        octets = levels.astype("<i8").reshape(-1, 1).view(np.uint8)  # lowest first
        content = octets[:, :width].tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 if np.ndim(sound) == 1 else sound.shape[1])
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(content)
    return path


def sounds_of_two_classes(folder: Path) -> Path:
    """Write twelve sounds of two classes; each has a peak of its own, to be known by."""
    for number in range(12):
        name = f"{('low', 'high')[number % 2]}/{number}.wav"
        write_wav(folder / name, tone(300 + 10 * number, peak=0.05 * (number + 1)))
    return folder
