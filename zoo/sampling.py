"""Samples of a trained run, written in the form that suits their kind."""

import inspect
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.dataset import AT_A_GLANCE, ImageSpec, Spec, VideoSpec, WaveformSpec
from zoo.data.waveforms import SoundForm, resample
from zoo.errors import ZooError, did_you_mean
from zoo.media import save_samples
from zoo.planning import card_of, load_dataset
from zoo.protocols import Conditional
from zoo.runs import Run
from zoo.training import load_model
from zoo.watching import growing_sound, watched


def write_samples(
    run: Run,
    count: int | None = None,
    *,
    seed: int = 0,
    class_name: str | None = None,
    temperature: float | None = None,
    truncation: float | None = None,
    seconds: float | None = None,
    sample_rate_hz: int | None = None,
    out: Path | None = None,
) -> list[Path]:
    """Draw samples from a run's model and return what was written, the picture first.

    By default so many are drawn as a person takes in at a glance. While sounds are made, what is
    there of the first one can be heard in a file named `-preview.wav`.

    Raises:
        ZooError: If the model takes no class, temperature, truncation or length but one is given,
            or the class is unknown, or a sample rate is given of what is no sound.
    """
    model = load_model(run)
    kind = card_of(run.request).kind
    count = AT_A_GLANCE[kind] if count is None else count
    if sample_rate_hz is not None:
        if kind != "waveform":
            raise ZooError(f"--sample-rate is for sounds, and '{run.request.model}' makes none.")
        SoundForm(sample_rate_hz=sample_rate_hz)  # checks it
    options: dict[str, Any] = {}
    takes = inspect.signature(model.sample).parameters
    for name, value in (("temperature", temperature), ("truncation", truncation)):
        if value is None:
            continue
        if name not in takes:
            raise ZooError(f"'{run.request.model}' has no {name}. Leave out --{name}.")
        options[name] = value
    if seconds is not None:
        if "length" not in takes:
            raise ZooError(
                f"'{run.request.model}' makes nothing of a length that can be chosen. Leave out "
                "--seconds."
            )
        options["length"] = max(1, round(seconds * model.config.sample_rate_hz))
    if class_name is not None:
        options["labels"] = np.full(count, _label(run, model, class_name), "int32")
    path = out or run.path / "samples.png"
    with ExitStack() as stack:
        preview = None
        if kind == "waveform":
            heard = path.with_name(f"{path.stem}-preview.wav")
            preview = stack.enter_context(growing_sound(heard, model.config.sample_rate_hz))
        shown = stack.enter_context(watched(model.sample, "Sampling", preview))
        samples = model.sample(count, seed=seed, **options, **shown)
    spec = _spec(run, model, samples)
    if isinstance(spec, WaveformSpec) and sample_rate_hz is not None:
        samples = np.stack([resample(one, spec.sample_rate_hz, sample_rate_hz) for one in samples])
        spec = WaveformSpec(sample_rate_hz=sample_rate_hz, length=samples.shape[1])
    return save_samples(spec, samples, path)


def _spec(run: Run, model: Any, samples: np.ndarray) -> Spec:
    """Return the description of a sample; the data, which may be gone by now, are not asked."""
    kind = card_of(run.request).kind
    if kind == "waveform":
        return WaveformSpec(sample_rate_hz=model.config.sample_rate_hz, length=samples.shape[1])
    if kind == "video":
        return VideoSpec(video_shape=samples.shape[1:])
    if kind == "image":
        return ImageSpec(image_shape=samples.shape[1:])
    return load_dataset(run, "train").spec


def _label(run: Run, model: Any, class_name: str) -> int:
    if not isinstance(model, Conditional) or "class" not in model.conditions:
        raise ZooError(
            f"'{run.request.model}' as trained in '{run.path}' takes no class. Train it with --set "
            "class_conditional=true if it has that field, or leave out --class."
        )
    names = load_dataset(run, "train").spec.class_names  # type: ignore[union-attr]
    if class_name not in names:
        raise ZooError(
            f"Unknown class '{class_name}'.{did_you_mean(class_name, names)} Classes: "
            f"{', '.join(names)}."
        )
    return names.index(class_name)
