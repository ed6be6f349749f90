"""Which models and data sets are installed: the entry points, read as cards.

An entry point in the group `zoo.models` names a `ModelCard`, one in `zoo.datasets` a
`DatasetCard`. A broken plugin never hides the others: it is listed with what is wrong, and only
using it fails. `ZOO_PLUGINS=a,b` loads the plugins `a` and `b` alone, by the name of their
distribution with or without `genzoo-`.
"""

import contextlib
import importlib
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import Any, Generic, TypeVar, cast

from zoo.card import DatasetCard, ModelCard
from zoo.errors import PluginError, did_you_mean

MODELS = "zoo.models"
DATASETS = "zoo.datasets"
CORE = "genzoo"

CardT_co = TypeVar("CardT_co", bound=ModelCard | DatasetCard | None, covariant=True)
KnownT = TypeVar("KnownT", ModelCard, DatasetCard)

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_REFERENCE = re.compile(r"([\w.]+)\s*:\s*(\w+)\s*(?:\[.*\])?")  # "module:attribute [extra]"


@dataclass(frozen=True)
class Entry(Generic[CardT_co]):
    """One name that an installed distribution registers.

    Args:
        name: Name of the entry point.
        card: What it names, or None where it cannot be used.
        package: Name of the distribution.
        version: Version of the distribution.
        problem: What is wrong and how to mend it, in one printable line. An entry can have a
            problem and be usable.
    """

    name: str
    card: CardT_co
    package: str
    version: str
    problem: str | None = None

    @property
    def status(self) -> str:
        """Return "ok" if the entry can be used, else "broken"."""
        return "broken" if self.card is None else "ok"


@dataclass(frozen=True)
class _Found:
    """An entry point as it stands in the metadata of one copy of a distribution."""

    name: str
    reference: str
    package: str
    version: str
    location: str

    @property
    def owner(self) -> str:
        return f"{self.package} {self.version}"


def entries() -> tuple[Entry[ModelCard | None], ...]:
    """Return every registered model, sorted by name, the broken ones too."""
    return _entries(MODELS, ModelCard)


def dataset_entries() -> tuple[Entry[DatasetCard | None], ...]:
    """Return every registered data set, sorted by name, the broken ones too."""
    return _entries(DATASETS, DatasetCard)


def find(name: str) -> Entry[ModelCard]:
    """Return the model called `name`.

    Raises:
        PluginError: If it is not installed, or its plugin is broken.
    """
    found = entries()
    for entry in found:
        if entry.name == printable(name):
            if entry.card is None:
                raise PluginError(str(entry.problem))
            return cast("Entry[ModelCard]", entry)
    usable = [entry.name for entry in found if entry.card is not None]
    message = f"Unknown model '{printable(name)}'.{did_you_mean(name, usable)}"
    message += f" Installed: {', '.join(usable) or 'none'}."
    if subset := _subset():
        message += f" ZOO_PLUGINS={','.join(map(printable, subset))} leaves out all other plugins."
    elif not usable:
        message += " Models come as plugins: `pip install genzoo-NAME`."
    raise PluginError(message)


def printable(text: str) -> str:
    """Return `text` with everything but printable characters and line breaks escaped."""
    return "".join(
        character
        if character.isprintable() or character == "\n"
        else character.encode("unicode_escape").decode("ascii")
        for character in text.encode("utf-8", "backslashreplace").decode("utf-8")
    )


def _entries(group: str, card_type: type[KnownT]) -> tuple[Entry[KnownT | None], ...]:
    found = list(_scan(group))
    result = list(_absent()) if group == MODELS else []
    wanted = {_canonical(plugin) for plugin in _subset()}
    by_name: dict[str, list[_Found]] = {}
    for item in found:
        if not wanted or _is_wanted(item.package, wanted):
            by_name.setdefault(item.name, []).append(item)
    for same_name in by_name.values():
        result += _judge(same_name, card_type)
    return tuple(sorted(result, key=lambda entry: (entry.name, entry.package)))


def _scan(group: str) -> Iterator[_Found]:
    """Yield the entry points of `group` from every copy of every distribution on the path.

    `metadata.entry_points` keeps silent about a second copy of a distribution and fails on a line
    that it cannot read. A folder that stands on the path twice counts once.
    """
    path = list(dict.fromkeys(os.path.realpath(folder) for folder in sys.path))
    for distribution in metadata.distributions(path=path):
        try:
            text = distribution.read_text("entry_points.txt")
        except UnicodeDecodeError:
            continue
        if not text or group not in text:
            continue
        package, version = _identity(distribution)
        location = str(distribution.locate_file(""))
        for name, reference in _section(text, group):
            yield _Found(name, reference, package, version, location)


def _identity(distribution: metadata.Distribution) -> tuple[str, str]:
    """Return the name and version of a distribution, whose METADATA may be missing."""
    try:
        fields: Any = distribution.metadata
        return str(fields.get("Name", "unnamed")), str(fields.get("Version", "unknown"))
    except (TypeError, UnicodeDecodeError, metadata.PackageNotFoundError):
        return "unnamed", "unknown"


def _section(text: str, group: str) -> Iterator[tuple[str, str]]:
    section = ""
    for line in map(str.strip, text.split("\n")):
        if line.startswith("["):
            section = line.strip("[]").strip()
        elif line and not line.startswith("#") and section == group:
            name, _, reference = line.partition("=")
            yield name.strip(), reference.strip()


