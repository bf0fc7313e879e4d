"""GIMP's pixels to pictures and back: the only module that touches pixels.

It knows neither the daemon nor dialogs. An image of the user is changed in `add_layer` and
`add_picture` alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from impasto_gimp.image.recipe import PARASITE, Recipe
from impasto_gimp.introspection import Gegl, Gimp
from impasto_gimp.translation import gettext
from impasto_shared.errors import ImpastoError, InvalidImage
from impasto_shared.image import Image, PixelFormat, check_size

_CHANNEL_TYPES = {
    Gimp.Precision.U8_LINEAR: "u8",
    Gimp.Precision.U8_NON_LINEAR: "u8",
    Gimp.Precision.U8_PERCEPTUAL: "u8",
    Gimp.Precision.U16_LINEAR: "u16",
    Gimp.Precision.U16_NON_LINEAR: "u16",
    Gimp.Precision.U16_PERCEPTUAL: "u16",
}
"""What crosses the wire for a precision; 32-bit float for every other one."""

_LAYER_TYPES = {
    (Gimp.ImageBaseType.RGB, False): Gimp.ImageType.RGB_IMAGE,
    (Gimp.ImageBaseType.RGB, True): Gimp.ImageType.RGBA_IMAGE,
    (Gimp.ImageBaseType.GRAY, False): Gimp.ImageType.GRAY_IMAGE,
    (Gimp.ImageBaseType.GRAY, True): Gimp.ImageType.GRAYA_IMAGE,
}
"""The type of a new layer for an image's base type, without and with alpha."""


_MASK_FORMAT = "Y float"
_NOTHING_SELECTED = gettext(
    "Nothing of the layer is selected: the selection lies elsewhere. Select a part of the layer, "
    "or nothing (Select > None) to paint all of it."
)


class CanvasChanged(ImpastoError):
    """The layer or its image is no longer what it was when its pixels were read."""


@dataclass(frozen=True)
class Source:
    """A layer as it was at the moment it was read.

    selection: how much of each of its pixels was selected, in `_MASK_FORMAT`; None where nothing
        was, which means everything.
    """

    layer: Any
    picture: Image
    selection: bytes | None = None


def the_layer(drawables: list[Any]) -> Any:
    """The one layer among `drawables` that can be stylized.

    Raises:
        InvalidImage: where there is another number of them, or the one is no layer, too large,
            or of an image with a palette.
    """
    if len(drawables) != 1:
        raise InvalidImage(
            gettext(
                "Neural Style works on one layer, but {count} are selected. Select one in the "
                "Layers dialog."
            ).format(count=len(drawables))
        )
    (drawable,) = drawables
    if not drawable.is_layer():
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
        raise InvalidImage(message.format(name=drawable.get_name()))
    check_size(drawable.get_width(), drawable.get_height(), gettext("The layer"))
    check_base_type(drawable.get_image())
    return drawable


def read_layer(layer: Any) -> Source:
    """The pixels of `layer`, all of them, and what of it is selected.

    Raises:
        InvalidImage: where something is selected, but nothing of the layer.
    """
    return Source(layer, read_pixels(layer), _read_selection(layer))


def _read_selection(layer: Any) -> bytes | None:
    image = layer.get_image()
    if Gimp.Selection.is_empty(image):
        return None
    _, x, y = layer.get_offsets()
    area = Gegl.Rectangle.new(x, y, layer.get_width(), layer.get_height())
    buffer = image.get_selection().get_buffer()
    selection: bytes = buffer.get(area, 1.0, _MASK_FORMAT, Gegl.AbyssPolicy.NONE)
    if not any(selection):
        raise InvalidImage(_NOTHING_SELECTED)
    return selection


def read_pixels(drawable: Any) -> Image:
    """All of a drawable, as sRGB, with alpha where it has alpha; gray comes as three channels."""
    width, height = drawable.get_width(), drawable.get_height()
    pixel_format = _pixel_format(drawable)
    pixels = drawable.get_buffer().get(
        Gegl.Rectangle.new(0, 0, width, height), 1.0, pixel_format.value, Gegl.AbyssPolicy.NONE
    )
    return Image(width, height, pixel_format, pixels)


def all_layers(image: Any) -> list[Any]:
    """Every layer of `image`, groups before what is in them, as the Layers dialog shows them."""
    found: list[Any] = []
    waiting = list(image.get_layers())
    while waiting:
        layer = waiting.pop(0)
        found.append(layer)
        if layer.is_group():
            waiting[:0] = layer.get_children()
    return found


def read_painting(layer: Any) -> Image:
    """The pixels of a layer whose style is wanted.

    Raises:
        InvalidImage: where it is gone, or too large.
    """
    _check_valid(layer)
    name = gettext("The style layer “{layer}”").format(layer=layer.get_name())
    check_size(layer.get_width(), layer.get_height(), name)
    return read_pixels(layer)


