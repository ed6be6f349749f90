"""Completing examples: what is given of them, what a trained model makes of the rest."""

import inspect
import io
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np

from zoo.data import Batches
from zoo.data.dataset import (
    Dataset,
    ImageSpec,
    Sequences,
    Spec,
    StrokesSpec,
    TokensSpec,
    VideoSpec,
    WaveformSpec,
)
from zoo.data.files import read_file
from zoo.data.films import read_film
from zoo.data.pixels import UnusableImageError, decode, read_header
from zoo.data.sound_files import read_sound
from zoo.errors import DataError, ZooError
from zoo.media.latent_subject import find_label
from zoo.metrics.evaluation import load_examples
from zoo.metrics.examples import known_labels, takes_class
from zoo.planning import card_of, held_out
from zoo.protocols import Completes, Follows, supports
from zoo.registry import printable
from zoo.runs import Run
from zoo.training import load_model
from zoo.watching import growing_sound, watched

# Shapes: P examples, V variants of each, ... one example in its public form: (H, W, C) of an image,
# (T,) of a sound or text, (T, 5) of a sketch, (T, H, W, C) of a film.

Completable = ImageSpec | WaveformSpec | VideoSpec | StrokesSpec | TokensSpec
FRACTION = 0.5

# By kind of data, the fields of `Given` that say what is given of it.
_FIELDS = {
    "image": ("known", "fraction"),
    "waveform": ("fraction", "seconds"),
    "video": ("frames",),
    "strokes": ("fraction",),
    "tokens": ("fraction",),
}


@dataclass(frozen=True, kw_only=True)
class Given:
    """How much of every example is given; None takes what its kind has for a default.

    Args:
        known: The side of an image from which on it is given; the top by default.
        fraction: The share of an image, a sound, a sketch or a text; a half by default.
        seconds: The first seconds of a sound; they go before a fraction.
        frames: The first frames of a film; a half of them by default.
    """

    known: Literal["top", "left"] | None = None
    fraction: float | None = None
    seconds: float | None = None
    frames: int | None = None

    def mask(self, spec: Completable, length: int | None = None) -> np.ndarray:
        """Return what is given of an example, booleans (...).

        Args:
            spec: The description of an example.
            length: Points of a sketch or tokens of a text, whose rest only fills its array.

        Raises:
            ZooError: If a field does not suit the kind of data, or is more than there is.
        """
        suitable = _FIELDS[spec.kind]
        for name in ("known", "fraction", "seconds", "frames"):
            if getattr(self, name) is not None and name not in suitable:
                raise ZooError(
                    f"What is given of {spec.kind} data is said by "
                    f"{' and '.join(f'--{field}' for field in suitable)}. Leave out --{name}."
                )
        fraction = FRACTION if self.fraction is None else self.fraction
        if not 0 <= fraction <= 1:
            raise ZooError(f"fraction must lie between 0 and 1. Received: {fraction}.")
        shape = shape_of(spec)
        mask = np.zeros(shape, bool)
        if self.known == "left":
            mask[:, : round(fraction * shape[1])] = True
            return mask
        if isinstance(spec, WaveformSpec) and self.seconds is not None:
            count, most = self.seconds * spec.sample_rate_hz, spec.length / spec.sample_rate_hz
            self._check("seconds", self.seconds, most)
        elif isinstance(spec, VideoSpec) and self.frames is not None:
            count = self.frames
            self._check("frames", self.frames, shape[0])
        else:
            count = fraction * (shape[0] if length is None else length)
        mask[: round(count)] = True
        return mask

    def _check(self, name: str, value: float, most: float) -> None:
        if not 0 <= value <= most:
            raise ZooError(
                f"An example has {most:g} {name}. Received: --{name} {value:g}. Give from 0 to "
                f"{most:g}."
            )


@dataclass(frozen=True)
class Begun:
    """Examples to complete.

    Args:
        names: What each is called, (P,).
        x: The examples (P, ...); zeros where one is shorter than those of the model.
        lengths: How much there is of each along the first axis of an example, (P,).
        labels: Labels (P,) where the model takes them.
    """

    names: Sequence[str]
    x: np.ndarray
    lengths: Sequence[int]
    labels: np.ndarray | None


