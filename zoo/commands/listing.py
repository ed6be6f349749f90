"""`zoo list`, `info`, `plugin list`, `env` and `completion`: what is installed, without Keras."""

import contextlib
import dataclasses
import fnmatch
import json
import os
import platform
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import click

from zoo import registry
from zoo.backends import BACKENDS
from zoo.card import ModelCard, resolve
from zoo.commands.options import Text, json_option, model_argument
from zoo.config import FieldHelp, Preset, describe, format_value, presets
from zoo.data.forms import form_options
from zoo.registry import Entry, printable

# Names that a backend's distribution goes by beside its own.
_OTHER_NAMES = {"tensorflow": ("tensorflow-cpu", "tensorflow-macos")}
_VARIABLES = ("CUDA_VISIBLE_DEVICES", "KERAS_BACKEND", "KERAS_HOME", "XLA_FLAGS")


@click.command("list")
@click.argument("pattern", type=Text(), default="*")
@json_option
def list_models(pattern: str, as_json: bool) -> None:
    """List the installed models, or those whose name, kind or package matches PATTERN.

    PATTERN is a part of it, or a wildcard such as 'w*gan'.
    """
    found = [entry for entry in registry.entries() if _matches(entry, pattern)]
    if as_json:
        _echo_json([_entry_json(entry) for entry in found])
        return
    rows = [
        [entry.name, entry.card.kind, _source(entry.card), entry.version, entry.card.summary]
        for entry in found
        if entry.card is not None
    ]
    if rows:
        _echo_table(["MODEL", "KIND", "TITLE", "VERSION", "SUMMARY"], rows)
    elif pattern != "*":
        click.echo(f"No model matches '{printable(pattern)}'.", err=True)
    elif not found:
        click.echo(
            "No model is installed. They come as plugins: `pip install genzoo-NAME`.", err=True
        )
    _echo_problems(found)


@click.command()
@model_argument
@json_option
def info(model: str, as_json: bool) -> None:
    """Show what MODEL is, its configuration and its presets."""
    entry = registry.find(model)
    card = entry.card
    fields = describe(resolve(card.config))
    found = presets(card)
    if as_json:
        _echo_json(
            _entry_json(entry)
            | {"config": [_field_json(item) for item in fields]}
            | {"presets": {name: _preset_json(preset) for name, preset in found.items()}}
        )
        return
    click.echo(f"{card.name}: {printable(card.title)}")
    click.echo(f"{printable(card.summary)}\n")
    _echo_pairs(
        [
            ("paper", f"{card.paper} ({card.year})"),
            ("", card.url),
            ("package", f"{entry.package} {entry.version}"),
            ("models", f"data of the kind '{card.kind}', by default {card.data}"),
        ]
    )
    click.echo("\nConfiguration (the paper's values; change one with --set NAME=VALUE)")
    _echo_table(["NAME", "VALUE", "DEFAULT", "MEANING"], [_field_row(item) for item in fields])
    click.echo("\nPresets (choose one with --preset NAME)")
    for name, preset in found.items():
        click.echo(f"  {printable(name)}: {printable(preset.summary)}")
        click.echo(f"      {printable(_settings(preset))}")
    click.echo("\nTry")
    for command in _suggestions(card, list(found)):
        click.echo(f"  {command}")
    _echo_problems([entry])


@click.command("list")
@json_option
def list_plugins(as_json: bool) -> None:
    """List the installed plugins and the models that each brings."""
    found = registry.entries()
    plugins: dict[tuple[str, str], list[Entry[ModelCard | None]]] = {}
    for entry in sorted(found, key=lambda entry: entry.package):
        plugins.setdefault((entry.package, entry.version), []).append(entry)
    if as_json:
        _echo_json(
            [
                {
                    "package": package,
                    "version": version,
                    "status": _joint_status(brought),
                    "models": [entry.name for entry in brought],
                    "problems": sorted({entry.problem for entry in brought if entry.problem}),
                }
                for (package, version), brought in plugins.items()
            ]
        )
        return
    rows = [
        [package, version, _joint_status(brought), ", ".join(entry.name for entry in brought)]
        for (package, version), brought in plugins.items()
    ]
    _echo_table(["PACKAGE", "VERSION", "STATUS", "MODELS"], rows)
    _echo_problems(found)


