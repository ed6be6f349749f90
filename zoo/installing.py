"""`zoo plugin install` and `uninstall`: pip, in the environment that the zoo runs in.

What is installed is read before and after, in a process of its own: Python looks for packages in
folders that it has chosen when it started.
"""

import importlib.util
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from zoo import registry
from zoo.card import ModelCard
from zoo.errors import PluginError, ZooError, did_you_mean
from zoo.registry import Entry, printable


@dataclass(frozen=True)
class Model:
    """A model, as `zoo list --json` says of it.

    Args:
        name: Its name.
        package: The distribution that brings it.
        version: The version of that.
        problem: What is wrong with it, or None.
    """

    name: str
    package: str
    version: str
    problem: str | None


@dataclass(frozen=True)
class Change:
    """What became of the models.

    Args:
        appeared: Those that are new, or of another version.
        gone: Those that are no more.
    """

    appeared: tuple[Model, ...]
    gone: tuple[Model, ...]


def install(specs: Sequence[str], *, editable: bool = False) -> Change:
    """Install distributions by pip, and return the models that came.

    Args:
        specs: What pip takes: names with or without versions, folders, wheels.
        editable: Whether folders stay where they are, so that what is changed there is so here.

    Raises:
        ZooError: If there is no pip, or it fails.
    """
    for spec in specs:
        if spec.startswith("-"):  # pip would read it as an option of its own
            raise ZooError(
                "Give names, folders or wheels to install; options of pip are for pip itself. "
                f"Received: '{printable(spec)}'."
            )
    option = ["--editable"] if editable else []
    before = _models()
    _pip("install", *(word for spec in specs for word in (*option, spec)))
    return _change(before, _models())


def uninstall(name: str, *, ask: bool = True) -> Change:
    """Uninstall the plugin that `name` is, or the one that brings the model `name`, by pip.

    Args:
        name: Name of a distribution, with or without `genzoo-`, or of a model.
        ask: Whether pip asks before it removes anything.

    Raises:
        PluginError: If there is no such plugin, or it is the zoo itself.
        ZooError: If there is no pip, or it fails.
    """
    package = find_package(name)
    before = _models()
    _pip("uninstall", *([] if ask else ["--yes"]), package)
    return _change(before, _models())


def find_package(name: str) -> str:
    """Return the distribution that `name` means, of those that bring models.

    Raises:
        PluginError: If none does, or it is the zoo itself.
    """
    if _canonical(name) == registry.CORE:
        raise PluginError(
            f"'{registry.CORE}' is the zoo itself, and no plugin. To remove it, run "
            f"`pip uninstall {registry.CORE}`."
        )
    packages = sorted({entry.package for entry in (*_of_model(name), *_of_package(name))})
    if len(packages) > 1:
        raise PluginError(
            f"'{printable(name)}' is brought by {' and '.join(packages)}. Name one of them."
        )
    if not packages:
        _nothing_of_that_name(name)
    return packages[0]


def find_models(name: str) -> Sequence[Entry[ModelCard | None]]:
    """Return the model of that name, or else all models of the plugin of that name.

    Raises:
        PluginError: If there is neither.
    """
    return _of_model(name) or _of_package(name) or _nothing_of_that_name(name)


def _of_model(name: str) -> Sequence[Entry[ModelCard | None]]:
    return [entry for entry in _installed() if entry.name == name]


def _of_package(name: str) -> Sequence[Entry[ModelCard | None]]:
    names = {_canonical(name), f"{registry.CORE}-{_canonical(name)}"}
    return [entry for entry in _installed() if _canonical(entry.package) in names]


def _installed() -> Sequence[Entry[ModelCard | None]]:
    # One that ZOO_PLUGINS names and nobody has installed is an entry without a version.
    return [entry for entry in registry.entries() if entry.version]


def _nothing_of_that_name(name: str) -> NoReturn:
    found = _installed()
    models, packages = ({entry.name for entry in found}, {entry.package for entry in found})
    raise PluginError(
        f"'{printable(name)}' is neither an installed model nor a plugin that brings any."
        f"{did_you_mean(name, sorted(models | packages))} "
        f"Plugins: {', '.join(sorted(packages)) or 'none'}."
    )


def _canonical(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()


def _pip(*arguments: str) -> None:
    """Run pip, which prints what it does."""
    if importlib.util.find_spec("pip") is None:
        raise ZooError(
            f"There is no pip in the environment of {sys.executable}. Run `python -m ensurepip` "
            "there, or use the tool that made it, such as `uv pip`."
        )
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    code = subprocess.run(command, check=False).returncode
    if code:
        asked = printable(shlex.join(arguments))
        raise ZooError(f"`pip {asked}` failed (exit code {code}); it says why above.")


def _models() -> Mapping[tuple[str, str], Model]:
    """Return every registered model, read by a new process."""
    program = "import sys; from zoo.commands import run; sys.exit(run(['list', '--json']))"
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        raise ZooError(f"The installed models cannot be listed: {printable(done.stderr.strip())}")
    models = [
        Model(item["name"], item["package"], item["version"], item.get("problem"))
        for item in json.loads(done.stdout)
    ]
    return {(model.name, model.package): model for model in models}


def _change(
    before: Mapping[tuple[str, str], Model], after: Mapping[tuple[str, str], Model]
) -> Change:
    return Change(
        appeared=tuple(model for key, model in after.items() if before.get(key) != model),
        gone=tuple(model for key, model in before.items() if key not in after),
    )
