"""The procedure's arguments, declared to a procedure that only takes notes."""

import re
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from impasto_gimp.arguments.procedure_arguments import (
    ADVANCED_LABEL,
    ALWAYS_VISIBLE,
    GALLERY_LABEL,
    LABELS,
    PREVIEW_LABEL,
    REGION_LABEL,
    RESULTS_LABEL,
    START_LABEL,
    STYLE,
    STYLE_LABEL,
    STYLES,
    VARIATIONS_LABEL,
    WEIGHT_LABEL,
    apply_settings,
    argument_name,
    declare_settings,
    declare_styles,
    settings_from,
    with_mnemonics,
)
from impasto_gimp.translation import gettext
from impasto_shared.errors import InvalidSettings
from impasto_shared.image import Image, PixelFormat
from impasto_shared.schema import (
    ChoiceSetting,
    IntegerSetting,
    LayersSetting,
    NumberSetting,
    SwitchSetting,
)
from impasto_shared.settings import SETTINGS, Model, Pooling, Quality, Setting, Start, StyleSettings
from impasto_shared.style import Style
from impasto_shared.texture import HEIGHT, WIDTH

# In place of GIMP's enumerations.
FLAGS: Any = object()
ANY_FILE: Any = "any file"
# What GIMP writes on its own buttons: Cancel, Help, Load, OK, Reset, Save.
GIMPS_LETTERS = set("chlors")


class Choice:
    """A Gimp.Choice: for each nick its number and label."""

    def __init__(self) -> None:
        self.entries: dict[str, tuple[int, str]] = {}

    def add(self, nick: str, number: int, label: str, _help: str) -> None:
        self.entries[nick] = (number, label)


CHOICE: Any = Choice


@dataclass
class Argument:
    """An argument as it was declared; `values` is a range or a choice."""

    kind: str
    label: str
    help: str
    values: Any
    default: Any
    flags: object


@dataclass
class Procedure:
    """A Gimp.Procedure that keeps its arguments by name, and is the configuration of defaults."""

    arguments: dict[str, Argument] = field(default_factory=dict)

    def add_double_argument(
        self,
        name: str,
        label: str,
        description: str,
        low: float,
        high: float,
        default: float,
        flags: object,
    ) -> None:
        self._add(name, Argument("double", label, description, (low, high), default, flags))

    def add_int_argument(
        self,
        name: str,
        label: str,
        description: str,
        low: int,
        high: int,
        default: int,
        flags: object,
    ) -> None:
        self._add(name, Argument("int", label, description, (low, high), default, flags))

    def add_boolean_argument(
        self, name: str, label: str, description: str, default: bool, flags: object
    ) -> None:
        self._add(name, Argument("boolean", label, description, None, default, flags))

    def add_string_argument(
        self, name: str, label: str, description: str, default: str, flags: object
    ) -> None:
        self._add(name, Argument("string", label, description, None, default, flags))

    def add_choice_argument(
        self,
        name: str,
        label: str,
        description: str,
        choice: Choice,
        default: str,
        flags: object,
    ) -> None:
        self._add(name, Argument("choice", label, description, choice.entries, default, flags))

    def add_file_argument(
        self,
        name: str,
        label: str,
        description: str,
        action: object,
        none_ok: bool,
        default: object,
        flags: object,
    ) -> None:
        assert none_ok, "a script may name a layer instead"
        self._add(name, Argument("file", label, description, action, default, flags))

    def add_layer_argument(
        self, name: str, label: str, description: str, none_ok: bool, flags: object
    ) -> None:
        assert none_ok, "a script may name a file instead"
        self._add(name, Argument("layer", label, description, None, None, flags))

    def add_drawable_argument(
        self, name: str, label: str, description: str, none_ok: bool, flags: object
    ) -> None:
        assert none_ok, "a style need not have a region"
        self._add(name, Argument("drawable", label, description, None, None, flags))

    def get_property(self, name: str) -> Any:
        return self.arguments[name].default

    def set_property(self, name: str, value: Any) -> None:
        self.arguments[name] = replace(self.arguments[name], default=value)

    def _add(self, name: str, argument: Argument) -> None:
        assert name not in self.arguments, f"{name} is declared twice"
        self.arguments[name] = argument


