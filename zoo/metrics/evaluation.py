"""Measuring a run: which metrics, on which data, and where the figures are kept."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from zoo import protocols
from zoo.autoregression import AutoregressiveModel
from zoo.card import Kind, resolve
from zoo.checkpoints import read_json, write_atomically
from zoo.data import Dataset, load
from zoo.data.dataset import Adapts
from zoo.data.files import some
from zoo.data.forms import form_options
from zoo.data.relabelled import Relabelled
from zoo.data.strokes import ArraySketches
from zoo.engine import PlayerModel
from zoo.errors import DataError, RunError, did_you_mean
from zoo.media.report import write_card, write_report
from zoo.metrics import METRICS, MetricError, Settings, UnsuitableError, figure_json
from zoo.metrics.examples import takes_class, warn_of_lost_levels
from zoo.planning import card_of, class_names_of, held_out, load_dataset
from zoo.runs import Run
from zoo.training import load_model

_logger = logging.getLogger(__name__)

# What a metric may need of a model, by the name that the table of metrics gives it.
CAPABILITIES = {
    "GenerativeModel": protocols.GenerativeModel,
    "PlayerModel": PlayerModel,
    "HasLikelihood": protocols.HasLikelihood,
    "HasFeatures": protocols.HasFeatures,
    "HasPosterior": protocols.HasPosterior,
    "Encodes": protocols.Encodes,
    "Conditional": protocols.Conditional,
    "AutoregressiveModel": AutoregressiveModel,
    "Translates": protocols.Translates,
    "Illustrates": protocols.Illustrates,
}
# What of a specification may differ where the model is not conditioned on it.
_CLASS_FIELDS = frozenset({"class_count"})
# What figures that are kept together have in common.
_MEASURED = ("model", "step", "data", "form", "split")
# What in a form is of the run's own data, and not of others.
_SOURCES = frozenset({"data_b", "pair"})


def evaluate(
    run: Run,
    metrics: Sequence[str] = (),
    *,
    data: str | None = None,
    form: Mapping[str, Any] | None = None,
    split: str | None = None,
    settings: Settings,
) -> dict[str, Any]:
    """Measure a run's newest checkpoint and return what `evaluation.json` is to hold of it.

    The figures join those of the same checkpoint and data in `run.evaluation_path`, in place of
    any others, and the report and the card are written anew.

    Args:
        run: The run, on its backend.
        metrics: Names in `METRICS`; none stands for all that the model can do and are cheap.
        data: Name of other data; None takes the run's own.
        form: Form of the other data, by field of `zoo.data.forms`, beside what the model decides.
        split: Split to measure on; None takes the one that the model has not seen.
        settings: How to measure.

    Raises:
        MetricError: If a metric is unknown, or the model cannot do it.
        DataError: If the data do not suit the model or the metric.
        RunError: If the run has no checkpoint, or a file of it is broken.
    """
    _check_names(metrics)
    kept = _read_kept(run)  # a broken file is reported before minutes of measuring, not after
    model = load_model(run)
    card = card_of(run.request)
    chosen = choose_metrics(model, metrics, run.request.model, card.kind)
    dataset = load_examples(run, model, data, split, form)
    warn_of_lost_levels(model, dataset)
    settings = replace(
        settings,
        load_train=partial(load_examples, run, model, data, "train", form, quiet=True),
        load_seen=partial(load_dataset, run, "train"),
        folder=run.path,
    )
    document: dict[str, Any] = {
        "model": run.request.model,
        "run": str(run.path),
        "step": int(model.optimizer.iterations.numpy()),
        "data": dataset.name,
        "split": dataset.split,
        **({"form": dict(form)} if form else {}),
        "metrics": {},
    }
    for name in chosen:
        try:
            figures = resolve(METRICS[name].function)(model, dataset, settings)
        except UnsuitableError:
            if name in metrics:
                raise
            continue
        document["metrics"] |= {key: figure_json(figure) for key, figure in figures.items()}
    if all(kept.get(key) == document.get(key) for key in _MEASURED):
        kept = {**document, "metrics": kept["metrics"] | document["metrics"]}
    else:
        kept = document
    text = json.dumps(kept, indent=2, allow_nan=False)
    write_atomically(run.evaluation_path, f"{text}\n".encode())
    write_report(run, card)
    write_card(run, card)
    return document


def choose_metrics(model: Any, names: Sequence[str], model_name: str, kind: Kind) -> list[str]:
    """Return the metrics to measure, each once: those asked for, or the cheap ones.

    Args:
        model: The model.
        names: Names in `METRICS`; none stands for the cheap ones that suit.
        model_name: The model's name.
        kind: Kind of data that it models.

    Raises:
        MetricError: If the model cannot do one, or none at all.
    """
    able = {name for name, protocol in CAPABILITIES.items() if protocols.supports(model, protocol)}
    has = ", ".join(name for name in CAPABILITIES if name in able) or "none of these protocols"
    for name in names:
        metric = METRICS[name]
        if able.isdisjoint(metric.needs):
            raise MetricError(
                f"The metric '{name}' needs a model with the protocol "
                f"{' or '.join(map(repr, metric.needs))}. '{model_name}' has: {has}."
            )
        if metric.kinds and kind not in metric.kinds:
            raise MetricError(
                f"The metric '{name}' is of data of kind {' or '.join(map(repr, metric.kinds))}. "
                f"'{model_name}' models data of kind '{kind}'."
            )
    if names:
        return list(dict.fromkeys(names))
    suitable = {
        name: metric
        for name, metric in METRICS.items()
        if not able.isdisjoint(metric.needs) and (not metric.kinds or kind in metric.kinds)
    }
    slow = getattr(model, "samples_slowly", False)
    cheap = [
        name for name, metric in suitable.items() if metric.is_cheap and not (metric.draws and slow)
    ]
    if not cheap:
        raise MetricError(
            f"No metric suits '{model_name}' unasked. It has: {has}, and models data of kind "
            f"'{kind}'. To ask for with --metrics: {', '.join(suitable) or 'none'}."
        )
    return cheap


def load_examples(
    run: Run,
    model: Any,
    data: str | None,
    split: str | None,
    form: Mapping[str, Any] | None = None,
    *,
    with_classes: bool = True,
    quiet: bool = False,
) -> Dataset:
    """Return a split of the run's data, or of other data in the form that its model takes.

    Where the model takes a class, other data have the labels of its classes, by their names.

    Args:
        run: The run.
        model: Its model.
        data: Name or path; None takes the run's own data.
        split: None takes the test split, or else the validation split, or else the training split.
        form: Form of the other data, beside what the model decides.
        with_classes: Whether the model, if it takes a class, is to be given that of each example.
        quiet: Whether not to say what of other data cannot be used.

    Raises:
        DataError: If there is no such data, or the examples do not suit the model.
        RunError: If the run's own data have changed.
    """
    if data is None:
        if form:
            raise DataError(
                f"{' '.join(form_options(form))} is for other data than the run's own. Name them "
                "with --data."
            )
        return held_out(run) if split is None else load_dataset(run, split)
    kind = card_of(run.request).kind
    form = _form(run, model, form or {})
    if split is None:
        splits = load(data, kind=kind, **form).splits
        split = next(name for name in ("test", "validation", "train") if name in splits)
    dataset: Dataset = load(data, split=split, kind=kind, **form)
    if isinstance(dataset, Adapts):
        values = dataset.spec.config_values().items()
        trained_on = {n: getattr(model.config, n, v) for n, v in values if n not in _CLASS_FIELDS}
        dataset = dataset.adapted(**trained_on)
    needs_classes = with_classes and takes_class(model)
    if needs_classes:
        dataset = _with_classes_of(run, dataset)
    for name, value in dataset.spec.config_values().items():
        if name in _CLASS_FIELDS and not needs_classes:
            continue
        expected = getattr(model.config, name, value)
        if expected != value:
            raise DataError(
                f"The data do not suit the model: its {name} is {expected}. "
                f"Received: '{data}' with {value}."
            )
    if dataset.skipped and not quiet:
        _logger.warning("Left out of the data: %s.", some(dataset.skipped))
    return dataset


def _with_classes_of(run: Run, dataset: Dataset) -> Dataset:
    """Return other data under the labels by which a run's model knows their classes."""
    if isinstance(dataset, ArraySketches):
        dataset = dataset.labelled()
    known, found = class_names_of(run), getattr(dataset.spec, "class_names", ())
    if not found:
        raise DataError(
            f"'{dataset.name}' has no labels, and the model is to be told the class of each "
            f"example. Expected: classes of {', '.join(known)}; such as a folder with one "
            "sub-folder per class."
        )
    return dataset if found == known else Relabelled(dataset, known)


