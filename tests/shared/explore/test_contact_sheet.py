from dataclasses import replace

from impasto_shared.explore.contact_sheet import ContactSheet, SheetRow, SheetTile
from impasto_shared.settings import Mode, StyleSettings


def tile(name: str, mode: Mode = Mode.TRANSFER) -> SheetTile:
    return SheetTile(name, name.title(), StyleSettings(mode=mode))


def test_only_a_picture_of_the_content_alone_needs_no_painting() -> None:
    content = tile("content", Mode.CONTENT)

    assert not content.needs_painting
    assert replace(content, settings=StyleSettings(mode=Mode.TEXTURE)).needs_painting
    assert replace(content, settings=StyleSettings()).needs_painting


def test_tiles_of_a_sheet_are_those_of_its_rows_in_order() -> None:
    rows = (SheetRow("", (tile("a"), tile("b"))), SheetRow("Below", (tile("c"),)))

    sheet = ContactSheet("sheet", "A sheet", "", rows)

    assert [tile.name for tile in sheet.tiles] == ["a", "b", "c"]
