"""Reading image files: untrusted, often damaged, and of many kinds.

The formats are listed, because Pillow knows one that runs another program (EPS, by Ghostscript).
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from PIL import Image as PillowImage
from PIL import UnidentifiedImageError

from impasto_daemon.commands.image_file.camera_raw import RAW_FILE, check_is_picture, is_raw_name
from impasto_daemon.commands.image_file.colour_profile import to_srgb
from impasto_daemon.commands.image_file.counted_reads import CountedBytes, CountedFile
from impasto_daemon.commands.image_file.decoding_limits import (
    check_decodable,
    check_tags,
    is_decoded_in_python,
    is_slow_to_decode,
)
from impasto_daemon.commands.image_file.deep_gray import check_range, eight_bits, is_deep_gray
from impasto_daemon.commands.image_file.orientation import take_orientation, turned
from impasto_daemon.commands.image_file.png_limits import limit_pngs
from impasto_daemon.commands.image_file.quiet_libraries import quiet_libraries
from impasto_daemon.commands.output import warn
from impasto_shared.errors import InvalidImage
from impasto_shared.image import MAX_PIXELS, Image, PixelFormat, check_size

# TGA comes last: its files have no signature, so that others could be taken for it.
FORMATS = (
    *("PNG", "JPEG", "TIFF", "WEBP", "GIF", "AVIF", "JPEG2000", "BMP", "DIB", "PPM"),
    *("PSD", "ICO", "ICNS", "DDS", "QOI", "SGI", "PCX", "TGA"),
)

# Limits the pictures within ICO, ICNS and GIF too, which may be larger than the file says.
PillowImage.MAX_IMAGE_PIXELS = MAX_PIXELS
limit_pngs()
# Otherwise Pillow's loggers print on standard error.
logging.getLogger("PIL").addHandler(logging.NullHandler())

_ROWS_AT_ONCE = 64
_MAX_FILE_BYTES = 2 * 10**9
# Formats whose further frames are pictures; those of a PSD are layers, those of a JPEG details.
_FRAMES = {
    "GIF": "is an animation: only its first frame is used",
    "PNG": "is an animation: only its first frame is used",
    "WEBP": "is an animation: only its first frame is used",
    "AVIF": "is an animation: only its first frame is used",
    "TIFF": "has several pages: only the first one is used",
}


OnNote = Callable[[Path | str, str], None]
"""Called with the name of a file and a sentence about it, without its subject and its full stop."""


def read_file(path: Path) -> bytes:
    """Returns the content of a picture file.

    Raises InvalidImage if it cannot be read, or is larger than any picture.
    """
    try:
        with path.open("rb") as file:
            return _all_of(file, path)
    except (OSError, ValueError) as error:
        raise InvalidImage(f"{path} cannot be read: {reason_of(error)}.") from error


def _all_of(file: IO[bytes], path: Path | str) -> bytes:
    """Returns the content of an open file; raises InvalidImage if it is larger than any picture."""
    data = file.read(_MAX_FILE_BYTES + 1)
    if len(data) > _MAX_FILE_BYTES:
        raise InvalidImage(
            f"{path} is no picture: it has more than {_MAX_FILE_BYTES / 1e9:.0f} GB."
        )
    return data


def print_note(path: Path | str, text: str) -> None:
    """Prints on standard error a sentence about the file at `path`."""
    warn(f"impasto: {path} {text}.")


def read_image(
    path: Path | str, data: bytes | None = None, *, on_note: OnNote = print_note
) -> Image:
    """Returns the image in a file as sRGB, rotated as its EXIF says.

    data: the content of the file, if it has been read; the path is then only its name.
    on_note: told if only a part of the file is used; before it is decoded, if that takes long.

    Raises:
        InvalidImage: if the file is missing or damaged, is not an image, is the raw file of a
            camera, has numbers of unknown range, or the image is too large.
    """
    notes: list[str] = []
    try:
        with _warnings_in(notes):
            image = _read(path, data, notes, on_note)
    except InvalidImage:
        raise
    except UnidentifiedImageError as error:
        if is_raw_name(path):
            raise InvalidImage(RAW_FILE.format(path=path)) from error
        raise InvalidImage(f"{path} is not a picture, or its format is not supported.") from error
    except (PillowImage.DecompressionBombWarning, PillowImage.DecompressionBombError) as error:
        raise InvalidImage(
            f"{path} has more than {MAX_PIXELS / 1e6:.0f} megapixels. Scale it down first."
        ) from error
    except Exception as error:  # decoders raise errors of any kind
        raise InvalidImage(f"{path} cannot be read: {reason_of(error)}.") from error
    for text in notes:
        on_note(path, text)
    return image


def reason_of(error: Exception) -> str:
    """Returns the cause of an error as the end of a sentence, without its number and path."""
    if isinstance(error, MemoryError):
        return "there is not enough memory for it"
    if isinstance(error, OSError) and error.strerror:
        text = error.strerror
    else:
        text = str(error) or f"the file is damaged ({type(error).__name__})"
    is_word = text[1:2].islower() or text[1:2] == " "
    return f"{text[:1].lower() if is_word else text[:1]}{text[1:].rstrip('.')}"


@contextmanager
def _warnings_in(notes: list[str]) -> Iterator[None]:
    """Adds the warnings of decoders to `notes`, and raises those of a too large picture."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UserWarning)
        warnings.simplefilter("error", PillowImage.DecompressionBombWarning)
        yield
    texts = {" ".join(str(warning.message).split()).rstrip(".") for warning in caught}
    notes += [f"is damaged, but can be read: {text}" for text in sorted(texts)]


