"""The arguments of the procedure Explore: the contact sheet, and the work for it.

Runs without GIMP, which it knows by its types alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from impasto_gimp.arguments.procedure_arguments import (
    GALLERY_LABEL,
    GIMPS_LETTERS,
    LABELS,
    START_LABEL,
    STYLE_LABEL,
    letters_of,
    with_mnemonics,
)
from impasto_gimp.translation import gettext, ngettext
from impasto_shared.explore.contact_sheet import ContactSheet, SheetRow, SheetTile
from impasto_shared.explore.experiments import FULL, QUICK, SHEET_NAMES, all_sheets
from impasto_shared.schema import IntegerSetting

if TYPE_CHECKING:
    from impasto_gimp.introspection import Gimp, GObject

TITLE = gettext("Neural Style: Explore")
SHEET, QUICKLY = "sheet", "quick"
SHEET_LABEL = gettext("Sheet")
_SHEET_HELP = gettext("The experiment: which pictures are painted, and how they differ")
_QUICK_LABEL = gettext("Quick")
_QUICK_HELP = gettext("Paint fewer and smaller pictures, with less work each")
SIZE = IntegerSetting(
    "size",
    gettext("Size"),
    gettext("Longest side of each picture in pixels; 0 means {full}, or {quick} if quick").format(
        full=FULL.size, quick=QUICK.size
    ),
    default=0,
    low=0,
    high=1024,
)
_SHOWN = (STYLE_LABEL, GALLERY_LABEL, START_LABEL, SIZE.label)
SHEET_LABELS = with_mnemonics(
    (SHEET_LABEL, _QUICK_LABEL),
    GIMPS_LETTERS + letters_of(LABELS[label] for label in _SHOWN),
)
"""The labels that only this dialog has, each with its mnemonic."""


def declare_sheet(
    procedure: Gimp.Procedure, new_choice: Callable[[], Gimp.Choice], flags: GObject.ParamFlags
) -> None:
    """Adds the arguments to a Gimp.Procedure; `new_choice` makes an empty Gimp.Choice."""
    choice = new_choice()
    for number, sheet in enumerate(all_sheets()):
        choice.add(sheet.name, number, gettext(sheet.title), "")
    label, help_text = SHEET_LABELS[SHEET_LABEL], _SHEET_HELP
    procedure.add_choice_argument(SHEET, label, help_text, choice, SHEET_NAMES[0], flags)
    label = SHEET_LABELS[_QUICK_LABEL]
    procedure.add_boolean_argument(QUICKLY, label, _QUICK_HELP, True, flags)
    label = LABELS[SIZE.label]
    procedure.add_int_argument(
        SIZE.name, label, SIZE.help, SIZE.low, SIZE.high, SIZE.default, flags
    )


def chosen_sheet(config: Gimp.ProcedureConfig) -> ContactSheet:
    """Returns the sheet that a Gimp.ProcedureConfig names.

    Raises:
        InvalidSettings: if its size is out of range.
    """
    name, size = config.get_property(SHEET), config.get_property(SIZE.name)
    sheets = all_sheets(size or None, is_quick=config.get_property(QUICKLY))
    (chosen,) = (sheet for sheet in sheets if sheet.name == name)
    return chosen


def needs_painting(sheet: ContactSheet) -> bool:
    """Returns whether a picture of the sheet shows anything of a painting."""
    return any(tile.needs_painting for tile in sheet.tiles)


def summary(sheet: ContactSheet) -> str:
    """Returns the number and size of the pictures as a sentence."""
    size, count = sheet.tiles[0].settings.size, len(sheet.tiles)
    return ngettext(
        "{count} picture, longest side {size} pixels.",
        "{count} pictures, longest side {size} pixels.",
        count,
    ).format(count=count, size=size)


def full_caption(row: SheetRow, tile: SheetTile) -> str:
    """Returns the name of a picture outside of its row."""
    return ", ".join(gettext(caption) for caption in (row.caption, tile.caption) if caption)
