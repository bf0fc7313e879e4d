"""The procedure's arguments, made from the settings: names, labels with mnemonics, and back.

It imports no GIMP: `declare` calls methods of the procedure that it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from impasto_gimp.translation import gettext
from impasto_shared.schema import ChoiceSetting, IntegerSetting, LayersSetting, SwitchSetting
from impasto_shared.settings import SETTINGS, Setting, StyleSettings
from impasto_shared.texture import HEIGHT, WIDTH

STYLE = "style"
STYLE_LABEL = gettext("Style image")
STYLE_HELP = gettext("The painting whose manner to use: an image file of any kind that GIMP opens")
LAYER_LABEL = gettext("Style layer")
LAYER_HELP = gettext("A layer of any open image whose manner to use in place of a style image")
WEIGHT_LABEL = gettext("Weight")
WEIGHT_HELP = gettext("How much this style counts beside the others that go to the same place")
LOWEST_WEIGHT, HIGHEST_WEIGHT = 0.01, 100.0
REGION_LABEL = gettext("Region")
REGION_HELP = gettext(
    "Where this style goes: a layer of the same image, where it is painted or, without "
    "transparency, where it is white; or a channel, where it is white. Without one, the style goes "
    "wherever no other does"
)
ADVANCED_LABEL = gettext("Advanced")
START_LABEL = gettext("Start")
VARIATIONS_LABEL = gettext("Variations…")
GALLERY_LABEL = gettext("Paintings")
GIMPS_LETTERS = "chlors"
"""Those of its own buttons: Cancel, Help, Load, OK, Reset, Save."""


def argument_name(setting: Setting) -> str:
    """The setting's name in the PDB, which knows no underscores."""
    return setting.name.replace("_", "-")


def with_mnemonics(labels: Iterable[str], taken: str = GIMPS_LETTERS) -> dict[str, str]:
    """Each label with an underscore before a letter that no other has; none if all are `taken`."""
    labels = list(labels)
    owners: dict[str, str] = {}
    for label in labels:
        _find_letter(label, owners, set(taken))
    letters = {label: letter for letter, label in owners.items()}
    return {label: _marked(label, letters.get(label)) for label in labels}


def _find_letter(label: str, owners: dict[str, str], tried: set[str]) -> bool:
    """Gives `label` its first free letter, or one whose owner can find another."""
    letters = [letter for letter in label.lower() if letter.isalpha() and letter not in tried]
    for letter in sorted(letters, key=owners.__contains__):
        tried.add(letter)
        if letter not in owners or _find_letter(owners[letter], owners, tried):
            owners[letter] = label
            return True
    return False


def _marked(label: str, letter: str | None) -> str:
    if letter is None:
        return label
    place = label.lower().index(letter)
    return f"{label[:place]}_{label[place:]}"


_ALL = (WIDTH, HEIGHT, *SETTINGS)
IN_SIGHT = (
    *(WIDTH.name, HEIGHT.name),
    *("style_strength", "quality", "size", "style_scale", "colours", "smoothness"),
)
"""The settings that are always in sight; the others are under Advanced."""

TEXTURES_IN_SIGHT = ("tileable",)
"""Those that are so beside them where a texture is painted."""

# There are more settings than letters. Those always in sight come first, then the advanced ones
# from the last, which is the furthest to reach with the tabulator.
LABELS = with_mnemonics(
    [
        STYLE_LABEL,
        GALLERY_LABEL,
        WEIGHT_LABEL,
        REGION_LABEL,
        VARIATIONS_LABEL,
        START_LABEL,
        ADVANCED_LABEL,
        *(gettext(setting.label) for setting in _ALL if setting.name in IN_SIGHT),
        *(gettext(setting.label) for setting in reversed(_ALL) if setting.name not in IN_SIGHT),
    ]
)
"""Each label of the dialog with its mnemonic, if it has one."""