def read_small(layer: Any, longest_side_px: int) -> Image:
    """`layer` as a small picture of 8 bits, with alpha where it has alpha.

    Raises:
        InvalidImage: where it is gone.
    """
    _check_valid(layer)
    pixels = layer.get_thumbnail(
        longest_side_px, longest_side_px, Gimp.PixbufTransparency.KEEP_ALPHA
    )
    pixel_format = PixelFormat.RGBA_U8 if pixels.get_has_alpha() else PixelFormat.RGB_U8
    width, height, stored = pixels.get_width(), pixels.get_height(), pixels.get_pixels()
    row_bytes, stride = width * pixel_format.bytes_per_pixel, pixels.get_rowstride()
    rows = (stored[y * stride : y * stride + row_bytes] for y in range(height))
    return Image(width, height, pixel_format, b"".join(rows))


def read_scaled_down(layer: Any, longest_side_px: int) -> Image:
    """`layer` as a picture of 8 bits, with alpha where it has alpha; a small one as it is.

    Raises:
        InvalidImage: where it is gone.
    """
    _check_valid(layer)
    image = Gimp.Image.new(layer.get_width(), layer.get_height(), Gimp.ImageBaseType.RGB)
    image.undo_disable()
    try:
        copy = Gimp.Layer.new_from_drawable(layer, image)
        image.insert_layer(copy, None, 0)
        scale_down(copy, longest_side_px)
        return read_pixels(copy)
    finally:
        image.delete()


def scale_down(layer: Any, longest_side_px: int) -> None:
    """Scales a layer that is not the user's, where it is larger than that."""
    width, height = layer.get_width(), layer.get_height()
    smaller = scaled_down_size(width, height, longest_side_px)
    if smaller != (width, height):
        layer.scale(*smaller, False)