def _check_names(names: Sequence[str]) -> None:
    for name in names:
        if name not in METRICS:
            raise MetricError(
                f"Unknown metric '{name}'.{did_you_mean(name, METRICS)} "
                f"Metrics: {', '.join(METRICS)}."
            )


def _read_kept(run: Run) -> dict[str, Any]:
    """Return what was measured before, if anything was."""
    if not run.evaluation_path.exists():
        return {}
    kept = read_json(run.evaluation_path)
    if not isinstance(kept, dict) or not isinstance(kept.get("metrics"), dict):
        raise RunError(
            f"'{run.evaluation_path}' is not what `zoo evaluate` writes. Remove it, then evaluate "
            "once more."
        )
    return kept


def _form(run: Run, model: Any, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the form of data that a model takes.

    It is its run's, but for what says where the images of domains are; then what is asked for, and
    what the model's configuration says.
    """
    own = {name: value for name, value in run.request.form.items() if name not in _SOURCES}
    form, config = {**own, **asked}, model.config
    if hasattr(config, "image_shape"):
        form["image_size"] = tuple(config.image_shape[:2])
    if hasattr(config, "image_shape_b"):
        size_a, size_b = config.image_shape_a[:2], config.image_shape_b[:2]
        if size_a == size_b or form.get("pair") == "super-resolution":
            form["image_size"] = tuple(size_b)
        else:  # each domain's own, as its images have it
            form.pop("image_size", None)
    if getattr(config, "sample_rate_hz", 0):
        form["sample_rate_hz"] = config.sample_rate_hz
        if hasattr(config, "length"):
            form["clip_seconds"] = config.length / config.sample_rate_hz
    return form
