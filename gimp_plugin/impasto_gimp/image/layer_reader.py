"""Reads GIMP's drawables as pictures. The user's images are not changed."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from operator import mul

from impasto_gimp.image.painted_area import PaintedArea, check_valid, whole
from impasto_gimp.image.pixel_formats import MASK_FORMAT, check_base_type, format_of
from impasto_gimp.introspection import Gegl, Gimp
from impasto_gimp.translation import gettext
from impasto_shared.errors import InvalidImage
from impasto_shared.image import Image, PixelFormat, check_size, fitted_size

_NOTHING_SELECTED = gettext(
    "The selection does not touch the layer. Select a part of the layer, or choose Select > None "
    "to paint all of it."
)
_FLOATING = gettext(
    "A floating selection cannot be painted, since the new layer would be hidden by it. Choose "
    "Layer > To New Layer or Layer > Anchor Floating Selection first."
)


@dataclass(frozen=True)
class SourceLayer:
    """An area of a layer as it was when it was read.

    size: the width and the height of the layer.
    mask: the mask for its painting, in MASK_FORMAT: the layer's own one times the selection. None
        if it has no mask, or one that does not apply, and nothing is selected.
    """

    area: PaintedArea
    size: tuple[int, int]
    picture: Image
    mask: bytes | None = None


def the_layer(drawables: Sequence[Gimp.Drawable]) -> Gimp.Layer:
    """Returns the layer to paint: the only one of `drawables`, or the only one of the image.

    GIMP selects a channel instead of a layer when a selection is saved as one.

    Raises:
        InvalidImage: unless there is exactly one drawable, which is a layer, or a channel of an
            image with only one layer; or if that is too large, or its image is indexed.
    """
    if len(drawables) != 1:
        raise InvalidImage(
            gettext(
                "Neural Style works on one layer, but {count} are selected. Select one in the "
                "Layers dialog."
            ).format(count=len(drawables))
        )
    (drawable,) = drawables
    layers = drawable.get_image().get_layers()
    if not isinstance(drawable, Gimp.Layer) and not drawable.is_layer_mask() and len(layers) == 1:
        (drawable,) = layers
    if not isinstance(drawable, Gimp.Layer):
        raise _no_layer(drawable)
    check_size(drawable.get_width(), drawable.get_height(), gettext("The layer"), gettext)
    check_base_type(drawable.get_image())
    return drawable


def check_paintable(layer: Gimp.Layer) -> None:
    """Raises InvalidImage if a painting of `layer` could not be seen, because it floats."""
    if layer.is_floating_sel():
        raise InvalidImage(_FLOATING)


def check_selection(layer: Gimp.Layer) -> None:
    """Raises InvalidImage if the bounds of the selection are outside of `layer`."""
    _, is_selected, left, top, right, bottom = Gimp.Selection.bounds(layer.get_image())
    _, x, y = layer.get_offsets()
    is_outside = (
        right <= x or bottom <= y or left >= x + layer.get_width() or top >= y + layer.get_height()
    )
    if is_selected and is_outside:
        raise InvalidImage(_NOTHING_SELECTED)


def _no_layer(drawable: Gimp.Drawable) -> InvalidImage:
    message = (
        gettext(
            "Neural Style works on layers, but the layer mask “{name}” is selected. Click the "
            "thumbnail of a layer in the Layers dialog."
        )
        if drawable.is_layer_mask()
        else gettext(
            "Neural Style works on layers, but the channel “{name}” is selected. Click the "
            "thumbnail of a layer in the Layers dialog."
        )
    )
    return InvalidImage(message.format(name=drawable.get_name()))


def read_layer(area: PaintedArea) -> SourceLayer:
    """Returns the pixels of `area`, and the mask for its painting.

    Raises:
        InvalidImage: if there is a selection that does not touch the layer.
    """
    layer = area.layer
    mask = _product(_read_mask(area), _read_selection(area))
    return SourceLayer(area, (layer.get_width(), layer.get_height()), read_pixels(area), mask)


def _read_mask(area: PaintedArea) -> bytes | None:
    mask = area.layer.get_mask()
    if mask is None or not area.layer.get_apply_mask():
        return None
    return mask.get_buffer().get(area.rectangle(), 1.0, MASK_FORMAT, Gegl.AbyssPolicy.NONE)


def _product(mask: bytes | None, selection: bytes | None) -> bytes | None:
    if mask is None or selection is None:
        return mask or selection
    return array("f", map(mul, array("f", mask), array("f", selection))).tobytes()


def _read_selection(area: PaintedArea) -> bytes | None:
    if not area.is_selection:
        return None
    buffer = area.layer.get_image().get_selection().get_buffer()
    selection = buffer.get(area.image_rectangle(), 1.0, MASK_FORMAT, Gegl.AbyssPolicy.NONE)
    if not any(selection):
        raise InvalidImage(_NOTHING_SELECTED)
    return selection


def read_pixels(area: PaintedArea) -> Image:
    """Returns an area of a layer as it is seen, as sRGB, with alpha if the layer has alpha.

    Its non-destructive filters count; its mask, opacity and mode do not. Gray becomes three
    channels.
    """
    with as_seen(area.layer) as (visible, x, y):
        pixel_format = format_of(visible)
        pixels = visible.get_buffer().get(
            area.rectangle(x, y), 1.0, pixel_format.value, Gegl.AbyssPolicy.NONE
        )
    return Image(area.width, area.height, pixel_format, pixels)


@contextmanager
def as_seen(layer: Gimp.Layer) -> Iterator[tuple[Gimp.Layer, int, int]]:
    """Yields a layer whose buffer has the pixels that are seen, and where `layer` begins in it.

    A buffer of GIMP's has none of the layer's non-destructive filters. If there are any, they are
    merged into a copy, in an image without a window.
    """
    if not any(effect.get_visible() for effect in layer.get_filters()):
        yield layer, 0, 0
        return
    image = layer.get_image()
    hidden = Gimp.Image.new_with_precision(
        layer.get_width(), layer.get_height(), image.get_base_type(), image.get_precision()
    )
    hidden.undo_disable()
    try:
        if profile := image.get_color_profile():
            hidden.set_color_profile(profile)
        merged = _merged(Gimp.Layer.new_from_drawable(layer, hidden), hidden)
        # Filters such as a drop shadow make a layer larger.
        _, x, y = merged.get_offsets()
        yield merged, -x, -y
    finally:
        hidden.delete()


def _merged(copy: Gimp.Layer, image: Gimp.Image) -> Gimp.Layer:
    """Inserts `copy` into `image` and merges its filters; returns the layer with the result."""
    image.insert_layer(copy, None, 0)
    copy.set_offsets(0, 0)
    if copy.get_mask() is not None:
        copy.remove_mask(Gimp.MaskApplyMode.DISCARD)
    if not copy.is_group():
        copy.merge_filters()
        return copy
    copy.set_visible(True)
    copy.set_opacity(100.0)
    copy.set_mode(Gimp.LayerMode.NORMAL)
    return image.merge_visible_layers(Gimp.MergeType.EXPAND_AS_NECESSARY)


def all_layers(image: Gimp.Image) -> list[Gimp.Layer]:
    """Returns every layer of `image`, groups before their contents, as in the Layers dialog."""
    layers: list[Gimp.Layer] = []
    for layer in image.get_layers():
        layers += _with_contents(layer)
    return layers


def _with_contents(layer: Gimp.Layer) -> list[Gimp.Layer]:
    layers = [layer]
    if layer.is_group():
        for child in layer.get_children():
            if isinstance(child, Gimp.Layer):
                layers += _with_contents(child)
    return layers


def read_painting(layer: Gimp.Layer) -> Image:
    """Returns the pixels of a layer that serves as a style image.

    Raises:
        InvalidImage: if it was deleted or is too large.
    """
    check_valid(layer)
    name = gettext("The style layer “{layer}”").format(layer=layer.get_name())
    check_size(layer.get_width(), layer.get_height(), name, gettext)
    return read_pixels(whole(layer))


def read_thumbnail(layer: Gimp.Layer, longest_side_px: int) -> Image:
    """Returns `layer` at most so large, with 8 bits a channel, with alpha if it has alpha.

    Raises:
        InvalidImage: if it was deleted.
    """
    check_valid(layer)
    pixbuf = layer.get_thumbnail(
        longest_side_px, longest_side_px, Gimp.PixbufTransparency.KEEP_ALPHA
    )
    if pixbuf is None:  # GIMP 3.0 has none of layers with more than 8 bits a channel
        return read_scaled_down(whole(layer), longest_side_px)
    pixel_format = PixelFormat.RGBA_U8 if pixbuf.get_has_alpha() else PixelFormat.RGB_U8
    width, height, padded = pixbuf.get_width(), pixbuf.get_height(), pixbuf.get_pixels()
    row_bytes, stride = width * pixel_format.bytes_per_pixel, pixbuf.get_rowstride()
    rows = (padded[y * stride : y * stride + row_bytes] for y in range(height))
    return Image(width, height, pixel_format, b"".join(rows))


def read_small(area: PaintedArea, longest_side_px: int) -> Image:
    """Returns `area` at most so large, with 8 bits a channel, with alpha if it has alpha.

    Raises:
        InvalidImage: if its layer was deleted.
    """
    if area.is_whole:
        return read_thumbnail(area.layer, longest_side_px)
    return read_scaled_down(area, longest_side_px)


def read_scaled_down(area: PaintedArea, longest_side_px: int) -> Image:
    """Returns `area` with 8 bits a channel, with alpha if it has alpha, scaled down if larger.

    Raises:
        InvalidImage: if its layer was deleted.
    """
    check_valid(area.layer)
    image = Gimp.Image.new(area.width, area.height, Gimp.ImageBaseType.RGB)
    image.undo_disable()
    try:
        with as_seen(area.layer) as (visible, x, y):
            copy = Gimp.Layer.new_from_drawable(visible, image)
        image.insert_layer(copy, None, 0)
        if (copy.get_width(), copy.get_height()) != (area.width, area.height):
            copy.resize(area.width, area.height, -x - area.x, -y - area.y)
        scale_down(copy, longest_side_px)
        return read_pixels(whole(copy))
    finally:
        image.delete()


def scale_down(layer: Gimp.Layer, longest_side_px: int) -> None:
    """Scales `layer`, which is none of the user's, to `longest_side_px` if it is larger."""
    size = (layer.get_width(), layer.get_height())
    smaller = fitted_size(*size, longest_side_px)
    if smaller != size:
        layer.scale(*smaller, False)
