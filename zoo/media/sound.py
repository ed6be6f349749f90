"""Sounds to be heard, as WAV files, and to be seen, as waveforms above their spectrograms."""

import io
import math
from collections.abc import Mapping, Sequence
from itertools import chain, count
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from zoo.checkpoints import write_atomically
from zoo.errors import RunError
from zoo.media.grid import ROUNDING, MediaError

# Shapes: N sounds, T samples, F frames of a spectrogram, K its frequencies.

SOUNDS_PICTURED = 16  # of more, the first; smaller panels could not be read
COLUMNS = 4
POINTS = 400  # columns of pixels that a waveform has
WINDOW_SECONDS = 0.032  # of a spectrogram: 31 Hz apart, short enough for speech
DECIBELS = 70  # below the loudest, what is shown as silence
DPI = 90

_COLOUR = "#2f6fc4"
_WRITTEN = ".genzoo-written"  # names of what a folder was given, the only files to remove later


def save_sounds(samples: Any, sample_rate_hz: int, path: Path | str) -> Path:
    """Write sounds (N, T) in [-1, 1] as 16-bit WAV; return the file of one, the folder of several.

    Args:
        samples: Array of any library.
        sample_rate_hz: Samples per second.
        path: Without its suffix: one sound is written to `path.wav`, several to `path/0001.wav`
            and so on.

    Raises:
        MediaError: If the sounds have another shape, type or range, or `path` another suffix.
        RunError: If a file cannot be written.
    """
    sounds = _as_sounds(samples)
    path = Path(path)
    if path.suffix.lower() not in ("", ".wav"):
        raise MediaError(f"Sounds are written as '.wav'. Received: '{path.name}'.")
    if len(sounds) == 1:
        path = path.with_suffix(".wav")
        write_atomically(path, wav_bytes(sounds[0], sample_rate_hz))
        return path
    folder = path.with_suffix("")
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise RunError(f"'{folder}' could not be made: {error.strerror}.") from error
    for number, sound in enumerate(sounds, start=1):
        write_atomically(folder / f"{number:04d}.wav", wav_bytes(sound, sample_rate_hz))
    return folder


def save_named_sounds(sounds: Mapping[str, Any], sample_rate_hz: int, folder: Path) -> Path:
    """Write sounds (T,) into a folder, without what an earlier call wrote there, and return it.

    Files that were not written by such a call stay. Where one of them has a name of a sound, the
    folder is another one, with a number behind its name.

    Args:
        sounds: Each by the name of its file, which ends in `.wav`.
        sample_rate_hz: Samples per second.
        folder: Where they go.

    Raises:
        MediaError: If a sound has another shape, type or range.
        RunError: If the folder or a file cannot be written.
    """
    for sound in sounds.values():
        _as_sounds(sound[None])  # before anything is removed
    folder = _renew_folder(folder, list(sounds))
    for name, sound in sounds.items():
        save_sounds(sound[None], sample_rate_hz, folder / name)
    return folder


def _renew_folder(folder: Path, names: Sequence[str]) -> Path:
    """Make a folder for files of these names, without what an earlier call wrote, and return it."""
    others = (folder.with_name(f"{folder.name}-{number}") for number in count(2))
    try:
        for place in chain([folder], others):
            listed = place / _WRITTEN
            earlier = listed.read_text("utf-8").splitlines() if listed.exists() else []
            if not any((place / name).exists() for name in set(names).difference(earlier)):
                break
        place.mkdir(exist_ok=True)
        for name in earlier:
            (place / Path(name).name).unlink(missing_ok=True)
    except OSError as error:
        raise RunError(f"'{place}' could not be made: {error.strerror}.") from error
    write_atomically(listed, "\n".join(names).encode("utf-8"))
    return place


def wav_bytes(sound: np.ndarray, sample_rate_hz: int) -> bytes:
    """Return a sound (T,) in [-1, 1] as the content of a 16-bit WAV file."""
    from scipy.io import wavfile

    levels = np.clip(np.rint(np.asarray(sound, np.float64) * 2**15), -(2**15), 2**15 - 1)
    content = io.BytesIO()
    wavfile.write(content, sample_rate_hz, levels.astype(np.int16))
    return content.getvalue()


def save_sound_picture(samples: Any, sample_rate_hz: int, path: Path | str) -> None:
    """Write `sound_picture` of sounds (N, T) in [-1, 1] as a PNG.

    Raises:
        MediaError: If the sounds have another shape, type or range.
        RunError: If the file cannot be written.
    """
    save_figure(sound_picture(samples, sample_rate_hz), path)


def save_figure(figure: Figure, path: Path | str) -> None:
    """Write a figure of Matplotlib as a PNG.

    Raises:
        RunError: If the file cannot be written.
    """
    drawn, content = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=DPI)
    # 256 colours, which the eye does not miss, make the file less than half as large.
    Image.open(drawn).convert("RGB").quantize(256).save(content, format="PNG", optimize=True)
    write_atomically(Path(path), content.getvalue())


