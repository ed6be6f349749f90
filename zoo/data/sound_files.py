"""WAV files: one as an array, and a folder of them as a data set."""

import hashlib
import struct
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Literal

import numpy as np

from zoo.data.arrays import check_split
from zoo.data.files import (
    ListedFile,
    by_split,
    digest_of,
    folder_classes,
    in_threads,
    inside,
    list_files,
    outside,
    read_file,
    shown,
    some,
    split_folders,
    thread_count,
)
from zoo.data.forms import HIGHEST_RATE_HZ, LOWEST_RATE_HZ, SoundForm
from zoo.data.waveforms import (
    ArrayWaveforms,
    resample,
    resampled_length,
    reshape,
    trim,
)
from zoo.errors import DataError

# Shapes: N files, S samples of all sounds together, T samples of one.

SOUND_SUFFIXES = (".wav", ".wave")
MEMORY_BYTES = 512 * 1024**2  # splits up to this size are kept in memory

_NO_SIZE = 2**32 - 1
_UNKNOWN_SIZES = (0, _NO_SIZE)  # written by programs that could not go back to the header


class UnusableSoundError(ValueError):
    """A file holds no sound that can be used; the message says why, without its name."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A sound file that can be used.

    Args:
        path: Its path inside the folder.
        byte_count: Its size.
        sample_rate_hz: Samples per second.
        length: Its samples, T.
        trimmed_length: Those between the silence at both ends.
        digest: sha256 of its content.
    """

    path: str
    byte_count: int
    sample_rate_hz: int
    length: int
    trimmed_length: int
    digest: bytes


def read_sound(path: Path | str, sample_rate_hz: int) -> np.ndarray:
    """Return the sound in a WAV file as float32 (T,) in [-1, 1], resampled where its rate differs.

    Raises:
        DataError: If the file cannot be read, is no WAV file or cut short, has several channels,
            no samples, nothing but silence, samples that are NaN or infinite, or a peak above 1.
    """
    path = Path(path).expanduser()
    SoundForm(sample_rate_hz=sample_rate_hz)  # checks it
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # SciPy warns of chunks that hold no sound
            sound, rate = decode(read_file(path))
    except UnusableSoundError as error:
        raise DataError(f"'{shown(path)}' cannot be used: {error}.") from error
    except OSError as error:
        raise DataError(f"'{shown(path)}' cannot be read: {error.strerror}.") from error
    return resample(sound, rate, sample_rate_hz)


def decode(content: bytes) -> tuple[np.ndarray, int]:
    """Return the sound in a WAV file's content, float32 (T,) in [-1, 1], and its rate in Hz.

    Raises:
        UnusableSoundError: If there is none that can be used.
    """
    from scipy.io import wavfile

    if content[:4] not in (b"RIFF", b"RIFX", b"RF64") or content[8:12] != b"WAVE":
        raise UnusableSoundError("it is not a WAV file" if content else "it is empty")
    try:
        rate, values = wavfile.read(BytesIO(_with_true_sizes(content)))
    except UnusableSoundError:
        raise
    # What SciPy raises for headers that contradict themselves.
    except (ValueError, struct.error, UnboundLocalError, ArithmeticError) as error:
        reason = f" ({error})" if type(error) is ValueError else ""
        raise UnusableSoundError(f"its header cannot be read{reason}") from error
    if not LOWEST_RATE_HZ <= rate <= HIGHEST_RATE_HZ:
        raise UnusableSoundError(
            f"a sample rate of {rate} Hz; expected {LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ}"
        )
    if values.ndim != 1:
        raise UnusableSoundError(f"{values.shape[1]} channels; expected mono")
    return checked(values), rate


