"""Pictures as GTK shows them."""

from __future__ import annotations

from typing import Any

from impasto_gimp.introspection import GdkPixbuf, GLib
from impasto_shared.image import Image


def pixbuf_of(picture: Image) -> Any:
    """A picture of 8 bits a channel as a GdkPixbuf.Pixbuf."""
    return GdkPixbuf.Pixbuf.new_from_bytes(
        GLib.Bytes.new(bytes(picture.pixels)),
        GdkPixbuf.Colorspace.RGB,
        picture.format.has_alpha,
        8,
        picture.width,
        picture.height,
        picture.width * picture.format.bytes_per_pixel,
    )