def _read(path: Path | str, data: bytes | None, notes: list[str], on_note: OnNote) -> Image:
    """Returns the image in a file; adds to `notes` if only a part of it is used."""
    with _opened(path, data) as file:
        check_tags(file, path)
        with quiet_libraries():
            picture = PillowImage.open(file, formats=FORMATS)
        with picture:
            _check(picture, file, path)
            if is_slow_to_decode(picture):
                on_note(path, "takes a while to read, because of its format; a PNG would not")
            with quiet_libraries():
                return _decoded(picture, path, notes)


def _opened(path: Path | str, data: bytes | None) -> CountedFile | CountedBytes:
    """Opens a file, or its content; that of a pipe is read first, for decoders go to and fro."""
    if data is not None:
        return CountedBytes(path, data)
    file = CountedFile(path)
    if file.seekable():
        return file
    with file:
        return CountedBytes(path, _all_of(file, path))


def _check(picture: PillowImage.Image, file: CountedFile | CountedBytes, path: Path | str) -> None:
    """Raises InvalidImage for an image that a limit or a check refuses."""
    check_size(*picture.size, name=str(path))
    if is_decoded_in_python(picture):
        file.reads.allow_for(picture.width * picture.height)
    check_is_picture(picture, path)
    check_decodable(picture, path)
    check_range(picture, path)


def _decoded(picture: PillowImage.Image, path: Path | str, notes: list[str]) -> Image:
    # TIFF turns itself while it is loaded, other formats may find the orientation only then.
    orientation = take_orientation(picture) if picture.format == "TIFF" else None
    picture.load()
    if orientation is None:
        orientation = take_orientation(picture)
    if _has_more_frames(picture):
        notes.append(_FRAMES[str(picture.format)])
    profile = picture.info.get("icc_profile")
    if is_deep_gray(picture):
        picture = eight_bits(picture, path)
    picture = turned(to_srgb(picture, profile, notes.append), orientation)
    pixel_format = PixelFormat.RGBA_U8 if picture.mode == "RGBA" else PixelFormat.RGB_U8
    return Image(picture.width, picture.height, pixel_format, _bytes_of(picture, pixel_format))


def _has_more_frames(picture: PillowImage.Image) -> bool:
    """Returns whether there is a second frame; False if that part of the file is damaged."""
    if picture.format not in _FRAMES:
        return False
    try:
        return bool(getattr(picture, "is_animated", False))
    except Exception:  # noqa: BLE001 - the first frame is there
        return False


def _bytes_of(picture: PillowImage.Image, pixel_format: PixelFormat) -> memoryview:
    """Returns the bytes of `picture`, in bands: Pillow's `tobytes` needs twice the memory."""
    row_bytes = picture.width * pixel_format.bytes_per_pixel
    pixels = bytearray(picture.height * row_bytes)
    for top in range(0, picture.height, _ROWS_AT_ONCE):
        bottom = min(picture.height, top + _ROWS_AT_ONCE)
        rows = picture.crop((0, top, picture.width, bottom))
        pixels[top * row_bytes : bottom * row_bytes] = rows.tobytes()
    return memoryview(pixels)
