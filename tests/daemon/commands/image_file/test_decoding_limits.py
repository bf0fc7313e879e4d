"""Small files of which the decoder takes long, or much memory, are refused."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image as PillowImage
from PIL import ImageFile

from impasto_daemon.commands.image_file import decoding_limits, read_image
from impasto_daemon.commands.image_file.decoding_limits import MAX_TAG_NUMBERS
from impasto_shared.errors import InvalidImage


def tiled(side: int, tile: int) -> bytes:
    """Returns a gray TIFF of `side` × `side` pixels in one black tile."""
    pixels = zlib.compress(bytes(min(tile, 64) ** 2))
    tags = {256: side, 257: side, 258: 8, 259: 8, 262: 1, 277: 1, 322: tile, 323: tile}
    start = 8 + 2 + 12 * (len(tags) + 2) + 4
    tags |= {324: start, 325: len(pixels)}  # where the tile is, and its bytes
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    header = b"II*\0" + struct.pack("<IH", 8, len(tags))
    return header + entries + bytes(4) + pixels


def progressive(scans: int) -> bytes:
    """Returns a progressive JPEG of 64 × 64 pixels whose last scan is repeated."""
    stream = io.BytesIO()
    PillowImage.effect_noise((64, 64), 90).save(stream, "JPEG", progressive=True)
    content = stream.getvalue()
    last = content[content.rindex(b"\xff\xda") : -2]
    return content[:-2] + last * scans + content[-2:]


def test_tile_that_is_much_larger_than_the_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photo.tif").write_bytes(tiled(32, 20_000))

    with pytest.raises(InvalidImage, match=r"has 32 × 32 pixels, but in tiles of 20000 × 20000"):
        read_image(tmp_path / "photo.tif")


def test_usual_tiles_are_read(tmp_path: Path) -> None:
    (tmp_path / "photo.tif").write_bytes(tiled(32, 64))

    assert read_image(tmp_path / "photo.tif").width == 32


def test_tile_may_be_as_large_as_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding_limits, "MAX_TILE_PIXELS", 100)

    assert read_image("photo.tif", tiled(16, 16)).width == 16


@pytest.fixture
def few_scans(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty scans of a picture of 64 × 64 pixels are allowed."""
    monkeypatch.setattr(decoding_limits, "MAX_SCANNED_PIXELS", 20 * 64 * 64)


@pytest.mark.usefixtures("few_scans")
def test_jpeg_in_many_scans_is_refused(tmp_path: Path) -> None:
    assert read_image("photo.jpg", progressive(5)).width == 64
    (tmp_path / "photo.jpg").write_bytes(progressive(24))
    for data in (None, progressive(24)):
        with pytest.raises(InvalidImage, match=r"is stored in 3[0-9] steps"):
            read_image(tmp_path / "photo.jpg", data)


@pytest.mark.usefixtures("few_scans")
def test_scans_are_counted_behind_fill_bytes_and_restarts() -> None:
    stuffed = progressive(24).replace(b"\xff\xda", b"\xff\xd0\xff\xff\xda")

    with pytest.raises(InvalidImage, match="steps"):
        read_image("photo.jpg", stuffed)


@pytest.mark.usefixtures("few_scans")
def test_what_looks_like_a_scan_in_other_data_does_not_count(tmp_path: Path) -> None:
    looks_so = 100 * b"\xff\xda\0\2"
    stream = io.BytesIO()
    PillowImage.new("RGB", (64, 64)).save(stream, "JPEG", comment=looks_so)
    content = stream.getvalue() + looks_so  # as the film that a phone appends
    (tmp_path / "photo.jpg").write_bytes(content)

    assert read_image("photo.jpg", content).width == 64
    assert read_image(tmp_path / "photo.jpg").width == 64


@pytest.mark.usefixtures("few_scans")
@pytest.mark.parametrize("chunk", [*range(5, 70), 4096])
def test_scans_are_counted_wherever_a_chunk_ends(
    chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding_limits, "_CHUNK_BYTES", chunk)
    content = progressive(24)
    scans = content.count(b"\xff\xda")

    with pytest.raises(InvalidImage, match=f"is stored in {scans} steps"):
        read_image("photo.jpg", content)
    assert read_image("photo.jpg", progressive(5) + 100 * b"\xff\xda\0\2").width == 64


def test_jpeg_that_ends_within_a_segment_is_damaged() -> None:
    content = progressive(5)

    with pytest.raises(InvalidImage, match="cannot be read"):
        read_image("photo.jpg", content[: content.rindex(b"\xff\xda") + 3])


def in_strips(rows: int, order: str, *, is_big: bool = False) -> bytes:
    """Returns a gray TIFF, 1 pixel wide, in a strip for each row: all of them the last byte."""
    number, tags = "Q" if is_big else "I", "Q" if is_big else "H"
    header = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}H", 43 if is_big else 42)
    header += struct.pack(f"{order}HHQ", 8, 0, 16) if is_big else struct.pack(f"{order}I", 8)
    entry = struct.Struct(f"{order}HH2{number}")
    end = len(header) + struct.calcsize(f"<{tags}") + 9 * entry.size + struct.calcsize(number)
    array_bytes = rows * struct.calcsize(number)
    values = {256: 1, 257: rows, 258: 8, 259: 1, 262: 1, 273: end, 277: 1, 278: 1}
    values[279] = end + array_bytes
    directory = struct.pack(f"{order}{tags}", len(values))
    for tag, value in values.items():
        count = rows if tag in (273, 279) else 1
        directory += entry.pack(tag, 16 if is_big else 4, count, value)
    last = struct.pack(f"{order}{number}", end + 2 * array_bytes)
    one = struct.pack(f"{order}{number}", 1)
    return header + directory + bytes(len(last)) + last * rows + one * rows + b"x"


@pytest.mark.parametrize(
    ("order", "is_big"),
    [("<", False), (">", False), ("<", True)],
    ids=["tiff", "big-endian", "big-tiff"],
)
def test_tiff_in_millions_of_strips_is_refused_before_it_is_opened(
    monkeypatch: pytest.MonkeyPatch, order: str, *, is_big: bool
) -> None:
    usual = read_image("usual.tif", in_strips(60_000, order, is_big=is_big))
    monkeypatch.setattr(PillowImage, "open", None)

    with pytest.raises(InvalidImage, match="stored in far more parts than a picture needs"):
        read_image("tall.tif", in_strips(MAX_TAG_NUMBERS // 2, order, is_big=is_big))

    assert (usual.width, usual.height, bytes(usual.pixels[:3])) == (1, 60_000, b"xxx")


@pytest.mark.parametrize(
    ("form", "side", "is_slow"),
    [("qoi", 20, True), ("qoi", 19, False), ("dds", 20, True), ("png", 20, False)],
)
def test_format_that_takes_long_is_said_before_the_picture_is_decoded(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    form: str,
    side: int,
    *,
    is_slow: bool,
) -> None:
    monkeypatch.setattr(decoding_limits, "SLOW_PIXELS", 399)
    path = tmp_path / f"picture.{form}"
    PillowImage.new("RGB", (side, side), (9, 80, 200)).save(path)

    def decode(_: ImageFile.ImageFile) -> None:
        raise OSError("it is decoded now")

    monkeypatch.setattr(ImageFile.ImageFile, "load", decode)
    with pytest.raises(InvalidImage, match="it is decoded now"):
        read_image(path)

    assert ("takes a while to read" in capfd.readouterr().err) == is_slow