def scaled_down_size(width: int, height: int, longest_side_px: int) -> tuple[int, int]:
    """The size of a picture of width × height, where it is larger scaled down to that."""
    scale = min(1.0, longest_side_px / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _check_valid(layer: Any) -> None:
    if not layer.is_valid():
        raise InvalidImage(gettext("The layer that was to be used is gone. Choose another."))


def reduced(mask: Image, width: int, height: int) -> Image:
    """`mask`, of 8 bits without alpha, at another size: of each place one of its pixels."""
    columns = [x * mask.width // width for x in range(width)]
    pixels = bytearray()
    for y in range(height):
        row = y * mask.height // height * mask.width
        for column in columns:
            pixels += mask.pixels[3 * (row + column) :][:3]
    return Image(width, height, mask.format, bytes(pixels))


def read_region(region: Any, layer: Any) -> Image:
    """Where a style goes, as a picture of the size of `layer`: white there, black elsewhere.

    region: a layer, which shows it by where it is painted or, without transparency, by where it
        is white; or a channel.

    Raises:
        InvalidImage: where the region is gone, or belongs to another image.
    """
    if not region.is_valid():
        raise InvalidImage(gettext("The region that a style was to go to is gone. Choose another."))
    if region.get_image() != layer.get_image():
        raise InvalidImage(
            gettext(
                "The region “{region}” is in another image than the layer “{layer}”. Choose a "
                "layer or a channel of the same image."
            ).format(region=region.get_name(), layer=layer.get_name())
        )
    _, x, y = layer.get_offsets()
    _, region_x, region_y = region.get_offsets()
    width, height = layer.get_width(), layer.get_height()
    area = Gegl.Rectangle.new(x - region_x, y - region_y, width, height)
    shown: bytes = region.get_buffer().get(area, 1.0, _region_format(region), Gegl.AbyssPolicy.NONE)
    pixels = bytearray(3 * len(shown))
    for channel in range(3):
        pixels[channel::3] = shown
    return Image(width, height, PixelFormat.RGB_U8, bytes(pixels))


def _region_format(region: Any) -> str:
    """The format in which a region's numbers say how much of each pixel belongs to it."""
    if not region.is_layer():
        return "Y u8"  # as GIMP counts a selection
    if not region.has_alpha():
        return "Y' u8"
    whole = Gegl.Rectangle.new(0, 0, region.get_width(), region.get_height())
    opacity = region.get_buffer().get(whole, 1.0, "A u8", Gegl.AbyssPolicy.NONE)
    return "Y' u8" if opacity.count(255) == len(opacity) else "A u8"


def add_layer(source: Source, above: Any, picture: Image, name: str, recipe: Recipe) -> Any:
    """Shows `picture` as a new layer right above layer `above`, in one undo step; returns it.

    What was selected of the source becomes its mask. It remembers `recipe`.

    Raises:
        CanvasChanged: where the source or its image has been deleted, converted or resized since
            it was read. The image is left as it is.
    """
    _check_unchanged(source, picture)
    if not above.is_valid():
        above = source.layer
    image = source.layer.get_image()
    layer = new_layer(image, f"{source.layer.get_name()} – {name}", picture)
    parasite = Gimp.Parasite.new(PARASITE, Gimp.PARASITE_PERSISTENT, recipe.to_bytes())
    layer.attach_parasite(parasite)
    _, x, y = source.layer.get_offsets()
    layer.set_offsets(x, y)
    with _undo_step(image):
        _insert(layer, image, above)
        if source.selection is not None:
            _add_mask(layer, source.selection)
    Gimp.displays_flush()
    return layer


def opaque_format(image: Any) -> PixelFormat:
    """The format in which a picture without alpha has all that `image` can hold."""
    return PixelFormat(f"R'G'B' {_channel_type(image)}")


def add_picture(image: Any, selected: list[Any], picture: Image, name: str) -> Any:
    """Shows `picture` as a new layer in the image's corner, in one undo step; returns it.

    selected: what was selected; the layer goes above the first layer of that, else on top.

    Raises:
        CanvasChanged: where the image has been deleted meanwhile.
        InvalidImage: where it was given a palette.
    """
    if not image.is_valid():
        raise CanvasChanged(gettext("The image was deleted while the texture was being painted."))
    check_base_type(image)
    layer = new_layer(image, name, picture)
    layers = [item for item in selected if item.is_valid() and item.is_layer()]
    with _undo_step(image):
        _insert(layer, image, layers[0] if layers else None)
    Gimp.displays_flush()
    return layer


def _insert(layer: Any, image: Any, above: Any) -> None:
    """Puts a layer above another one of `image`, or on top where there is none."""
    parent = above.get_parent() if above else None
    position = image.get_item_position(above) if above else 0
    if not image.insert_layer(layer, parent, position):
        layer.delete()
        raise CanvasChanged(
            gettext("GIMP did not take the new layer: {reason}").format(reason=last_error())
        )


def last_error() -> str:
    """Why GIMP refused its last call, in its words."""
    return Gimp.get_pdb().get_last_error() or gettext("it did not say why.")


def _pixel_format(drawable: Any) -> PixelFormat:
    channel_type = _channel_type(drawable.get_image())
    return PixelFormat(f"R'G'B'{'A' if drawable.has_alpha() else ''} {channel_type}")


def _channel_type(image: Any) -> str:
    return _CHANNEL_TYPES.get(image.get_precision(), "float")


def check_base_type(image: Any) -> None:
    """Raises InvalidImage for an image with a palette."""
    if image.get_base_type() == Gimp.ImageBaseType.INDEXED:
        raise InvalidImage(
            gettext(
                "This image is indexed: it has only the colours of its palette, and a painting "
                "needs more. Choose Image > Mode > RGB first."
            )
        )


def _check_unchanged(source: Source, picture: Image) -> None:
    if not source.layer.is_valid():
        raise CanvasChanged(
            gettext("The layer, or its image, was deleted while the painting was being made.")
        )
    check_base_type(source.layer.get_image())
    size = (source.layer.get_width(), source.layer.get_height())
    if size != (picture.width, picture.height):
        raise CanvasChanged(
            gettext(
                "The layer is {width} × {height} pixels now, but the painting is {old_width} × "
                "{old_height}: the layer was resized while the painting was being made. Run Neural "
                "Style again."
            ).format(
                width=size[0],
                height=size[1],
                old_width=picture.width,
                old_height=picture.height,
            )
        )


def new_layer(image: Any, name: str, picture: Image) -> Any:
    """A layer with the pixels of `picture`, not yet in the image."""
    layer = Gimp.Layer.new(
        image,
        name,
        picture.width,
        picture.height,
        _LAYER_TYPES[image.get_base_type(), picture.format.has_alpha],
        100.0,
        Gimp.LayerMode.NORMAL,
    )
    area = Gegl.Rectangle.new(0, 0, picture.width, picture.height)
    buffer = layer.get_buffer()
    buffer.set(area, picture.format.value, bytes(picture.pixels))
    buffer.flush()
    layer.update(0, 0, picture.width, picture.height)
    return layer


def _add_mask(layer: Any, shown: bytes) -> None:
    """Gives `layer` a mask that shows so much of each pixel."""
    mask = layer.create_mask(Gimp.AddMaskType.WHITE)
    area = Gegl.Rectangle.new(0, 0, layer.get_width(), layer.get_height())
    buffer = mask.get_buffer()
    buffer.set(area, _MASK_FORMAT, shown)
    buffer.flush()
    layer.add_mask(mask)
    # GIMP would leave the mask selected: brushes would paint on it, and filters refuse it.
    layer.set_edit_mask(False)


@contextmanager
def _undo_step(image: Any) -> Iterator[None]:
    image.undo_group_start()
    try:
        yield
    finally:
        image.undo_group_end()
