"""Log-mel energies: the signal of a few numbers per frame that sounds can be made after."""

from typing import Any

import numpy as np
from keras import ops

# Shapes: B batch, T samples, F frames, M mel bands, N samples of a frame, 4N of its window,
# Q frequencies.

WINDOW_FRAMES = 4
QUIETEST = 1e-6  # energy of a band that counts as silence; a full-scale sine has about 0.1


def log_mel(x: Any, frame_length: int, bands: int, sample_rate_hz: int) -> Any:
    """Return log-energies (B, F, M) of sounds (B, T), -1 at silence and some 1 at full scale.

    Frame i is seen through a Hann window of four frames around the samples i N to (i + 1) N;
    there is silence outside the sound.

    Args:
        x: Sounds (B, T).
        frame_length: Samples per frame, N; even.
        bands: Mel bands, M.
        sample_rate_hz: Samples per second.
    """
    length = x.shape[1]
    count = -(-length // frame_length)
    before = (WINDOW_FRAMES - 1) * frame_length // 2
    after = (count + WINDOW_FRAMES - 1) * frame_length - before - length
    padded = ops.pad(ops.cast(x, "float32"), ((0, 0), (before, after)))
    parts = ops.reshape(padded, (-1, count + WINDOW_FRAMES - 1, frame_length))
    windows = [parts[:, number : number + count] for number in range(WINDOW_FRAMES)]
    seen = ops.concatenate(windows, axis=-1)  # (B, F, 4N)
    size = WINDOW_FRAMES * frame_length
    window = np.hanning(size + 1)[:-1]
    scaled = window / np.sqrt(np.sum(window**2) * size / 2)
    seen = seen * ops.convert_to_tensor(scaled, "float32")
    real, imaginary = ops.rfft(seen)  # (B, F, Q) each
    power = ops.square(real) + ops.square(imaginary)
    filters = ops.convert_to_tensor(mel_filters(size, bands, sample_rate_hz))
    energies = ops.matmul(power, filters)  # (B, F, M)
    half_range = -np.log(QUIETEST) / 2
    return ops.log(energies + QUIETEST) / half_range + 1


def frames_inside(known: np.ndarray, frame_length: int) -> np.ndarray:
    """Return which frames, booleans (B, F), see known samples (B, T) alone."""
    count = -(-known.shape[1] // frame_length)
    begins = frame_length * np.arange(count) - (WINDOW_FRAMES - 1) * frame_length // 2
    size = WINDOW_FRAMES * frame_length
    seen = [known[:, max(begin, 0) : begin + size].all(axis=1) for begin in begins]
    return np.stack(seen, axis=1)


def mel_filters(size: int, bands: int, sample_rate_hz: int) -> np.ndarray:
    """Return triangles (Q, M) over the frequencies of a window of `size` samples.

    Their corners are evenly spaced on the mel scale, 2595 log10(1 + f / 700), from 0 to half the
    sample rate. Low bands may be narrower than the distance of two frequencies: each triangle is
    at least so wide that it sees one.
    """
    frequencies = np.fft.rfftfreq(size, 1 / sample_rate_hz)  # (Q,)
    highest = 2595 * np.log10(1 + sample_rate_hz / 2 / 700)
    corners = 700 * (10 ** (np.linspace(0, highest, bands + 2) / 2595) - 1)
    low, centre, high = corners[:-2], corners[1:-1], corners[2:]
    distance = frequencies[1] - frequencies[0]
    rising = np.maximum(centre - low, distance)
    falling = np.maximum(high - centre, distance)
    offsets = frequencies[:, None] - centre  # (Q, M)
    triangles = 1 - np.where(offsets < 0, -offsets / rising, offsets / falling)
    return np.maximum(triangles, 0).astype("float32")
