import dataclasses
import json
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.card import ModelCard
from zoo.config import (
    FieldHelp,
    Preset,
    describe,
    find_preset,
    format_value,
    from_json,
    make_config,
    parse_overrides,
    presets,
    to_json,
)
from zoo.errors import ConfigError, PluginError


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of every supported type.

    Args:
        size: How many units,
            in all: hidden and visible.
        rate: Learning rate (per step).
        deep: Whether there are more layers.
        label: What the plot says.
        mode: One of two.
        widths: Units per layer.
        shape: Height, width, channels.
        limit: Longest gradient; none does not clip.

    Text after the section belongs to no field.
    """

    size: int = 8
    rate: float = 1e-3
    deep: bool = False
    label: str = "plain"
    mode: Literal["fast", "exact"] = "fast"
    widths: tuple[int, ...] = (64, 32)
    shape: tuple[int, int, int] = (28, 28, 1)
    limit: float | None = None

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ConfigError(f"size must be 1 or more. Received: {self.size}.")


@dataclass(frozen=True, kw_only=True)
class Needy:
    """Has a field without a default."""

    size: int


LAPTOP = Preset(summary="Small.", data="digits", epochs=2, batch_size=8)
PRESETS = {"laptop": LAPTOP}
NO_PRESETS = ["laptop"]

finite = st.floats(allow_nan=False, allow_infinity=False)
settings_values = st.fixed_dictionaries(
    {},
    optional={
        "size": st.integers(min_value=1),
        "rate": finite,
        "deep": st.booleans(),
        "label": st.text(),
        "mode": st.sampled_from(["fast", "exact"]),
        "widths": st.lists(st.integers()).map(tuple),
        "shape": st.tuples(st.integers(), st.integers(), st.integers()),
        "limit": st.none() | finite,
    },
)


def card_with(reference: str) -> ModelCard:
    return ModelCard(
        name="toy",
        title="Toy",
        summary="A toy.",
        paper="None",
        year=2000,
        url="https://example.org",
        kind="image",
        data="digits",
        model="toy:Toy",
        config="toy:Config",
        presets=reference,
    )


@given(settings_values)
def test_a_configuration_is_the_same_after_a_trip_to_json(values):
    config = make_config(Settings, values)
    text = json.dumps(to_json(config), allow_nan=False)
    again = from_json(Settings, json.loads(text))
    assert again == config
    assert [type(value) for value in dataclasses.astuple(again)] == [
        type(value) for value in dataclasses.astuple(config)
    ]


@given(settings_values)
def test_a_formatted_value_is_read_back_as_the_same_value(values):
    # A text loses the spaces at its ends; it is not promised.
    values.pop("label", None)
    assignments = [f"{name}={format_value(value)}" for name, value in values.items()]
    assert parse_overrides(Settings, assignments) == values


@given(st.text(), st.sampled_from([item.name for item in dataclasses.fields(Settings)]))
def test_any_text_is_either_a_value_of_the_field_or_a_config_error(text, name):
    try:
        (value,) = parse_overrides(Settings, [f"{name}={text}"]).values()
        assert getattr(make_config(Settings, {name: value}), name) == value
    except ConfigError:
        assert name != "label"


def test_values_keep_the_types_of_the_fields():
    config = make_config(
        Settings, {"rate": 1, "size": np.int64(3), "shape": [8, 8, 1], "limit": np.float32(0.5)}
    )
    assert (config.rate, config.size, config.shape, config.limit) == (1.0, 3, (8, 8, 1), 0.5)
    assert [type(v) for v in (config.rate, config.size, config.limit)] == [float, int, float]


def test_an_unknown_field_is_answered_with_the_closest_and_all_names():
    with pytest.raises(ConfigError) as caught:
        make_config(Settings, {"width": (3,)})
    assert str(caught.value) == (
        "Settings has no field 'width'. Did you mean 'widths'? "
        "Fields: size, rate, deep, label, mode, widths, shape, limit."
    )


def test_a_missing_value_is_named():
    with pytest.raises(ConfigError, match="Needy needs a value for size"):
        make_config(Needy, {})


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("size", 1.5, "int"),
        ("size", True, "int"),
        ("size", "3", "int"),
        ("rate", math.nan, "float"),
        ("rate", math.inf, "float"),
        ("rate", 10**400, "float"),
        ("rate", True, "float"),
        ("rate", None, "float"),
        ("deep", 1, "true | false"),
        ("label", 3, "str"),
        ("mode", "slow", "fast | exact"),
        ("widths", 3, "int,..."),
        ("widths", ("a",), "int,..."),
        ("widths", "12", "int,..."),
        ("shape", (28, 28), "int,int,int"),
        ("limit", "big", "float | none"),
    ],
)
def test_a_value_of_another_type_is_refused(name, value, expected):
    with pytest.raises(ConfigError) as caught:
        make_config(Settings, {name: value})
    assert str(caught.value) == f"Settings.{name} must be {expected}. Received: {value!r}."


def test_the_dataclass_itself_says_which_values_it_takes():
    with pytest.raises(ConfigError, match=r"size must be 1 or more. Received: 0."):
        make_config(Settings, {"size": 0})


def test_json_that_is_no_object_is_refused():
    with pytest.raises(ConfigError, match=r"JSON object. Received: list"):
        from_json(Settings, [1, 2])


def test_a_configuration_made_by_hand_with_wrong_types_is_not_written():
    with pytest.raises(ConfigError, match=r"Settings.label must be str"):
        to_json(Settings(label=3))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("assignment", "value"),
    [
        ("size=12", 12),
        (" size = 12 ", 12),
        ("rate=1e-4", 1e-4),
        ("rate=2", 2.0),
        ("deep=true", True),
        ("deep=False", False),
        ("label=a=b", "a=b"),
        ("label=", ""),
        ("mode=exact", "exact"),
        ("widths=32", (32,)),
        ("widths=32,", (32,)),
        ("widths=", ()),
        ("widths=(64, 32)", (64, 32)),
        ("shape=8,8,3", (8, 8, 3)),
        ("limit=none", None),
        ("limit=0.5", 0.5),
    ],
)
def test_an_assignment_is_read_in_the_type_of_its_field(assignment, value):
    (parsed,) = parse_overrides(Settings, [assignment]).values()
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("assignments", "message"),
    [
        (["size"], "must have the form key=value, as in --set size=... Received: 'size'."),
        (["=3"], "must have the form key=value, as in --set size=... Received: '=3'."),
        (["sise=3"], "Settings has no field 'sise'. Did you mean 'size'? Fields: size, rate"),
        (["size=3", "size=4"], "'size' is set twice. Give it once."),
        (["size=3.5"], "Settings.size must be int. Received: '3.5'."),
        (["size="], "Settings.size must be int. Received: ''."),
        (["rate=nan"], "Settings.rate must be float. Received: 'nan'."),
        (["rate=1e999"], "Settings.rate must be float. Received: '1e999'."),
        (["limit=-inf"], "Settings.limit must be float | none. Received: '-inf'."),
        (["deep=maybe"], "Settings.deep must be true | false. Received: 'maybe'."),
        (["mode=slow"], "Settings.mode must be fast | exact. Received: 'slow'."),
        (["widths=1,,2"], "Settings.widths must be int,.... Received: '1,,2'."),
        (["shape=28,28"], "Settings.shape must be int,int,int. Received: '28,28'."),
    ],
)
def test_an_assignment_that_does_not_fit_is_refused(assignments, message):
    with pytest.raises(ConfigError) as caught:
        parse_overrides(Settings, assignments)
    assert message in str(caught.value)


def test_a_field_is_described_with_its_help_from_the_docstring():
    described = {item.name: item for item in describe(Settings)}
    assert described["size"] == FieldHelp(
        name="size",
        type="int",
        default=8,
        required=False,
        help="How many units, in all: hidden and visible.",
    )
    assert described["limit"].help == "Longest gradient; none does not clip."
    assert described["mode"].type == "fast | exact"
    assert described["shape"].type == "int,int,int"


def test_a_field_without_default_or_help_is_described_too():
    assert describe(Needy) == [
        FieldHelp(name="size", type="int", default=None, required=True, help="")
    ]


def test_a_class_that_is_no_dataclass_is_refused():
    with pytest.raises(PluginError, match="must be a dataclass"):
        describe(int)


def test_a_preset_is_found_by_name():
    assert find_preset(card_with(f"{__name__}:PRESETS"), "laptop") is LAPTOP


def test_an_unknown_preset_is_answered_with_the_closest_and_all_names():
    with pytest.raises(ConfigError) as caught:
        find_preset(card_with(f"{__name__}:PRESETS"), "labtop")
    assert str(caught.value) == (
        "Model 'toy' has no preset 'labtop'. Did you mean 'laptop'? Presets: laptop."
    )


def test_a_reference_to_something_other_than_presets_is_refused():
    with pytest.raises(PluginError, match=r"must be a mapping of names to zoo.Preset"):
        presets(card_with(f"{__name__}:NO_PRESETS"))


@pytest.mark.parametrize("length", [{}, {"epochs": 1, "steps": 1}])
def test_a_preset_lasts_for_epochs_or_for_steps(length):
    with pytest.raises(ConfigError, match="either epochs or steps"):
        Preset(summary="", data="digits", batch_size=1, **length)


def test_a_preset_needs_at_least_one_example_per_step():
    with pytest.raises(ConfigError, match=r"Preset.batch_size must be 1 or more. Received: 0."):
        Preset(summary="", data="digits", epochs=1, batch_size=0)
