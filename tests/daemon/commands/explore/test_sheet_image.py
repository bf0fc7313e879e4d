import io
from pathlib import Path

import pytest
from PIL import Image as PillowImage

from impasto_daemon.commands.explore.page import page
from impasto_daemon.commands.explore.painted_tile import PaintedSheet, PaintedTile
from impasto_daemon.commands.explore.sheet_image import as_jpeg, contact_sheet, prepared
from impasto_daemon.commands.image_file import write_image
from impasto_shared.explore.contact_sheet import ContactSheet, SheetRow, SheetTile
from impasto_shared.image import Image, PixelFormat
from impasto_shared.reports import CurvePoint
from impasto_shared.settings import Optimizer, StyleSettings

RED, GREEN = (255, 0, 0), (0, 255, 0)
CURVE = (CurvePoint(1, 0.0, 1.0), CurvePoint(2, 0.5, 2.0), CurvePoint(3, 1.0, 0.0))


def plain(colour: tuple[int, int, int], width: int = 150, height: int = 60) -> Image:
    return Image(width, height, PixelFormat.RGB_U8, bytes(colour) * width * height)


def painted_sheet(folder: Path, *, compares_losses: bool = False) -> PaintedSheet:
    """Two tiles, the second one left out."""
    tiles = (
        SheetTile("first", "One & <all>", StyleSettings(optimizer=Optimizer.ADAM)),
        SheetTile("second", "Another", StyleSettings()),
    )
    sheet = ContactSheet(
        "sheet", "A <title>", "What it shows.", (SheetRow("A row", tiles),), compares_losses
    )
    write_image(plain(RED), folder / "first.png")
    painted = PaintedTile(folder / "first.png", "vgg19", CURVE)
    return PaintedSheet(sheet, {"first": painted}, {"second": "There are no weights."})


def drawn(painted: PaintedSheet) -> PillowImage.Image:
    return PillowImage.open(io.BytesIO(contact_sheet(painted, [("The photo", plain(GREEN))])))


def test_a_picture_is_made_no_larger_and_keeps_its_form() -> None:
    wide = prepared(plain(RED, 300, 100), 60)
    small = prepared(plain(RED, 30, 10), 60)

    assert (wide.width, wide.height) == (60, 20)
    assert (small.width, small.height) == (30, 10)


def test_what_is_transparent_lies_on_white() -> None:
    clear = Image(2, 1, PixelFormat.RGBA_U8, bytes([10, 20, 30, 0, 10, 20, 30, 255]))

    assert prepared(clear).pixels == bytes([255, 255, 255, 10, 20, 30])


def test_a_sheet_shows_original_and_tile_in_their_own_size(tmp_path: Path) -> None:
    colours = drawn(painted_sheet(tmp_path)).convert("RGB").getcolors(maxcolors=2**24)

    assert colours is not None
    counts = {colour: count for count, colour in colours}
    assert counts[RED] == counts[GREEN] == 150 * 60


def test_a_sheet_that_compares_losses_is_longer_by_its_charts(tmp_path: Path) -> None:
    without = drawn(painted_sheet(tmp_path))
    charts = drawn(painted_sheet(tmp_path, compares_losses=True))

    assert charts.width == without.width
    assert charts.height > without.height + 2 * 200


def test_a_jpeg_is_made_of_a_file_and_of_a_picture(tmp_path: Path) -> None:
    write_image(plain(RED), tmp_path / "red.png")

    for source in (tmp_path / "red.png", plain(RED)):
        with PillowImage.open(io.BytesIO(as_jpeg(source))) as picture:
            assert (picture.format, picture.size) == ("JPEG", (150, 60))


@pytest.mark.parametrize("names", [["a b.jpg", "it's.jpg"], ["<script>.jpg", "b.jpg"]])
def test_what_names_and_captions_hold_is_text_on_the_page(tmp_path: Path, names: list[str]) -> None:
    html = page([painted_sheet(tmp_path)], [("The photo", plain(GREEN))], names)

    assert "<script" not in html
    assert "One &amp; &lt;all&gt;" in html
    assert "A &lt;title&gt;" in html
    assert "--optimizer adam -o out.png" in html
    if " " in names[0]:
        assert "impasto stylize &#x27;a b.jpg&#x27;" in html


def test_a_curve_shows_the_lowest_loss_and_not_one_of_nothing(tmp_path: Path) -> None:
    html = page([painted_sheet(tmp_path)], [], ["a.jpg"])

    points = html.partition('points="')[2].partition('"')[0].split()
    assert len(points) == 2  # the loss of 0 has no logarithm
    assert len({point.partition(",")[2] for point in points}) == 1
