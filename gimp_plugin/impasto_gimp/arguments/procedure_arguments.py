"""The arguments of the procedures, declared from the settings: names, labels and mnemonics.

Runs without GIMP, which it knows by its types alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from impasto_gimp.translation import gettext
from impasto_shared.schema import ChoiceSetting, IntegerSetting, LayersSetting, SwitchSetting
from impasto_shared.settings import SETTINGS, Setting, StyleSettings
from impasto_shared.texture import HEIGHT, WIDTH

if TYPE_CHECKING:
    from impasto_gimp.introspection import Gimp, GObject

STYLE = "style"
STYLE_LABEL = gettext("Style image")
STYLE_HELP = gettext(
    "The painting to take the style from: an image file in any format that GIMP can open"
)
LAYER_LABEL = gettext("Style layer")
LAYER_HELP = gettext("A layer of any open image to take the style from, instead of a style image")
WEIGHT_LABEL = gettext("Weight")
WEIGHT_HELP = gettext("The weight of this style relative to others that apply to the same area")
LOWEST_WEIGHT, HIGHEST_WEIGHT = 0.01, 100.0
REGION_LABEL = gettext("Region")
REGION_HELP = gettext(
    "The area that gets this style: the selection; a layer of this image, whose painted area "
    "counts or, if it has no transparency, its white area; or a channel, whose white area counts. "
    "Without a region, the style applies wherever no other does"
)
OUTSIDE_LABEL = gettext("Outside the region")
OUTSIDE_HELP = gettext("Whether this style applies outside of its region instead of inside")
SIZE_IS_CHOSEN = "size-is-chosen"
"""An argument only of GIMP's memory: whether the user chose the size, and not the dialog."""
ADVANCED_LABEL = gettext("Advanced")
START_LABEL = gettext("Start the daemon")
INSTALL_LABEL = gettext("Install…")
VARIATIONS_LABEL = gettext("Variations…")
PREVIEW_LABEL = gettext("Preview")
RESULTS_LABEL = gettext("Results…")
GALLERY_LABEL = gettext("Paintings")
PRESET_LABEL = gettext("Preset")
GIMPS_LETTERS = gettext("chlors")
"""The mnemonics of GIMP's own buttons, translated: Cancel, Help, Load, OK, Reset, Save."""
GIMPS_LETTERS_WITHOUT_SETTINGS = gettext("chor")
"""Those of Cancel, Help, OK, Reset, translated."""


def argument_name(setting: Setting) -> str:
    """Returns the name of a setting in GIMP's PDB, which allows no underscores."""
    return setting.name.replace("_", "-")


def with_mnemonics(labels: Iterable[str], used_letters: str = GIMPS_LETTERS) -> dict[str, str]:
    """Returns each label with an underscore before a letter that no other has, if one is free.

    used_letters: the letters that have a mnemonic elsewhere.
    """
    labels = list(labels)
    owners: dict[str, str] = {}
    for label in labels:
        _find_letter(label, owners, set(used_letters))
    letters = {label: letter for letter, label in owners.items()}
    return {label: _marked(label, letters.get(label)) for label in labels}


def _find_letter(label: str, owners: dict[str, str], tried: set[str]) -> bool:
    """Returns whether `label` got its first free letter, or one whose owner can use another."""
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
    position = label.lower().index(letter)
    return f"{label[:position]}_{label[position:]}"


ALWAYS_VISIBLE = (
    *(WIDTH.name, HEIGHT.name),
    *("style_strength", "quality", "size", "style_scale", "colours", "smoothness"),
)
"""The settings that are always visible; the others are under Advanced."""

TEXTURE_ALWAYS_VISIBLE = ("tileable",)
"""The settings that are always visible too in the dialog for textures."""

_ONLY_OF_LAYERS = (WEIGHT_LABEL, REGION_LABEL, VARIATIONS_LABEL, PREVIEW_LABEL, RESULTS_LABEL)
_ONLY_OF_TEXTURES = tuple(gettext(setting.label) for setting in (WIDTH, HEIGHT))

# There are more settings than letters. The visible ones come first, then the advanced ones from
# the last, which takes the most presses of Tab to reach.
_LABELS = with_mnemonics(
    [
        STYLE_LABEL,
        GALLERY_LABEL,
        *_ONLY_OF_LAYERS,
        START_LABEL,
        ADVANCED_LABEL,
        *(gettext(setting.label) for setting in SETTINGS if setting.name in ALWAYS_VISIBLE),
        *(
            gettext(setting.label)
            for setting in reversed(tuple(SETTINGS))
            if setting.name not in ALWAYS_VISIBLE
        ),
    ]
)


def letters_of(labels: Iterable[str]) -> str:
    """Returns the mnemonics of marked labels."""
    return "".join(label.partition("_")[2][:1].lower() for label in labels)


PRESET_MARKED = with_mnemonics(
    [PRESET_LABEL],
    GIMPS_LETTERS_WITHOUT_SETTINGS + letters_of(_LABELS.values()),
)[PRESET_LABEL]
"""The label of the presets, in a dialog without GIMP's Load and Save, with its mnemonic."""

