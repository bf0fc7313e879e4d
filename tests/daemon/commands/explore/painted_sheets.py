"""Painted sheets for the tests of drawing, charts and page."""

from pathlib import Path

from impasto_daemon.commands.explore.painted_tile import PaintedTile
from impasto_daemon.commands.image_file import write_image
from impasto_shared.explore.contact_sheet import ContactSheet, SheetRow, SheetTile
from impasto_shared.explore.sheet_painting import PaintedSheet
from impasto_shared.image import Image, PixelFormat
from impasto_shared.protocol.reports import CurvePoint
from impasto_shared.settings import Optimizer, StyleSettings

RED, GREEN = (255, 0, 0), (0, 255, 0)
CURVE = (CurvePoint(1, 0.0, 1.0), CurvePoint(2, 0.5, 2.0), CurvePoint(3, 1.0, 0.0))
WIDTH, HEIGHT = 150, 60


def plain(colour: tuple[int, int, int], width: int = WIDTH, height: int = HEIGHT) -> Image:
    return Image(width, height, PixelFormat.RGB_U8, bytes(colour) * width * height)


def painted_sheet(folder: Path, *, compares_losses: bool = False) -> PaintedSheet[PaintedTile]:
    """Returns a sheet of two tiles, a red one and one that is left out."""
    tiles = (
        SheetTile("first", "One & <all>", StyleSettings(optimizer=Optimizer.ADAM)),
        SheetTile("second", "Another", StyleSettings()),
    )
    sheet = ContactSheet(
        "sheet", "A <title>", "Something to see.", (SheetRow("A row", tiles),), compares_losses
    )
    write_image(plain(RED), folder / "first.png")
    painted = PaintedTile(folder / "first.png", "vgg19", CURVE)
    return PaintedSheet(sheet, {"first": painted}, {"second": "There are no weights."})
