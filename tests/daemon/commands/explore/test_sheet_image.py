import io
from pathlib import Path

from PIL import Image as PillowImage

from daemon.commands.explore.painted_sheets import GREEN, HEIGHT, RED, WIDTH, painted_sheet, plain
from impasto_daemon.commands.explore.painted_tile import PaintedTile
from impasto_daemon.commands.explore.sheet_image import sheet_as_png
from impasto_shared.explore.sheet_painting import PaintedSheet


def drawn(painted: PaintedSheet[PaintedTile]) -> PillowImage.Image:
    return PillowImage.open(io.BytesIO(sheet_as_png(painted, [("The photo", plain(GREEN))])))


def test_a_sheet_shows_original_and_tile_at_their_own_size(tmp_path: Path) -> None:
    colours = drawn(painted_sheet(tmp_path)).convert("RGB").getcolors(maxcolors=2**24)

    assert colours is not None
    counts = {colour: count for count, colour in colours}
    assert counts[RED] == counts[GREEN] == WIDTH * HEIGHT


def test_a_sheet_that_compares_losses_is_longer_by_its_charts(tmp_path: Path) -> None:
    plain_sheet = drawn(painted_sheet(tmp_path))
    with_charts = drawn(painted_sheet(tmp_path, compares_losses=True))

    assert with_charts.width == plain_sheet.width
    assert with_charts.height > plain_sheet.height + 2 * 200


def test_a_longer_reason_needs_more_lines(tmp_path: Path) -> None:
    painted = painted_sheet(tmp_path)
    longer = PaintedSheet(painted.sheet, painted.pictures, {"second": "There are no weights. " * 9})

    assert drawn(longer).height > drawn(painted).height
