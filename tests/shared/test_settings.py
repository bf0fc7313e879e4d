"""Settings check their values, and survive JSON."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impasto_shared.errors import InvalidSettings
from impasto_shared.layer_weights import format_layer_weights
from impasto_shared.schema import ChoiceSetting, IntegerSetting, LayersSetting, SwitchSetting
from impasto_shared.settings import SETTINGS, Setting, StyleSettings, is_vgg

LAYER_WEIGHTS = st.dictionaries(
    st.builds("relu{}_{}".format, st.integers(1, 5), st.integers(1, 4)),
    # Six significant digits, as in the notation.
    st.floats(1e-3, 1e3).map(lambda weight: float(f"{weight:g}")),
    min_size=1,
)


def values_of(setting: Setting) -> st.SearchStrategy[Any]:
    if isinstance(setting, LayersSetting):
        return LAYER_WEIGHTS.map(format_layer_weights)
    if isinstance(setting, ChoiceSetting):
        return st.sampled_from(list(setting.choices))
    if isinstance(setting, SwitchSetting):
        return st.booleans()
    if isinstance(setting, IntegerSetting):
        return st.integers(int(setting.low), int(setting.high))
    return st.floats(setting.low, setting.high)


@given(st.fixed_dictionaries({}, optional={each.name: values_of(each) for each in SETTINGS}))
def test_valid_settings_survive_json(values: dict[str, Any]) -> None:
    settings = StyleSettings.from_json(values)

    assert StyleSettings.from_json(json.loads(json.dumps(settings.to_json()))) == settings
    assert all(getattr(settings, name) == value for name, value in values.items())


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_default_is_valid_and_effective(setting: Setting) -> None:
    assert getattr(StyleSettings(), setting.name) == setting.default
    assert setting.check(setting.default) == setting.default


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("style_strength", -0.001),
        ("style_strength", 10.001),
        ("style_strength", float("nan")),
        ("style_strength", float("inf")),
        ("style_strength", "1"),
        ("style_strength", True),
        ("style_strength", None),
        ("iterations", -1),
        ("iterations", 10_001),
        ("iterations", 1.0),
        ("iterations", True),
        ("size", 31),
        ("size", 10**400),
        ("seed", -1),
        ("pooling", "sum"),
        ("pooling", 3),
        ("start", ["photo"]),
        ("style_layers", ""),
        ("style_layers", " , "),
        ("style_layers", 3),
        ("style_layers", "1_1"),
        ("style_layers", "features/0"),
        ("style_layers", "x" * 101),
        ("style_layers", "relu1_1,relu1_1"),
        ("style_layers", "relu1_1:"),
        ("style_layers", "relu1_1:0"),
        ("style_layers", "relu1_1:-1"),
        ("style_layers", "relu1_1:nan"),
        ("style_layers", "relu1_1:inf"),
        ("content_layers", "relu1_1:1:2"),
        ("model", "VGG19"),
        ("model", "vgg19/../../secret"),
        ("model", "x" * 65),
        ("model", ""),
        ("model", ["vgg19"]),
        ("model", None),
    ],
)
def test_value_out_of_range_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(InvalidSettings) as caught:
        StyleSettings.from_json({name: value})

    assert caught.value.field == name


@pytest.mark.parametrize("name", ["auto", "vgg16-hed"])
def test_network_of_an_earlier_version_is_the_default_one(name: str) -> None:
    settings = StyleSettings.from_json({"model": name})

    assert settings == StyleSettings()
    assert settings.to_json()["model"] == "vgg19"


@pytest.mark.parametrize("name", ["densenet121", "regnet_y_128gf", "vgg11_bn"])
def test_other_networks_are_accepted_by_name(name: str) -> None:
    assert StyleSettings(model=name).model == name


@pytest.mark.parametrize(
    "name", ["layer3.0.add", "features.denseblock2", "trunk_output.block1.block1-0.add", "Mixed_5b"]
)
def test_nodes_of_other_networks_are_accepted_as_layers(name: str) -> None:
    assert StyleSettings(style_layers=f"{name}:2").style_layers == f"{name}:2"


@pytest.mark.parametrize(
    ("model", "expected"),
    [("vgg19", True), ("vgg19-torchvision", True), ("vgg13_bn", True), ("resnet50", False)],
)
def test_vggs_are_recognised_by_name(model: str, expected: bool) -> None:
    assert is_vgg(model) is expected


def test_misspelt_setting_is_refused() -> None:
    with pytest.raises(
        InvalidSettings, match="no setting 'strength'; known are colours, content_layers"
    ):
        StyleSettings.from_json({"strength": 1.0})


@pytest.mark.parametrize("values", [None, [], "size", 3])
def test_settings_that_are_not_an_object_are_refused(values: object) -> None:
    with pytest.raises(InvalidSettings, match="must be an object"):
        StyleSettings.from_json(values)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_is_described_for_people(setting: Setting) -> None:
    assert setting.label[0].isupper()
    assert len(setting.help) > len(setting.label)


@pytest.mark.parametrize(
    "text", ["relu1_1:2,relu3_1", " relu1_1:2.0 relu3_1 ", "relu1_1:2e0,, relu3_1:1\n"]
)
def test_layers_are_stored_in_normal_form(text: str) -> None:
    assert StyleSettings(style_layers=text).style_layers == "relu1_1:2,relu3_1:1"
