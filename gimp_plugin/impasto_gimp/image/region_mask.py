"""Reads a layer, a channel or the selection as a mask that says where a style applies."""

from __future__ import annotations

from dataclasses import dataclass

from impasto_gimp.image.layer_reader import as_seen, has_mask
from impasto_gimp.image.painted_area import PaintedArea, check_valid
from impasto_gimp.introspection import Gegl, Gimp
from impasto_gimp.translation import gettext
from impasto_shared.errors import InvalidImage
from impasto_shared.image import Image, PixelFormat

_INVERTED = bytes(range(255, -1, -1))


@dataclass(frozen=True)
class Region:
    """The part of a layer that `drawable` covers, or all but that part.

    drawable: a channel or the selection, whose values are the mask; or a layer, whose opacity, less
        what its own mask hides, is the mask or, if it is opaque everywhere, its brightness.
    """

    drawable: Gimp.Drawable
    is_outside: bool = False

    def read(self, area: PaintedArea, size: tuple[int, int] | None = None) -> Image:
        """Returns a mask of `area`: white where the style applies, black elsewhere.

        size: the width and height of the mask, if it is smaller than the area.

        Raises:
            InvalidImage: if the drawable was deleted or belongs to another image, or if it is the
                selection and nothing is selected.
        """
        _check(self.drawable, area.layer)
        width, height = size or (area.width, area.height)
        values = _values(self.drawable, area, width, height)
        pixels = bytearray(3 * len(values))
        for channel in range(3):
            pixels[channel::3] = values
        mask = Image(width, height, PixelFormat.RGB_U8, bytes(pixels))
        return inverted(mask) if self.is_outside else mask


def new_layers_mask(area: PaintedArea, size: tuple[int, int]) -> bytes | None:
    """Returns what the mask of a new layer shows of `area`, at a small size; None: all of it.

    A byte for each pixel. It is that of the layer times the selection, as in `read_layer`.

    Raises:
        InvalidImage: if the layer was deleted.
    """
    check_valid(area.layer)
    mask = area.layer.get_mask() if has_mask(area.layer) else None
    selection = area.layer.get_image().get_selection() if area.is_selection else None
    values = [_values(each, area, *size) for each in (mask, selection) if each]
    if len(values) < 2:
        return values[0] if values else None
    return bytes(one * other // 255 for one, other in zip(*values, strict=True))


def inverted(mask: Image) -> Image:
    """Returns the mask of what `mask` leaves out."""
    return Image(mask.width, mask.height, mask.format, bytes(mask.pixels).translate(_INVERTED))


def _check(region: Gimp.Drawable, layer: Gimp.Layer) -> None:
    if not region.is_valid():
        raise InvalidImage(gettext("The region for this style no longer exists. Choose another."))
    if region.get_image() != layer.get_image():
        raise InvalidImage(
            gettext(
                "The region “{region}” does not belong to the image of the layer “{layer}”. Choose "
                "a layer or a channel of the same image."
            ).format(region=region.get_name(), layer=layer.get_name())
        )
    if isinstance(region, Gimp.Selection) and Gimp.Selection.is_empty(region.get_image()):
        raise InvalidImage(
            gettext(
                "The region of this style is the selection, but nothing is selected. Select the "
                "area, or choose another region."
            )
        )


def _values(region: Gimp.Drawable, area: PaintedArea, width: int, height: int) -> bytes:
    """Returns `area`, reduced to width × height, with a byte for each pixel."""
    scale = width / area.width

    def rectangle(left: int, top: int) -> Gegl.Rectangle:
        """Returns the reduced area in a buffer in which the region begins at (`left`, `top`)."""
        _, region_x, region_y = region.get_offsets()
        full = area.image_rectangle()
        x, y = full.x - region_x + left, full.y - region_y + top
        return Gegl.Rectangle.new(round(x * scale), round(y * scale), width, height)

    if not isinstance(region, Gimp.Layer):  # linear, as GIMP interprets a selection
        buffer = region.get_buffer()
        return buffer.get(rectangle(0, 0), scale, "Y u8", Gegl.AbyssPolicy.NONE)
    with as_seen(region, is_masked=True) as (visible, left, top):
        # A filter that enlarges the layer, such as a shadow, leaves it as opaque as it is.
        extent = Gegl.Rectangle.new(left, top, region.get_width(), region.get_height())
        mask_format = _layer_format(visible, extent)
        buffer = visible.get_buffer()
        return buffer.get(rectangle(left, top), scale, mask_format, Gegl.AbyssPolicy.NONE)


def _layer_format(layer: Gimp.Layer, extent: Gegl.Rectangle) -> str:
    """Returns the format whose values say to what extent each pixel belongs to the region."""
    if not layer.has_alpha():
        return "Y' u8"
    opacity = layer.get_buffer().get(extent, 1.0, "A u8", Gegl.AbyssPolicy.NONE)
    return "Y' u8" if opacity.count(255) == len(opacity) else "A u8"
