"""What the files of a run say of it, in the form in which pages show it."""

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from zoo.card import Kind
from zoo.checkpoints import read_json
from zoo.data.forms import form_options
from zoo.errors import RunError
from zoo.media.curves import HELD_OUT, POSITIONS, split_unit
from zoo.runs import Run, RunRequest

STRIP_LENGTH = 12
TEXTS_SHOWN = 12
# What the pictures of an epoch show.


def name_of(run: Run) -> str:
    """Return the name of a run's folder."""
    return run.path.resolve().name


def asked(request: RunRequest) -> dict[str, str]:
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


def trained(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return how long a run was trained: epochs, steps, and the duration as a reader sees it."""
    return {
        "epochs": max((r["epoch"] for r in records if _is_number(r.get("epoch"))), default=0),
        "steps": max((r["step"] for r in records if _is_number(r.get("step"))), default=0),
        "duration": _duration(sum(r["seconds"] for r in records if _is_number(r.get("seconds")))),
    }


def last_values(records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return key, name, unit and the last training and held-out value of every term."""
    last: dict[str, Any] = {}
    for record in records:
        last |= {key: value for key, value in record.items() if _is_number(value)}
    terms = dict.fromkeys(k.removeprefix(HELD_OUT) for k in last if k not in POSITIONS)
    return [
        {
            "key": term,
            "name": split_unit(term)[0],
            "unit": split_unit(term)[1],
            "train": last.get(term),
            "held_out": last.get(HELD_OUT + term),
        }
        for term in terms
    ]


def read_figures(run: Run) -> list[dict[str, Any]]:
    """Return the figures of `evaluation.json`; none if the run was not evaluated yet."""
    path = run.evaluation_path
    if not path.exists():
        return []
    try:
        metrics = read_json(path)["metrics"]
        return [
            {
                "key": name,
                "name": split_unit(name)[0],
                "unit": split_unit(name)[1],
                "number": float(figure["value"]),
                "value": _with_error(figure["value"], figure["standard_error"]),
                "count": figure["count"],
            }
            for name, figure in metrics.items()
        ]
    except (KeyError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
        raise RunError(
            f"'{path}' is not what `zoo evaluate` writes: metrics by name, each with value, "
            f"standard_error and count ({type(error).__name__}: {error})."
        ) from error


def evaluated_on(run: Run) -> tuple[str, str] | None:
    """Return the name and the split of the data of `evaluation.json`; None if there is none."""
    if not run.evaluation_path.exists():
        return None
    document = read_json(run.evaluation_path)
    try:
        return str(document["data"]), str(document["split"])
    except (KeyError, TypeError) as error:
        raise RunError(
            f"'{run.evaluation_path}' does not say on which data and split it was measured, as "
            "`zoo evaluate` does. Evaluate the run again."
        ) from error


def read_findings(run: Run) -> list[dict[str, Any]]:
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


def what_is_pictured(kind: Kind) -> str:
    """Return what the pictures of an epoch show."""
    if kind == "domains":
        return "Held-out images of A as B and back, and of B as A and back,"
    return "Samples"


def sample_pictures(run: Run) -> list[tuple[int, str]]:
    """Return (epoch, relative URL) of a dozen sample pictures, evenly spread, and the last."""
    found = _pictures(run)
    stride = math.ceil(len(found) / STRIP_LENGTH) if found else 1
    chosen = found[::stride] + ([found[-1]] if (len(found) - 1) % stride else [])
    return [(epoch, quote(f"{path.parent.name}/{path.name}")) for epoch, path in chosen]


def newest_picture(run: Run) -> tuple[int, Path] | None:
    """Return (epoch, path) of the sample picture that was drawn last; None if there is none."""
    return max(_pictures(run), default=None)


def sample_sounds(run: Run) -> list[str]:
    """Return the relative URLs of the sounds that were drawn last; none of other data."""
    folders = sorted(run.samples_path.glob("epoch-*-wav"))
    found = sorted(folders[-1].glob("*.wav")) if folders else []
    return [quote(path.relative_to(run.path).as_posix()) for path in found]


def sample_texts(run: Run) -> list[tuple[int, str]]:
    """Return (epoch, a dozen texts, one a line) of the samples that were drawn first and last."""
    found = sorted(run.samples_path.glob("epoch-[0-9]*.txt"))
    return [
        (int(path.stem.removeprefix("epoch-")), _first_lines(path))
        for path in dict.fromkeys([*found[:1], *found[-1:]])
    ]


def _pictures(run: Run) -> list[tuple[int, Path]]:
    return sorted(
        (int(match[1]), path)
        for path in run.samples_path.glob("epoch-*.png")
        if (match := re.fullmatch(r"epoch-(\d+)\.png", path.name))
    )


def _first_lines(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        return "".join(itertools.islice(file, TEXTS_SHOWN)).rstrip("\n")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


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
