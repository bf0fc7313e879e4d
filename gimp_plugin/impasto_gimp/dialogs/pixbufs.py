"""Pictures as GTK shows them."""

from __future__ import annotations

from impasto_gimp.introspection import GdkPixbuf, GLib
from impasto_shared.image import Image


def pixbuf_of(picture: Image) -> GdkPixbuf.Pixbuf:
    """Returns a picture that has 8 bits a channel as a pixbuf."""
    return GdkPixbuf.Pixbuf.new_from_bytes(
        GLib.Bytes.new(bytes(picture.pixels)),
        GdkPixbuf.Colorspace.RGB,
        picture.format.has_alpha,
        8,
        picture.width,
        picture.height,
        picture.width * picture.format.bytes_per_pixel,
    )


def scaled(pixbuf: GdkPixbuf.Pixbuf, size: tuple[int, int]) -> GdkPixbuf.Pixbuf | None:
    """Returns `pixbuf` resampled to a width and a height; None if memory is short."""
    return pixbuf.scale_simple(*size, GdkPixbuf.InterpType.BILINEAR)


def fitting_size(width: int, height: int, box: tuple[int, int]) -> tuple[int, int]:
    """Returns the largest size of the same proportions that fits into `box`."""
    scale = min(box[0] / width, box[1] / height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def filling_size(width: int, height: int, longest_side_px: int) -> tuple[int, int]:
    """Returns the size of the same proportions whose longest side is `longest_side_px`."""
    scale = longest_side_px / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))
