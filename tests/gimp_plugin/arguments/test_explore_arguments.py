"""The arguments that choose a sheet, declared to a procedure that only takes notes."""

from typing import Any

import pytest

from gimp_plugin.arguments.test_procedure_arguments import (
    CHOICE,
    FLAGS,
    GIMPS_LETTERS,
    Procedure,
    mnemonic,
)
from impasto_gimp.arguments.explore_arguments import (
    chosen_sheet,
    declare_sheet,
    full_caption,
    needs_painting,
    summary,
)
from impasto_gimp.arguments.procedure_arguments import (
    GALLERY_LABEL,
    LABELS,
    START_LABEL,
    STYLE_LABEL,
)
from impasto_shared.errors import InvalidSettings
from impasto_shared.explore.contact_sheet import SheetRow, SheetTile
from impasto_shared.explore.experiments import FULL, QUICK, SHEET_NAMES, Effort, all_sheets
from impasto_shared.settings import StyleSettings


@pytest.fixture
def procedure() -> Any:  # in place of Gimp.Procedure
    declared: Any = Procedure()
    declare_sheet(declared, CHOICE, FLAGS)
    return declared


def test_every_sheet_can_be_chosen_by_its_title(procedure: Any) -> None:
    argument = procedure.arguments["sheet"]
    labels = {nick: label for nick, (_, label) in argument.values.items()}

    assert labels == {sheet.name: sheet.title for sheet in all_sheets()}
    assert [number for number, _ in argument.values.values()] == list(range(len(SHEET_NAMES)))
    assert argument.default == SHEET_NAMES[0]


def test_sheet_is_painted_quickly_unless_more_is_wanted(procedure: Any) -> None:
    assert procedure.arguments["quick"].default is True


@pytest.mark.parametrize("name", SHEET_NAMES)
@pytest.mark.parametrize(("quick", "effort"), [(False, FULL), (True, QUICK)])
def test_arguments_choose_a_sheet_and_the_work_that_goes_into_it(
    procedure: Any, name: str, quick: bool, effort: Effort
) -> None:
    procedure.set_property("sheet", name)
    procedure.set_property("quick", quick)

    sheet = chosen_sheet(procedure)

    (expected,) = (one for one in all_sheets(is_quick=quick) if one.name == name)
    assert sheet == expected
    assert {tile.settings.size for tile in sheet.tiles} == {effort.size}


def test_size_is_that_of_each_picture(procedure: Any) -> None:
    procedure.set_property("size", 77)

    sheet = chosen_sheet(procedure)

    assert {tile.settings.size for tile in sheet.tiles} == {77}
    assert summary(sheet) == f"{len(sheet.tiles)} pictures, longest side 77 pixels."


def test_impossible_size_is_refused(procedure: Any) -> None:
    procedure.set_property("size", 5)

    with pytest.raises(InvalidSettings, match="Size must lie between"):
        chosen_sheet(procedure)


def test_only_what_the_photo_alone_shows_needs_no_painting() -> None:
    needing = {sheet.name for sheet in all_sheets() if needs_painting(sheet)}

    assert set(SHEET_NAMES) - needing == {"content"}


@pytest.mark.parametrize(
    ("row", "caption"), [("", "relu3_1"), ("Both", "Both, relu3_1")], ids=["unnamed", "named"]
)
def test_caption_outside_of_its_row_names_the_row(row: str, caption: str) -> None:
    tile = SheetTile("some", "relu3_1", StyleSettings())

    assert full_caption(SheetRow(row, (tile,)), tile) == caption


@pytest.mark.parametrize("is_quick", [True, False])
def test_no_two_pictures_of_a_sheet_have_the_same_name(is_quick: bool) -> None:
    for sheet in all_sheets(is_quick=is_quick):
        names = [full_caption(row, tile) for row in sheet.rows for tile in row.tiles]
        assert len(set(names)) == len(names), sheet.name


def test_no_two_rows_of_the_dialog_share_a_mnemonic(procedure: Any) -> None:
    shown = [LABELS[label] for label in (STYLE_LABEL, GALLERY_LABEL, START_LABEL)]
    letters = [
        mnemonic(label)
        for label in (*shown, *(argument.label for argument in procedure.arguments.values()))
    ]

    assert len(set(letters)) == len(letters)
    assert not GIMPS_LETTERS & set(letters)
