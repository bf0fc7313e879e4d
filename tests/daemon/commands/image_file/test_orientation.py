"""Photos are turned upright, whatever else is wrong with their EXIF."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage
from PIL import TiffImagePlugin

from impasto_daemon.commands.image_file import read_image

PIXELS = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
ROTATED = np.rot90(PIXELS, -1)
ROTATE_RIGHT = 6
ORIENTATION = 0x0112


def exif_with(*entries: bytes) -> bytes:
    """Returns an EXIF block with these directory entries, of 12 bytes each."""
    count = len(entries).to_bytes(2, "little")
    header = b"Exif\0\0II*\0\x08\0\0\0"
    return header + count + b"".join(entries) + bytes(4)


def entry(tag: int, kind: int, count: int, value: int) -> bytes:
    fields = ((tag, 2), (kind, 2), (count, 4), (value, 4))
    return b"".join(number.to_bytes(size, "little") for number, size in fields)


TURNED = entry(ORIENTATION, 3, 1, ROTATE_RIGHT)


@pytest.mark.parametrize("ending", [".png", ".tif", ".webp"])
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, PIXELS),
        (2, PIXELS[:, ::-1]),
        (3, PIXELS[::-1, ::-1]),
        (4, PIXELS[::-1]),
        (5, PIXELS.swapaxes(0, 1)),
        (6, ROTATED),
        (7, PIXELS[::-1, ::-1].swapaxes(0, 1)),
        (8, np.rot90(PIXELS)),
        (9, PIXELS),
    ],
)
def test_photo_is_read_upright(
    tmp_path: Path, ending: str, value: int, expected: np.ndarray
) -> None:
    photo = PillowImage.fromarray(PIXELS)
    exif = photo.getexif()
    exif[ORIENTATION] = value
    path = tmp_path / f"photo{ending}"
    photo.save(path, exif=exif, lossless=True)

    image = read_image(path)

    assert (image.height, image.width) == expected.shape[:2]
    assert bytes(image.pixels) == expected.tobytes()


@pytest.mark.parametrize(
    "broken",
    [
        entry(0x011A, 5, 1, 0xFFFFFF),  # a rational beyond the end
        entry(0x011A, 5, 0, 0),
        entry(0x011A, 10, 1, 2**32 - 1),
        entry(0x8769, 4, 1, 8),  # a directory that is its own part
        entry(0x8769, 2, 4, 0x41414141),
        entry(0x010E, 3, 2**32 - 1, 0),
        entry(0x010E, 77, 1, 0),
        entry(0x8825, 4, 1, 2**32 - 1),
    ],
    ids=["far", "empty", "negative", "loop", "text", "long", "kind", "nowhere"],
)
@pytest.mark.parametrize("ending", [".jpg", ".png", ".webp"])
def test_broken_tag_does_not_hide_the_orientation(
    tmp_path: Path, ending: str, broken: bytes
) -> None:
    path = tmp_path / f"photo{ending}"
    PillowImage.fromarray(PIXELS).save(path, exif=exif_with(broken, TURNED))

    image = read_image(path)

    assert (image.width, image.height) == (4, 6)


@pytest.mark.parametrize(
    "exif",
    [
        exif_with(entry(ORIENTATION, 2, 1, ord("6"))),
        exif_with(entry(ORIENTATION, 5, 1, 8)),
        exif_with(entry(ORIENTATION, 3, 1, 77)),
        exif_with(TURNED)[:9],
        b"Exif\0\0",
    ],
    ids=["text", "rational", "out-of-range", "cut-off", "empty"],
)
def test_orientation_that_is_none_turns_nothing(tmp_path: Path, exif: bytes) -> None:
    PillowImage.fromarray(PIXELS).save(tmp_path / "photo.jpg", exif=exif)

    image = read_image(tmp_path / "photo.jpg")

    assert (image.width, image.height) == (6, 4)


@pytest.mark.filterwarnings("ignore:Metadata Warning")  # of writing it
def test_tiff_with_xmp_in_another_type_is_read(tmp_path: Path) -> None:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[700] = (1, 2, 3)
    tags.tagtype[700] = 3
    PillowImage.fromarray(PIXELS).save(tmp_path / "photo.tif", tiffinfo=tags)

    assert bytes(read_image(tmp_path / "photo.tif").pixels) == PIXELS.tobytes()


def test_orientation_in_xmp_counts(tmp_path: Path) -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><d tiff:Orientation="6"/></x:xmpmeta>'
    PillowImage.fromarray(PIXELS).save(tmp_path / "photo.webp", xmp=xmp, lossless=True)

    assert bytes(read_image(tmp_path / "photo.webp").pixels) == ROTATED.tobytes()
