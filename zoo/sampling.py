"""Samples of a trained run, written in the form that suits their kind."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.dataset import (
    AT_A_GLANCE,
    CaptionedSpec,
    ImageSpec,
    Spec,
    StrokesSpec,
    TokensSpec,
    VideoSpec,
    WaveformSpec,
)
from zoo.data.forms import SoundForm
from zoo.data.waveforms import resample
from zoo.errors import ZooError, did_you_mean
from zoo.illustrating import check_illustrates, embed_texts, illustrate_each
from zoo.media.captioned import save_captioned_rows
from zoo.media.samples import samples_path, samples_suffix, save_samples, save_sections
from zoo.metrics.examples import choose
from zoo.planning import card_of, class_names_of, held_out, load_dataset
from zoo.protocols import Conditional, GenerativeModel, supports
from zoo.runs import Run
from zoo.training import load_model
from zoo.translation import RoundTrip, round_trips
from zoo.watching import growing_sound, watched

COUNT_OF_EACH = 10  # samples at each of several temperatures, where no count is asked for
COUNT_OF_TEXT = 8  # images of each text, where no count is asked for


def write_samples(
    run: Run,
    count: int | None = None,
    *,
    seed: int = 0,
    class_name: str | None = None,
    temperatures: Sequence[float] = (),
    options: Mapping[str, float | None] | None = None,
    seconds: float | None = None,
    sample_rate_hz: int | None = None,
    texts: Sequence[str] = (),
    embeddings: Path | None = None,
    out: Path | None = None,
) -> list[Path]:
    """Draw samples from a run's model and return what was written, the picture first.

    By default so many are drawn as a person takes in at a glance. While sounds are made, what is
    there of the first one can be heard in a file named `-preview.wav`. A model that translates
    shows held-out examples there and back.

    Args:
        run: The run, on its backend.
        count: How many; of each, where there are several temperatures or texts are given.
        seed: Decides the samples.
        class_name: What to sample, where the model takes a class.
        temperatures: One temperature, or several to be seen one below the other.
        options: Further options of the model's `sample`, by name; None is not given.
        seconds: Length of sounds, where the model can make any.
        sample_rate_hz: Rate of the WAV files; None takes the model's.
        texts: What to make images of, where the model takes text: a row for each, in which the
            images of a column are made of the same noise.
        embeddings: File of their embeddings, where the model was trained on such; without texts
            there is a row for all of its captions.
        out: File to write.

    Raises:
        ZooError: If the model does not take what is given, or the class is unknown.
    """
    kind = card_of(run.request).kind
    path = samples_path(kind, out or run.path / f"samples{samples_suffix(kind)}")
    model = load_model(run)
    if not supports(model, GenerativeModel):
        asked: dict[str, Any] = {**(options or {}), "class": class_name, "seconds": seconds}
        asked |= {"temperature": temperatures or None, "sample_rate": sample_rate_hz}
        _refuse_options(run, {**asked, "text": texts or None, "embeddings": embeddings})
        trips = _trips(run, model, count or AT_A_GLANCE[kind], seed)
        return save_samples(load_dataset(run, "train").spec, trips, path)
    given = _options(run, model, {**(options or {}), "temperature": next(iter(temperatures), None)})
    if sample_rate_hz is not None:
        if kind != "waveform":
            raise ZooError(f"--sample-rate is for sounds, and '{run.request.model}' makes none.")
        SoundForm(sample_rate_hz=sample_rate_hz)  # checks it
    if seconds is not None:
        if "length" not in inspect.signature(model.sample).parameters:
            raise ZooError(
                f"'{run.request.model}' makes nothing of a length that can be chosen. Leave out "
                "--seconds."
            )
        given["length"] = max(1, round(seconds * model.config.sample_rate_hz))
    label = None if class_name is None else _label(run, model, class_name)
    if texts or embeddings is not None:
        check_illustrates(run, model)
        captions, vectors = embed_texts(run, model, texts, embeddings)
        number = count or COUNT_OF_TEXT
        images = illustrate_each(model, vectors, number, seed=seed)  # (R, N, H, W, C)
        save_captioned_rows(images, captions, path)
        return [path]
    if count is None:
        count = COUNT_OF_EACH if len(temperatures) > 1 else AT_A_GLANCE[kind]
    if label is not None:
        given["labels"] = np.full(count, label, "int32")
    hearing: Any = nullcontext()
    if kind == "waveform":
        heard = path.with_name(f"{path.stem}-preview.wav")
        hearing = growing_sound(heard, model.config.sample_rate_hz)
    with hearing as preview:
        groups = _draw(model, count, temperatures, {**given, "seed": seed}, preview)
    if sample_rate_hz is not None:
        rate = model.config.sample_rate_hz
        for title, sounds in groups.items():
            groups[title] = np.stack([resample(sound, rate, sample_rate_hz) for sound in sounds])
    return save_sections(_spec(run, model, groups, sample_rate_hz), groups, path)


def _draw(
    model: Any,
    count: int,
    temperatures: Sequence[float],
    given: Mapping[str, Any],
    preview: Callable[[Any], None] | None,
) -> dict[str, Any]:
    """Return samples by title: those at each of several temperatures, or others without a title."""
    changes: dict[str, dict[str, float]] = {"": {}}
    if len(temperatures) > 1:
        changes = {f"temperature {value:g}": {"temperature": value} for value in temperatures}
    groups = {}
    for title, change in changes.items():
        with watched(model.sample, title or "Sampling", preview) as shown:
            groups[title] = model.sample(count, **{**given, **change}, **shown)
    return groups


def _refuse_options(run: Run, asked: Mapping[str, Any]) -> None:
    for name, value in asked.items():
        if value is not None:
            raise ZooError(
                f"'{run.request.model}' translates held-out examples, and has no {name}. Leave out "
                f"--{name.replace('_', '-')}."
            )


def _trips(run: Run, model: Any, count: int, seed: int) -> Sequence[RoundTrip]:
    """Return round trips of held-out examples; the seed decides which."""
    dataset = held_out(run)
    examples, _ = dataset.read(choose(dataset, min(count, len(dataset)), seed))
    return round_trips(model, examples)


def _options(run: Run, model: Any, asked: Mapping[str, float | None]) -> dict[str, Any]:
    """Return the options of `sample` that are given, after a look whether the model takes them."""
    takes = inspect.signature(model.sample).parameters
    given = {name: value for name, value in asked.items() if value is not None}
    for name in given:
        if name not in takes:
            raise ZooError(
                f"'{run.request.model}' has no {name}. Leave out --{name.replace('_', '-')}."
            )
    return given


def _spec(
    run: Run, model: Any, groups: Mapping[str, Any], sample_rate_hz: int | None = None
) -> Spec:
    """Return the description of a sample; the data, which may be gone by now, are not asked."""
    kind, config, samples = card_of(run.request).kind, model.config, next(iter(groups.values()))
    if kind == "captioned":
        return CaptionedSpec(
            image_shape=samples["image"].shape[1:],
            max_length=samples["caption"].shape[1],
            vocabulary=config.vocabulary,
            captions=config.captions,
        )
    if kind == "waveform":
        rate = sample_rate_hz or config.sample_rate_hz
        return WaveformSpec(sample_rate_hz=rate, length=samples.shape[1])
    if kind == "video":
        return VideoSpec(video_shape=samples.shape[1:])
    if kind == "image":
        return ImageSpec(image_shape=samples.shape[1:])
    if kind == "strokes":
        return StrokesSpec(max_length=samples.shape[1], scale_factor=config.scale_factor)
    if kind == "tokens":
        return TokensSpec(max_length=samples.shape[1], vocabulary=config.vocabulary)
    return load_dataset(run, "train").spec


def _label(run: Run, model: Any, class_name: str) -> int:
    if not isinstance(model, Conditional) or "class" not in model.conditions:
        raise ZooError(
            f"'{run.request.model}' as trained in '{run.path}' takes no class. Train it with --set "
            "class_conditional=true if it has that field, or leave out --class."
        )
    names = class_names_of(run)
    if class_name not in names:
        raise ZooError(
            f"Unknown class '{class_name}'.{did_you_mean(class_name, names)} Classes: "
            f"{', '.join(names)}."
        )
    return names.index(class_name)
