"""The procedure's arguments, made from the settings: names, labels with mnemonics, and back.

It imports no GIMP: `declare` calls methods of the procedure that it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from impasto_shared.settings import (
    SETTINGS,
    ChoiceSetting,
    IntegerSetting,
    LayersSetting,
    Setting,
    StyleSettings,
)

STYLE = "style"
STYLE_LABEL = "Style image"
STYLE_HELP = "The painting whose manner to use: an image file of any kind that GIMP opens"
ADVANCED_LABEL = "Advanced"
GALLERY_LABEL = "Paintings"
# The letters of GIMP's own buttons: Cancel, Help, Load, OK, Reset, Save.
_TAKEN = "chlors"


def argument_name(setting: Setting) -> str:
    """The setting's name in the PDB, which knows no underscores."""
    return setting.name.replace("_", "-")


def with_mnemonics(labels: Iterable[str]) -> dict[str, str]:
    """Each label with an underscore before a letter that no other has; none if all are taken."""
    labels = list(labels)
    owners: dict[str, str] = {}
    for label in labels:
        _find_letter(label, owners, set(_TAKEN))
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


# There are more settings than letters. Those always in sight come first, then the advanced ones
# from the last, which is the furthest to reach with the tabulator.
IN_SIGHT = ("style_strength", "quality", "iterations", "size", "style_scale", "colours")
"""The settings that are always in sight; the others are under Advanced."""

LABELS = with_mnemonics(
    [
        STYLE_LABEL,
        GALLERY_LABEL,
        ADVANCED_LABEL,
        *(setting.label for setting in SETTINGS if setting.name in IN_SIGHT),
        *(setting.label for setting in reversed(SETTINGS) if setting.name not in IN_SIGHT),
    ]
)
"""Each label of the dialog with its mnemonic, if it has one."""


def declare_settings(procedure: Any, new_choice: Callable[[], Any], flags: Any) -> None:
    """Gives a Gimp.Procedure one argument a setting; `new_choice` makes an empty Gimp.Choice."""
    for setting in SETTINGS:
        name, label = argument_name(setting), LABELS[setting.label]
        if isinstance(setting, ChoiceSetting):
            choice = new_choice()
            for number, (nick, meaning) in enumerate(setting.choices.items()):
                choice.add(nick, number, meaning, "")
            default = setting.default.value
            procedure.add_choice_argument(name, label, setting.help, choice, default, flags)
            continue
        if isinstance(setting, LayersSetting):
            procedure.add_string_argument(name, label, setting.help, setting.default, flags)
            continue
        add = (
            procedure.add_int_argument
            if isinstance(setting, IntegerSetting)
            else procedure.add_double_argument
        )
        add(name, label, setting.help, setting.low, setting.high, setting.default, flags)


def apply_settings(config: Any, settings: StyleSettings) -> None:
    """Sets a Gimp.ProcedureConfig to `settings`."""
    for setting in SETTINGS:
        value = getattr(settings, setting.name)
        config.set_property(
            argument_name(setting), value.value if isinstance(setting, ChoiceSetting) else value
        )


def settings_from(config: Any) -> StyleSettings:
    """The settings in a Gimp.ProcedureConfig; raises InvalidSettings."""
    return StyleSettings.from_json(
        {setting.name: config.get_property(argument_name(setting)) for setting in SETTINGS}
    )
