"""The page about a run, and the model card of what it trained.

Both are made anew from the files of the run, so that they can be written at any time.
"""

import itertools
import json
import math
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import jinja2
from markupsafe import Markup, escape

from zoo.card import Kind, ModelCard, resolve
from zoo.checkpoints import read_json, write_atomically
from zoo.config import describe, find_preset, format_value
from zoo.data.dataset import AT_A_GLANCE
from zoo.data.forms import form_options
from zoo.errors import RunError, ZooError
from zoo.media.curves import HELD_OUT, POSITIONS, draw_curve, read_curves, split_unit
from zoo.registry import printable
from zoo.runs import Run, RunRequest

STRIP_LENGTH = 12
TEXTS_SHOWN = 12
VALUES_SHOWN = 20
# Fields that a configuration takes from the data (`config_values` of the specs), not from `--set`.
FROM_DATA = frozenset(
    {
        *("image_shape", "class_count", "sample_rate_hz", "length", "max_length", "scale_factor"),
        *("vocabulary", "video_shape", "image_shape_a", "image_shape_b"),
    }
)

_LOADING_SCRIPT = """\
import os

os.environ.setdefault("KERAS_BACKEND", {backend})

import keras
from {module} import {model_class}  # registers the class with Keras{imports}

model = keras.saving.load_model("model.keras")
samples = model.sample({count}, seed=0){saving}"""
# By kind: what writes samples, and how it is called.
_SAVING: Mapping[Kind, tuple[str, str]] = {
    "image": ("save_grid", 'save_grid(samples, "samples.png")'),
    "waveform": ("save_sounds", 'save_sounds(samples, model.config.sample_rate_hz, "samples-wav")'),
    "video": ("save_films", 'save_films(samples, "samples.png")'),
    "strokes": ("save_sketches", 'save_sketches(samples, "samples.png")'),
    "tokens": ("save_texts", 'save_texts(samples, model.config.vocabulary, "samples.txt")'),
}


def write_report(run: Run, card: ModelCard) -> None:
    """Write `report.html`: what was asked, the curves, the samples over time, the figures.

    Raises:
        RunError: If a file of the run is broken, or the page cannot be written.
    """
    curves = [(curve, Markup(draw_curve(curve))) for curve in read_curves(run.metrics())]  # noqa: S704  # drawn by us; Matplotlib escapes the text
    page = _render("report.html", run, card, curves=curves, findings=_findings(run))
    write_atomically(run.report_path, page)


def write_card(run: Run, card: ModelCard) -> None:
    """Write `README.md`, the model card of the run.

    Raises:
        RunError: If a file of the run is broken, or the card cannot be written.
    """
    module, _, model_class = card.model.partition(":")
    writer, saving = _SAVING.get(card.kind, ("", ""))
    script = _LOADING_SCRIPT.format(
        backend=json.dumps(run.request.backend),
        module=module,
        model_class=model_class,
        imports=writer and f"\nfrom zoo.media import {writer}",
        count=AT_A_GLANCE[card.kind],
        saving=saving and f"\n{saving}",
    )
    command = shlex.join(["zoo", "sample", _name(run)])
    page = _render("card.md", run, card, script=script, sample_command=command)
    write_atomically(run.card_path, page)


def command_line(request: RunRequest, card: ModelCard) -> str:
    """Return the `zoo train …` that asks for the same once more."""
    options: dict[str, Any] = {
        "preset": request.preset,
        "data": request.data,
        "augment": request.augment,
        "epochs": request.epochs,
        "steps": request.steps,
        "batch-size": request.batch_size,
        "seed": request.seed,
        "backend": request.backend,
        "precision": request.precision,
    }
    words = ["zoo", "train", request.model]
    for name, value in options.items():
        if value is not None:
            words += [f"--{name}", str(value)]
    words += form_options(request.form)
    usual = _usual_config(request, card)
    for name, value in request.config.items():
        if name not in FROM_DATA and (name not in usual or usual[name] != value):
            words += ["--set", f"{name}={format_value(value)}"]
    return shlex.join(words)


def _usual_config(request: RunRequest, card: ModelCard) -> dict[str, Any]:
    """Return what the configuration is without any `--set`; nothing if that cannot be known."""
    try:
        preset = find_preset(card, request.preset).config if request.preset else {}
        defaults = {item.name: item.default for item in describe(resolve(card.config))}
    except ZooError:  # the plugin has changed since, or is gone: then every value is set
        return {}
    values = defaults | dict(preset)
    return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}


def _render(template: str, run: Run, card: ModelCard, **context: Any) -> bytes:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: printable(value) if type(value) is str else value,
    )
    environment.filters.update(value=_value, number=_number, md=_markdown, fenced=_fenced)
    records = run.metrics()
    text = environment.get_template(template).render(
        run_name=_name(run),
        request=run.request,
        card=card,
        card_url=card.url if urlsplit(card.url).scheme in ("http", "https") else None,
        asked=_asked(run.request, card),
        command=command_line(run.request, card),
        terms=_last_values(records),
        epochs=max((r["epoch"] for r in records if _is_number(r.get("epoch"))), default=0),
        steps=max((r["step"] for r in records if _is_number(r.get("step"))), default=0),
        duration=_duration(sum(r["seconds"] for r in records if _is_number(r.get("seconds")))),
        figures=_figures(run),
        samples=_samples(run),
        sounds=_sounds(run),
        texts=_texts(run),
        **context,
    )
    return text.encode("utf-8", "replace")


