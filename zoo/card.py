"""What a plugin or a data set says of itself without importing Keras.

A plugin's `__init__.py` holds one `ModelCard` per model, named by an entry point in the group
`zoo.models`; a data set has a `DatasetCard`, named by one in `zoo.datasets`. References to code
are strings `"module:attribute"`, so that reading a card costs nothing.
"""

import importlib
import re
from dataclasses import dataclass
from typing import Any, Literal, get_args

from zoo.errors import PluginError

Kind = Literal["image", "waveform", "strokes", "tokens", "video", "domains", "captioned"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_REFERENCE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """One model of the zoo.

    Args:
        name: Name on the command line; lower-case letters, digits, `.`, `_` and `-`.
        title: The name as a person writes it.
        summary: One line: what the model does.
        paper: Authors and title of the source.
        year: Year of the source.
        url: Where the source is to be had.
        kind: Kind of data that it models.
        data: Name of the data set that it takes by default.
        model: Reference to the model class, `"module:Class"`.
        config: Reference to its configuration dataclass, importable without Keras.
        presets: Reference to the mapping of its presets, importable without Keras.
        trainer: Reference to the trainer; a plugin that trains in stages brings its own.
    """

    name: str
    title: str
    summary: str
    paper: str
    year: int
    url: str
    kind: Kind
    data: str
    model: str
    config: str
    presets: str
    trainer: str = "zoo.training:Trainer"

    def __post_init__(self) -> None:
        _check_name("ModelCard", self.name)
        _check_kind("ModelCard", self.kind)
        for field in ("model", "config", "presets", "trainer"):
            _check_reference("ModelCard", field, getattr(self, field))


@dataclass(frozen=True, kw_only=True)
class DatasetCard:
    """One data set that is named without a path.

    Args:
        name: Name on the command line.
        kind: Kind of data.
        summary: One line: what it holds and how much of it.
        source: Where it comes from (a URL, or the package that carries it).
        licence: Licence as stated by the source.
        load: Reference to the loader, `"module:function"`; the function takes `split` by keyword,
            of images also `image_size`, of waveforms also `sound`, and returns a `Dataset`.
    """

    name: str
    kind: Kind
    summary: str
    source: str
    licence: str
    load: str

    def __post_init__(self) -> None:
        _check_name("DatasetCard", self.name)
        _check_kind("DatasetCard", self.kind)
        _check_reference("DatasetCard", "load", self.load)


def resolve(reference: str) -> Any:
    """Import and return what `"module:attribute"` names.

    Raises:
        PluginError: If the module cannot be imported or has no such attribute.
    """
    module_name, _, attribute = reference.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise PluginError(f"'{reference}' could not be imported: {error}.") from error
    try:
        return getattr(module, attribute)
    except AttributeError:
        raise PluginError(
            f"Module '{module_name}' has no '{attribute}', which '{reference}' refers to."
        ) from None


def _check_name(owner: str, name: str) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise PluginError(
            f"{owner}.name must consist of lower-case letters, digits, '.', '_' and '-'. "
            f"Received: {name!r}."
        )


def _check_kind(owner: str, kind: str) -> None:
    if kind not in KINDS:
        raise PluginError(f"{owner}.kind must be one of {', '.join(KINDS)}. Received: {kind!r}.")


def _check_reference(owner: str, field: str, reference: str) -> None:
    if not isinstance(reference, str) or not _REFERENCE.fullmatch(reference):
        raise PluginError(
            f"{owner}.{field} must be a reference 'module:attribute'. Received: {reference!r}."
        )
