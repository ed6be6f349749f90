"""`zoo plugin new`: a plugin's package, written of templates in one stroke.

The templates of a kind of data are a model, its configuration, its card and its tests; the files of
`templates/package` are those of every plugin. What a template is told: the model's `name` on the
command line, its `title`, the `distribution` that pip installs, the `package` that Python imports,
and the name of its class, `model`.
"""

import builtins
import importlib.util
import keyword
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from zoo import registry
from zoo.errors import PluginError, did_you_mean

TEMPLATES = Path(__file__).parent / "templates"
COMMON = "package"
ADVERSARIAL = "-adversarial"

KINDS = ("image", "waveform", "strokes", "tokens", "domains")
# Why a discriminator cannot teach a generator of these.
_NOT_ADVERSARIAL = {
    "strokes": "the pen's states are one of three, and no gradient leads through a choice",
    "tokens": "a word is one of many, and no gradient leads through a choice",
}
# The registry's rule for the names of models, and pip's for the end of a distribution's name.
_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?")


def new_plugin(
    name: str, kind: str, *, adversarial: bool = False, out: Path | None = None
) -> list[Path]:
    """Write a plugin with one small model, and return the paths of its files.

    Either all of it is written, or nothing.

    Args:
        name: Name of the model.
        kind: Kind of its data, one of `KINDS`.
        adversarial: Whether a discriminator teaches it.
        out: Folder to write; None takes `genzoo-NAME`.

    Raises:
        PluginError: If the name cannot be used or is taken, the kind is unknown or cannot be
            adversarial, or the folder is there.
    """
    _check_kind(kind, adversarial)
    _check_name(name)
    folder = Path(f"genzoo-{name}") if out is None else out
    if folder.exists() or folder.is_symlink():
        raise PluginError(f"'{folder}' is there already. Name another folder with --out.")
    files = render(name, f"{kind}{ADVERSARIAL if adversarial else ''}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for path, text in files.items():
            target = beside / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        beside.chmod(0o777 & ~_umask())  # a temporary folder is its maker's alone
        os.rename(beside, folder)  # fails where something has come to stand there
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    return [folder / path for path in files]


def render(name: str, template: str) -> dict[str, str]:
    """Return the text of each file of a plugin, by its path in the folder.

    Args:
        name: Name of the model.
        template: Folder of the templates of the model.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader([TEMPLATES / template, TEMPLATES / COMMON]),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        autoescape=False,  # noqa: S701  # Python, TOML and Markdown; the name is checked
    )
    facts = _facts(name, template)
    package = facts["package"]
    targets = {
        "pyproject.toml": "pyproject.toml",
        "README.md": "README.md",
        "card.py": f"{package}/__init__.py",
        "config.py": f"{package}/config.py",
        "model.py": f"{package}/model.py",
        "py.typed": f"{package}/py.typed",
        "conftest.py": "tests/conftest.py",
        "test_contract.py": "tests/test_contract.py",
    }
    return {
        path: environment.get_template(f"{source}.jinja").render(facts)
        for source, path in targets.items()
    }


def _facts(name: str, template: str) -> Mapping[str, Any]:
    words = re.split(r"[._-]+", name)
    return {
        "name": name,
        "title": " ".join(words).capitalize(),
        "distribution": f"genzoo-{name}",
        "package": _package(name),
        "model": _class_name(words, template),
        "core": _core_requirement(),
    }


def _class_name(words: list[str], template: str) -> str:
    """Return a name for the model's class that nothing else in its files has."""
    texts = [path.read_text(encoding="utf-8") for path in (TEMPLATES / template).iterdir()]
    taken = {*keyword.kwlist, *dir(builtins), *re.findall(r"\w+", "\n".join(texts))}
    found = "".join(word[:1].upper() + word[1:] for word in words)
    if not found.isidentifier():  # it begins with a digit
        found = f"Model{found}"
    while found in taken or f"{found}Config" in taken:
        found += "Model"
    return found


def _core_requirement() -> str:
    """Return what the plugin asks of the core: this minor version, for the next may break it."""
    major, minor = metadata.version(registry.CORE).split(".")[:2]
    return f"{registry.CORE}>={major}.{minor},<{major}.{int(minor) + 1}"


def _check_kind(kind: str, adversarial: bool) -> None:
    if kind not in KINDS:
        raise PluginError(
            f"There is no template for the kind '{registry.printable(kind)}'."
            f"{did_you_mean(kind, KINDS)} Kinds: {', '.join(KINDS)}."
        )
    if adversarial and kind in _NOT_ADVERSARIAL:
        can = [other for other in KINDS if other not in _NOT_ADVERSARIAL]
        raise PluginError(
            f"There is no adversarial template for {kind}: {_NOT_ADVERSARIAL[kind]}. Leave out "
            f"--adversarial, or take one of {', '.join(can)}."
        )


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise PluginError(
            "A model's name must consist of lower-case letters, digits, '.', '_' and '-', and "
            f"begin and end with a letter or digit. Received: '{registry.printable(name)}'."
        )
    entries = registry.entries()
    for entry in entries:
        if entry.name == name:
            raise PluginError(
                f"There is a model '{name}' already, of {entry.package} {entry.version}. Choose "
                "another name, or uninstall that one."
            )
    package = _package(name)
    installed = {_package(entry.package.removeprefix("genzoo-")) for entry in entries}
    if package in installed or importlib.util.find_spec(package) is not None:
        raise PluginError(
            f"'genzoo-{name}' would hold the package '{package}', which is installed already. "
            "Choose another name, or uninstall that one."
        )


def _package(name: str) -> str:
    return f"zoo_{re.sub(r'[._-]+', '_', name).lower()}"


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
