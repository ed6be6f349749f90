"""The page about a run, and the model card of what it trained.

Both are made anew from the files of the run, so that they can be written at any time.
"""

import json
import shlex
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from markupsafe import Markup

from zoo.card import Kind, ModelCard, resolve
from zoo.checkpoints import write_atomically
from zoo.config import describe, find_preset, format_value
from zoo.data.dataset import AT_A_GLANCE
from zoo.data.forms import form_options
from zoo.errors import ZooError
from zoo.media.curves import draw_curve, read_curves
from zoo.media.facts import (
    asked,
    last_values,
    name_of,
    read_figures,
    read_findings,
    sample_pictures,
    sample_sounds,
    sample_texts,
    trained,
    what_is_pictured,
)
from zoo.media.page import render
from zoo.runs import Run, RunRequest

# Fields that a configuration takes from the data (`config_values` of the specs), not from `--set`.
FROM_DATA = frozenset(
    {
        *("image_shape", "class_count", "sample_rate_hz", "length", "max_length", "scale_factor"),
        *("vocabulary", "video_shape", "image_shape_a", "image_shape_b"),
        *("captions", "embedding_size"),
    }
)
FINDINGS_SHOWN = 50  # the newest; what comes and goes is found anew each time
IMAGES_OF_TEXT = 8  # that the commands of a card ask for

_LOADING_SCRIPT = """\
import os

os.environ.setdefault("KERAS_BACKEND", {backend})

{imports}

model = zoo.load_model("model.keras")
{use}"""
_SAMPLING = "samples = model.sample({count}, seed=0{told}){saving}"
_TRANSLATING = """\
photo = Image.open("photo.png").convert({mode}).resize(({width}, {height}))
images = np.asarray(photo, "float32").reshape(1, {height}, {width}, {channels}) / 255
translated = model.translate(images, to="B")  # of domain A
save_grid(translated, "translated.png")"""
# By kind: what writes samples, and how it is called.
_SAVING: Mapping[Kind, tuple[str, str]] = {
    "captioned": (
        "save_captioned",
        'save_captioned(samples, model.config.vocabulary, "samples.png")',
    ),
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
    findings = read_findings(run)
    page = _render(
        "report.html",
        run,
        card,
        curves=curves,
        findings=findings[-FINDINGS_SHOWN:],
        earlier_findings=max(0, len(findings) - FINDINGS_SHOWN),
    )
    write_atomically(run.report_path, page)


def write_card(run: Run, card: ModelCard) -> None:
    """Write `README.md`, the model card of the run.

    Raises:
        RunError: If a file of the run is broken, or the card cannot be written.
    """
    script = _loading_script(run.request, card)
    command = ["zoo", "sample", name_of(run)]
    if card.kind == "domains":
        command = ["zoo", "translate", name_of(run), "photo.png", "--to", "B"]
    elif card.kind == "captioned":
        command += ["--text", run.request.config["captions"][0], "-n", str(IMAGES_OF_TEXT)]
    page = _render("card.md", run, card, script=script, sample_command=shlex.join(command))
    write_atomically(run.card_path, page)


def _loading_script(request: RunRequest, card: ModelCard) -> str:
    """Return a script that loads `model.keras` and does with it what it is for."""
    if card.kind == "domains":
        height, width, channels = request.config["image_shape_a"]
        mode = '"L"' if channels == 1 else '"RGB"'
        use = _TRANSLATING.format(mode=mode, height=height, width=width, channels=channels)
        imports = (
            "import numpy as np\nimport zoo\nfrom PIL import Image\nfrom zoo.media import save_grid"
        )
    else:
        writer, saving = _SAVING.get(card.kind, ("", ""))
        saving = saving and f"\n{saving}"
        count, told = AT_A_GLANCE[card.kind], ""
        if card.kind == "captioned":
            text = json.dumps(request.config["captions"][0], ensure_ascii=False)
            count, told = IMAGES_OF_TEXT, f", texts=[{text}]"
        use = _SAMPLING.format(count=count, told=told, saving=saving)
        imports = "import zoo" + (writer and f"\nfrom zoo.media import {writer}")
    return _LOADING_SCRIPT.format(backend=json.dumps(request.backend), imports=imports, use=use)


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
    records = run.metrics()
    return render(
        template,
        run_name=name_of(run),
        request=run.request,
        card=card,
        card_url=card.url if urlsplit(card.url).scheme in ("http", "https") else None,
        asked=asked(run.request),
        command=command_line(run.request, card),
        terms=last_values(records),
        **trained(records),
        figures=read_figures(run),
        samples=sample_pictures(run),
        sounds=sample_sounds(run),
        texts=sample_texts(run),
        pictured=what_is_pictured(card.kind),
        **context,
    )
