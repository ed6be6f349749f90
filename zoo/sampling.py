"""Samples of a trained run, written as the picture that suits their kind."""

import inspect
from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import ZooError, did_you_mean
from zoo.media import save_samples
from zoo.planning import card_of, load_dataset
from zoo.protocols import Conditional
from zoo.runs import Run
from zoo.training import load_model


def write_samples(
    run: Run,
    count: int,
    *,
    seed: int = 0,
    class_name: str | None = None,
    temperature: float | None = None,
    truncation: float | None = None,
    out: Path | None = None,
) -> Path:
    """Draw `count` samples from a run's model and return the file that they were written to.

    Raises:
        ZooError: If the model takes no class, temperature or truncation but one is given, or the
            class is unknown.
    """
    model = load_model(run)
    options: dict[str, Any] = {}
    for name, value in (("temperature", temperature), ("truncation", truncation)):
        if value is None:
            continue
        if name not in inspect.signature(model.sample).parameters:
            raise ZooError(f"'{run.request.model}' has no {name}. Leave out --{name}.")
        options[name] = value
    if class_name is not None:
        options["labels"] = np.full(count, _label(run, model, class_name), "int32")
    samples = model.sample(count, seed=seed, **options)
    path = out or run.path / "samples.png"
    return save_samples(card_of(run.request).kind, samples, path)


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