@dataclass(frozen=True)
class Completion:
    """Examples, and what a model has made of their beginnings.

    Args:
        spec: The description of one example.
        begun: The examples themselves.
        known: What was given of each, booleans (P, ...).
        made: The completed examples (P, V, ...), equal to the given ones where known.
    """

    spec: Completable
    begun: Begun
    known: np.ndarray
    made: np.ndarray


def complete_run(
    run: Run,
    given: Given,
    *,
    files: Sequence[Path] = (),
    numbers: Sequence[int] | None = None,
    count: int = 4,
    data: str | None = None,
    split: str | None = None,
    class_name: str | None = None,
    variants: int = 4,
    seed: int = 0,
    temperature: float | None = None,
    preview: Path | None = None,
) -> Completion:
    """Complete files or examples of data by the model of a run.

    Args:
        run: The run, on its backend.
        given: How much of each is given.
        files: Files of the model's kind of data; none takes examples of data.
        numbers: Numbers of examples; None takes `count` from all over the split.
        count: How many, where no numbers are given; fewer if there are fewer.
        data: Name or path of other data than the run's own.
        split: Split of the data; None takes what was held out.
        class_name: The class to complete them as, where the model takes one; without it each
            example of the data has its own.
        variants: Different completions of each, V.
        seed: Decides the completions.
        temperature: Below 1 for more usual ones, where the model takes it.
        preview: File in which, while sounds are completed, what is there of the first can be heard.

    Raises:
        ZooError: If the model cannot complete, a file or number cannot be used, or an option does
            not suit the model or its data.
    """
    model = load_model(run)
    name = run.request.model
    if not isinstance(model, Completes):
        raise ZooError(
            f"'{name}' cannot complete what is begun. Expected: the run of a model with the "
            "protocol 'Completes', such as an autoregressive one."
        )
    takes = inspect.signature(model.complete).parameters
    if temperature is not None and "temperature" not in takes:
        raise ZooError(f"'{name}' completes at no temperature. Leave out --temperature.")
    if files:
        spec = _spec(run, model)
        begun = _read_files(spec, files, given.mask(spec))
    else:
        dataset = load_examples(run, model, data, split, with_classes=class_name is None)
        spec = _completable(dataset.spec, name)
        given.mask(spec)  # what does not suit it is refused before anything is read
        begun = _read_numbers(dataset, _choose(dataset, count) if numbers is None else numbers)
    begun = replace(begun, labels=_labels(run, model, begun, class_name))
    options: dict[str, Any] = {} if temperature is None else {"temperature": temperature}
    if begun.labels is not None:
        options["labels"] = np.repeat(begun.labels, variants)
    if supports(model, Follows):
        exists = np.arange(begun.x.shape[1]) < np.array(begun.lengths)[:, None]  # (P, T)
        frames = cast("Follows", model).frames(begun.x, exists)
        options["frames"] = np.repeat(frames, variants, axis=0)
    x = np.repeat(begun.x, variants, axis=0)  # (P * V, ...)
    ends = isinstance(spec, StrokesSpec | TokensSpec)
    known = np.stack([given.mask(spec, length if ends else None) for length in begun.lengths])
    hearing: Any = nullcontext()
    if preview is not None and isinstance(spec, WaveformSpec):
        hearing = growing_sound(preview, spec.sample_rate_hz)
    with hearing as heard, watched(model.complete, "Completing", heard) as shown:
        known_of_all = np.repeat(known, variants, axis=0)
        made = model.complete(x, known_of_all, seed=seed, **options, **shown)
    return Completion(spec, begun, known, made.reshape(len(begun.x), variants, *x.shape[1:]))


def shape_of(spec: Completable) -> tuple[int, ...]:
    """Return the shape of one example."""
    if isinstance(spec, WaveformSpec):
        return (spec.length,)
    if isinstance(spec, StrokesSpec):
        return spec.max_length, 5
    if isinstance(spec, TokensSpec):
        return (spec.max_length,)
    return spec.image_shape if isinstance(spec, ImageSpec) else spec.video_shape