def _asked(request: RunRequest, card: ModelCard) -> dict[str, str]:
    """Return what was asked for, but for the configuration, as a reader sees it."""
    length = f"{request.epochs} epochs" if request.epochs is not None else f"{request.steps} steps"
    form = {"Form of the data": " ".join(form_options(request.form)) or "as they are"}
    return {
        "Model": f"{request.model} ({request.package} {request.package_version})",
        "Preset": request.preset or "none",
        "Data": request.data,
        "Fingerprint of the data": request.fingerprint,
        **form,
        "Augmentation": request.augment or "none",
        "Length": length,
        "Batch size": str(request.batch_size),
        "Seed": str(request.seed),
        "Backend": request.backend,
        "Precision": request.precision,
    }


def _last_values(records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return name, unit and the last training and held-out value of every term."""
    last: dict[str, Any] = {}
    for record in records:
        last |= {key: value for key, value in record.items() if _is_number(value)}
    terms = dict.fromkeys(k.removeprefix(HELD_OUT) for k in last if k not in POSITIONS)
    return [
        {
            "name": split_unit(term)[0],
            "unit": split_unit(term)[1],
            "train": last.get(term),
            "held_out": last.get(HELD_OUT + term),
        }
        for term in terms
    ]


def _figures(run: Run) -> list[dict[str, Any]]:
    """Return the figures of `evaluation.json`; none if the run was not evaluated yet."""
    path = run.evaluation_path
    if not path.exists():
        return []
    try:
        metrics = read_json(path)["metrics"]
        return [
            {
                "name": split_unit(name)[0],
                "unit": split_unit(name)[1],
                "value": _with_error(figure["value"], figure["standard_error"]),
                "count": figure["count"],
            }
            for name, figure in metrics.items()
        ]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise RunError(
            f"'{path}' is not what `zoo evaluate` writes: metrics by name, each with value, "
            f"standard_error and count ({type(error).__name__}: {error})."
        ) from error


def _findings(run: Run) -> list[dict[str, Any]]:
    """Return what the doctor found, the oldest first."""
    names = {"step", "symptom", "message", "suggestion"}
    findings = run.findings()
    for number, finding in enumerate(findings, start=1):
        if not names <= finding.keys():
            raise RunError(
                f"Record {number} of '{run.findings_path}' is no finding of `zoo train`: it has "
                f"no {', '.join(sorted(names - finding.keys()))}."
            )
    return findings


def _samples(run: Run) -> list[tuple[int, str]]:
    """Return (epoch, relative URL) of a dozen sample pictures, evenly spread, and the last."""
    found = sorted(
        (int(match[1]), path)
        for path in run.samples_path.glob("epoch-*.png")
        if (match := re.fullmatch(r"epoch-(\d+)\.png", path.name))
    )
    stride = math.ceil(len(found) / STRIP_LENGTH) if found else 1
    chosen = found[::stride] + ([found[-1]] if (len(found) - 1) % stride else [])
    return [(epoch, quote(f"{path.parent.name}/{path.name}")) for epoch, path in chosen]


def _sounds(run: Run) -> list[str]:
    """Return the relative URLs of the sounds that were drawn last; none of other data."""
    folders = sorted(run.samples_path.glob("epoch-*-wav"))
    found = sorted(folders[-1].glob("*.wav")) if folders else []
    return [quote(path.relative_to(run.path).as_posix()) for path in found]


def _texts(run: Run) -> list[tuple[int, str]]:
    """Return (epoch, a dozen texts, one a line) of the samples that were drawn first and last."""
    found = sorted(run.samples_path.glob("epoch-[0-9]*.txt"))
    return [
        (int(path.stem.removeprefix("epoch-")), _first_lines(path))
        for path in dict.fromkeys([*found[:1], *found[-1:]])
    ]


def _first_lines(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        return "".join(itertools.islice(file, TEXTS_SHOWN)).rstrip("\n")


def _value(value: Any) -> str:
    """Return a value of a configuration as a reader sees it: of a vocabulary its beginning."""
    if isinstance(value, list | tuple) and len(value) > VALUES_SHOWN:
        return f"{format_value(list(value[:VALUES_SHOWN]))}, … ({len(value):,})"
    return format_value(value)


def _name(run: Run) -> str:
    return run.path.resolve().name


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _with_error(value: float, error: float | None) -> str:
    """Return a value to the last digit that its standard error lets stand."""
    if not error:
        return f"{float(value):.4g}"
    digits = max(0, 1 - math.floor(math.log10(error)))
    return f"{float(value):.{digits}f} ± {float(error):.{digits}f}"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, hours = round(seconds / 60), seconds / 3600
    return f"{minutes} min" if minutes < 60 else f"{hours:.1f} h"


def _markdown(value: object) -> Markup:
    """Return text that Markdown shows as it is, in a line or in the cell of a table."""
    text = re.sub(r"([\\`*\[\]|#~])", r"\\\1", " ".join(printable(str(value)).split()))
    return escape(text)


def _fenced(code: str) -> Markup:
    """Return a block of Markdown that shows `code` as it is, whatever it holds."""
    fence = "`" * (1 + max([2, *map(len, re.findall("`+", code))]))
    return Markup(f"{fence}\n{printable(code)}\n{fence}")  # noqa: S704  # no HTML in a fence
