"""PNGs with profiles and texts that would be inflated to gigabytes are refused."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from PIL import Image as PillowImage

from impasto_daemon.commands.image_file import png_limits, read_image
from impasto_shared.errors import InvalidImage

_BOMB = zlib.compress(bytes(100_000))
CHUNKS = {
    "profile": b"iCCPk\0\0" + _BOMB,
    "damaged text": b"zTXtk\0\0" + _BOMB[:-4] + bytes(4),
    "international text": b"iTXtk\0\1\0\0\0" + _BOMB,
}


def png_with(number: int, body: bytes, *, is_late: bool) -> bytes:
    """Returns a PNG with as many chunks, before its pixels or after them."""
    stream = io.BytesIO()
    PillowImage.new("RGB", (8, 8)).save(stream, "PNG")
    whole = stream.getvalue()
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    place = len(whole) - 12 if is_late else 33
    return whole[:place] + chunk * number + whole[place:]


def in_icon(png: bytes) -> bytes:
    """Returns an icon (ICO) with a PNG in it."""
    return struct.pack("<HHHBBBBHHII", 0, 1, 1, 8, 8, 0, 0, 1, 32, len(png), 22) + png


@pytest.mark.parametrize("is_in_icon", [False, True], ids=["png", "icon"])
@pytest.mark.parametrize("is_late", [False, True], ids=["early", "late"])
@pytest.mark.parametrize("kind", CHUNKS)
def test_png_that_would_be_inflated_to_gigabytes_is_refused(
    monkeypatch: pytest.MonkeyPatch, kind: str, *, is_late: bool, is_in_icon: bool
) -> None:
    monkeypatch.setattr(png_limits, "MAX_INFLATED_BYTES", 4_000_000)
    few, many = (png_with(number, CHUNKS[kind], is_late=is_late) for number in (5, 50))
    if is_in_icon:
        few, many = in_icon(few), in_icon(many)

    with pytest.raises(InvalidImage, match="far more colour profiles and texts than a picture"):
        read_image("many.png", many)
    assert read_image("few.png", few).width == 8


def test_each_picture_has_the_limit_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(png_limits, "MAX_INFLATED_BYTES", 2_000_000)
    picture = png_with(10, CHUNKS["profile"], is_late=True)

    assert {read_image("photo.png", picture).width for _ in range(3)} == {8}
