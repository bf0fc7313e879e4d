"""GIMP's pixels to pictures and back: the only module that touches pixels.

It knows neither the daemon nor dialogs. An image is changed in one place, `add_layer_above`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Gegl, Gimp  # noqa: E402

from impasto_shared.errors import ImpastoError, InvalidImage  # noqa: E402
from impasto_shared.image import Image, PixelFormat, check_size  # noqa: E402

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


class CanvasChanged(ImpastoError):
    """The layer or its image is no longer what it was when its pixels were read."""


@dataclass(frozen=True)
class Source:
    """A layer, and its picture at the moment it was read."""

    layer: Any
    picture: Image


def the_layer(drawables: list[Any]) -> Any:
    """The one layer among `drawables` that can be stylized.

    Raises:
        InvalidImage: where there is another number of them, or the one is no layer, too large,
            or of an image with a palette.
    """
    if len(drawables) != 1:
        raise InvalidImage(
            f"Neural Style works on one layer, but {len(drawables)} are selected. "
            "Select one in the Layers dialog."
        )
    (drawable,) = drawables
    if not drawable.is_layer():
        kind = "layer mask" if drawable.is_layer_mask() else "channel"
        raise InvalidImage(
            f"Neural Style works on layers, but the {kind} “{drawable.get_name()}” is selected. "
            "Click the thumbnail of a layer in the Layers dialog."
        )
    check_size(drawable.get_width(), drawable.get_height(), "The layer")
    _check_base_type(drawable.get_image())
    return drawable


def read_layer(layer: Any) -> Source:
    """The pixels of `layer`, all of them, whatever is selected."""
    return Source(layer, read_pixels(layer))


def read_pixels(drawable: Any) -> Image:
    """All of a drawable, as sRGB, with alpha where it has alpha; gray comes as three channels."""
    width, height = drawable.get_width(), drawable.get_height()
    pixel_format = _pixel_format(drawable)
    pixels = drawable.get_buffer().get(
        Gegl.Rectangle.new(0, 0, width, height), 1.0, pixel_format.value, Gegl.AbyssPolicy.NONE
    )
    return Image(width, height, pixel_format, pixels)


def add_layer_above(source: Source, picture: Image, style_name: str) -> Any:
    """Shows `picture` as a new layer right above the source, in one undo step; returns the layer.

    Raises:
        CanvasChanged: where the source or its image has been deleted, converted or resized since
            it was read. The image is left as it is.
    """
    _check_unchanged(source, picture)
    image = source.layer.get_image()
    name = f"{source.layer.get_name()} – Neural Style ({style_name})"
    layer = _new_layer(image, name, picture)
    _, x, y = source.layer.get_offsets()
    layer.set_offsets(x, y)
    with _undo_step(image):
        position = image.get_item_position(source.layer)
        if not image.insert_layer(layer, source.layer.get_parent(), position):
            layer.delete()
            raise CanvasChanged(f"GIMP did not take the new layer: {last_error()}")
    Gimp.displays_flush()
    return layer


def last_error() -> str:
    """Why GIMP refused its last call, in its words."""
    return Gimp.get_pdb().get_last_error() or "it did not say why."


def _pixel_format(drawable: Any) -> PixelFormat:
    channel_type = _CHANNEL_TYPES.get(drawable.get_image().get_precision(), "float")
    return PixelFormat(f"R'G'B'{'A' if drawable.has_alpha() else ''} {channel_type}")


def _check_base_type(image: Any) -> None:
    if image.get_base_type() == Gimp.ImageBaseType.INDEXED:
        raise InvalidImage(
            "This image is indexed: it has only the colours of its palette, and a painting needs "
            "more. Choose Image > Mode > RGB first."
        )


def _check_unchanged(source: Source, picture: Image) -> None:
    if not source.layer.is_valid():
        raise CanvasChanged(
            "The layer, or its image, was deleted while the painting was being made."
        )
    _check_base_type(source.layer.get_image())
    size = (source.layer.get_width(), source.layer.get_height())
    if size != (picture.width, picture.height):
        raise CanvasChanged(
            f"The layer is {size[0]} × {size[1]} pixels now, but the painting is "
            f"{picture.width} × {picture.height}: the layer was resized while the painting was "
            "being made. Run Neural Style again."
        )


def _new_layer(image: Any, name: str, picture: Image) -> Any:
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


@contextmanager
def _undo_step(image: Any) -> Iterator[None]:
    image.undo_group_start()
    try:
        yield
    finally:
        image.undo_group_end()
