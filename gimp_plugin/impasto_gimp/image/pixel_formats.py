"""The pixel formats in which pictures of a GIMP image cross the wire, and its new layers' types."""

from __future__ import annotations

from impasto_gimp.introspection import Gimp
from impasto_gimp.translation import gettext
from impasto_shared.errors import InvalidImage
from impasto_shared.image import PixelFormat

_CHANNEL_TYPES = {
    Gimp.Precision.U8_LINEAR: "u8",
    Gimp.Precision.U8_NON_LINEAR: "u8",
    Gimp.Precision.U8_PERCEPTUAL: "u8",
    Gimp.Precision.U16_LINEAR: "u16",
    Gimp.Precision.U16_NON_LINEAR: "u16",
    Gimp.Precision.U16_PERCEPTUAL: "u16",
}
"""The channel type on the wire for each precision; all others use 32-bit float."""

_LAYER_TYPES: dict[tuple[Gimp.ImageBaseType, bool], Gimp.ImageType] = {
    (Gimp.ImageBaseType.RGB, False): Gimp.ImageType.RGB_IMAGE,
    (Gimp.ImageBaseType.RGB, True): Gimp.ImageType.RGBA_IMAGE,
    (Gimp.ImageBaseType.GRAY, False): Gimp.ImageType.GRAY_IMAGE,
    (Gimp.ImageBaseType.GRAY, True): Gimp.ImageType.GRAYA_IMAGE,
}

MASK_FORMAT = "Y float"
"""The format in which selections and layer masks are read and written."""


def format_of(drawable: Gimp.Drawable) -> PixelFormat:
    """Returns the format that holds everything in `drawable`."""
    alpha = "A" if drawable.has_alpha() else ""
    return PixelFormat(f"R'G'B'{alpha} {_channel_type(drawable.get_image())}")


def opaque_format(image: Gimp.Image) -> PixelFormat:
    """Returns the format without alpha that has the precision of `image`."""
    return PixelFormat(f"R'G'B' {_channel_type(image)}")


def _channel_type(image: Gimp.Image) -> str:
    return _CHANNEL_TYPES.get(image.get_precision(), "float")


def layer_type(image: Gimp.Image, *, has_alpha: bool) -> Gimp.ImageType:
    """Returns the type of a new layer of `image`, which is not indexed."""
    return _LAYER_TYPES[image.get_base_type(), has_alpha]


def check_base_type(image: Gimp.Image) -> None:
    """Raises InvalidImage if `image` is indexed."""
    if image.get_base_type() == Gimp.ImageBaseType.INDEXED:
        raise InvalidImage(
            gettext(
                "This image is indexed: it is limited to the colours of its palette, and the "
                "new picture needs more. Choose Image > Mode > RGB first."
            )
        )
