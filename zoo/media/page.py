"""The pages that are written about runs: one set of templates, and how they show what they show."""

import re
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from zoo.config import format_value
from zoo.registry import printable

VALUES_SHOWN = 20


def render(template: str, **context: Any) -> bytes:
    """Return a page made of a template."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: printable(value) if type(value) is str else value,
    )
    environment.filters.update(value=show_value, number=_number, md=_markdown, fenced=_fenced)
    return environment.get_template(template).render(**context).encode("utf-8", "replace")


def show_value(value: Any) -> str:
    """Return a value of a configuration as a reader sees it: of a vocabulary its beginning."""
    if isinstance(value, list | tuple) and len(value) > VALUES_SHOWN:
        return f"{format_value(list(value[:VALUES_SHOWN]))}, … ({len(value):,})"
    return format_value(value)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _markdown(value: object) -> Markup:
    """Return text that Markdown shows as it is, in a line or in the cell of a table."""
    text = re.sub(r"([\\`*\[\]|#~])", r"\\\1", " ".join(printable(str(value)).split()))
    return escape(text)


def _fenced(code: str) -> Markup:
    """Return a block of Markdown that shows `code` as it is, whatever it holds."""
    fence = "`" * (1 + max([2, *map(len, re.findall("`+", code))]))
    return Markup(f"{fence}\n{printable(code)}\n{fence}")  # noqa: S704  # no HTML in a fence
