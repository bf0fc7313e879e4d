"""Notes in picture files: how a picture was painted, in the user comment of its EXIF."""

from __future__ import annotations

import warnings
from pathlib import Path

from PIL import ExifTags
from PIL import Image as PillowImage

from impasto_shared import __version__

FORMATS_WITH_NOTES = ("PNG", "JPEG", "TIFF", "WEBP", "AVIF")
# EXIF 2.3, 4.6.5: the first eight bytes of a user comment name its character code.
_ASCII = b"ASCII\0\0\0"


def with_note(text: str) -> bytes:
    """Returns the EXIF of a picture with a note, which must be ASCII."""
    exif = PillowImage.Exif()
    exif[ExifTags.Base.Software] = f"Impasto {__version__}"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = _ASCII + text.encode("ascii")
    return exif.tobytes()


def read_note(path: Path) -> str | None:
    """Returns the note in a picture file; None if it has none, or cannot be read."""
    try:
        with (
            warnings.catch_warnings(action="ignore"),
            PillowImage.open(path, formats=FORMATS_WITH_NOTES) as picture,
        ):
            ifd = picture.getexif().get_ifd(ExifTags.IFD.Exif)
            comment = ifd.get(ExifTags.Base.UserComment)
    except Exception:  # noqa: BLE001 - decoders raise errors of any kind; then it is not our file
        return None
    if not isinstance(comment, bytes) or not comment.startswith(_ASCII):
        return None
    return comment.removeprefix(_ASCII).decode("ascii", errors="replace")
