"""Pictures in files, for the command line: read with Pillow, written with what they came with."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageOps, UnidentifiedImageError

from impasto_shared.errors import InvalidImage
from impasto_shared.image import Image, PixelFormat, check_size

# Pillow's own limit is lower than ours for some pictures; check_size comes before any pixel.
PillowImage.MAX_IMAGE_PIXELS = None

_ROWS_AT_ONCE = 64
_SIXTEEN_BIT_MODES = ("I;16", "I;16B", "I;16L", "I")


def read_image(path: Path | str) -> tuple[Image, bytes | None]:
    """The picture in a file, turned as its EXIF says, and its ICC profile if it has one.

    Raises:
        InvalidImage: where the file is missing, holds no picture, or one that is too large.
    """
    try:
        with PillowImage.open(path) as picture:
            check_size(*picture.size, name=str(path))
            ImageOps.exif_transpose(picture, in_place=True)
            # The profile of another kind of colours would be wrong for those of the result.
            has_rgb = picture.mode in ("RGB", "RGBA", "P")
            return _to_image(picture), picture.info.get("icc_profile") if has_rgb else None
    except UnidentifiedImageError as error:
        raise InvalidImage(f"{path} is not a picture, or of a kind not known here.") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise InvalidImage(f"{path} cannot be read: {error}") from error


def write_image(image: Image, path: Path | str, icc_profile: bytes | None = None) -> None:
    """Writes a picture of 8 bits a channel; the name's ending says in which format.

    Raises:
        InvalidImage: where the ending is unknown, or the file cannot be written.
    """
    path = Path(path)
    mode = "RGBA" if image.format.has_alpha else "RGB"
    picture = PillowImage.frombytes(mode, (image.width, image.height), image.pixels)
    if PillowImage.registered_extensions().get(path.suffix.lower()) == "JPEG":
        picture = picture.convert("RGB")
    try:
        picture.save(path, icc_profile=icc_profile, quality=95)
    except (OSError, ValueError) as error:
        raise InvalidImage(f"{path} cannot be written: {error}") from error


def check_writable(path: Path) -> None:
    """Finds out before the work whether `write_image` could write there; raises InvalidImage."""
    kind = PillowImage.registered_extensions().get(path.suffix.lower())
    if kind not in PillowImage.SAVE:
        raise InvalidImage(f"{path}: the name must end in .png, .jpg, .tif or the like.")
    if not path.parent.is_dir():
        raise InvalidImage(f"{path}: there is no folder {path.parent}.")
    if path.is_dir():
        raise InvalidImage(f"{path} is a folder. Name a file in it.")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise InvalidImage(f"{path} cannot be written: permission denied. Choose another place.")


def _to_image(picture: PillowImage.Image) -> Image:
    if picture.mode in _SIXTEEN_BIT_MODES:
        # Pillow would clip 16-bit gray to 8 bits instead of scaling it.
        picture = PillowImage.fromarray((np.asarray(picture) / 257).astype(np.uint8))
    form = PixelFormat.RGBA_U8 if picture.has_transparency_data else PixelFormat.RGB_U8
    mode = "RGBA" if form.has_alpha else "RGB"
    if picture.mode != mode:
        picture = picture.convert(mode)
    return Image(picture.width, picture.height, form, _bytes_of(picture, form))


def _bytes_of(picture: PillowImage.Image, form: PixelFormat) -> memoryview:
    """All bytes of `picture`; Pillow's own way takes twice as many while it puts them together."""
    row_bytes = picture.width * form.bytes_per_pixel
    pixels = bytearray(picture.height * row_bytes)
    for top in range(0, picture.height, _ROWS_AT_ONCE):
        bottom = min(picture.height, top + _ROWS_AT_ONCE)
        rows = picture.crop((0, top, picture.width, bottom))
        pixels[top * row_bytes : bottom * row_bytes] = rows.tobytes()
    return memoryview(pixels)
