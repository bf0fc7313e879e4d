"""A sheet of small pictures in rows and columns, each with a caption below it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

GAP_PX, CAPTION_PX, FONT_PX = 6, 24, 15


@dataclass(frozen=True)
class Cell:
    """A place in the sheet; empty if there is no file."""

    file: Path | None = None
    caption: str = ""


def contact_sheet(rows: Sequence[Sequence[Cell]], cell_px: int) -> Image.Image:
    """Returns the pictures reduced to at most `cell_px` × `cell_px`; a row is as tall as needed."""
    pictures = [[_reduced(cell, cell_px) for cell in row] for row in rows]
    heights = [max(picture.height for picture in row) + CAPTION_PX + GAP_PX for row in pictures]
    width = max(len(row) for row in rows) * (cell_px + GAP_PX) + GAP_PX
    sheet = Image.new("RGB", (width, sum(heights) + GAP_PX), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(FONT_PX)
    for index, (cells, row) in enumerate(zip(rows, pictures, strict=True)):
        top = GAP_PX + sum(heights[:index])
        caption_top = top + heights[index] - CAPTION_PX - GAP_PX
        for column, (cell, picture) in enumerate(zip(cells, row, strict=True)):
            left = GAP_PX + column * (cell_px + GAP_PX)
            # At the bottom, so that the caption touches it.
            sheet.paste(picture, (left, caption_top - picture.height))
            draw.text((left, caption_top), cell.caption, fill="black", font=font)
    return sheet


def _reduced(cell: Cell, longest_side_px: int) -> Image.Image:
    if cell.file is None or not cell.file.exists():
        return Image.new("RGB", (1, 1), "white")
    with Image.open(cell.file) as file:
        picture = file.convert("RGB")
    picture.thumbnail((longest_side_px, longest_side_px), Image.Resampling.LANCZOS)
    return picture