def _spec(run: Run, model: Any) -> Completable:
    """Return the description of an example; the data, which may be gone by now, say it last."""
    kind, config = card_of(run.request).kind, model.config
    if kind == "image" and hasattr(config, "image_shape"):
        return ImageSpec(image_shape=config.image_shape)
    if kind == "video" and hasattr(config, "video_shape"):
        return VideoSpec(video_shape=config.video_shape)
    if kind == "waveform" and hasattr(config, "sample_rate_hz") and hasattr(config, "length"):
        return WaveformSpec(sample_rate_hz=config.sample_rate_hz, length=config.length)
    return _completable(held_out(run).spec, run.request.model)


def _completable(spec: Spec, model: str) -> Completable:
    if spec.kind not in _FIELDS:
        raise ZooError(
            f"'{model}' models {spec.kind} data, which cannot be completed. Kinds that can: "
            f"{', '.join(_FIELDS)}."
        )
    return cast("Completable", spec)


def _choose(dataset: Dataset, count: int) -> Sequence[int]:
    """Return numbers from all over a split, always the same: files are often sorted by class."""
    return sorted(int(index) for index in Batches(dataset, 1, seed=0).order(0)[:count])


def _read_numbers(dataset: Dataset, numbers: Sequence[int]) -> Begun:
    source = f"of the {dataset.split} split of {dataset.name}"
    for number in numbers:
        if not 0 <= number < len(dataset):
            raise DataError(
                f"The examples {source} go from 0 to {len(dataset) - 1}. Received: {number}."
            )
    examples, labels = dataset.read(np.array(numbers))
    x = np.asarray(examples)
    lengths = [x.shape[1]] * len(x)
    if isinstance(dataset, Sequences):
        lengths = (dataset.lengths[np.array(numbers)] - 1).tolist()  # without the end
    return Begun([f"{number} {source}" for number in numbers], x, lengths, labels)


def _labels(run: Run, model: Any, begun: Begun, class_name: str | None) -> np.ndarray | None:
    """Return the labels to complete examples by: their own, or one class; None if none is taken."""
    own = known_labels(model, begun.labels)
    if class_name is None and (own is not None or not takes_class(model)):
        return own
    return np.full(len(begun.x), find_label(run, model, class_name), np.int32)


def _read_files(spec: Completable, files: Sequence[Path], known: np.ndarray) -> Begun:
    shape = shape_of(spec)
    x = np.zeros((len(files), *shape), np.float32)
    needed = int(known.reshape(shape[0], -1).any(axis=1).sum())
    lengths = []
    for row, path in enumerate(files):
        example = _read_file(spec, path)
        length = min(len(example), shape[0])
        if length < needed:
            unit = "frames" if isinstance(spec, VideoSpec) else "samples"
            raise DataError(
                f"'{printable(str(path))}' has {length} {unit}, fewer than the {needed} that are "
                "to be given. Give less of it, or a longer file."
            )
        x[row, :length] = example[:length]
        lengths.append(length)
    return Begun([printable(path.name) for path in files], x, lengths, None)


def _read_file(spec: Completable, path: Path) -> np.ndarray:
    """Return one file as an example of its own length: (H, W, C), (T,), or (T, H, W, C)."""
    if isinstance(spec, ImageSpec):
        return _read_image(path, spec.image_shape)
    if isinstance(spec, VideoSpec):
        return read_film(path, spec.video_shape)
    if isinstance(spec, WaveformSpec):
        return read_sound(path, spec.sample_rate_hz)
    raise ZooError(
        f"Of {spec.kind} data, numbered examples are completed, of the run's data or of a file. "
        f"Give it as --data '{printable(str(path))}', and numbers with --index."
    )


def _read_image(path: Path, shape: tuple[int, int, int]) -> np.ndarray:
    height, width, channels = shape
    try:
        content = read_file(path)
        header = read_header(io.BytesIO(content))
        if header.size != (height, width):
            raise DataError(
                f"'{printable(str(path))}' has {header.size[1]}x{header.size[0]} pixels, width x "
                f"height. The model was trained on {width}x{height}. Crop and resize it first."
            )
        pixels = decode(content, channels=channels, is_deep=header.is_deep, image_size=None)
    except (OSError, UnusableImageError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(
            f"'{printable(str(path))}' cannot be read: {reason}. Expected: an image file."
        ) from error
    return np.divide(pixels, np.iinfo(pixels.dtype).max, dtype=np.float32)
