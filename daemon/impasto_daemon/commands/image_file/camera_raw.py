"""Raw files of cameras, and other TIFFs whose first picture is a preview of the real one."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from PIL import Image as PillowImage
from PIL import TiffImagePlugin

from impasto_shared.errors import InvalidImage

RAW_FILE = (
    "{path} is the raw file of a camera, of which only a small preview could be read. Develop it "
    "first, for example in darktable, RawTherapee or GIMP, and save it as TIFF or JPEG."
)
_PREVIEW_FIRST = (
    "{path} begins with a small preview ({width} × {height} pixels), and its real picture cannot "
    "be read. Open the file in GIMP or another program, and save it as a plain TIFF or PNG."
)
_ENDINGS = frozenset(
    (
        *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".iiq", ".kdc"),
        *(".mef", ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl"),
        *(".sr2", ".srf", ".srw", ".x3f"),
    )
)
_BIG = 43  # the version of BigTIFF, whose header has 16 bytes instead of 8
_CANON_MARK = slice(8, 10)
_NEW_SUBFILE_TYPE, _SUBFILE_TYPE, _SUB_IFDS, _DNG_VERSION = 254, 255, 330, 50706
_REDUCED_BIT, _REDUCED = 1, 2
# Of a TIFF's pictures within, and of the tags of each: more are looked at in vain for hours.
_MOST_WITHIN, _MOST_TAGS = 32, 1000
_WIDTH, _HEIGHT = TiffImagePlugin.IMAGEWIDTH, TiffImagePlugin.IMAGELENGTH


def is_raw_name(path: Path | str) -> bool:
    """Returns whether cameras give their raw files such an ending."""
    return Path(path).suffix.lower() in _ENDINGS


def check_is_picture(picture: PillowImage.Image, path: Path | str) -> None:
    """Raises InvalidImage if only a preview of the real picture can be read from a TIFF."""
    if not isinstance(picture, TiffImagePlugin.TiffImageFile):
        return
    if is_raw_name(path) or _is_raw(picture):
        raise InvalidImage(RAW_FILE.format(path=path))
    if _is_reduced(picture) or _has_larger_picture_within(picture):
        width, height = picture.size
        raise InvalidImage(_PREVIEW_FIRST.format(path=path, width=width, height=height))


def _is_raw(picture: TiffImagePlugin.TiffImageFile) -> bool:
    return _DNG_VERSION in picture.tag_v2 or _header(picture)[_CANON_MARK] == b"CR"


def _is_reduced(picture: TiffImagePlugin.TiffImageFile) -> bool:
    """Returns whether the file says that its first picture is a smaller version of another."""
    kind, older_kind = (picture.tag_v2.get(tag) for tag in (_NEW_SUBFILE_TYPE, _SUBFILE_TYPE))
    is_reduced = isinstance(kind, int) and bool(kind & _REDUCED_BIT)
    return is_reduced or older_kind == _REDUCED


def _has_larger_picture_within(picture: TiffImagePlugin.TiffImageFile) -> bool:
    """Returns whether a picture of which the first one is the parent has more pixels."""
    offsets = picture.tag_v2.get(_SUB_IFDS, ())
    if isinstance(offsets, int):
        offsets = (offsets,)
    largest = max((_pixels_at(picture, offset) for offset in offsets[:_MOST_WITHIN]), default=0)
    return largest > picture.width * picture.height


def _pixels_at(picture: TiffImagePlugin.TiffImageFile, offset: object) -> int:
    """Returns the number of pixels of the picture described at `offset`; 0 if it is damaged."""
    if picture.fp is None or not isinstance(offset, int):
        return 0
    header = _header(picture)
    is_big = _BIG in header[2:4]
    tags = TiffImagePlugin.ImageFileDirectory_v2(header[:16] if is_big else header[:8])
    with suppress(Exception):
        picture.fp.seek(offset)
        count = picture.fp.read(8 if is_big else 2)
        if int.from_bytes(count, "little" if header.startswith(b"II") else "big") > _MOST_TAGS:
            return 0
        picture.fp.seek(offset)
        tags.load(picture.fp)
        return int(tags[_WIDTH]) * int(tags[_HEIGHT])
    return 0


def _header(picture: TiffImagePlugin.TiffImageFile) -> bytes:
    """Returns the first 16 bytes of the file."""
    file = picture.fp
    if file is None:
        return b""
    position = file.tell()
    try:
        file.seek(0)
        return file.read(16)
    finally:
        file.seek(position)
