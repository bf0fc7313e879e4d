"""Each kind of setting checks values, and a schema lists the fields of a dataclass."""

from collections.abc import Container
from dataclasses import dataclass
from typing import Any

import pytest

from impasto_shared.errors import InvalidSettings
from impasto_shared.schema import (
    ChoiceSetting,
    IntegerSetting,
    LayersSetting,
    NumberSetting,
    OpenChoiceSetting,
    Schema,
    SwitchSetting,
    TextSetting,
    TextsSetting,
    described,
)
from impasto_shared.str_enum import StrEnum


class Brush(StrEnum):
    FLAT = "flat"
    ROUND = "round"


BRUSHES: dict[str, str] = {Brush.FLAT: "Flat", Brush.ROUND: "Round"}


@dataclass(frozen=True)
class Easel:
    height: float = described(NumberSetting, 1.5, low=0.5, high=2.5, label="Height", help="In m")
    legs: int = described(IntegerSetting, 3, low=3, high=4, label="Legs", help="How many")
    brush: Brush = described(
        ChoiceSetting, Brush.FLAT, choices=BRUSHES, label="Brush", help="Its form"
    )


SCHEMA: Schema[NumberSetting | IntegerSetting | ChoiceSetting] = Schema(Easel)

NUMBER = NumberSetting("n", "Number", "", 1.0, low=0.0, high=2.0)
INTEGER = IntegerSetting("i", "Integer", "", 1, low=0, high=2)
CHOICE = ChoiceSetting("c", "Choice", "", Brush.FLAT, BRUSHES)
OPEN_CHOICE = OpenChoiceSetting(
    "o", "Open", "", Brush.FLAT, BRUSHES, others="another brush", former={"bristle": "round"}
)
SWITCH = SwitchSetting("s", "Switch", "", default=False)
LAYERS = LayersSetting("l", "Layers", "", "relu1_1:1")
TEXT = TextSetting("t", "Text", "", "", pattern=r"\d+", values="digits")


def test_schema_keeps_the_order_of_the_fields() -> None:
    assert [setting.name for setting in SCHEMA] == ["height", "legs", "brush"]
    assert len(SCHEMA) == 3


def test_schema_is_indexed_by_name() -> None:
    assert SCHEMA["legs"] == IntegerSetting("legs", "Legs", "How many", 3, low=3, high=4)
    names: Container[object] = SCHEMA
    assert "legs" in names
    assert "wheels" not in names
    with pytest.raises(KeyError):
        SCHEMA["wheels"]


def test_schema_narrows_a_setting_to_its_kind() -> None:
    assert SCHEMA.number("height").high == 2.5
    assert SCHEMA.integer("legs").high == 4
    assert SCHEMA.choice("brush").choices == BRUSHES


def test_schema_refuses_to_narrow_to_another_kind() -> None:
    with pytest.raises(TypeError, match="legs is a IntegerSetting, not a NumberSetting"):
        SCHEMA.number("legs")


def test_described_field_has_its_default() -> None:
    assert Easel() == Easel(1.5, 3, Brush.FLAT)


@pytest.mark.parametrize(
    ("setting", "value", "checked"),
    [
        (NUMBER, 2, 2.0),
        (NUMBER, 0.5, 0.5),
        (INTEGER, 2, 2),
        (CHOICE, "round", Brush.ROUND),
        (OPEN_CHOICE, "round", Brush.ROUND),
        (OPEN_CHOICE, "fan_12", "fan_12"),
        (OPEN_CHOICE, "bristle", Brush.ROUND),
        (SWITCH, True, True),
        (LAYERS, "relu1_1:2.0  relu4_2", "relu1_1:2,relu4_2:1"),
        (TEXT, "12", "12"),
        (TEXT, "", ""),
    ],
)
def test_value_is_accepted_in_normal_form(setting: Any, value: object, checked: object) -> None:
    result = setting.check(value)

    assert result == checked
    assert type(result) is type(checked)


@pytest.mark.parametrize(
    ("setting", "value", "text"),
    [
        (NUMBER, "1", "Number must be a number"),
        (NUMBER, True, "Number must be a number"),
        (NUMBER, 2.1, "Number must lie between 0 and 2"),
        (NUMBER, float("nan"), "Number must lie between 0 and 2"),
        (INTEGER, 1.0, "Integer must be a whole number"),
        (INTEGER, True, "Integer must be a whole number"),
        (INTEGER, 3, "Integer must lie between 0 and 2"),
        (CHOICE, "fan", "Choice must be one of flat, round"),
        (CHOICE, 1, "Choice must be one of flat, round"),
        (OPEN_CHOICE, "Fan!", "Open must be one of flat, round, or another brush"),
        (SWITCH, 1, "Switch must be true or false"),
        (LAYERS, 1, "Layers must be text"),
        (LAYERS, "1:1", "Layers: '1' is not the name of a layer"),
        (TEXT, 12, "Text must be text"),
        (TEXT, "twelve", "Text must be digits"),
    ],
)
def test_refusal_names_the_setting_and_what_is_allowed(
    setting: Any, value: object, text: str
) -> None:
    with pytest.raises(InvalidSettings) as refused:
        setting.check(value)

    assert refused.value.field == setting.name
    assert str(refused.value).startswith(text)


TEXTS = TextsSetting("t", "Texts", "", (), pattern=r"\d+", values="digits")


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        (["1", "22"], ("1", "22")),
        (("1",), ("1",)),
        ("1, 22", ("1", "22")),
        ("1", ("1",)),
        ("", ()),
        ([], ()),
    ],
)
def test_list_of_texts_is_a_tuple(value: object, texts: tuple[str, ...]) -> None:
    assert TEXTS.check(value) == texts


@pytest.mark.parametrize("value", ["1,", "1 2", ["x"], [1], [["1"]], 1, None, {"1": "1"}, "x"])
def test_other_list_of_texts_is_refused(value: object) -> None:
    with pytest.raises(InvalidSettings, match="Texts must be a list"):
        TEXTS.check(value)
