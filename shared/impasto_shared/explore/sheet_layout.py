"""The layout of a contact sheet: rectangles in pixels for its pictures and texts.

Command line (Pillow) and plug-in (GIMP) draw the rectangles. They measure texts as well, since
only they know their fonts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Protocol

from impasto_shared.explore.contact_sheet import SheetRow
from impasto_shared.explore.sheet_painting import PaintedSheet

LEFT_OUT = "Left out: {reason}"
"""The note below a sheet about missing pictures, before it is translated."""


class TextStyle(Enum):
    """The kinds of text on a sheet."""

    TITLE = auto()
    INTRODUCTION = auto()
    HEADING = auto()
    """Above a row or a figure."""
    CAPTION = auto()
    """Below a picture."""
    NOTE = auto()


@dataclass(frozen=True)
class CaptionedBox:
    """A picture to be placed: its caption, and its width and height in pixels."""

    caption: str
    width: int
    height: int


@dataclass(frozen=True)
class Figure:
    """A chart as wide as the sheet, with a title above; height in pixels."""

    title: str
    height: int


@dataclass(frozen=True)
class BoxRow:
    """Pictures side by side, with a heading above that may be empty."""

    heading: str
    boxes: Sequence[CaptionedBox]


@dataclass(frozen=True)
class SheetContent:
    """Everything that a sheet shows, from top to bottom."""

    title: str
    introduction: str
    originals: Sequence[CaptionedBox]
    rows: Sequence[BoxRow]
    figures: Sequence[Figure]
    notes: Sequence[str]


def sheet_content(
    painted: PaintedSheet[Any],
    originals: Sequence[CaptionedBox],
    *,
    figures: Sequence[Figure] = (),
    reasons: Iterable[str] = (),
    translate: Callable[[str], str] = str,
) -> SheetContent:
    """Returns the content of a painted sheet.

    originals: what the pictures were made from; the photo, first, has the size of all tiles.
    reasons: why pictures are left out.
    """
    photo = originals[0]

    def boxes(row: SheetRow) -> list[CaptionedBox]:
        captions = (translate(tile.caption) for tile in row.tiles)
        return [CaptionedBox(caption, photo.width, photo.height) for caption in captions]

    rows = [BoxRow(row.caption and translate(row.caption), boxes(row)) for row in painted.rows]
    return SheetContent(
        translate(painted.sheet.title),
        translate(painted.sheet.shows),
        originals,
        rows,
        figures,
        [translate(LEFT_OUT).format(reason=reason) for reason in reasons],
    )


@dataclass(frozen=True)
class SheetMetrics:
    """Distances in pixels; a column or text is no narrower than stated, whatever the pictures."""

    margin: int
    gap: int
    narrowest_column: int
    narrowest_text: int


class MeasureText(Protocol):
    """Measures a text of one or more lines in the font of its style."""

    def __call__(self, text: str, style: TextStyle) -> tuple[int, int]:
        """Returns width and height in pixels."""


@dataclass(frozen=True)
class Rectangle:
    """Pixels from the top left corner of the sheet; y grows downwards."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True)
class PlacedText:
    """A text broken into lines, and the rectangle that it fills."""

    text: str
    style: TextStyle
    rectangle: Rectangle


@dataclass(frozen=True)
class SheetLayout:
    """A sheet of `width` × `height` pixels. Rectangles come in the order of the content."""

    width: int
    height: int
    texts: Sequence[PlacedText]
    originals: Sequence[Rectangle]
    rows: Sequence[Sequence[Rectangle]]
    figures: Sequence[Rectangle]


def lay_out(content: SheetContent, metrics: SheetMetrics, measure: MeasureText) -> SheetLayout:
    """Returns the layout of a sheet, filled from top to bottom."""
    return _Layouter(content, metrics, measure).lay_out()


class _Layouter:
    """Moves down the sheet; `_top` is where the next thing goes."""

    def __init__(self, content: SheetContent, metrics: SheetMetrics, measure: MeasureText) -> None:
        self._content = content
        self._metrics = metrics
        self._measure = measure
        boxes = [box for row in content.rows for box in row.boxes]
        self._column = max([metrics.narrowest_column, *(box.width for box in boxes)])
        columns = max([1, *(len(row.boxes) for row in content.rows)])
        row_width = columns * (self._column + metrics.gap) - metrics.gap
        self._text_width = max(metrics.narrowest_text, row_width)
        self._right = metrics.margin + self._text_width
        self._top = metrics.margin
        self._texts: list[PlacedText] = []

    def lay_out(self) -> SheetLayout:
        self._write(self._content.title, TextStyle.TITLE)
        self._write(self._content.introduction, TextStyle.INTRODUCTION)
        originals = self._place(self._content.originals)
        rows = [self._place_row(row) for row in self._content.rows]
        figures = [self._place_figure(figure) for figure in self._content.figures]
        for note in self._content.notes:
            self._write(note, TextStyle.NOTE)
        margin, gap = self._metrics.margin, self._metrics.gap
        width, height = self._right + margin, self._top - gap + margin
        return SheetLayout(width, height, self._texts, originals, rows, figures)

    def _place_row(self, row: BoxRow) -> list[Rectangle]:
        if row.heading:
            self._write(row.heading, TextStyle.HEADING)
        return self._place(row.boxes)

    def _place_figure(self, figure: Figure) -> Rectangle:
        self._write(figure.title, TextStyle.HEADING)
        place = Rectangle(self._metrics.margin, self._top, self._text_width, figure.height)
        self._top += figure.height + self._metrics.gap
        return place

    def _place(self, boxes: Sequence[CaptionedBox]) -> list[Rectangle]:
        """Places pictures side by side, with their captions below the tallest of them."""
        gap = self._metrics.gap
        left, below = self._metrics.margin, self._top + gap // 2 + max(box.height for box in boxes)
        rectangles, bottom = [], below
        for box in boxes:
            width = max(self._column, box.width)
            rectangles.append(Rectangle(left, self._top, box.width, box.height))
            bottom = max(bottom, self._text(box.caption, TextStyle.CAPTION, left, below, width))
            self._right = max(self._right, left + width)
            left += width + gap
        self._top = bottom + gap
        return rectangles

    def _write(self, text: str, style: TextStyle) -> None:
        """Writes across the sheet."""
        left = self._metrics.margin
        self._top = self._text(text, style, left, self._top, self._text_width) + self._metrics.gap

    def _text(self, text: str, style: TextStyle, left: int, top: int, width: int) -> int:
        """Writes lines no wider than `width`; returns where they end."""
        wrapped = self._wrapped(text, style, width)
        rectangle = Rectangle(left, top, *self._measure(wrapped, style))
        self._texts.append(PlacedText(wrapped, style, rectangle))
        return top + rectangle.height

    def _wrapped(self, text: str, style: TextStyle, width: int) -> str:
        """Returns `text` in lines no wider than `width`; a longer word has a line to itself."""
        lines: list[str] = []
        for word in text.split():
            longer = f"{lines[-1]} {word}" if lines else word
            if lines and self._measure(longer, style)[0] <= width:
                lines[-1] = longer
            else:
                lines.append(word)
        return "\n".join(lines)
