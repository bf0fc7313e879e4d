"""Contact sheets as PNG files: Pillow draws what `sheet_layout` places."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from impasto_daemon.commands.explore.loss_charts import LossChart, chart_as_image, loss_charts
from impasto_daemon.commands.explore.painted_tile import PaintedTile
from impasto_daemon.commands.explore.pictures import PAPER, to_pillow
from impasto_shared.explore.sheet_layout import (
    CaptionedBox,
    Figure,
    PlacedText,
    SheetLayout,
    SheetMetrics,
    TextStyle,
    lay_out,
    sheet_content,
)
from impasto_shared.explore.sheet_painting import PaintedSheet
from impasto_shared.image import Image

_METRICS = SheetMetrics(margin=16, gap=8, narrowest_column=128, narrowest_text=560)
_INK, _PALE = "#202020", "#707070"
_FONT_PX = {
    TextStyle.TITLE: 22,
    TextStyle.INTRODUCTION: 14,
    TextStyle.HEADING: 14,
    TextStyle.CAPTION: 13,
    TextStyle.NOTE: 13,
}
_PALE_STYLES = (TextStyle.INTRODUCTION, TextStyle.NOTE)
_LINE_SPACING = 1.3
_CHART_HEIGHT_PX = 260


def sheet_as_png(
    painted: PaintedSheet[PaintedTile], originals: Sequence[tuple[str, Image]]
) -> bytes:
    """Returns the PNG of a sheet: the captioned originals, then its rows, then its loss curves."""
    charts = loss_charts(painted)
    content = sheet_content(
        painted,
        [CaptionedBox(caption, image.width, image.height) for caption, image in originals],
        figures=[Figure(chart.title, _CHART_HEIGHT_PX) for chart in charts],
        reasons=[f"{', '.join(tiles)}: {reason}" for reason, tiles in painted.reasons.items()],
    )
    layout = lay_out(content, _METRICS, _measure)
    paper = PillowImage.new("RGB", (layout.width, layout.height), PAPER)
    _draw_pictures(paper, layout, painted, [to_pillow(image) for _, image in originals])
    _draw_charts(paper, layout, charts)
    for text in layout.texts:
        _draw_text(paper, text)
    stream = io.BytesIO()
    paper.save(stream, "PNG")
    return stream.getvalue()


def _draw_pictures(
    paper: PillowImage.Image,
    layout: SheetLayout,
    painted: PaintedSheet[PaintedTile],
    originals: Sequence[PillowImage.Image],
) -> None:
    for rectangle, original in zip(layout.originals, originals, strict=True):
        paper.paste(original, (rectangle.left, rectangle.top))
    for row, rectangles in zip(painted.rows, layout.rows, strict=True):
        for tile, rectangle in zip(row.tiles, rectangles, strict=True):
            with PillowImage.open(painted.pictures[tile.name].file) as picture:
                paper.paste(picture.convert("RGB"), (rectangle.left, rectangle.top))


def _draw_charts(
    paper: PillowImage.Image, layout: SheetLayout, charts: Sequence[LossChart]
) -> None:
    for rectangle, chart in zip(layout.figures, charts, strict=True):
        image = chart_as_image(chart, rectangle.width, rectangle.height)
        paper.paste(to_pillow(image), (rectangle.left, rectangle.top))


def _draw_text(paper: PillowImage.Image, text: PlacedText) -> None:
    draw, font = ImageDraw.Draw(paper), _font(text.style)
    colour = _PALE if text.style in _PALE_STYLES else _INK
    top = text.rectangle.top
    for line in text.text.split("\n"):
        draw.text((text.rectangle.left, top), line, fill=colour, font=font)
        top += _line_height(text.style)


def _measure(text: str, style: TextStyle) -> tuple[int, int]:
    lines = text.split("\n")
    width = max(_font(style).getlength(line) for line in lines)
    return math.ceil(width), len(lines) * _line_height(style)


def _line_height(style: TextStyle) -> int:
    return round(_FONT_PX[style] * _LINE_SPACING)


def _font(style: TextStyle) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(_FONT_PX[style])