def _with_true_sizes(content: bytes) -> bytes:
    """Return a WAV file up to the end of its samples, with the sizes in its header that it has.

    Where programs did not know them, the samples go on to the end of the file.

    Raises:
        UnusableSoundError: If there are fewer bytes than promised, or none of samples.
    """
    order: Literal["big", "little"] = "big" if content[:4] == b"RIFX" else "little"

    def number(place: int, width: int = 4) -> int:
        return int.from_bytes(content[place : place + width], order)

    whole = number(4)
    # One byte less is common: the padding that an odd number of bytes should have.
    if whole not in _UNKNOWN_SIZES and len(content) + 1 < whole + 8:
        raise UnusableSoundError(f"it is cut short: {len(content)} of {whole + 8} bytes")
    place, frame = 12, 1
    while (name := content[place : place + 4]) != b"data":
        if not name:
            raise UnusableSoundError("its header cannot be read (it has no part 'data')")
        if name == b"fmt ":
            frame = number(place + 20, 2) or 1
        size = number(place + 4)
        place += 8 + size + size % 2
    start = place + 8
    size, there = number(place + 4), max(len(content) - start, 0)
    if content[:4] == b"RF64":  # whose sizes have 8 bytes, and stand before all else
        size = number(28, 8)
    elif size == _NO_SIZE or (size == 0 and whole in _UNKNOWN_SIZES):
        size = there - there % frame
    if size > there:
        raise UnusableSoundError(f"it is cut short: {there} of {size} bytes of samples")
    riff = b"RIFF" if content[:4] == b"RF64" else content[:4]
    sizes = [value.to_bytes(4, order) for value in (start + size - 8, size)]
    samples = content[start : start + size]
    return b"".join([riff, sizes[0], content[8 : place + 4], sizes[1], samples])


def checked(values: np.ndarray) -> np.ndarray:
    """Return samples (T,) of any type that a WAV file holds as float32 in [-1, 1].

    Raises:
        UnusableSoundError: If there are none, or not of a sound.
    """
    if not len(values):
        raise UnusableSoundError("it has no samples")
    if values.dtype == np.uint8:  # 8 bits alone have no sign
        sound = (values.astype(np.float32) - 128) / 128
    elif values.dtype.kind == "i":  # 24 bits come as the upper ones of 32
        sound = (values / -float(np.iinfo(values.dtype).min)).astype(np.float32)
    else:
        broken = int(np.count_nonzero(~np.isfinite(values)))
        if broken:
            raise UnusableSoundError(f"{broken} samples that are NaN or infinite")
        sound = values.astype(np.float32)
    peak = float(np.abs(sound).max())
    if peak > 1:
        raise UnusableSoundError(f"a peak of {peak:.4g}; expected at most 1")
    if peak == 0:
        raise UnusableSoundError("nothing but silence")
    return sound


def load_sounds(
    name: str, *, split: str, form: SoundForm | None = None, memory_bytes: int = MEMORY_BYTES
) -> ArrayWaveforms:
    """Return a split of the sounds in the WAV files below the folder `name`.

    Splits and classes are as those of a folder of images. Where there are no class folders and
    all file names have the form `LABEL_rest.wav`, with two labels or more, those are the classes.

    Files that hold no sound that can be used are skipped and named. A split that takes more than
    `memory_bytes` is kept in a temporary file.

    Raises:
        DataError: If there is no usable sound or no such split, if rates differ and `form` asks
            for none, or if some sounds are in sub-folders and some are not.
    """
    form = form or SoundForm()
    root = Path(name).expanduser()
    if not root.is_dir():
        raise DataError(f"'{shown(name)}' is a file. Expected: a folder of sounds.")
    listed, left_out = list_files(root, SOUND_SUFFIXES)
    if not listed:
        reasons = f" Left out: {some(left_out)}." if left_out else ""
        raise DataError(
            f"Folder '{shown(name)}' holds no sounds ({', '.join(SOUND_SUFFIXES)}).{reasons}"
        )
    heard, broken = listen(root.resolve(), listed)
    skipped = left_out + broken
    if not heard:
        raise DataError(
            f"None of the {len(listed)} sound files in '{shown(name)}' can be used: "
            f"{some(skipped)}."
        )
    folders = split_folders([file.path for file in heard])
    parts = by_split([file.path for file in heard], folders)
    check_split(shown(name), split, tuple(parts))
    split_of = {path: part for part, paths in parts.items() for path in paths}
    skipped += outside([file.path for file in heard], split_of, folders)
    heard = tuple(file for file in heard if file.path in split_of)
    rate = form.sample_rate_hz or _common_rate(name, heard)
    lengths = {file.path: _length(file, form, rate) for file in heard}
    class_of = _classes(name, {p: inside(p, folders.get(part)) for p, part in split_of.items()})
    class_names = tuple(sorted(set(class_of.values())))
    files = [file for file in heard if split_of[file.path] == split]
    ends = np.cumsum([lengths[file.path] for file in files])
    labels = None
    if class_of:
        labels = np.array([class_names.index(class_of[file.path]) for file in files], np.int32)
    return ArrayWaveforms(
        name=name,
        split=split,
        splits=tuple(parts),
        samples=_decode_all(root.resolve(), files, form, ends, memory_bytes),
        ends=ends,
        sample_rate_hz=rate,
        length=form.length(max(lengths.values()), rate),
        labels=labels,
        class_names=class_names,
        fingerprint=digest_of([(file.path, file.digest) for file in files], form.trim_silence),
        skipped=skipped,
    )


