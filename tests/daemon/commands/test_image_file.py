"""Image files of many kinds, read and written."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage
from PIL import ImageCms

from impasto_daemon.commands.image_file import check_writable, read_image, write_image
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


def test_picture_comes_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    write_image(Image(6, 4, PixelFormat.RGB_U8, PIXELS.tobytes()), path)

    image, _ = read_image(path)

    assert (image.width, image.height, image.format) == (6, 4, PixelFormat.RGB_U8)
    assert bytes(image.pixels) == PIXELS.tobytes()


def test_colour_profile_is_carried_along(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    write_image(Image(6, 4, PixelFormat.RGB_U8, PIXELS.tobytes()), tmp_path / "a.png", profile)

    assert read_image(tmp_path / "a.png")[1] == profile


def test_photo_taken_upright_is_read_upright(tmp_path: Path) -> None:
    photo = PillowImage.fromarray(PIXELS)
    exif = photo.getexif()
    exif[0x0112] = 6  # the camera was turned by 90 degrees
    photo.save(tmp_path / "photo.png", exif=exif)

    image, _ = read_image(tmp_path / "photo.png")

    assert (image.width, image.height) == (4, 6)
    assert bytes(image.pixels) == np.rot90(PIXELS, -1).tobytes()


@pytest.mark.parametrize(
    ("mode", "pixel_format"),
    [
        ("L", PixelFormat.RGB_U8),
        ("LA", PixelFormat.RGBA_U8),
        ("P", PixelFormat.RGB_U8),
        ("RGBA", PixelFormat.RGBA_U8),
        ("CMYK", PixelFormat.RGB_U8),
        ("1", PixelFormat.RGB_U8),
    ],
)
def test_picture_of_any_mode_is_read(tmp_path: Path, mode: str, pixel_format: PixelFormat) -> None:
    path = tmp_path / "picture.tif"
    PillowImage.fromarray(PIXELS).convert(mode).save(path)

    assert read_image(path)[0].format is pixel_format


def test_gray_of_sixteen_bits_keeps_its_brightness(tmp_path: Path) -> None:
    path = tmp_path / "gray.png"
    PillowImage.fromarray(np.full((2, 2), 0x8080, np.uint16)).save(path)

    assert bytes(read_image(path)[0].pixels) == b"\x80" * 12


def test_alpha_is_dropped_if_the_format_has_none(tmp_path: Path) -> None:
    painting = Image(1, 1, PixelFormat.RGBA_U8, bytes([9, 9, 9, 128]))

    write_image(painting, tmp_path / "picture.jpg")

    assert read_image(tmp_path / "picture.jpg")[0].format is PixelFormat.RGB_U8


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not a picture"),
        (b"a painting by words alone", "is not a picture"),
        (png_without_pixels(60_000, 60_000), "60000 × 60000"),
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


@pytest.mark.parametrize("name", ["picture.docx", "picture.psd", "picture", "absent/picture.png"])
def test_path_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidImage):
        check_writable(tmp_path / name)


def test_failure_to_write_is_named(tmp_path: Path) -> None:
    (tmp_path / "picture.png").mkdir()

    with pytest.raises(InvalidImage, match=r"picture\.png cannot be written"):
        write_image(Image(1, 1, PixelFormat.RGB_U8, bytes(3)), tmp_path / "picture.png")


def test_folder_as_the_output_is_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "out.png").mkdir()

    with pytest.raises(InvalidImage, match="is a folder"):
        check_writable(tmp_path / "out.png")


@pytest.mark.parametrize("name", ["out.jpg", "out.jpe", "out.jfif"])
def test_alpha_is_left_out_of_every_kind_of_jpeg(tmp_path: Path, name: str) -> None:
    write_image(Image(1, 1, PixelFormat.RGBA_U8, bytes(4)), tmp_path / name)

    assert read_image(tmp_path / name)[0].format is PixelFormat.RGB_U8
