"""Image files of many kinds are read, and all others are refused with a sentence."""

import io
import os
import random
import struct
import threading
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage
from PIL import ImageCms, PngImagePlugin

from impasto_daemon.commands.image_file import read_image, write_image
from impasto_daemon.commands.image_file.reading import FORMATS
from impasto_shared.errors import InvalidImage
from impasto_shared.image import Image, PixelFormat

PIXELS = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)


def png_without_pixels(width: int, height: int) -> bytes:
    """Returns a PNG file with the size of its picture, but without the pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", b"")


def png_chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def encoded(file_format: str, picture: PillowImage.Image | None = None, **options: object) -> bytes:
    """Returns the file of a picture, by default one of PIXELS."""
    stream = io.BytesIO()
    picture = PillowImage.fromarray(PIXELS) if picture is None else picture
    picture.save(stream, file_format, **options)
    return stream.getvalue()


def test_picture_comes_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    write_image(Image(6, 4, PixelFormat.RGB_U8, PIXELS.tobytes()), path)

    image = read_image(path)

    assert (image.width, image.height, image.format) == (6, 4, PixelFormat.RGB_U8)
    assert bytes(image.pixels) == PIXELS.tobytes()


@pytest.mark.parametrize(
    ("mode", "pixel_format"),
    [
        ("L", PixelFormat.RGB_U8),
        ("LA", PixelFormat.RGBA_U8),
        ("P", PixelFormat.RGB_U8),
        ("RGBA", PixelFormat.RGBA_U8),
        ("CMYK", PixelFormat.RGB_U8),
        ("YCbCr", PixelFormat.RGB_U8),
        ("LAB", PixelFormat.RGB_U8),
        ("1", PixelFormat.RGB_U8),
    ],
)
def test_picture_of_any_mode_is_read(tmp_path: Path, mode: str, pixel_format: PixelFormat) -> None:
    path = tmp_path / "picture.tif"
    picture = PillowImage.fromarray(PIXELS)
    if mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(picture, srgb, lab, outputMode="LAB")
        assert converted is not None
        converted.save(path)
    else:
        picture.convert(mode).save(path)

    assert read_image(path).format is pixel_format


@pytest.mark.parametrize("file_format", sorted(set(FORMATS) - {"ICO", "ICNS", "PSD"}))
def test_every_format_in_the_list_is_read(tmp_path: Path, file_format: str) -> None:
    (tmp_path / "picture").write_bytes(encoded(file_format))

    image = read_image(tmp_path / "picture")

    assert (image.width, image.height) == (6, 4)


def test_file_that_would_run_another_program_is_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ghostscript = tmp_path / "bin" / "gs"
    ghostscript.parent.mkdir()
    ghostscript.write_text(f"#!/bin/sh\ntouch {tmp_path / 'run'}\n")
    ghostscript.chmod(0o755)
    monkeypatch.setenv("PATH", str(ghostscript.parent), prepend=os.pathsep)
    page = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n"
    (tmp_path / "photo.jpg").write_bytes(page)

    with pytest.raises(InvalidImage, match="is not a picture"):
        read_image(tmp_path / "photo.jpg")

    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not a picture"),
        (b"a painting by words alone", "is not a picture"),
        (png_without_pixels(60_000, 60_000), "more than 100 megapixels. Scale it down first"),
        (png_without_pixels(70_000, 1), "70000 × 1"),
        (png_without_pixels(20, 20), "cannot be read"),
    ],
)
def test_unusable_file_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(content)

    with pytest.raises(InvalidImage, match=message) as caught:
        read_image(path)

    assert str(path) in str(caught.value)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        InvalidImage, match=r"picture\.png cannot be read: no such file or directory\.$"
    ):
        read_image(tmp_path / "picture.png")


@pytest.mark.parametrize("kind", ["ICO", "ICNS"])
def test_icon_with_a_huge_picture_within_is_refused_before_it_is_decoded(
    tmp_path: Path, kind: str
) -> None:
    within = png_without_pixels(30_000, 30_000)
    if kind == "ICO":
        content = struct.pack("<HHHBBBBHHII", 0, 1, 1, 16, 16, 0, 0, 1, 32, len(within), 22)
    else:
        content = b"icns" + struct.pack(">I", len(within) + 16)
        content += b"ic07" + struct.pack(">I", len(within) + 8)
    (tmp_path / "icon").write_bytes(content + within)

    with pytest.raises(InvalidImage, match="more than 100 megapixels"):
        read_image(tmp_path / "icon")


@pytest.mark.parametrize("kind", ["ICO", "ICNS"])
def test_icon_is_read(tmp_path: Path, kind: str) -> None:
    red = PillowImage.new("RGB", (128, 128), "#ff0000")
    (tmp_path / "icon").write_bytes(encoded(kind, red))

    assert set(bytes(read_image(tmp_path / "icon").pixels)) == {255, 0}


@pytest.mark.parametrize("size", [2_000_000, 20_000_000])
def test_large_notes_of_other_programs_do_not_matter(tmp_path: Path, size: int) -> None:
    notes = PngImagePlugin.PngInfo()
    notes.add_text("workflow", "x" * size, zip=True)
    notes.add_itxt("prompt", "y" * size, zip=True)
    (tmp_path / "picture.png").write_bytes(encoded("PNG", pnginfo=notes))

    assert bytes(read_image(tmp_path / "picture.png").pixels) == PIXELS.tobytes()


@pytest.mark.parametrize("file_format", ["GIF", "PNG", "WEBP", "AVIF"])
def test_only_the_first_frame_of_an_animation_is_used_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], file_format: str
) -> None:
    frames = [PillowImage.new("RGB", (16, 16), colour) for colour in ("black", "white", "red")]
    content = encoded(
        file_format, frames[0], save_all=True, append_images=frames[1:], lossless=True
    )
    (tmp_path / "animation").write_bytes(content)

    image = read_image(tmp_path / "animation")

    assert max(bytes(image.pixels)[:3]) < 10
    said = capsys.readouterr().err
    assert (
        said
        == f"impasto: {tmp_path / 'animation'} is an animation: only its first frame is used.\n"
    )


def test_still_pictures_are_read_without_a_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for file_format in ("GIF", "PNG", "WEBP", "AVIF", "TIFF", "JPEG"):
        (tmp_path / "still").write_bytes(encoded(file_format))
        read_image(tmp_path / "still")

    assert capsys.readouterr().err == ""


def test_picture_is_read_from_a_pipe_without_a_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pipe, content = tmp_path / "pipe", encoded("PNG")
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(content))
    writer.start()

    image = read_image(pipe)
    writer.join()

    assert bytes(image.pixels) == PIXELS.tobytes()
    assert capsys.readouterr().err == ""


def test_document_of_several_pages_is_read_at_the_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pages = [PillowImage.new("RGB", (16, 16), colour) for colour in ("red", "white")]
    pages[0].save(tmp_path / "pages.tif", save_all=True, append_images=pages[1:])

    assert bytes(read_image(tmp_path / "pages.tif").pixels)[:3] == b"\xff\0\0"
    assert "has several pages: only the first one is used" in capsys.readouterr().err


def psd(picture: PillowImage.Image) -> bytes:
    """Returns a Photoshop file with uncompressed pixels, and neither layers nor profile."""
    header = struct.pack(">4sH6xHIIHH", b"8BPS", 1, 3, picture.height, picture.width, 8, 3)
    planes = b"".join(band.tobytes() for band in picture.split())
    return header + bytes(4 + 4 + 4) + b"\0\0" + planes


def test_photoshop_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "picture.psd").write_bytes(psd(PillowImage.fromarray(PIXELS)))

    assert bytes(read_image(tmp_path / "picture.psd").pixels) == PIXELS.tobytes()


SEEDS = 12
"""Damaged files of each format."""


@pytest.mark.parametrize("file_format", [*sorted(FORMATS), "TIFF LZW", "TIFF JPEG"])
def test_damaged_file_gives_a_picture_or_a_sentence(
    tmp_path: Path, file_format: str, is_thorough: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    picture = PillowImage.fromarray(
        np.random.default_rng(1).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    )
    name, _, compression = file_format.partition(" ")
    options = {"compression": f"tiff_{compression.lower()}"} if compression else {}
    whole = psd(picture) if name == "PSD" else encoded(name, picture, **options)
    path = tmp_path / "damaged"
    sentences = []
    for seed in range(SEEDS * (100 if is_thorough else 1)):
        path.write_bytes(damaged(whole, random.Random(seed)))
        with suppress(InvalidImage):
            read_image(path)
            continue
        with pytest.raises(InvalidImage) as caught:
            read_image(path)
        sentences.append(str(caught.value))

    assert sentences
    printed = capfd.readouterr().err.splitlines()
    assert all(line.startswith(f"impasto: {path}") for line in printed)
    assert all(text.startswith(str(path)) and text.endswith(".") for text in sentences)


def damaged(content: bytes, chance: random.Random) -> bytes:
    """Returns a file with some bytes changed, in its beginning above all, or its end cut off."""
    changed = bytearray(content)
    for _ in range(chance.choice([1, 3, 20])):
        end = chance.choice([32, 200, len(changed)])
        changed[chance.randrange(min(end, len(changed)))] = chance.choice([0, 1, 0x7F, 0xFF])
    if chance.random() < 0.3:
        del changed[chance.randrange(len(changed)) :]
    return bytes(changed)