LABELS = _LABELS | with_mnemonics(
    _ONLY_OF_TEXTURES,
    GIMPS_LETTERS
    + letters_of(marked for label, marked in _LABELS.items() if label not in _ONLY_OF_LAYERS),
)
"""Each label of the dialogs with its mnemonic, if it has one, which no other there has."""


@dataclass(frozen=True)
class StyleArguments:
    """The names of the arguments that choose the style with this number, from 1."""

    number: int

    @property
    def file(self) -> str:
        """The style image."""
        return STYLE if self.number == 1 else f"{STYLE}-{self.number}"

    @property
    def layer(self) -> str:
        """The layer to take the style from instead."""
        return f"{self.file}-layer"

    @property
    def weight(self) -> str:
        """The weight relative to other styles."""
        return f"{self.file}-weight"

    @property
    def region(self) -> str:
        """The layer, channel or selection that says where it applies."""
        return f"{self.file}-region"

    @property
    def outside(self) -> str:
        """The switch that makes it apply outside of its region."""
        return f"{self.file}-outside"


STYLES = tuple(StyleArguments(number) for number in range(1, 5))
"""All styles that can be chosen; a style without file and layer is not used."""


def declare_painting(
    procedure: Gimp.Procedure,
    arguments: StyleArguments,
    any_file: Gimp.FileChooserAction,
    flags: GObject.ParamFlags,
) -> None:
    """Adds the arguments that name a painting. `any_file` is FileChooserAction.ANY."""
    procedure.add_file_argument(
        arguments.file, _numbered(STYLE_LABEL, arguments), STYLE_HELP, any_file, True, None, flags
    )
    procedure.add_layer_argument(
        arguments.layer, _numbered(LAYER_LABEL, arguments), LAYER_HELP, True, flags
    )


def declare_styles(
    procedure: Gimp.Procedure, any_file: Gimp.FileChooserAction, flags: GObject.ParamFlags
) -> None:
    """Adds the arguments of all styles."""
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
        procedure.add_boolean_argument(
            arguments.outside, _numbered(OUTSIDE_LABEL, arguments), OUTSIDE_HELP, False, flags
        )


def _numbered(label: str, arguments: StyleArguments) -> str:
    # Only the first has mnemonics, since no two may be the same.
    return LABELS.get(label, label) if arguments.number == 1 else f"{label} {arguments.number}"


def declare_settings(
    procedure: Gimp.Procedure,
    settings: Iterable[Setting],
    new_choice: Callable[[], Gimp.Choice],
    flags: GObject.ParamFlags,
) -> None:
    """Adds one argument for each setting. `new_choice` returns an empty Gimp.Choice."""
    for setting in settings:
        described = (argument_name(setting), LABELS[gettext(setting.label)], gettext(setting.help))
        if isinstance(setting, ChoiceSetting):
            choice = new_choice()
            for number, (nick, meaning) in enumerate(setting.choices.items()):
                choice.add(nick, number, gettext(meaning), "")
            procedure.add_choice_argument(*described, choice, setting.default.value, flags)
        elif isinstance(setting, SwitchSetting):
            procedure.add_boolean_argument(*described, setting.default, flags)
        elif isinstance(setting, LayersSetting):
            procedure.add_string_argument(*described, setting.default, flags)
        elif isinstance(setting, IntegerSetting):
            procedure.add_int_argument(
                *described, setting.low, setting.high, setting.default, flags
            )
        else:
            procedure.add_double_argument(
                *described, setting.low, setting.high, setting.default, flags
            )


def apply_settings(config: Gimp.ProcedureConfig, settings: StyleSettings) -> None:
    """Writes `settings` to the arguments in `config`."""
    for setting in SETTINGS:
        value = getattr(settings, setting.name)
        value = str(value) if isinstance(setting, ChoiceSetting) else value
        # Setting an equal value would be noticed as a choice of the user.
        if config.get_property(argument_name(setting)) != value:
            config.set_property(argument_name(setting), value)


def settings_from(config: Gimp.ProcedureConfig) -> StyleSettings:
    """Returns the settings in `config`; raises InvalidSettings."""
    return StyleSettings.from_json(values_from(config, SETTINGS))


def is_size_chosen(config: Gimp.ProcedureConfig) -> bool:
    """Returns whether the user chose the size; only the plug-in's own process knows that."""
    return config.find_property(SIZE_IS_CHOSEN) is not None and bool(
        config.get_property(SIZE_IS_CHOSEN)
    )


def set_size_chosen(config: Gimp.ProcedureConfig, *, is_chosen: bool) -> None:
    """Sets whether the user chose the size, in the plug-in's own process."""
    if config.find_property(SIZE_IS_CHOSEN) is not None:
        config.set_property(SIZE_IS_CHOSEN, is_chosen)


def values_from(config: Gimp.ProcedureConfig, settings: Iterable[Setting]) -> dict[str, object]:
    """Returns the values of `settings` in `config`, by the names of the settings."""
    return {setting.name: config.get_property(argument_name(setting)) for setting in settings}


def integer_of(config: Gimp.ProcedureConfig, setting: IntegerSetting) -> int:
    """Returns the value of a setting in `config`."""
    return int(config.get_property(argument_name(setting)))
