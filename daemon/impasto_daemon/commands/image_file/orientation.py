"""The orientation of a photo, by its EXIF or XMP, whatever else is wrong with these."""

from __future__ import annotations

import struct
from contextlib import suppress

from PIL import ExifTags
from PIL import Image as PillowImage

_TURNS = {
    2: PillowImage.Transpose.FLIP_LEFT_RIGHT,
    3: PillowImage.Transpose.ROTATE_180,
    4: PillowImage.Transpose.FLIP_TOP_BOTTOM,
    5: PillowImage.Transpose.TRANSPOSE,
    6: PillowImage.Transpose.ROTATE_270,
    7: PillowImage.Transpose.TRANSVERSE,
    8: PillowImage.Transpose.ROTATE_90,
}


_EXIF_MARK = b"Exif\0\0"
_BYTE_ORDERS = {b"II": "<", b"MM": ">"}
_VALUES = {3: "H2x", 4: "I"}  # SHORT and LONG, in a field of four bytes


def take_orientation(picture: PillowImage.Image) -> int | None:
    """Returns the value of the orientation tag, if there is one, and removes the tags.

    Pillow would read all of them in order to turn a TIFF, and fail at one that is damaged.
    """
    exif_block = picture.info.get("exif")
    orientation = _orientation_in(exif_block) if isinstance(exif_block, bytes) else None
    # After an error, the second call returns the tags that could be read.
    with suppress(Exception):
        picture.getexif()
    exif = picture.getexif()
    if orientation is None:
        with suppress(Exception):
            orientation = exif.get(ExifTags.Base.Orientation)
    exif.clear()
    return orientation if isinstance(orientation, int) else None


def _orientation_in(exif: bytes) -> int | None:
    """Returns the orientation in a block of EXIF; None without one.

    Pillow reads no tag after one that is damaged.
    """
    while exif.startswith(_EXIF_MARK):  # some programs write it twice
        exif = exif.removeprefix(_EXIF_MARK)
    order = _BYTE_ORDERS.get(exif[:2])
    if order is None:
        return None
    with suppress(struct.error):  # the block is cut off
        (start,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, start)
        for position in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind = struct.unpack_from(f"{order}HH", exif, position)
            if tag == ExifTags.Base.Orientation and kind in _VALUES:
                (value,) = struct.unpack_from(order + _VALUES[kind], exif, position + 8)
                return int(value)
    return None


def turned(picture: PillowImage.Image, orientation: int | None) -> PillowImage.Image:
    """Returns `picture` upright; a value that is no orientation turns nothing."""
    if orientation not in _TURNS:
        return picture
    return picture.transpose(_TURNS[orientation])