@dataclass(frozen=True)
class StyleArguments:
    """The names of the arguments that choose the style of this number, from 1."""

    number: int

    @property
    def file(self) -> str:
        """The style image."""
        return STYLE if self.number == 1 else f"{STYLE}-{self.number}"

    @property
    def layer(self) -> str:
        """The layer that is taken in its place."""
        return f"{self.file}-layer"

    @property
    def weight(self) -> str:
        """How much it counts beside the others."""
        return f"{self.file}-weight"

    @property
    def region(self) -> str:
        """Where it goes."""
        return f"{self.file}-region"


STYLES = tuple(StyleArguments(number) for number in range(1, 5))
"""As many styles as can be chosen; a style of which neither file nor layer is given is none."""


def declare_painting(procedure: Any, arguments: StyleArguments, any_file: Any, flags: Any) -> None:
    """Gives a Gimp.Procedure the arguments that name a painting; `any_file` is GIMP's action."""
    procedure.add_file_argument(
        arguments.file, _numbered(STYLE_LABEL, arguments), STYLE_HELP, any_file, True, None, flags
    )
    procedure.add_layer_argument(
        arguments.layer, _numbered(LAYER_LABEL, arguments), LAYER_HELP, True, flags
    )


def declare_styles(procedure: Any, any_file: Any, flags: Any) -> None:
    """Gives a Gimp.Procedure the arguments of all styles."""
    for arguments in STYLES:
        declare_painting(procedure, arguments, any_file, flags)
        procedure.add_double_argument(
            arguments.weight,
            _numbered(WEIGHT_LABEL, arguments),
            WEIGHT_HELP,
            LOWEST_WEIGHT,
            HIGHEST_WEIGHT,
            1.0,
            flags,
        )
        procedure.add_drawable_argument(
            arguments.region, _numbered(REGION_LABEL, arguments), REGION_HELP, True, flags
        )


def _numbered(label: str, arguments: StyleArguments) -> str:
    # The mnemonics of the first are enough: two may not be alike.
    return LABELS.get(label, label) if arguments.number == 1 else f"{label} {arguments.number}"


def declare_settings(
    procedure: Any, settings: Iterable[Setting], new_choice: Callable[[], Any], flags: Any
) -> None:
    """Gives a Gimp.Procedure one argument a setting; `new_choice` makes an empty Gimp.Choice."""
    for setting in settings:
        name, label = argument_name(setting), LABELS[gettext(setting.label)]
        help_text = gettext(setting.help)
        if isinstance(setting, ChoiceSetting):
            choice = new_choice()
            for number, (nick, meaning) in enumerate(setting.choices.items()):
                choice.add(nick, number, gettext(meaning), "")
            default = setting.default.value
            procedure.add_choice_argument(name, label, help_text, choice, default, flags)
            continue
        if isinstance(setting, SwitchSetting):
            procedure.add_boolean_argument(name, label, help_text, setting.default, flags)
            continue
        if isinstance(setting, LayersSetting):
            procedure.add_string_argument(name, label, help_text, setting.default, flags)
            continue
        add = (
            procedure.add_int_argument
            if isinstance(setting, IntegerSetting)
            else procedure.add_double_argument
        )
        add(name, label, help_text, setting.low, setting.high, setting.default, flags)


def apply_settings(config: Any, settings: StyleSettings) -> None:
    """Sets a Gimp.ProcedureConfig to `settings`."""
    for setting in SETTINGS:
        value = getattr(settings, setting.name)
        config.set_property(
            argument_name(setting), str(value) if isinstance(setting, ChoiceSetting) else value
        )


def settings_from(config: Any) -> StyleSettings:
    """The settings in a Gimp.ProcedureConfig; raises InvalidSettings."""
    return StyleSettings.from_json(values_from(config, SETTINGS))


def values_from(config: Any, settings: Iterable[Setting]) -> dict[str, Any]:
    """The values of `settings` in a Gimp.ProcedureConfig, by the settings' names."""
    return {setting.name: value_of(config, setting) for setting in settings}


def value_of(config: Any, setting: Setting) -> Any:
    """The value of a setting in a Gimp.ProcedureConfig."""
    return config.get_property(argument_name(setting))
