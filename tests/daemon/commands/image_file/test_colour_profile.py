"""Colours are converted from the profile of the file to sRGB."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage
from PIL import ImageCms

from impasto_daemon.commands.image_file import read_image, write_image
from impasto_daemon.commands.image_file.colour_profile import srgb_profile
from impasto_shared.image import Image, PixelFormat

COLOURS = np.random.default_rng(0).integers(0, 256, (8, 9, 3), dtype=np.uint8)
SWAPPED_TAGS = {b"rXYZ": b"bXYZ", b"bXYZ": b"rXYZ"}


def swapped_profile() -> bytes:
    """Returns sRGB with its red and blue exchanged."""
    profile = bytearray(srgb_profile())
    (count,) = struct.unpack_from(">I", profile, 128)
    for place in range(132, 132 + 12 * count, 12):
        name = bytes(profile[place : place + 4])
        profile[place : place + 4] = SWAPPED_TAGS.get(name, name)
    return bytes(profile)


def gray_profile(gamma: float) -> bytes:
    """Returns a profile of gray with this gamma: a header, a white point and a curve."""
    curve = b"curv" + struct.pack(">IIHH", 0, 1, round(gamma * 256), 0)
    white = b"XYZ " + struct.pack(">Iiii", 0, 0xF6D6, 0x10000, 0xD32D)
    text = b"desc" + struct.pack(">II", 0, 5) + b"gray\0" + bytes(78)
    text += bytes(-len(text) % 4)
    parts = {b"desc": text, b"wtpt": white, b"kTRC": curve}
    table, data, place = struct.pack(">I", len(parts)), b"", 128 + 4 + 12 * len(parts)
    for name, part in parts.items():
        table += name + struct.pack(">II", place + len(data), len(part))
        data += part
    header = struct.pack(">I", place + len(data)) + b"lcms" + struct.pack(">I", 0x02100000)
    header += b"mntrGRAYXYZ " + bytes(12) + b"acsp" + bytes(28)
    header += struct.pack(">iii", 0xF6D6, 0x10000, 0xD32D)
    return header.ljust(128, b"\0") + table + data


def write(path: Path, picture: PillowImage.Image, profile: bytes | None) -> Path:
    picture.save(path, icc_profile=profile, lossless=True)
    return path


def pixels(path: Path) -> np.ndarray:
    image = read_image(path)
    flat = np.frombuffer(image.pixels, np.uint8)
    return flat.reshape(image.height, image.width, image.format.channels)


@pytest.mark.parametrize("ending", [".png", ".tif", ".webp"])
def test_colours_are_converted_from_the_profile(tmp_path: Path, ending: str) -> None:
    bgr = PillowImage.fromarray(np.ascontiguousarray(COLOURS[..., ::-1]))
    path = write(tmp_path / f"picture{ending}", bgr, swapped_profile())

    assert np.abs(pixels(path).astype(int) - COLOURS).max() <= 2


def test_transparency_stays_as_it_is(tmp_path: Path) -> None:
    bgra = np.dstack([COLOURS[..., ::-1], COLOURS[..., 0]])
    path = write(tmp_path / "picture.png", PillowImage.fromarray(bgra), swapped_profile())

    read = pixels(path)

    assert (read[..., 3] == COLOURS[..., 0]).all()
    assert np.abs(read[..., :3].astype(int) - COLOURS).max() <= 2


def test_palette_is_converted_too(tmp_path: Path) -> None:
    blue = PillowImage.new("RGB", (4, 4), "#0000ff").convert("P")
    path = write(tmp_path / "picture.png", blue, swapped_profile())

    assert pixels(path)[0, 0].tolist() == pytest.approx([255, 0, 0], abs=2)


@pytest.mark.parametrize("bits", [8, 16])
def test_gray_is_converted_by_the_profile_of_gray(tmp_path: Path, bits: int) -> None:
    value = 0x80 if bits == 8 else 0x8080
    gray = PillowImage.fromarray(np.full((2, 2), value, f"u{bits // 8}"))
    path = write(tmp_path / "gray.png", gray, gray_profile(1.0))

    assert pixels(path)[0, 0].tolist() == pytest.approx([188] * 3, abs=2)  # linear 0.5 in sRGB


def test_gray_with_a_profile_of_colours_is_converted_by_it(tmp_path: Path) -> None:
    gray = PillowImage.new("L", (2, 2), 100)
    path = write(tmp_path / "gray.png", gray, swapped_profile())

    assert pixels(path)[0, 0].tolist() == pytest.approx([100] * 3, abs=2)


def test_picture_in_srgb_is_read_unchanged(tmp_path: Path) -> None:
    path = write(tmp_path / "picture.png", PillowImage.fromarray(COLOURS), srgb_profile())

    assert (pixels(path) == COLOURS).all()


@pytest.mark.parametrize(
    ("mode", "profile", "word"),
    [
        ("RGB", b"no profile", "damaged colour profile"),
        ("RGB", srgb_profile()[:200], "damaged colour profile"),
        ("RGB", gray_profile(2.2), "for another kind of colours"),
        ("CMYK", srgb_profile()[:-1] + b"\1", "for another kind of colours"),
    ],
    ids=["text", "cut-off", "of-gray", "of-rgb"],
)
def test_profile_that_cannot_be_used_is_ignored_and_that_is_said(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    mode: str,
    profile: bytes,
    word: str,
) -> None:
    picture = PillowImage.fromarray(COLOURS).convert(mode)
    path = write(tmp_path / "picture.tif", picture, profile)

    assert (pixels(path) == np.asarray(picture.convert("RGB"))).all()
    said = capsys.readouterr().err
    assert word in said
    assert str(path) in said


@pytest.mark.parametrize("ending", [".png", ".jpg", ".tif", ".webp", ".avif"])
def test_written_pictures_say_that_they_are_srgb(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"picture{ending}"
    write_image(Image(9, 8, PixelFormat.RGB_U8, COLOURS.tobytes()), path)

    with PillowImage.open(path) as picture:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(picture.info["icc_profile"]))
    assert "sRGB" in ImageCms.getProfileDescription(profile)
