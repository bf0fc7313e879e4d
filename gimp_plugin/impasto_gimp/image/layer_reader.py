"""Reads GIMP's drawables as pictures. The user's images are not changed."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from operator import mul

from impasto_gimp.image.painted_area import PaintedArea, check_valid, whole
from impasto_gimp.image.pixel_formats import MASK_FORMAT, check_base_type, format_of
from impasto_gimp.image.recipe import PARASITE
from impasto_gimp.image.turning import SAMPLE_PX
from impasto_gimp.introspection import GdkPixbuf, Gegl, Gimp, GLib
from impasto_gimp.translation import gettext
from impasto_shared.errors import InvalidImage
from impasto_shared.image import Image, PixelFormat, check_size, fitted_size

_NOTHING_SELECTED = gettext(
    "The selection does not touch the layer. Select a part of the layer, or choose Select > None "
    "to paint all of it."
)
_EMPTY_GROUP = gettext("The layer group “{name}” has no layers. Select another layer.")
_FLOATING = gettext(
    "A floating selection cannot be painted, since the new layer would be hidden by it. Choose "
    "Layer > To New Layer or Layer > Anchor Floating Selection first."
)


@dataclass(frozen=True)
class SourceLayer:
    """An area of a layer as it was when it was read.

    size: the width and the height of the layer.
    look: a small picture of all of the layer.
    mask: the mask for its painting, in MASK_FORMAT: the layer's own one times the selection. None
        if it has no mask, or one that does not apply, and nothing is selected.
    """

    area: PaintedArea
    size: tuple[int, int]
    picture: Image
    look: Image
    mask: bytes | None = None


def the_layer(drawables: Sequence[Gimp.Drawable], *, is_shown: bool = False) -> Gimp.Layer:
    """Returns the layer to paint: the only one of `drawables`, or the only one of the image.

    GIMP selects a channel instead of a layer when a selection is saved as one, or the quick mask is
    switched on.

    is_shown: whether a dialog shows which layer it is. Then it may also be the topmost visible one.

    Raises:
        InvalidImage: unless there is exactly one drawable, which is a layer, or a channel of an
            image with only one layer; or if that is too large or an empty group, or its image is
            indexed.
    """
    if len(drawables) != 1:
        raise InvalidImage(
            gettext(
                "Neural Style works on one layer, but {count} are selected. Select one in the "
                "Layers dialog."
            ).format(count=len(drawables))
        )
    (drawable,) = drawables
    if not isinstance(drawable, Gimp.Layer) and not drawable.is_layer_mask():
        layers = drawable.get_image().get_layers()
        if len(layers) == 1:
            (drawable,) = layers
        elif is_shown:
            drawable = _topmost(layers) or drawable
    if not isinstance(drawable, Gimp.Layer):
        raise _no_layer(drawable)
    _check_is_no_empty_group(drawable)
    check_size(drawable.get_width(), drawable.get_height(), gettext("The layer"), gettext)
    check_base_type(drawable.get_image())
    return drawable


def _topmost(layers: Sequence[Gimp.Layer]) -> Gimp.Layer | None:
    """Returns the topmost visible layer, preferably one that is no painting; None if none is."""
    visible = [layer for layer in layers if layer.get_visible() and not is_empty_group(layer)]
    photos = [layer for layer in visible if layer.get_parasite(PARASITE) is None]
    return next(iter([*photos, *visible]), None)


def the_layers(drawables: Sequence[Gimp.Drawable], *, is_shown: bool = False) -> list[Gimp.Layer]:
    """Returns the layers to paint: `drawables`, or as `the_layer` does.

    Raises:
        InvalidImage: as `the_layer` does for one of them, or if there are none.
    """
    if len(drawables) < 2:
        return [the_layer(drawables, is_shown=is_shown)]
    for drawable in drawables:
        if not isinstance(drawable, Gimp.Layer):
            raise _no_layer(drawable)
    return [the_layer([drawable]) for drawable in drawables]


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
    size = layer.get_width(), layer.get_height()
    return SourceLayer(area, size, read_pixels(area), read_look(layer), mask)


def read_look(layer: Gimp.Layer) -> Image:
    """Returns a small picture of all of `layer`, by which a turned layer is recognised."""
    return read_thumbnail(layer, SAMPLE_PX)


def _read_mask(area: PaintedArea) -> bytes | None:
    mask = area.layer.get_mask()
    if mask is None or not has_mask(area.layer):
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


def read_pixels(area: PaintedArea, *, is_masked: bool = False) -> Image:
    """Returns an area of a layer as it is seen, as sRGB, with alpha if the layer has alpha.

    Its non-destructive filters count, and its mask if `is_masked`; its opacity and mode do not.
    Gray becomes three channels.
    """
    with as_seen(area.layer, is_masked=is_masked) as (visible, x, y):
        pixel_format = format_of(visible)
        pixels = visible.get_buffer().get(
            area.rectangle(x, y), 1.0, pixel_format.value, Gegl.AbyssPolicy.NONE
        )
    return Image(area.width, area.height, pixel_format, pixels)


@contextmanager
def as_seen(layer: Gimp.Layer, *, is_masked: bool = False) -> Iterator[tuple[Gimp.Layer, int, int]]:
    """Yields a layer whose buffer has the pixels that are seen, and where `layer` begins in it.

    A buffer of GIMP's has none of the layer's non-destructive filters. If there are any, they are
    merged into a copy, in an image without a window.

    is_masked: whether the layer's mask, if it has one that applies, becomes a part of its alpha.
    """
    is_masked = is_masked and has_mask(layer)
    if not (is_masked or any(effect.get_visible() for effect in layer.get_filters())):
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
        copy = Gimp.Layer.new_from_drawable(layer, hidden)
        merged = _merged(copy, hidden, is_masked=is_masked)
        # Filters such as a drop shadow make a layer larger.
        _, x, y = merged.get_offsets()
        yield merged, -x, -y
    finally:
        hidden.delete()


def has_mask(layer: Gimp.Layer) -> bool:
    """Returns whether a mask hides parts of `layer`."""
    return layer.get_mask() is not None and layer.get_apply_mask()


def _merged(copy: Gimp.Layer, image: Gimp.Image, *, is_masked: bool) -> Gimp.Layer:
    """Inserts `copy` into `image` and merges its filters; returns the layer with the result."""
    image.insert_layer(copy, None, 0)
    copy.set_offsets(0, 0)
    if copy.get_mask() is not None and not is_masked:
        copy.remove_mask(Gimp.MaskApplyMode.DISCARD)
    if not copy.is_group():
        copy.merge_filters()
        if is_masked:
            copy.remove_mask(Gimp.MaskApplyMode.APPLY)
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


def is_empty_group(layer: Gimp.Layer) -> bool:
    """Returns whether `layer` is a group with nothing in it, or with such groups only."""
    return all(content.is_group() for content in _with_contents(layer))


def _check_is_no_empty_group(layer: Gimp.Layer) -> None:
    if is_empty_group(layer):
        raise InvalidImage(_EMPTY_GROUP.format(name=layer.get_name()))


def _with_contents(layer: Gimp.Layer) -> list[Gimp.Layer]:
    layers = [layer]
    if layer.is_group():
        for child in layer.get_children():
            if isinstance(child, Gimp.Layer):
                layers += _with_contents(child)
    return layers


def read_painting(layer: Gimp.Layer) -> Image:
    """Returns the pixels of a layer that serves as a style image, without what its mask hides.

    Raises:
        InvalidImage: if it was deleted, is too large, or is an empty group.
    """
    check_valid(layer)
    _check_is_no_empty_group(layer)
    name = gettext("The style layer “{layer}”").format(layer=layer.get_name())
    check_size(layer.get_width(), layer.get_height(), name, gettext)
    return read_pixels(whole(layer), is_masked=True)


def read_small_painting(layer: Gimp.Layer, longest_side_px: int) -> Image:
    """Returns a layer that serves as a style image at most so large, with 8 bits a channel.

    Raises:
        InvalidImage: if it was deleted.
    """
    check_valid(layer)
    if not has_mask(layer):  # which GIMP's thumbnails do not show
        return read_thumbnail(layer, longest_side_px)
    return read_scaled_down(whole(layer), longest_side_px, is_masked=True)


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
    return picture_of(pixbuf)


def picture_of(pixbuf: GdkPixbuf.Pixbuf) -> Image:
    """Returns a pixbuf as a picture that has 8 bits a channel."""
    pixel_format = PixelFormat.RGBA_U8 if pixbuf.get_has_alpha() else PixelFormat.RGB_U8
    width, height, padded = pixbuf.get_width(), pixbuf.get_height(), pixbuf.get_pixels()
    row_bytes, stride = width * pixel_format.bytes_per_pixel, pixbuf.get_rowstride()
    rows = (padded[y * stride : y * stride + row_bytes] for y in range(height))
    return Image(width, height, pixel_format, b"".join(rows))


def stretched(picture: Image, width: int, height: int) -> Image:
    """Returns a picture that has 8 bits a channel at another size.

    Raises:
        MemoryError: if memory is short.
    """
    pixbuf = GdkPixbuf.Pixbuf.new_from_bytes(
        GLib.Bytes.new(bytes(picture.pixels)),
        GdkPixbuf.Colorspace.RGB,
        picture.format.has_alpha,
        8,
        picture.width,
        picture.height,
        picture.width * picture.format.bytes_per_pixel,
    ).scale_simple(width, height, GdkPixbuf.InterpType.BILINEAR)
    if pixbuf is None:
        raise MemoryError
    return picture_of(pixbuf)


def read_small(area: PaintedArea, longest_side_px: int) -> Image:
    """Returns `area` at most so large, with 8 bits a channel, with alpha if it has alpha.

    Raises:
        InvalidImage: if its layer was deleted.
    """
    if area.is_whole:
        return read_thumbnail(area.layer, longest_side_px)
    return read_scaled_down(area, longest_side_px)


def read_scaled_down(area: PaintedArea, longest_side_px: int, *, is_masked: bool = False) -> Image:
    """Returns `area` with 8 bits a channel, with alpha if it has alpha, scaled down if larger.

    is_masked: as in `as_seen`.

    Raises:
        InvalidImage: if its layer was deleted.
    """
    check_valid(area.layer)
    image = Gimp.Image.new(area.width, area.height, Gimp.ImageBaseType.RGB)
    image.undo_disable()
    try:
        with as_seen(area.layer, is_masked=is_masked) as (visible, x, y):
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
