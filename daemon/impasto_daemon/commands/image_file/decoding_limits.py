"""Limits of the time and memory that the decoder takes for a file, beyond those of the picture."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Literal

from PIL import ExifTags, ImageFile, JpegImagePlugin, TiffImagePlugin
from PIL import Image as PillowImage

from impasto_shared.errors import InvalidImage

MAX_TILE_PIXELS = 2**24
"""Of a tile of a TIFF, unless the picture has more: the decoder holds a whole one."""
MAX_SCANNED_PIXELS = 3 * 10**9
"""Of all scans of a JPEG; usual are ten scans, and each takes the time of a picture."""
MAX_TAG_NUMBERS = 2**20
"""In the tags of a TIFF's first picture: strips of one row, or the smallest tiles, need fewer."""
SLOW_PIXELS = 4 * 10**6
"""Of a format that is decoded in Python, pixel by pixel: they take some seconds."""
_TIFF, _BIG_TIFF = 42, 43
_MAX_TAGS = 2**16  # those of a TIFF that is not a BigTIFF
# Bytes, texts and what is undefined stay as they are (TIFF 6.0, section 2).
_KINDS_OF_BYTES = (1, 2, 6, 7)
_BEGINNING = b"\xff\xd8"
_SCAN, _ENDS = b"\xda", (b"\xd8", b"\xd9")
# Not those that have no length: between the bytes of a scan, 0 and the restarts are data.
_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd7\xff])")
_LENGTH_BYTES = 2
_CHUNK_BYTES = 2**20


def check_tags(file: IO[bytes], path: Path | str) -> None:
    """Raises InvalidImage for a TIFF with millions of numbers, each of which would be an object.

    The file is where it begins, and stays there.
    """
    numbers = sum(_tag_counts_in(file))
    file.seek(0)
    if numbers > MAX_TAG_NUMBERS:
        raise InvalidImage(
            f"{path} would take too much memory to read: it is stored in far more parts than a "
            "picture needs. Open it in another program, and save it again."
        )


def _tag_counts_in(file: IO[bytes]) -> Iterator[int]:
    """Yields the count of each tag of numbers of a TIFF's first picture; none of another file."""
    header = file.read(16)
    order: Literal["little", "big"] = "little" if header.startswith(b"II") else "big"
    version = int.from_bytes(header[2:4], order)
    if header[:2] not in (b"II", b"MM") or version not in (_TIFF, _BIG_TIFF):
        return
    is_big = version == _BIG_TIFF
    file.seek(int.from_bytes(header[8:16] if is_big else header[4:8], order))
    tags = int.from_bytes(file.read(8 if is_big else 2), order)
    entry_bytes, count_bytes = (20, 8) if is_big else (12, 4)
    entries = file.read(min(tags, _MAX_TAGS) * entry_bytes)
    for start in range(0, len(entries), entry_bytes):
        kind = int.from_bytes(entries[start + 2 : start + 4], order)
        if kind not in _KINDS_OF_BYTES:
            yield int.from_bytes(entries[start + 4 : start + 4 + count_bytes], order)


def check_decodable(picture: PillowImage.Image, path: Path | str) -> None:
    """Raises InvalidImage if a small file would take much more time or memory than its picture."""
    if isinstance(picture, TiffImagePlugin.TiffImageFile):
        _check_tile(picture, path)
    elif isinstance(picture, JpegImagePlugin.JpegImageFile):
        _check_scans(picture, path)


def is_decoded_in_python(picture: PillowImage.Image) -> bool:
    """Returns whether Pillow reads a picture run by run, or pixel by pixel, such as one in QOI."""
    tiles = picture.tile if isinstance(picture, ImageFile.ImageFile) else []
    return any(tile[0] in PillowImage.DECODERS for tile in tiles[:1])


def is_slow_to_decode(picture: PillowImage.Image) -> bool:
    """Returns whether a picture takes long to decode."""
    return is_decoded_in_python(picture) and picture.width * picture.height > SLOW_PIXELS


def _check_tile(picture: TiffImagePlugin.TiffImageFile, path: Path | str) -> None:
    width, height = (
        picture.tag_v2.get(tag) for tag in (ExifTags.Base.TileWidth, ExifTags.Base.TileLength)
    )
    if not (isinstance(width, int) and isinstance(height, int)):
        return
    if width * height > max(MAX_TILE_PIXELS, picture.width * picture.height):
        raise InvalidImage(
            f"{path} has {picture.width} × {picture.height} pixels, but in tiles of {width} × "
            f"{height}. Open it in another program, and save it again."
        )


def _check_scans(picture: JpegImagePlugin.JpegImageFile, path: Path | str) -> None:
    scans = _count_scans(picture)
    if scans * picture.width * picture.height > MAX_SCANNED_PIXELS:
        raise InvalidImage(
            f"{path} would take too long to read: its picture is stored in {scans} steps. Open it "
            "in another program, and save it again."
        )


def _count_scans(picture: JpegImagePlugin.JpegImageFile) -> int:
    """Returns the number of scans; the file stays where it is read next."""
    file = picture.fp
    if file is None:
        return 0
    position = file.tell()
    scans = sum(marker == _SCAN for marker in _markers_in(file))
    file.seek(position)
    return scans


def _markers_in(file: IO[bytes]) -> Iterator[bytes]:
    """Yields the markers of segments up to the picture's end (ITU-T T.81, annex B).

    What a file has after that is not decoded: a phone appends films, whose bytes look like markers.
    """
    offset = len(_BEGINNING)
    while file.seek(offset) == offset and (chunk := file.read(_CHUNK_BYTES)):
        position = 0
        while match := _MARKER.search(chunk, position):
            if match[1] in _ENDS:
                return
            end = match.end() + _LENGTH_BYTES
            if end > len(chunk):  # its length is in the next chunk
                break
            yield match[1]
            length = int.from_bytes(chunk[match.end() : end], "big")
            position = match.end() + max(length, _LENGTH_BYTES)
        if len(chunk) < _CHUNK_BYTES:
            return
        offset += match.start() if match else max(position, len(chunk) - 1)