@click.command()
@json_option
def env(as_json: bool) -> None:
    """Show the versions, backends, machine and settings that a bug report needs."""
    facts = _environment()
    if as_json:
        _echo_json(facts)
        return
    versions = {name: version or "not installed" for name, version in facts["backends"].items()}
    facts["backends"] = ", ".join(f"{name} {version}" for name, version in versions.items())
    facts["variables"] = ", ".join(f"{name}={value}" for name, value in facts["variables"].items())
    _echo_pairs([(name.replace("_", " "), str(value or "none")) for name, value in facts.items()])


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that completes commands, options and model names in SHELL.

    For bash, add to ~/.bashrc: eval "$(zoo completion bash)"
    """
    from click.shell_completion import get_completion_class

    script = get_completion_class(shell)
    if script is not None:
        click.echo(script(ctx.find_root().command, {}, "zoo", "_ZOO_COMPLETE").source())


def _matches(entry: Entry[ModelCard | None], pattern: str) -> bool:
    texts = [entry.name, entry.package]
    if entry.card is not None:
        texts += [entry.card.kind, entry.card.title]
    pattern = pattern.lower()
    return any(
        pattern in text.lower() or fnmatch.fnmatchcase(text.lower(), pattern) for text in texts
    )


def _source(card: ModelCard) -> str:
    return f"{card.title} ({card.year})"


def _entry_json(entry: Entry[Any]) -> dict[str, Any]:
    card = entry.card
    values = {
        "name": entry.name,
        "title": card and card.title,
        "kind": card and card.kind,
        "summary": card and card.summary,
        "paper": card and card.paper,
        "year": card and card.year,
        "url": card and card.url,
        "data": card and card.data,
        "package": entry.package,
        "version": entry.version,
        "status": entry.status,
    }
    return values | ({"problem": entry.problem} if entry.problem else {})


def _field_json(item: FieldHelp) -> dict[str, Any]:
    required: dict[str, Any] = {} if item.required else {"default": item.default}
    return (
        {"name": item.name, "type": item.type, "required": item.required}
        | required
        | {"help": item.help}
    )


def _field_row(item: FieldHelp) -> list[str]:
    default = "(required)" if item.required else format_value(item.default)
    return [item.name, item.type, default, item.help]


def _preset_json(preset: Preset) -> dict[str, Any]:
    values = {item.name: getattr(preset, item.name) for item in dataclasses.fields(preset)}
    return values | {"config": dict(preset.config), "form": dict(preset.form)}


def _settings(preset: Preset) -> str:
    """Return a preset as the options of `zoo train` that would say the same."""
    options = [f"--data {preset.data}"]
    for name in ("epochs", "steps", "batch_size", "augment", "backend"):
        value = getattr(preset, name)
        if value is not None:
            options.append(f"--{name.replace('_', '-')} {value}")
    options += form_options(preset.form)
    if preset.precision != "float32":
        options.append(f"--precision {preset.precision}")
    options += [f"--set {name}={format_value(value)}" for name, value in preset.config.items()]
    return " ".join(options)


def _suggestions(card: ModelCard, names: list[str]) -> list[str]:
    commands = [f"zoo train {card.name}"]
    commands += [f"zoo train {card.name} --preset {name}" for name in names if name != "laptop"][:1]
    return [*commands, f"zoo sample runs/{card.name}-{card.data}-1"]


def _joint_status(brought: list[Entry[ModelCard | None]]) -> str:
    broken = sum(entry.card is None for entry in brought)
    if broken in (0, len(brought)):
        return "broken" if broken else "ok"
    return f"{broken} of {len(brought)} broken"


def _environment() -> dict[str, Any]:
    return {
        "zoo": metadata.version("genzoo"),
        "python": f"{platform.python_version()} ({sys.executable})",
        "platform": platform.platform(),
        "keras": _version("keras"),
        "backend": _backend(),
        "backends": {name: _version(name, *_OTHER_NAMES.get(name, ())) for name in BACKENDS},
        "cores": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "data_dir": _data_dir(),
        "variables": {
            name: value
            for name, value in sorted(os.environ.items())
            if name.startswith("ZOO_") or name in _VARIABLES
        },
    }


def _version(*names: str) -> str | None:
    """Return the version of the first of these distributions that is installed."""
    for name in names:
        with contextlib.suppress(metadata.PackageNotFoundError):
            return metadata.version(name)
    return None


def _backend() -> str:
    """Return what Keras will choose, and by whose word, in the order that it asks."""
    if name := os.environ.get("KERAS_BACKEND"):
        return f"{name} (from KERAS_BACKEND)"
    path = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "keras.json"
    try:
        name = json.loads(path.read_text(encoding="utf-8")).get("backend")
    except (OSError, ValueError, AttributeError):
        name = None
    return f"{name} (from {path})" if name else "tensorflow (Keras's default)"


def _data_dir() -> str:
    for variable in ("ZOO_DATA_DIR", "TFDS_DATA_DIR"):
        if folder := os.environ.get(variable):
            return f"{folder} (from {variable})"
    return f"{Path.home() / 'tensorflow_datasets'} (the default of TFDS)"


def _echo_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2))  # ASCII alone, so that nothing acts on a terminal.


def _echo_problems(found: Iterable[Entry[Any]]) -> None:
    """Print each problem once, to stderr, since the listing itself may be piped on."""
    for problem in dict.fromkeys(entry.problem for entry in found if entry.problem):
        click.echo(f"warning: {problem}", err=True)


def _echo_pairs(pairs: Sequence[tuple[str, str]]) -> None:
    width = max(len(name) for name, _ in pairs)
    for name, value in pairs:
        click.echo(f"{name:<{width}}  {printable(value)}")


def _echo_table(header: list[str], rows: list[list[str]]) -> None:
    """Print rows in columns; on a terminal the last column wraps inside itself."""
    lines = [header, *([printable(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    indent = sum(widths[:-1]) + 2 * len(widths[:-1])
    width = shutil.get_terminal_size().columns - indent if sys.stdout.isatty() else sys.maxsize
    for *cells, last in lines:
        start = "".join(f"{cell:<{size + 2}}" for cell, size in zip(cells, widths, strict=False))
        text = textwrap.fill(last, max(width, 24)) or last
        click.echo((start + text.replace("\n", "\n" + " " * indent)).rstrip())
