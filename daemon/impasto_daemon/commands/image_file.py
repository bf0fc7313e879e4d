"""Image files, for the command line: read and written with Pillow, with their colour profile."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageOps, UnidentifiedImageError

from impasto_shared.errors import InvalidImage
from impasto_shared.image import Image, PixelFormat, check_size

# Pillow's limit is lower than ours for some images; check_size is called before decoding.
PillowImage.MAX_IMAGE_PIXELS = None

_ROWS_AT_ONCE = 64
_SIXTEEN_BIT_MODES = ("I;16", "I;16B", "I;16L", "I")


def read_image(path: Path | str) -> tuple[Image, bytes | None]:
    """Returns the image in a file, rotated as its EXIF says, and its ICC profile if it has one.

    Raises:
        InvalidImage: if the file is missing, is not an image, or the image is too large.
    """
    try:
        with PillowImage.open(path) as picture:
            check_size(*picture.size, name=str(path))
            ImageOps.exif_transpose(picture, in_place=True)
            # The result is RGB: a profile for gray or CMYK would not apply to it.
            has_rgb = picture.mode in ("RGB", "RGBA", "P")
            return _to_image(picture), picture.info.get("icc_profile") if has_rgb else None
    except UnidentifiedImageError as error:
        raise InvalidImage(f"{path} is not a picture, or its format is not supported.") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise InvalidImage(f"{path} cannot be read: {_reason(error)}.") from error


def write_image(image: Image, path: Path | str, icc_profile: bytes | None = None) -> None:
    """Writes an image of 8 bits per channel, in the format that the file's extension names.

    Raises:
        InvalidImage: if the extension is unknown, or the file cannot be written.
    """
    path = Path(path)
    mode = "RGBA" if image.format.has_alpha else "RGB"
    picture = PillowImage.frombytes(mode, (image.width, image.height), image.pixels)
    if PillowImage.registered_extensions().get(path.suffix.lower()) == "JPEG":
        picture = picture.convert("RGB")
    try:
        picture.save(path, icc_profile=icc_profile, quality=95)
    except (OSError, ValueError) as error:
        raise InvalidImage(f"{path} cannot be written: {_reason(error)}.") from error


def check_writable(path: Path) -> None:
    """Raises InvalidImage if `write_image` could not write to `path`: before any work is done."""
    file_format = PillowImage.registered_extensions().get(path.suffix.lower())
    if file_format not in PillowImage.SAVE:
        raise InvalidImage(f"{path}: the name must end in .png, .jpg, .tif or the like.")
    if not path.parent.is_dir():
        raise InvalidImage(f"{path}: the folder {path.parent} does not exist.")
    if path.is_dir():
        raise InvalidImage(f"{path} is a folder. Give the name of a file in it.")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise InvalidImage(f"{path} cannot be written: permission denied. Choose another folder.")


def _reason(error: Exception) -> str:
    """Returns the cause of an error as the end of a sentence, without its number and path."""
    text = (isinstance(error, OSError) and error.strerror) or str(error)
    return f"{text[:1].lower()}{text[1:].rstrip('.')}"


def _to_image(picture: PillowImage.Image) -> Image:
    if picture.mode in _SIXTEEN_BIT_MODES:
        # Pillow would clip 16-bit gray to 8 bits instead of scaling it.
        picture = PillowImage.fromarray((np.asarray(picture) / 257).astype(np.uint8))
    pixel_format = PixelFormat.RGBA_U8 if picture.has_transparency_data else PixelFormat.RGB_U8
    mode = "RGBA" if pixel_format.has_alpha else "RGB"
    if picture.mode != mode:
        picture = picture.convert(mode)
    return Image(picture.width, picture.height, pixel_format, _bytes_of(picture, pixel_format))


def _bytes_of(picture: PillowImage.Image, pixel_format: PixelFormat) -> memoryview:
    """Returns the bytes of `picture`, in bands: Pillow's `tobytes` needs twice the memory."""
    row_bytes = picture.width * pixel_format.bytes_per_pixel
    pixels = bytearray(picture.height * row_bytes)
    for top in range(0, picture.height, _ROWS_AT_ONCE):
        bottom = min(picture.height, top + _ROWS_AT_ONCE)
        rows = picture.crop((0, top, picture.width, bottom))
        pixels[top * row_bytes : bottom * row_bytes] = rows.tobytes()
    return memoryview(pixels)