def _judge(same_name: list[_Found], card_type: type[KnownT]) -> list[Entry[Any]]:
    """Return the entries of one name: one that is usable, or all that claim it, broken."""
    first = same_name[0]
    owners = {_canonical(item.package): item for item in reversed(same_name)}
    if len(owners) > 1:
        packages = sorted(item.owner for item in owners.values())
        problem = (
            f"'{first.name}' is registered by {' and '.join(packages)}, so that it cannot be used. "
            f"Uninstall one (`pip uninstall {packages[0].partition(' ')[0]}`), or say in "
            "ZOO_PLUGINS which to load."
        )
        return [_entry(item, None, problem) for item in owners.values()]
    references = sorted({item.reference for item in same_name})
    if len(references) > 1:
        problem = (
            f"'{first.name}' is registered more than once by {first.package}: "
            f"{' and '.join(references)}. {_reinstall(first)}"
        )
        return [_entry(first, None, problem)]
    try:
        card = _load(first, card_type)
    except PluginError as error:
        return [_entry(first, None, str(error))]
    if len(same_name) == 1:
        return [_entry(first, card, None)]
    copies = " and ".join(f"{item.version} in {item.location}" for item in same_name)
    problem = (
        f"{first.package} is installed {len(same_name)} times: {copies}. Python imports the one "
        f"that comes first on its path. Run `pip uninstall {first.package}` until none is left, "
        "then install it again."
    )
    return [_entry(first, card, problem)]


def _load(found: _Found, card_type: type[KnownT]) -> KnownT:
    """Import and check the card that `found` names."""
    plugin = f"Plugin '{found.name}' ({found.owner})"
    if not _NAME.fullmatch(found.name):
        raise PluginError(
            f"{plugin} cannot be used: a name must consist of lower-case letters, digits, '.', '_' "
            f"and '-'. Correct it in the entry points of {found.package}."
        )
    if not (match := _REFERENCE.fullmatch(found.reference)):
        raise PluginError(
            f"{plugin} cannot be used: its entry point must be 'module:attribute'. "
            f"Received: '{found.reference}'."
        )
    module_name, attribute = match.groups()
    try:
        # What a plugin prints while it is imported must not end up in the output of `--json`.
        with contextlib.redirect_stdout(sys.stderr):
            card: Any = getattr(importlib.import_module(module_name), attribute, None)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too: one plugin must not end the program.
        raise PluginError(f"{plugin} {_why_not_imported(found, module_name, error)}") from error
    if card is None:
        raise PluginError(
            f"{plugin} cannot be used: module '{module_name}' has no '{attribute}', which its "
            f"entry point names. {_reinstall(found)}"
        )
    if not isinstance(card, card_type):
        raise PluginError(
            f"{plugin} cannot be used: '{found.reference}' must be a {card_type.__name__}. "
            f"Received: {type(card).__name__}."
        )
    if card.name != found.name:
        raise PluginError(
            f"{plugin} cannot be used: its card is called '{card.name}', and the entry point and "
            f"the card must have one name. Correct it in {found.package}."
        )
    return card


def _why_not_imported(found: _Found, module_name: str, error: BaseException) -> str:
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    if missing and f"{module_name}.".startswith(f"{missing}."):
        return (
            f"cannot be used: there is no module '{missing}', which its entry point names. "
            + _reinstall(found)
        )
    if isinstance(error, SystemExit):
        reason = "it ended the program while it was imported (SystemExit)"
    elif isinstance(error, ImportError) and str(error):
        reason = str(error).removesuffix(".")
    else:
        reason = f"{type(error).__name__}: {error}".removesuffix(".").removesuffix(": ")
    if missing:
        mend = f"Install it, or run `pip install --force-reinstall {found.package}`."
    else:
        mend = _reinstall(found)
    return f"could not be imported: {reason}. {mend}"


def _absent() -> Iterator[Entry[Any]]:
    """Yield a broken entry for every plugin in ZOO_PLUGINS that is not installed."""
    if not (subset := _subset()):
        return
    installed = sorted({found.package for group in (MODELS, DATASETS) for found in _scan(group)})
    known = [package.removeprefix(f"{CORE}-") for package in installed if package != CORE]
    for plugin in subset:
        if not any(_is_wanted(package, {_canonical(plugin)}) for package in known):
            problem = (
                f"ZOO_PLUGINS names '{plugin}', which is not an installed plugin."
                f"{did_you_mean(plugin, known)} Installed: {', '.join(known) or 'none'}."
            )
            yield Entry(printable(plugin), None, printable(plugin), "", printable(problem))


def _subset() -> list[str]:
    names = os.environ.get("ZOO_PLUGINS", "").split(",")
    return [name.strip() for name in names if name.strip()]


def _is_wanted(package: str, wanted: set[str]) -> bool:
    canonical = _canonical(package)
    short = canonical.removeprefix(f"{CORE}-")
    return canonical == CORE or not wanted.isdisjoint((canonical, short, f"{CORE}-{short}"))


def _entry(found: _Found, card: KnownT | None, problem: str | None) -> Entry[Any]:
    one_line = None if problem is None else printable(" ".join(problem.split()))
    return Entry(
        printable(found.name),
        card,
        printable(found.package),
        printable(found.version),
        one_line,
    )


def _canonical(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()


def _reinstall(found: _Found) -> str:
    return f"Run `pip install --force-reinstall {found.package}`."
