"""A sheet of experiments as a new image: each picture a layer, and captions on white paper.

Nothing of it is worth losing the pictures: where GIMP has no font, the layers' names say the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from impasto_gimp.image.layer_reader import scale_down
from impasto_gimp.image.layer_writer import new_layer
from impasto_gimp.introspection import Gegl, Gimp
from impasto_gimp.procedures.explore_arguments import whole_caption
from impasto_gimp.sheets.sheet_painting import PaintedSheet
from impasto_gimp.translation import gettext
from impasto_shared.image import Image

_INK, _PALE = "#202020", "#707070"
_FONT, _BOLD_FONT = "Sans-serif", "Sans-serif Bold"
# A caption is so much of a picture's longest side, and no smaller than can be read.
_CAPTION_SHARE, _SMALLEST_CAPTION_PX = 20, 13
_TITLE_SCALE, _TEXT_SCALE = 1.7, 1.1
# Captions need so many times their height, however small the pictures are.
_NARROWEST_TILE, _NARROWEST_SHEET = 9, 40


def new_sheet_image(painted: PaintedSheet, originals: Sequence[tuple[str, Image]]) -> Any:
    """A Gimp.Image of the sheet, which no window shows yet, with nothing to undo.

    originals: what the pictures were made of, each with its name, the photo first.
    """
    image = Gimp.Image.new(1, 1, Gimp.ImageBaseType.RGB)
    image.undo_disable()
    try:
        _Drawing(image, painted, originals).draw()
    except BaseException:
        image.delete()
        raise
    image.undo_enable()
    return image


class _Drawing:
    """Draws from top to bottom; how large the paper is shows only at the end."""

    def __init__(
        self, image: Any, painted: PaintedSheet, originals: Sequence[tuple[str, Image]]
    ) -> None:
        self._image = image
        self._painted = painted
        self._originals = originals
        photo = originals[0][1]
        self._side = max(photo.width, photo.height)
        self._caption_px = max(_SMALLEST_CAPTION_PX, self._side // _CAPTION_SHARE)
        self._gap = self._caption_px
        self._tile_width = max(photo.width, _NARROWEST_TILE * self._caption_px)
        columns = max(len(row.tiles) for row in painted.sheet.rows)
        self._text_width = max(
            columns * (self._tile_width + self._gap) - self._gap,
            _NARROWEST_SHEET * self._caption_px,
        )
        self._left = self._top = 2 * self._gap
        self._right = self._left + self._text_width
        self._captions = Gimp.GroupLayer.new(image, gettext("Captions"))

    def draw(self) -> None:
        """Adds all layers, those of the pictures on top, and gives the image its size."""
        sheet = self._painted.sheet
        self._append(self._captions)
        self._write(gettext(sheet.title), _TITLE_SCALE, _INK, _BOLD_FONT)
        self._write(gettext(sheet.shows), _TEXT_SCALE, _PALE)
        self._draw_originals()
        for row in sheet.rows:
            if any(tile.name in self._painted.pictures for tile in row.tiles):
                self._draw_row(row)
        for reason in self._painted.reasons:
            left_out = gettext("Left out: {reason}").format(reason=reason)
            self._write(left_out, _TEXT_SCALE, _PALE)
        self._lay_paper()

    def _draw_originals(self) -> None:
        captioned = []
        for name, picture in self._originals:
            layer = new_layer(self._image, name, picture)
            self._append(layer)
            scale_down(layer, self._side)
            captioned.append((name, layer))
        self._place(captioned)

    def _draw_row(self, row: Any) -> None:
        """A row of tiles; the place of one that is missing stays empty."""
        group = None
        if row.caption:
            # Before the caption, or GIMP would give the name to that, and add a number here.
            group = Gimp.GroupLayer.new(self._image, gettext(row.caption))
            self._append(group)
            self._write(gettext(row.caption), _TEXT_SCALE, _INK, _BOLD_FONT)
        captioned: list[tuple[str, Any]] = []
        for tile in row.tiles:
            layer = None
            if picture := self._painted.pictures.get(tile.name):
                layer = new_layer(self._image, whole_caption(row, tile), picture)
                self._append(layer, group)
            captioned.append((gettext(tile.caption), layer))
        self._place(captioned)

    def _append(self, layer: Any, group: Any = None) -> None:
        """Adds a layer below those that are there, but above the captions."""
        if group is not None:
            position = len(group.get_children())
        else:
            position = max(0, len(self._image.get_layers()) - 1)
        self._image.insert_layer(layer, group, position)

    def _place(self, captioned: Sequence[tuple[str, Any]]) -> None:
        """Moves layers of pictures side by side, each with its caption below."""
        below = self._top + self._gap // 2
        below += max(layer.get_height() for _, layer in captioned if layer is not None)
        left, bottom = self._left, below
        for caption, layer in captioned:
            width = self._tile_width
            if layer is not None:
                layer.set_offsets(left, self._top)
                width = max(width, layer.get_width())
                bottom = max(bottom, self._text(caption, left, below, width))
                self._right = max(self._right, left + width)
            left += width + self._gap
        self._top = bottom + self._gap

    def _write(self, text: str, scale: float, colour: str, font: str = _FONT) -> None:
        """Writes across the whole sheet."""
        self._top = self._gap + self._text(
            text, self._left, self._top, self._text_width, scale, colour, font
        )

    def _text(
        self,
        text: str,
        left: int,
        top: int,
        width: int,
        scale: float = 1.0,
        colour: str = _INK,
        font_name: str = _FONT,
    ) -> int:
        """Writes lines no wider than `width` pixels; says where they end."""
        font = Gimp.Font.get_by_name(font_name) or Gimp.context_get_font()
        if font is None:
            return top
        size = round(self._caption_px * scale)
        layer = Gimp.TextLayer.new(
            self._image, _wrapped(text, width, size, font), font, size, Gimp.Unit.pixel()
        )
        if layer is None:
            return top
        self._append(layer, self._captions)
        layer.set_color(Gegl.Color.new(colour))
        layer.set_offsets(left, top)
        return top + int(layer.get_height())

    def _lay_paper(self) -> None:
        width, height = self._right + 2 * self._gap, self._top + self._gap
        self._image.resize(width, height, 0, 0)
        paper = Gimp.Layer.new(
            self._image,
            gettext("Paper"),
            width,
            height,
            Gimp.ImageType.RGB_IMAGE,
            100.0,
            Gimp.LayerMode.NORMAL,
        )
        paper.fill(Gimp.FillType.WHITE)
        self._image.insert_layer(paper, None, len(self._image.get_layers()))
        self._captions.set_expanded(False)
        self._image.set_selected_layers(self._image.get_layers()[:1])


def _wrapped(text: str, width_px: int, size_px: int, font: Any) -> str:
    """`text` in lines that are no wider than `width_px`, if no word is."""
    lines: list[str] = []
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and Gimp.text_get_extents_font(longer, size_px, font).width <= width_px:
            lines[-1] = longer
        else:
            lines.append(word)
    return "\n".join(lines)