@lru_cache(maxsize=2)  # `train` and `test` of one folder ask for the same files
def listen(root: Path, files: tuple[ListedFile, ...]) -> tuple[tuple[Heard, ...], tuple[str, ...]]:
    """Return what `files` hold, each decoded once, and "path: reason" of those not to be used."""

    def look(file: ListedFile) -> Heard | str:
        try:
            content = read_file(root / file.path)
            sound, rate = decode(content)
        except (UnusableSoundError, OSError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            return f"{shown(file.path)}: {reason}"
        digest = hashlib.sha256(content).digest()
        return Heard(file.path, len(content), rate, len(sound), len(trim(sound)), digest)

    threads = thread_count(sum(file.byte_count for file in files) / len(files))
    # The filters of warnings belong to all threads, so that they are set once, here.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SciPy warns of chunks that hold no sound
        results = list(in_threads(look, files, threads, "Reading sounds"))
    heard = tuple(result for result in results if isinstance(result, Heard))
    return heard, tuple(result for result in results if isinstance(result, str))


def _length(file: Heard, form: SoundForm, rate: int) -> int:
    length = file.trimmed_length if form.trim_silence else file.length
    return resampled_length(length, file.sample_rate_hz, rate)


def _decode_all(
    root: Path, files: list[Heard], form: SoundForm, ends: np.ndarray, memory_bytes: int
) -> np.ndarray:
    """Return the sounds of `files` one after another, float32 (S,)."""

    def sound_of(file: Heard) -> np.ndarray:
        try:
            content = read_file(root / file.path)
            if hashlib.sha256(content).digest() != file.digest:
                raise UnusableSoundError("it has changed since the folder was listed")
            return reshape(*decode(content), form)
        except (UnusableSoundError, OSError) as error:
            raise DataError(f"'{shown(root / file.path)}' cannot be read: {error}.") from error

    threads = thread_count(sum(file.byte_count for file in files) / len(files))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sounds = in_threads(sound_of, files, threads, "Decoding sounds")
        if 4 * ends[-1] <= memory_bytes:
            samples = np.empty(ends[-1], np.float32)
            for sound, end in zip(sounds, ends, strict=True):
                samples[end - len(sound) : end] = sound
            return samples
        return _on_disc(sounds, int(ends[-1]))


def _on_disc(sounds: Iterator[np.ndarray], count: int) -> np.ndarray:
    """Return sounds one after another, mapped from a temporary file without a name."""
    try:
        with tempfile.TemporaryFile() as file:
            # Not through the map: where the disc is full, a write raises, a mapped page kills.
            for sound in sounds:
                file.write(sound.data)
            file.flush()
            return np.asarray(np.memmap(file, np.float32, "r", shape=(count,)))
    except OSError as error:
        raise DataError(
            f"The decoded sounds take {4 * count / 1024**3:.1f} GiB, which cannot be written to "
            f"'{tempfile.gettempdir()}': {error.strerror}. Name another folder with $TMPDIR."
        ) from error


def _classes(name: str, parts: dict[str, str]) -> dict[str, str]:
    """Return the class of each path, from its folder or else its name; or nothing."""
    classes = folder_classes(name, parts, "sounds")
    if classes:
        return classes
    labels = {path: rest.partition("_") for path, rest in parts.items()}
    if not all(label and rest for label, _, rest in labels.values()):
        return {}
    named = {path: label for path, (label, _, _) in labels.items()}
    return named if len(set(named.values())) > 1 else {}


def _common_rate(name: str, files: tuple[Heard, ...]) -> int:
    rates = Counter(file.sample_rate_hz for file in files)
    if len(rates) == 1:
        return next(iter(rates))
    examples = {file.sample_rate_hz: file.path for file in reversed(files)}
    counted = [
        f"{rate} Hz ({count}, such as '{shown(examples[rate])}')"
        for rate, count in rates.most_common()
    ]
    raise DataError(
        f"The sounds in '{shown(name)}' have {len(rates)} rates: {some(counted)}. Give one with "
        "--sample-rate."
    )
