"""Pictures made with Pillow: what is sent to be painted, and contact sheets of what was painted."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from impasto_daemon.commands.explore.chart import COLOURS, Chart
from impasto_daemon.commands.explore.curves import comparing_charts
from impasto_daemon.commands.explore.painted_tile import PaintedSheet
from impasto_shared.image import Image, PixelFormat

_PAPER, _INK, _PALE = "#ffffff", "#202020", "#707070"
_MARGIN_PX, _GAP_PX = 16, 8
_TITLE_PX, _TEXT_PX, _CAPTION_PX = 22, 14, 13
_LINE_SPACING = 1.3
# Captions need this much, however small the tiles are.
_NARROWEST_TILE_PX = 128
_NARROWEST_SHEET_PX = 560
_CHART_HEIGHT_PX = 260
_PAGE_QUALITY = 90


def prepared(image: Image, longest_side_px: int | None = None) -> Image:
    """`image` of 8 bits a channel on white, no larger than `longest_side_px`, without alpha."""
    picture = _to_pillow(image)
    if longest_side_px is not None:
        picture.thumbnail((longest_side_px, longest_side_px), PillowImage.Resampling.LANCZOS)
    return Image(picture.width, picture.height, PixelFormat.RGB_U8, picture.tobytes())


def as_jpeg(picture: Path | Image) -> bytes:
    """A picture as small as a page wants it."""
    stream = io.BytesIO()
    opened = _to_pillow(picture) if isinstance(picture, Image) else PillowImage.open(picture)
    opened.convert("RGB").save(stream, "JPEG", quality=_PAGE_QUALITY)
    return stream.getvalue()


def contact_sheet(painted: PaintedSheet, originals: Sequence[tuple[str, Image]]) -> bytes:
    """The PNG of a sheet: the named originals, then its rows, then its curves."""
    sheet = _Drawing(painted, originals)
    stream = io.BytesIO()
    sheet.drawn().save(stream, "PNG")
    return stream.getvalue()


def _to_pillow(image: Image) -> PillowImage.Image:
    mode = "RGBA" if image.format.has_alpha else "RGB"
    picture = PillowImage.frombytes(mode, (image.width, image.height), image.pixels)
    if mode == "RGB":
        return picture
    paper = PillowImage.new("RGBA", picture.size, _PAPER)
    return PillowImage.alpha_composite(paper, picture).convert("RGB")


_Captioned = tuple[str, PillowImage.Image]


class _Drawing:
    """Draws a sheet from top to bottom; how tall it is shows only at the end."""

    def __init__(self, painted: PaintedSheet, originals: Sequence[tuple[str, Image]]) -> None:
        self._painted = painted
        self._originals = [(name, _to_pillow(image)) for name, image in originals]
        self._rows = [
            (row.caption, [
                (tile.caption, PillowImage.open(painted.tiles[tile.name].file).convert("RGB"))
                for tile in row.tiles
                if tile.name in painted.tiles
            ])
            for row in painted.sheet.rows
        ]  # fmt: skip
        tiles = [picture for _, row in self._rows for _, picture in row]
        self._tile_px = max([_NARROWEST_TILE_PX, *(picture.width for picture in tiles)])
        columns = max([1, *(len(row) for _, row in self._rows)])
        self._text_px = max(_NARROWEST_SHEET_PX, columns * (self._tile_px + _GAP_PX) - _GAP_PX)
        self._paper = PillowImage.new("RGB", (self._text_px + 2 * _MARGIN_PX, 1), _PAPER)
        self._top = _MARGIN_PX

    def drawn(self) -> PillowImage.Image:
        """The whole sheet."""
        sheet = self._painted.sheet
        self._write(sheet.title, _TITLE_PX, _INK)
        self._write(sheet.shows, _TEXT_PX, _PALE)
        self._row(self._originals)
        for caption, tiles in self._rows:
            if tiles:
                if caption:
                    self._write(caption, _TEXT_PX, _INK)
                self._row(tiles)
        for title, chart in comparing_charts(self._painted, self._text_px, _CHART_HEIGHT_PX):
            self._write(title, _TEXT_PX, _INK)
            self._chart(chart)
        for reason in self._painted.reasons:
            self._write(f"Left out: {reason}", _CAPTION_PX, _PALE)
        self._extend(self._top + _MARGIN_PX - _GAP_PX)
        return self._paper

    def _row(self, tiles: Sequence[_Captioned]) -> None:
        """Pictures side by side, each with its caption below, where it is its own row's tallest."""
        below = self._top + max(picture.height for _, picture in tiles) + _GAP_PX // 2
        left, bottom = _MARGIN_PX, below
        for caption, picture in tiles:
            self._extend(below)
            self._paper.paste(picture, (left, self._top))
            bottom = max(bottom, self._text(caption, left, below, self._tile_px, _CAPTION_PX, _INK))
            left += max(self._tile_px, picture.width) + _GAP_PX
        self._top = bottom + _GAP_PX

    def _write(self, text: str, size_px: int, colour: str) -> None:
        self._top = self._text(text, _MARGIN_PX, self._top, self._text_px, size_px, colour)
        self._top += _GAP_PX

    def _text(self, text: str, left: int, top: int, width: int, size_px: int, colour: str) -> int:
        """Writes lines no wider than `width`; where the next line would be."""
        font = ImageFont.load_default(size_px)
        for line in _wrapped(text, width, font):
            bottom = top + round(size_px * _LINE_SPACING)
            self._extend(bottom)
            ImageDraw.Draw(self._paper).text((left, top), line, fill=colour, font=font)
            top = bottom
        return top

    def _chart(self, chart: Chart) -> None:
        left, top = _MARGIN_PX, self._top
        self._extend(top + chart.height)
        draw, font = ImageDraw.Draw(self._paper), ImageFont.load_default(_CAPTION_PX)
        box = (left + chart.left, top + chart.top, left + chart.right, top + chart.bottom)
        draw.rectangle(box, outline=_PALE)
        for tick in chart.x_ticks:
            draw.text((left + tick.place, box[3] + 4), tick.text, fill=_INK, font=font, anchor="ma")
        for tick in chart.y_ticks:
            draw.text((box[0] - 6, top + tick.place), tick.text, fill=_INK, font=font, anchor="rm")
        for number, line in enumerate(chart.lines):
            colour = COLOURS[number % len(COLOURS)]
            places = [(left + x, top + y) for x, y in line.points]
            draw.line(places, fill=colour, width=2)
            name_top = box[1] + 8 + number * round(_CAPTION_PX * _LINE_SPACING)
            draw.text((box[2] - 8, name_top), line.name, fill=colour, font=font, anchor="ra")
        self._top = top + chart.height + _GAP_PX

    def _extend(self, bottom: int) -> None:
        """Makes the paper reach down to `bottom`."""
        if bottom > self._paper.height:
            longer = PillowImage.new("RGB", (self._paper.width, bottom), _PAPER)
            longer.paste(self._paper)
            self._paper = longer


def _wrapped(
    text: str, width: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont
) -> list[str]:
    """The words of `text` in lines no wider than `width`; a longer word has its own line."""
    lines: list[str] = []
    for word in text.split():
        if lines and font.getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
