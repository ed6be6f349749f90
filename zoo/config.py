"""A model's configuration and its presets: checked, typed, and the same after a trip to JSON.

A configuration is one flat, frozen, keyword-only dataclass. Its fields are `int`, `float`,
`bool`, `str`, `Literal[...]`, tuples of these, or one of these `| None`; what the values may be
is the dataclass's own to check, in `__post_init__`.
"""

import dataclasses
import inspect
import math
import numbers
import re
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from zoo.card import ModelCard, resolve
from zoo.errors import ConfigError, PluginError, did_you_mean

ConfigT = TypeVar("ConfigT")

_BOOLEANS = {"true": True, "false": False}


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A named set of configuration and run settings.

    Args:
        summary: One line: what it is for, what it costs, what it reaches.
        config: Fields of the model's configuration that differ from the defaults.
        data: Data set.
        epochs: Passes over the training data; None where `steps` says how long.
        steps: Optimiser steps; None where `epochs` says how long.
        batch_size: Examples per step.
        form: Form that the data are asked for in, such as `image_size`; see `zoo.data.forms`.
        augment: Augmentations, as after `--augment`; None changes nothing.
        precision: Keras dtype policy.
        backend: The backend that the recipe needs; None takes the user's.
    """

    summary: str
    config: Mapping[str, Any] = field(default_factory=dict)
    data: str
    epochs: int | None = None
    steps: int | None = None
    batch_size: int
    form: Mapping[str, Any] = field(default_factory=dict)
    augment: str | None = None
    precision: str = "float32"
    backend: str | None = None

    def __post_init__(self) -> None:
        if (self.epochs is None) == (self.steps is None):
            raise ConfigError(
                "A preset needs either epochs or steps, the other None. "
                f"Received: epochs={self.epochs}, steps={self.steps}."
            )
        for name in ("epochs", "steps", "batch_size"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"Preset.{name} must be 1 or more. Received: {value}.")


@dataclass(frozen=True, kw_only=True)
class FieldHelp:
    """What a user needs to know of one field.

    Args:
        name: Name of the field.
        type: What may follow the `=` of `--set name=`.
        default: Default value; None too where the field is required.
        required: Whether the field has no default.
        help: Its text in the `Args:` section of the class docstring, on one line.
    """

    name: str
    type: str
    default: Any
    required: bool
    help: str


def find_preset(card: ModelCard, name: str) -> Preset:
    """Return the preset `name` of the model that `card` describes.

    Raises:
        ConfigError: If there is none of that name.
    """
    known = presets(card)
    if name not in known:
        raise ConfigError(
            f"Model '{card.name}' has no preset '{name}'.{did_you_mean(name, known)} "
            f"Presets: {', '.join(known) or 'none'}."
        )
    return known[name]


def presets(card: ModelCard) -> Mapping[str, Preset]:
    """Return the presets of the model that `card` describes, by name.

    Raises:
        PluginError: If the card's reference does not lead to presets.
    """
    found = resolve(card.presets)
    if not isinstance(found, Mapping) or not all(isinstance(p, Preset) for p in found.values()):
        raise PluginError(
            f"'{card.presets}' must be a mapping of names to zoo.Preset, because the card of "
            f"'{card.name}' says that it holds its presets. Received: {type(found).__name__}."
        )
    return found


def make_config(cls: type[ConfigT], values: Mapping[str, Any]) -> ConfigT:
    """Return `cls(**values)` after a check of the names and types.

    Lists stand for tuples, and whole numbers for floats.

    Raises:
        ConfigError: If a field is unknown, missing, or of another type, or a value is refused.
    """
    hints = _hints(cls)
    for name in values:
        _check_known(cls, name)
    missing = [h.name for h in describe(cls) if h.required and h.name not in values]
    if missing:
        raise ConfigError(f"{cls.__name__} needs a value for {', '.join(missing)}.")
    converted = {
        name: _convert(f"{cls.__name__}.{name}", hints[name], value)
        for name, value in values.items()
    }
    return cls(**converted)


def to_json(config: Any) -> dict[str, Any]:
    """Return the fields of `config` as values that JSON keeps exactly."""
    cls = type(config)
    return {
        name: _plain(_convert(f"{cls.__name__}.{name}", hint, getattr(config, name)))
        for name, hint in _hints(cls).items()
    }


def from_json(cls: type[ConfigT], data: Any) -> ConfigT:
    """Return the configuration that `to_json` made `data` from.

    Raises:
        ConfigError: If `data` is not an object with fields of `cls`.
    """
    if not isinstance(data, Mapping):
        raise ConfigError(
            f"A {cls.__name__} is kept as a JSON object. Received: {type(data).__name__}."
        )
    return make_config(cls, data)


def parse_overrides(cls: type, assignments: Sequence[str]) -> dict[str, Any]:
    """Return the values of `key=value` strings, each of the type of its field.

    Raises:
        ConfigError: If one is no assignment, names no field or one twice, or does not fit.
    """
    hints = _hints(cls)
    values: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        name = name.strip()
        if not equals or not name:
            raise ConfigError(
                f"A setting must have the form key=value, as in --set {next(iter(hints))}=... "
                f"Received: '{assignment}'."
            )
        _check_known(cls, name)
        if name in values:
            raise ConfigError(f"'{name}' is set twice. Give it once.")
        try:
            values[name] = _parse(hints[name], text.strip())
        except ValueError:
            raise ConfigError(
                f"{cls.__name__}.{name} must be {_type_text(hints[name])}. Received: '{text}'."
            ) from None
    return values


def describe(cls: type) -> list[FieldHelp]:
    """Return name, type, default and help of every field of a configuration."""
    hints, texts = _hints(cls), _argument_texts(cls)
    result = []
    for item in dataclasses.fields(cls):
        default: Any = item.default
        if item.default_factory is not dataclasses.MISSING:
            default = item.default_factory()
        required = default is dataclasses.MISSING
        result.append(
            FieldHelp(
                name=item.name,
                type=_type_text(hints[item.name]),
                default=None if required else default,
                required=required,
                help=texts.get(item.name, ""),
            )
        )
    return result


def format_value(value: Any) -> str:
    """Return `value` as it is written after the `=` of `--set`."""
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ",".join(map(format_value, value))
    return str(value)


def _hints(cls: type) -> dict[str, Any]:
    if not dataclasses.is_dataclass(cls):
        raise PluginError(f"A configuration must be a dataclass. Received: {cls!r}.")
    hints = typing.get_type_hints(cls)
    return {item.name: hints[item.name] for item in dataclasses.fields(cls)}


def _check_known(cls: type, name: str) -> None:
    names = list(_hints(cls))
    if name not in names:
        raise ConfigError(
            f"{cls.__name__} has no field '{name}'.{did_you_mean(name, names)} "
            f"Fields: {', '.join(names)}."
        )


def _convert(place: str, hint: Any, value: Any) -> Any:
    """Return `value` as an instance of exactly the annotated type."""
    try:
        return _fit(hint, value)
    except (ValueError, OverflowError):
        raise ConfigError(f"{place} must be {_type_text(hint)}. Received: {value!r}.") from None


def _fit(hint: Any, value: Any) -> Any:
    """Return `value` in the type `hint`; ValueError if it does not fit."""
    kind = get_origin(hint) or hint
    if kind in (Union, types.UnionType):
        return None if value is None else _fit(_not_none(hint), value)
    if kind is Literal:
        for choice in get_args(hint):
            if type(choice) is type(value) and choice == value:
                return choice
    elif kind is tuple and isinstance(value, list | tuple):
        return tuple(map(_fit, _item_hints(hint, len(value)), value))
    elif kind in (bool, str) and isinstance(value, kind):
        return kind(value)
    elif kind is int and isinstance(value, numbers.Integral) and not isinstance(value, bool):
        return int(value)
    elif kind is float and _is_finite(value):
        return float(value)
    raise ValueError


def _parse(hint: Any, text: str) -> Any:
    """Return what `text` means as a value of type `hint`; ValueError if nothing."""
    kind = get_origin(hint) or hint
    if kind in (Union, types.UnionType):
        return None if text.lower() == "none" else _parse(_not_none(hint), text)
    if kind is Literal:
        choices = {format_value(choice): choice for choice in get_args(hint)}
        if text in choices:
            return choices[text]
        raise ValueError
    if kind is tuple:
        parts = [part.strip() for part in text.strip("()[]").split(",")]
        if parts[-1] == "":
            parts.pop()
        return tuple(map(_parse, _item_hints(hint, len(parts)), parts))
    if kind is bool:
        if text.lower() in _BOOLEANS:
            return _BOOLEANS[text.lower()]
        raise ValueError
    return _fit(kind, kind(text))


def _is_finite(value: Any) -> bool:
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return is_number and math.isfinite(value)  # OverflowError for an integer beyond a float.


def _item_hints(hint: Any, count: int) -> tuple[Any, ...]:
    """Return the annotation of each of `count` items; ValueError if there must be more or fewer."""
    arguments = get_args(hint)
    if arguments[-1] is Ellipsis:
        return (arguments[0],) * count
    if len(arguments) != count:
        raise ValueError
    return arguments


def _not_none(hint: Any) -> Any:
    return next(argument for argument in get_args(hint) if argument is not types.NoneType)


def _type_text(hint: Any) -> str:
    kind = get_origin(hint) or hint
    if kind in (Union, types.UnionType):
        return f"{_type_text(_not_none(hint))} | none"
    if kind is Literal:
        return " | ".join(map(format_value, get_args(hint)))
    if kind is tuple:
        items = ["..." if item is Ellipsis else _type_text(item) for item in get_args(hint)]
        return ",".join(items)
    if kind is bool:
        return "true | false"
    return str(kind.__name__)


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _argument_texts(cls: type) -> dict[str, str]:
    """Return the entries of the `Args:` sections of a class and its bases, each on one line."""
    texts: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        section = re.search(
            r"^Args:\n((?:[ \t]+.*\n?|\n)*)", inspect.cleandoc(base.__doc__ or ""), re.M
        )
        for entry in re.split(r"\n(?=    \S)", section.group(1).rstrip()) if section else []:
            name, _, text = " ".join(entry.split()).partition(": ")
            texts[name.partition(" (")[0]] = text
    return texts