def sound_picture(samples: Any, sample_rate_hz: int) -> Figure:
    """Return a figure of the first 16 sounds (N, T) in [-1, 1]: waveform above spectrogram.

    The colours of a spectrogram span 70 dB below the loudest of all its sounds.

    Raises:
        MediaError: If the sounds have another shape, type or range.
    """
    return sound_sections({"": samples}, sample_rate_hz)


def sound_sections(groups: Mapping[str, Any], sample_rate_hz: int) -> Figure:
    """Return a figure of groups of sounds, each below its title, as `sound_picture` of one.

    Args:
        groups: The sounds (N, T) of each, by title; "" is none. Of several groups the first four
            sounds are shown.
        sample_rate_hz: Samples per second.

    Raises:
        MediaError: If sounds have another shape, type or range.
    """
    most = SOUNDS_PICTURED if len(groups) == 1 else COLUMNS
    rows = []
    for title, samples in groups.items():
        sounds = _as_sounds(samples)[:most]
        starts = range(0, len(sounds), COLUMNS)
        rows += [("" if start else title, sounds[start : start + COLUMNS]) for start in starts]
    columns = max(len(sounds) for _, sounds in rows)
    figure = Figure(figsize=(2.5 * columns + 0.5, 2.3 * len(rows) + 0.3), layout="constrained")
    grid = figure.subplots(
        *(2 * len(rows), columns),
        squeeze=False,
        sharex=True,
        sharey="row",
        height_ratios=[1, 1.7] * len(rows),
    )
    pictures = [[spectrogram(sound, sample_rate_hz) for sound in sounds] for _, sounds in rows]
    loudest = max(picture.max() for row in pictures for picture in row)  # (K, F) each
    for row, (title, sounds) in enumerate(rows):
        waves, images = grid[2 * row : 2 * row + 2]
        waves[0].set_title(title, loc="left", fontsize=9)
        images[0].set_ylabel("kHz", fontsize=8)
        below = len(rows[row + 1][1]) if row + 1 < len(rows) else 0
        for column, (sound, picture) in enumerate(zip(sounds, pictures[row], strict=True)):
            image = images[column]
            _draw_waveform(waves[column], sound, sample_rate_hz)
            seconds, highest = len(sound) / sample_rate_hz, sample_rate_hz / 2000
            image.imshow(
                picture,
                origin="lower",
                aspect="auto",
                extent=(0, seconds, 0, highest),
                vmin=loudest - DECIBELS,
                vmax=loudest,
                cmap="magma",
            )
            if column >= below:
                image.set_xlabel("seconds", fontsize=8)
                image.tick_params(labelbottom=True)
    for panel in grid.flat:
        panel.tick_params(labelsize=7)
        panel.set_visible(panel.has_data())
    return figure


def spectrogram(sound: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """Return the power of a sound (T,) in decibels, (K, F), from 0 Hz to half the rate.

    Hann windows of 32 ms, a quarter of that apart, or further where the sound is long.
    """
    size = max(16, 2 ** round(math.log2(WINDOW_SECONDS * sample_rate_hz)))
    hop = max(size // 4, len(sound) // POINTS)
    padded = np.pad(np.asarray(sound, np.float64), size // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]  # (F, size)
    power = np.abs(np.fft.rfft(frames * np.hanning(size), axis=1)) ** 2  # (F, K)
    return 10 * np.log10(power.T + 1e-10)


def _draw_waveform(panel: Axes, sound: np.ndarray, sample_rate_hz: int) -> None:
    """Draw a sound (T,); of a long one the highest and lowest values within each pixel."""
    seconds = np.arange(len(sound)) / sample_rate_hz
    if len(sound) <= 2 * POINTS:
        panel.plot(seconds, sound, color=_COLOUR, linewidth=0.6)
    else:
        starts = np.linspace(0, len(sound), POINTS, endpoint=False).astype(int)
        lows, highs = np.minimum.reduceat(sound, starts), np.maximum.reduceat(sound, starts)
        panel.fill_between(seconds[starts], lows, highs, color=_COLOUR, linewidth=0.3)
    panel.set_ylim(-1, 1)
    panel.spines[["top", "right"]].set_visible(False)


def _as_sounds(samples: Any) -> np.ndarray:
    """Return sounds as float32 (N, T), or say what is wrong with them."""
    array = np.asarray(samples)
    expected = "Sounds must be floats (N, T) in [-1, 1], N and T 1 or more."
    if array.ndim != 2 or 0 in array.shape:
        raise MediaError(f"{expected} Received: shape {array.shape}.")
    if array.dtype.kind != "f" and array.dtype.name != "bfloat16":
        raise MediaError(f"{expected} Received: dtype {array.dtype}.")
    array = array.astype(np.float32)
    broken = int(np.count_nonzero(~np.isfinite(array)))
    if broken:
        raise MediaError(f"{expected} Received: {broken} values that are NaN or infinite.")
    low, high = float(array.min()), float(array.max())
    if low < -1 - ROUNDING or high > 1 + ROUNDING:
        raise MediaError(f"{expected} Received: values in [{low:g}, {high:g}].")
    return np.clip(array, -1, 1)
