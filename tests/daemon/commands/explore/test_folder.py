import json
from dataclasses import replace
from pathlib import Path

import pytest

from impasto_daemon.commands.explore import folder as folder_module
from impasto_daemon.commands.explore.folder import Folder, FolderUnusable
from impasto_daemon.commands.explore.pictures import Originals
from impasto_daemon.commands.image_file import read_image
from impasto_shared.errors import InvalidImage
from impasto_shared.explore.contact_sheet import ContactSheet, SheetRow, SheetTile
from impasto_shared.image import Image, PixelFormat
from impasto_shared.protocol.reports import CurvePoint
from impasto_shared.settings import Mode, StyleSettings

CURVE = (CurvePoint(1, 0.0, 0.5), CurvePoint(2, 0.25, 0.125))


def plain(value: int, width: int = 2) -> Image:
    return Image(width, 1, PixelFormat.RGB_U8, bytes([value]) * 3 * width)


PHOTO, PAINTING, PICTURE = plain(1), plain(2), plain(3)
BOTH = SheetTile("both", "Both", StyleSettings(size=64))
CONTENT = SheetTile("content", "Content", StyleSettings(size=64, mode=Mode.CONTENT))


def sheet(name: str, *tiles: SheetTile) -> ContactSheet:
    return ContactSheet(name, "A sheet", "Something to see.", (SheetRow("", tiles),))


SHEET, OTHER_SHEET = sheet("one", BOTH, CONTENT), sheet("other", replace(BOTH, name="same"))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A folder with both tiles of the sheet."""
    folder = Folder(tmp_path / "new/out", Originals(PHOTO, PAINTING))
    for tile in SHEET.tiles:
        folder.keep(SHEET, tile, PICTURE, "vgg19", CURVE)
    return folder


def reopened(folder: Folder, photo: Image = PHOTO, painting: Image | None = PAINTING) -> Folder:
    """Opens the same folder for another run."""
    return Folder(folder.path, Originals(photo, painting))


def test_what_was_kept_is_found_by_the_next_run(folder: Folder) -> None:
    tile = reopened(folder).find(SHEET, BOTH)

    assert tile is not None
    assert bytes(read_image(tile.file).pixels) == PICTURE.pixels
    assert (tile.model, tile.curve) == ("vgg19", CURVE)


def test_other_settings_are_another_picture(folder: Folder) -> None:
    other = replace(BOTH, settings=replace(BOTH.settings, seed=1))

    assert reopened(folder).find(SHEET, other) is None


def test_another_photo_is_another_picture(folder: Folder) -> None:
    assert all(reopened(folder, photo=plain(9)).find(SHEET, tile) is None for tile in SHEET.tiles)


@pytest.mark.parametrize("painting", [plain(9), plain(2, width=3), None])
def test_another_painting_matters_where_one_is_needed(
    folder: Folder, painting: Image | None
) -> None:
    other = reopened(folder, painting=painting)

    assert other.find(SHEET, BOTH) is None
    assert other.find(SHEET, CONTENT) is not None


def test_another_version_paints_again(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_module, "__version__", "another")

    assert reopened(folder).find(SHEET, CONTENT) is None


def test_the_same_picture_of_another_sheet_is_copied(folder: Folder) -> None:
    (tile,) = OTHER_SHEET.tiles

    copied = reopened(folder).find(OTHER_SHEET, tile)

    assert copied is not None
    assert copied.file == folder.path / "tiles/other/same.png"
    assert copied.file.read_bytes() == (folder.path / "tiles/one/both.png").read_bytes()
    (folder.path / "tiles/one/both.png").unlink()
    assert reopened(folder).find(OTHER_SHEET, tile) is not None


@pytest.mark.parametrize("note", ["", "[]", "{", '{"key": 3}', "\udc80"])
def test_a_note_that_cannot_be_read_is_as_none(folder: Folder, note: str) -> None:
    file = folder.path / "tiles/one/both.json"
    file.write_bytes(note.encode(errors="surrogateescape"))

    assert reopened(folder).find(SHEET, BOTH) is None


@pytest.mark.parametrize("curve", [None, 3, [[1]], [3]])
def test_a_note_with_another_form_is_as_none(folder: Folder, curve: object) -> None:
    file = folder.path / "tiles/one/both.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"curve": curve}))

    assert reopened(folder).find(SHEET, BOTH) is None


def test_a_note_without_its_picture_is_as_none(folder: Folder) -> None:
    (folder.path / "tiles/one/both.png").unlink()

    assert reopened(folder).find(SHEET, BOTH) is None


@pytest.mark.parametrize("size", [0, 60, 1.0])
def test_a_damaged_picture_is_as_none_and_is_painted_again(folder: Folder, size: float) -> None:
    file = folder.path / "tiles/one/both.png"
    content = file.read_bytes()
    # What a power cut leaves: no bytes, the first ones, or zeros.
    file.write_bytes(bytes(len(content)) if size == 1.0 else content[: int(size)])

    next_run = reopened(folder)
    assert next_run.find(SHEET, BOTH) is None
    assert next_run.find(OTHER_SHEET, OTHER_SHEET.tiles[0]) is None
    next_run.keep(SHEET, BOTH, PICTURE, "vgg19", CURVE)
    assert next_run.find(SHEET, BOTH) is not None


def test_a_picture_that_cannot_be_written_leaves_no_note_of_the_old_one(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise InvalidImage("The disk is full.")

    monkeypatch.setattr(folder_module, "write_image", fail)

    with pytest.raises(InvalidImage):
        folder.keep(SHEET, BOTH, plain(9), "vgg19", CURVE)
    assert reopened(folder).find(SHEET, BOTH) is None


def test_a_finished_sheet_is_found_with_what_was_left_out_of_it(folder: Folder) -> None:
    folder.leave_out(SHEET, BOTH, "There are no weights.")

    painted = reopened(folder).find_sheet(SHEET)

    assert painted is not None
    assert list(painted.pictures) == ["content"]
    assert painted.reasons == {"There are no weights.": ("Both",)}


def test_a_sheet_that_is_not_finished_is_not_found(folder: Folder) -> None:
    third = SheetTile("third", "Third", StyleSettings(size=32))

    assert reopened(folder).find_sheet(sheet("one", BOTH, CONTENT, third)) is None


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(FolderUnusable, match=r"The folder .*file/out cannot be made"):
        Folder(tmp_path / "file/out", Originals(PHOTO, PAINTING))


def test_a_file_that_cannot_be_written_is_named(folder: Folder) -> None:
    (folder.path / "index.html").mkdir()

    with pytest.raises(FolderUnusable, match=r"index.html cannot be written"):
        folder.write("index.html", b"page")
