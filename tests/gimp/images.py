"""Style files, good and bad, for the tests to choose."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

from PIL import ExifTags, Image

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def png_header(width: int, height: int) -> bytes:
    """Returns the first bytes of a PNG file of that size, 8-bit RGB."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return _SIGNATURE + _chunk(b"IHDR", header)


def write_images(folder: Path) -> None:
    """Writes files with styles into `folder`, and invalid ones into its bad/."""
    Image.new("RGB", (16, 12), (200, 30, 60)).save(folder / "style.png")
    Image.new("RGBA", (16, 12), (200, 30, 60, 128)).save(folder / "style_alpha.png")
    red, blue = (Image.new("RGB", (16, 8), colour) for colour in ((255, 0, 0), (0, 0, 255)))
    red.save(folder / "animated.gif", save_all=True, append_images=[blue, blue.rotate(180)])
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = 6
    red.save(folder / "turned.jpg", exif=turned)
    red.transpose(Image.Transpose.ROTATE_270).save(folder / "turned_tall.jpg", exif=turned)
    bad = folder / "bad"
    bad.mkdir()
    (bad / "text.png").write_text("This is no picture.\n" * 10)
    (bad / "empty.png").touch()
    (bad / "folder").mkdir()
    (bad / "header_only.png").write_bytes(png_header(60_000, 60_000))
    pixels = zlib.compress(bytes(3 * 60_000 + 1))
    (bad / "huge.png").write_bytes(png_header(60_000, 60_000) + _chunk(b"IDAT", pixels))
