"""Limits of the time and memory that the decoder takes for a file, beyond those of the picture."""

from __future__ import annotations

from pathlib import Path

from PIL import ExifTags, JpegImagePlugin, TiffImagePlugin
from PIL import Image as PillowImage

from impasto_shared.errors import InvalidImage

MAX_TILE_PIXELS = 2**24
"""Of a tile of a TIFF, unless the picture has more: the decoder holds a whole one."""
MAX_SCANNED_PIXELS = 3 * 10**9
"""Of all scans of a JPEG; usual are ten scans, and each takes the time of a picture."""
_SCAN = b"\xff\xda"
_CHUNK_BYTES = 2**20


def check_decodable(picture: PillowImage.Image, path: Path | str) -> None:
    """Raises InvalidImage if a small file would take much more time or memory than its picture."""
    if isinstance(picture, TiffImagePlugin.TiffImageFile):
        _check_tile(picture, path)
    elif isinstance(picture, JpegImagePlugin.JpegImageFile):
        _check_scans(picture, path)


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
    """Returns the number of scans, and of what looks like one, in the rest of the file."""
    file = picture.fp
    if file is None:
        return 0
    position, scans, end = file.tell(), 0, b""
    file.seek(0)
    while chunk := file.read(_CHUNK_BYTES):
        scans += (end + chunk).count(_SCAN)
        end = chunk[-1:]
    file.seek(position)
    return scans
