"""Reads a region, the layer or channel that says where a style applies, as a mask."""

from __future__ import annotations

from impasto_gimp.image.layer_reader import as_seen
from impasto_gimp.introspection import Gegl, Gimp
from impasto_gimp.translation import gettext
from impasto_shared.errors import InvalidImage
from impasto_shared.image import Image, PixelFormat


def read_region(region: Gimp.Drawable, layer: Gimp.Layer) -> Image:
    """Returns a mask of the size of `layer`: white where the style applies, black elsewhere.

    region: a channel, whose values are the mask; or a layer, whose opacity is the mask or, if it
        is opaque everywhere, its brightness.

    Raises:
        InvalidImage: if the region was deleted or belongs to another image.
    """
    if not region.is_valid():
        raise InvalidImage(gettext("The region for this style no longer exists. Choose another."))
    if region.get_image() != layer.get_image():
        raise InvalidImage(
            gettext(
                "The region “{region}” does not belong to the image of the layer “{layer}”. Choose "
                "a layer or a channel of the same image."
            ).format(region=region.get_name(), layer=layer.get_name())
        )
    _, x, y = layer.get_offsets()
    _, region_x, region_y = region.get_offsets()
    width, height = layer.get_width(), layer.get_height()
    area = Gegl.Rectangle.new(x - region_x, y - region_y, width, height)
    if isinstance(region, Gimp.Layer):
        with as_seen(region) as (visible, left, top):
            # A filter that enlarges the layer, such as a shadow, leaves it as opaque as it is.
            extent = Gegl.Rectangle.new(left, top, region.get_width(), region.get_height())
            mask_format = _layer_format(visible, extent)
            area = Gegl.Rectangle.new(area.x + left, area.y + top, width, height)
            mask = visible.get_buffer().get(area, 1.0, mask_format, Gegl.AbyssPolicy.NONE)
    else:  # linear, as GIMP interprets a selection
        mask = region.get_buffer().get(area, 1.0, "Y u8", Gegl.AbyssPolicy.NONE)
    pixels = bytearray(3 * len(mask))
    for channel in range(3):
        pixels[channel::3] = mask
    return Image(width, height, PixelFormat.RGB_U8, bytes(pixels))


def _layer_format(layer: Gimp.Layer, extent: Gegl.Rectangle) -> str:
    """Returns the format whose values say to what extent each pixel belongs to the region."""
    if not layer.has_alpha():
        return "Y' u8"
    opacity = layer.get_buffer().get(extent, 1.0, "A u8", Gegl.AbyssPolicy.NONE)
    return "Y' u8" if opacity.count(255) == len(opacity) else "A u8"


def reduce_mask(mask: Image, width: int, height: int) -> Image:
    """Returns `mask`, which is RGB_U8, resampled to width × height by nearest neighbour."""
    columns = [x * mask.width // width for x in range(width)]
    pixels = bytearray()
    for y in range(height):
        row = y * mask.height // height * mask.width
        for column in columns:
            pixels += mask.pixels[3 * (row + column) :][:3]
    return Image(width, height, mask.format, bytes(pixels))
