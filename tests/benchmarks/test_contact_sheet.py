from pathlib import Path

from PIL import Image

from contact_sheet import CAPTION_PX, GAP_PX, Cell, contact_sheet


def test_pictures_stand_in_rows_and_columns_without_being_enlarged(tmp_path: Path) -> None:
    red, blue = tmp_path / "red.png", tmp_path / "blue.png"
    Image.new("RGB", (200, 100), (255, 0, 0)).save(red)
    Image.new("RGB", (20, 40), (0, 0, 255)).save(blue)

    sheet = contact_sheet([[Cell(), Cell(red)], [Cell(blue), Cell(tmp_path / "none.png")]], 50)

    assert sheet.width == 2 * (50 + GAP_PX) + GAP_PX
    assert sheet.height == 25 + 40 + 2 * (CAPTION_PX + GAP_PX) + GAP_PX
    colours = {colour: count for count, colour in sheet.getcolors() or []}
    assert colours[255, 0, 0] == 50 * 25
    assert colours[0, 0, 255] == 20 * 40
    second_row = GAP_PX + 25 + CAPTION_PX + GAP_PX
    assert sheet.getpixel((GAP_PX, second_row)) == (0, 0, 255)


def test_caption_is_written_below_its_picture(tmp_path: Path) -> None:
    file = tmp_path / "white.png"
    Image.new("RGB", (40, 30), "white").save(file)

    plain, captioned = (contact_sheet([[Cell(file, text)]], 40) for text in ("", "name"))

    assert plain.getextrema() == ((255, 255),) * 3
    written = captioned.convert("L").point(lambda value: 255 - value).getbbox()
    assert written is not None
    assert written[1] >= GAP_PX + 30
