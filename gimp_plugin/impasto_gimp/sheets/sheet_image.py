"""A contact sheet as a new image: each picture is a layer, with captions on white paper.

Captions are not worth losing pictures for: if GIMP has no font, the names of the layers remain.
"""

from __future__ import annotations

from collections.abc import Sequence

from impasto_gimp.arguments.explore_arguments import full_caption
from impasto_gimp.image.layer_reader import scale_down
from impasto_gimp.image.layer_writer import new_layer
from impasto_gimp.introspection import Gegl, Gimp
from impasto_gimp.translation import gettext
from impasto_shared.explore.contact_sheet import SheetRow
from impasto_shared.explore.sheet_layout import (
    CaptionedBox,
    PlacedText,
    Rectangle,
    SheetLayout,
    SheetMetrics,
    TextStyle,
    lay_out,
    sheet_content,
)
from impasto_shared.explore.sheet_painting import PaintedSheet
from impasto_shared.image import Image, fitted_size

_INK, _PALE = "#202020", "#707070"
_PALE_STYLES = (TextStyle.INTRODUCTION, TextStyle.NOTE)
_FONT, _BOLD_FONT = "Sans-serif", "Sans-serif Bold"
_BOLD_STYLES = (TextStyle.TITLE, TextStyle.HEADING)
# The height of a caption: this fraction of a picture's longest side, but always legible.
_CAPTION_FRACTION, _SMALLEST_CAPTION_PX = 20, 13
# Font sizes, in heights of a caption.
_FONT_SCALES = {
    TextStyle.TITLE: 1.7,
    TextStyle.INTRODUCTION: 1.1,
    TextStyle.HEADING: 1.1,
    TextStyle.CAPTION: 1.0,
    TextStyle.NOTE: 1.1,
}
# In heights of a caption too: captions need room, however small the pictures are.
_NARROWEST_COLUMN, _NARROWEST_TEXT = 9, 40


def new_sheet_image(
    painted: PaintedSheet[Image], originals: Sequence[tuple[str, Image]]
) -> Gimp.Image:
    """Returns the sheet as an image without a window and with nothing to undo.

    originals: what the pictures were made from, with captions; the photo comes first.
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
    """Draws what `sheet_layout` places, as layers from top to bottom."""

    def __init__(
        self,
        image: Gimp.Image,
        painted: PaintedSheet[Image],
        originals: Sequence[tuple[str, Image]],
    ) -> None:
        self._image = image
        self._painted = painted
        self._originals = originals
        photo = originals[0][1]
        self._longest_side = max(photo.width, photo.height)
        self._caption_px = max(_SMALLEST_CAPTION_PX, self._longest_side // _CAPTION_FRACTION)
        self._captions = Gimp.GroupLayer.new(image, gettext("Captions"))

    def draw(self) -> None:
        """Adds all layers, pictures above captions, and gives the image its size."""
        layout = self._layout()
        self._append(self._captions)
        # Before the texts: GIMP gives a name once, and numbers the layers that come later.
        self._draw_originals(layout.originals)
        for row, rectangles in zip(self._painted.rows, layout.rows, strict=True):
            self._draw_row(row, rectangles)
        for text in layout.texts:
            self._draw_text(text)
        self._lay_paper(layout)

    def _layout(self) -> SheetLayout:
        content = sheet_content(
            self._painted,
            [self._original_box(*original) for original in self._originals],
            reasons=self._painted.reasons,
            translate=gettext,
        )
        metrics = SheetMetrics(
            margin=2 * self._caption_px,
            gap=self._caption_px,
            narrowest_column=_NARROWEST_COLUMN * self._caption_px,
            narrowest_text=_NARROWEST_TEXT * self._caption_px,
        )
        return lay_out(content, metrics, self._measure)

    def _original_box(self, caption: str, image: Image) -> CaptionedBox:
        size = fitted_size(image.width, image.height, self._longest_side)
        return CaptionedBox(caption, *size)

    def _measure(self, text: str, style: TextStyle) -> tuple[int, int]:
        """Returns the size that a text layer will have."""
        font = _font(style)
        if font is None:
            return 0, 0
        extents = Gimp.text_get_extents_font(text, self._font_px(style), font)
        return extents.width, extents.height

    def _draw_originals(self, rectangles: Sequence[Rectangle]) -> None:
        for (caption, picture), rectangle in zip(self._originals, rectangles, strict=True):
            layer = new_layer(self._image, caption, picture)
            self._append(layer)
            scale_down(layer, self._longest_side)
            layer.set_offsets(rectangle.left, rectangle.top)

    def _draw_row(self, row: SheetRow, rectangles: Sequence[Rectangle]) -> None:
        """Adds the pictures of a row, in a group if the row has a caption."""
        group = None
        if row.caption:
            group = Gimp.GroupLayer.new(self._image, gettext(row.caption))
            self._append(group)
        for tile, rectangle in zip(row.tiles, rectangles, strict=True):
            picture = self._painted.pictures[tile.name]
            layer = new_layer(self._image, full_caption(row, tile), picture)
            self._append(layer, group)
            layer.set_offsets(rectangle.left, rectangle.top)

    def _draw_text(self, text: PlacedText) -> None:
        font = _font(text.style)
        if font is None:
            return
        size, unit = self._font_px(text.style), Gimp.Unit.pixel()
        layer = Gimp.TextLayer.new(self._image, text.text, font, size, unit)
        if layer is None:
            return
        self._append(layer, self._captions)
        layer.set_color(Gegl.Color.new(_PALE if text.style in _PALE_STYLES else _INK))
        layer.set_offsets(text.rectangle.left, text.rectangle.top)

    def _font_px(self, style: TextStyle) -> int:
        return round(self._caption_px * _FONT_SCALES[style])

    def _append(self, layer: Gimp.Layer, group: Gimp.GroupLayer | None = None) -> None:
        """Adds a layer below the others of the group; in the image, above the captions."""
        if group is not None:
            position = len(group.get_children())
        else:
            position = max(0, len(self._image.get_layers()) - 1)
        self._image.insert_layer(layer, group, position)

    def _lay_paper(self, layout: SheetLayout) -> None:
        self._image.resize(layout.width, layout.height, 0, 0)
        paper = Gimp.Layer.new(
            self._image,
            gettext("Paper"),
            layout.width,
            layout.height,
            Gimp.ImageType.RGB_IMAGE,
            100.0,
            Gimp.LayerMode.NORMAL,
        )
        paper.fill(Gimp.FillType.WHITE)
        self._image.insert_layer(paper, None, len(self._image.get_layers()))
        self._captions.set_expanded(False)
        self._image.set_selected_layers(self._image.get_layers()[:1])


def _font(style: TextStyle) -> Gimp.Font | None:
    """Returns the font of a style, or the current one; None if GIMP has no fonts."""
    name = _BOLD_FONT if style in _BOLD_STYLES else _FONT
    return Gimp.Font.get_by_name(name) or Gimp.context_get_font()
