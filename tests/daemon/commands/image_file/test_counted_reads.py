"""Small files in millions of parts are refused; real ones in thousands are read."""

from __future__ import annotations

import io
import os
import struct
import threading
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image as PillowImage

from impasto_daemon.commands.image_file import counted_reads, read_image, reading
from impasto_shared.errors import InvalidImage


def saved(form: str, side: int = 64, **options: object) -> bytes:
    stream = io.BytesIO()
    PillowImage.new("RGB", (side, side), (90, 120, 30)).save(stream, form, **options)
    return stream.getvalue()


def ppm(parts: int) -> bytes:
    return b"P6\n#" + b"x" * parts + b"\n64 64\n255\n" + bytes(64 * 64 * 3)


def png(parts: int) -> bytes:
    """Returns a PNG with as many private chunks before its pixels."""
    whole, name = saved("PNG"), b"abCd"
    chunk = bytes(4) + name + struct.pack(">I", zlib.crc32(name))
    return whole[:33] + chunk * parts + whole[33:]


def late_png(parts: int, side: int = 64) -> bytes:
    whole, text = saved("PNG", side), b"tEXtk\0v"
    chunk = struct.pack(">I", 3) + text + struct.pack(">I", zlib.crc32(text))
    return whole[:-12] + chunk * parts + whole[-12:]


def jpeg(parts: int) -> bytes:
    whole = saved("JPEG")
    return whole[:2] + b"\xff\xe5\0\2" * parts + whole[2:]


def padded_jpeg(parts: int) -> bytes:
    whole = saved("JPEG")
    return whole[:2] + b"\xff" * parts + whole[2:]


def gif(parts: int) -> bytes:
    """Returns a GIF with as many comments; of its first 13 bytes the last three say more."""
    whole = saved("GIF")
    begin = 13 + 3 * 2 ** ((whole[10] & 7) + 1)
    return whole[:begin] + b"!\xfe\1x\0" * parts + whole[begin:]


def jp2(parts: int) -> bytes:
    whole = saved("JPEG2000")
    begin = whole.index(b"jp2h") - 4
    return whole[:begin] + (struct.pack(">I", 8) + b"free") * parts + whole[begin:]


def icns(parts: int) -> bytes:
    whole, junk = saved("ICNS"), b"abcd" + struct.pack(">I", 8)
    size = len(whole) + len(junk) * parts
    return whole[:4] + struct.pack(">I", size) + junk * parts + whole[8:]


def psd(parts: int) -> bytes:
    resources = b"8BIM\4\4" + bytes(6)
    head = b"8BPS" + struct.pack(">H6xHIIHHI", 1, 3, 64, 64, 8, 3, 0)
    sections = struct.pack(">I", len(resources) * parts) + resources * parts + bytes(4)
    return head + sections + bytes(2) + bytes(64 * 64 * 3)


def bmp(parts: int) -> bytes:
    """Returns a BMP with as many runs of no pixels (0, 2: move by 0, 0) before its pixels."""
    head = bytearray(saved("BMP")[:54])
    head[10:14] = struct.pack("<I", 54 + 1024)
    head[28:34] = struct.pack("<HI", 8, 1)
    head[46:50] = struct.pack("<I", 256)
    rows = (b"\x40\1" + bytes(2)) * 64
    return bytes(head) + bytes(1024) + b"\0\2\0\0" * parts + rows + b"\0\1"


FEW_READS = 50_000
"""A limit that a test of every format reaches soon: `MAX_READS` of them take seconds."""


@pytest.mark.parametrize(
    "make",
    [ppm, png, late_png, jpeg, padded_jpeg, gif, jp2, icns, psd, bmp],
    ids=lambda make: make.__name__,
)
def test_file_in_too_many_parts_is_refused_and_one_in_thousands_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[int], bytes]
) -> None:
    monkeypatch.setattr(counted_reads, "MAX_READS", FEW_READS)
    (tmp_path / "large").write_bytes(make(FEW_READS + 1))
    (tmp_path / "usual").write_bytes(make(5000))

    for data in (None, (tmp_path / "large").read_bytes()):
        with pytest.raises(InvalidImage, match="stored in far more parts than a picture needs"):
            read_image(tmp_path / "large", data)
    image = read_image(tmp_path / "usual")

    assert image.width == image.height


def test_file_in_a_million_parts_is_too_many(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(ppm(1_000_001))
    (tmp_path / "usual").write_bytes(ppm(FEW_READS * 2))

    with pytest.raises(InvalidImage, match="stored in far more parts than a picture needs"):
        read_image(tmp_path / "large")
    assert read_image(tmp_path / "usual").width == 64


def test_large_picture_may_not_be_in_more_parts_than_a_small_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(counted_reads, "MAX_READS", 10_000)

    with pytest.raises(InvalidImage, match="stored in far more parts than a picture needs"):
        read_image("large.png", late_png(10_000, 1000))
    assert read_image("usual.png", late_png(1000, 1000)).width == 1000


def test_picture_in_runs_may_have_one_for_each_pixel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counted_reads, "MAX_READS", 1000)

    assert read_image("runs.bmp", bmp(1000)).width == 64


@pytest.mark.parametrize("reads_first", [False, True])
def test_pipe_without_an_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, reads_first: bool
) -> None:
    monkeypatch.setattr(reading, "_MAX_FILE_BYTES", 100_000)
    path = tmp_path / "pipe"
    os.mkfifo(path)
    is_refused = threading.Event()

    def write() -> None:
        with suppress(BrokenPipeError), path.open("wb") as pipe:
            while not is_refused.is_set():
                pipe.write(bytes(1000))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with pytest.raises(InvalidImage, match="more than"):
            read_image(path, reading.read_file(path) if reads_first else None)
    finally:
        is_refused.set()
        writer.join()


def test_pipe_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=[png(3)])
    writer.start()

    image = read_image(tmp_path / "pipe")

    writer.join()
    assert image.width == 64