@pytest.fixture
def procedure() -> Any:  # in place of Gimp.Procedure
    declared: Any = Procedure()
    declare_settings(declared, SETTINGS, CHOICE, FLAGS)
    return declared


def name_of(setting: Setting) -> str:
    return setting.name


def mnemonic(marked: str) -> str:
    return marked[marked.index("_") + 1].lower()


def test_every_setting_is_one_argument_in_the_settings_order(procedure: Any) -> None:
    assert [name.replace("-", "_") for name in procedure.arguments] == [
        setting.name for setting in SETTINGS
    ]


def test_settings_survive_in_a_configuration(procedure: Any) -> None:
    settings = StyleSettings(
        size=77, quality=Quality.BEST, style_layers="relu1_1", style_strength=2.5
    )

    apply_settings(procedure, settings)

    assert settings_from(procedure) == settings
    # GIMP takes names for choices, not what they stand for.
    assert type(procedure.get_property("quality")) is str


def test_names_are_such_as_gimp_takes(procedure: Any) -> None:
    declare_styles(procedure, ANY_FILE, FLAGS)

    unfit = [name for name in procedure.arguments if not re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", name)]
    assert unfit == []


def test_each_style_has_a_file_a_layer_a_weight_and_a_region() -> None:
    procedure: Any = Procedure()
    declare_styles(procedure, ANY_FILE, FLAGS)
    kinds = {name: argument.kind for name, argument in procedure.arguments.items()}

    first = {
        **{"": "file", "-layer": "layer", "-weight": "double"},
        **{"-region": "drawable", "-outside": "boolean"},
    }
    assert STYLES[0].file == STYLE
    assert len(STYLES) > 1
    assert kinds == {
        f"{arguments.file}{end}": kind for arguments in STYLES for end, kind in first.items()
    }
    for arguments in STYLES:
        assert procedure.get_property(arguments.weight) == 1.0


def test_every_weight_of_the_dialog_is_one_that_the_protocol_takes() -> None:
    procedure: Any = Procedure()
    declare_styles(procedure, ANY_FILE, FLAGS)
    picture = Image(1, 1, PixelFormat.RGB_U8, bytes(3))

    for weight in procedure.arguments[STYLES[0].weight].values:
        assert Style(picture, weight).weight == weight


@pytest.mark.parametrize("setting", SETTINGS, ids=name_of)
def test_argument_is_described_as_its_setting_is(procedure: Any, setting: Setting) -> None:
    argument = procedure.arguments[argument_name(setting)]

    assert argument.label.replace("_", "") == gettext(setting.label)
    assert argument.label == LABELS[gettext(setting.label)]
    assert argument.help == gettext(setting.help)
    assert argument.default == setting.default
    assert argument.flags is FLAGS


@pytest.mark.parametrize("setting", SETTINGS, ids=name_of)
def test_argument_takes_the_values_that_its_setting_takes(procedure: Any, setting: Setting) -> None:
    argument = procedure.arguments[argument_name(setting)]

    match setting:
        case NumberSetting():
            assert (argument.kind, argument.values) == ("double", (setting.low, setting.high))
        case IntegerSetting():
            assert (argument.kind, argument.values) == ("int", (setting.low, setting.high))
        case LayersSetting():
            assert argument.kind == "string"
        case SwitchSetting():
            assert argument.kind == "boolean"
        case ChoiceSetting():
            assert argument.kind == "choice"
            assert {nick: label for nick, (_, label) in argument.values.items()} == setting.choices
            numbers = [number for number, _ in argument.values.values()]
            assert numbers == list(range(len(setting.choices)))


def test_whole_numbers_fit_into_gimps_32_bits(procedure: Any) -> None:
    ranges = [entry.values for entry in procedure.arguments.values() if entry.kind == "int"]

    assert ranges
    assert all(-(2**31) <= low <= high < 2**31 for low, high in ranges)


def test_no_two_labels_of_the_dialog_share_a_mnemonic() -> None:
    of_layers = {label: mark for label, mark in LABELS.items() if label not in {"Width", "Height"}}
    only_of_layers = {WEIGHT_LABEL, REGION_LABEL, VARIATIONS_LABEL, PREVIEW_LABEL}
    of_textures = {label: mark for label, mark in LABELS.items() if label not in only_of_layers}

    assert set(LABELS) == {
        STYLE_LABEL,
        GALLERY_LABEL,
        WEIGHT_LABEL,
        REGION_LABEL,
        VARIATIONS_LABEL,
        START_LABEL,
        ADVANCED_LABEL,
        PREVIEW_LABEL,
        RESULTS_LABEL,
        *(gettext(setting.label) for setting in (WIDTH, HEIGHT, *SETTINGS)),
    }
    for labels in (of_layers, of_textures):
        letters = [mnemonic(marked) for marked in labels.values() if "_" in marked]
        assert len(set(letters)) == len(letters)
        assert not GIMPS_LETTERS & set(letters)


def test_what_is_always_in_sight_has_a_mnemonic() -> None:
    ours = [STYLE_LABEL, WEIGHT_LABEL, REGION_LABEL, VARIATIONS_LABEL, START_LABEL, ADVANCED_LABEL]
    in_sight = [*ours, PREVIEW_LABEL, "Width", "Height"]
    in_sight += [gettext(setting.label) for setting in SETTINGS if setting.name in ALWAYS_VISIBLE]

    assert [label for label in in_sight if "_" not in LABELS[label]] == []


@pytest.mark.parametrize(
    ("labels", "marked"),
    [
        pytest.param(["Apple"], ["_Apple"], id="first letter"),
        pytest.param(["Size"], ["S_ize"], id="first letter is GIMP's"),
        pytest.param(["Apple", "Ape", "APPLE"], ["_Apple", "A_pe", "APPL_E"], id="letters given"),
        pytest.param(["Close", "Hello"], ["Clos_e", "Hello"], id="all letters are taken"),
        pytest.param(["Cols 1 – 9"], ["Cols 1 – 9"], id="all that is left is no letter"),
        pytest.param(["", "Apple"], ["", "_Apple"], id="empty"),
        pytest.param([], [], id="none"),
    ],
)
def test_mnemonic_is_the_first_letter_that_is_free(labels: list[str], marked: list[str]) -> None:
    assert with_mnemonics(labels) == dict(zip(labels, marked, strict=True))


def test_defaults_of_the_procedure_are_the_default_settings(procedure: Any) -> None:
    assert settings_from(procedure) == StyleSettings()


def test_values_of_the_procedure_become_settings(procedure: Any) -> None:
    chosen = {
        "style-strength": 2.5,
        "quality": "draft",
        "iterations": 7,
        "size": 64,
        "smoothness": 0.0,
        "style-layers": "relu1_1:2 relu2_1",
        "pooling": "max",
        "start": "noise",
        "model": "vgg19",
        "seed": 2**31 - 1,
    }
    for name, value in chosen.items():
        procedure.arguments[name].default = value

    settings = settings_from(procedure)

    assert settings == StyleSettings(
        style_strength=2.5,
        quality=Quality.DRAFT,
        iterations=7,
        size=64,
        smoothness=0.0,
        style_layers="relu1_1:2,relu2_1:1",
        pooling=Pooling.MAX,
        start=Start.NOISE,
        model=Model.VGG19,
        seed=2**31 - 1,
    )


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("style-strength", 10.5, "Style strength must lie between 0 and 10; got 10.5."),
        ("iterations", -1, "Iterations must lie between 0 and 10000; got -1."),
        ("pooling", "median", "Pooling must be one of average, max; got 'median'."),
        (
            "style-layers",
            "1_1",
            "Style layers: '1_1' is not the name of a layer; the names look like relu4_2 or "
            "layer3.0.add.",
        ),
        ("seed", None, "Seed must be a whole number, not None."),
    ],
)
def test_value_that_is_no_setting_is_refused(
    procedure: Any, name: str, value: object, message: str
) -> None:
    procedure.arguments[name].default = value

    with pytest.raises(InvalidSettings) as caught:
        settings_from(procedure)

    assert str(caught.value) == message
    assert caught.value.field == name.replace("-", "_")
