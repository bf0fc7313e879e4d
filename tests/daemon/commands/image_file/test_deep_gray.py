"""Gray of 12, 16 and 32 bits and in floating point keeps its brightness, or is refused."""

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from impasto_daemon.commands.image_file import read_image
from impasto_shared.errors import InvalidImage
from impasto_shared.image import PixelFormat

UNSIGNED, SIGNED, FLOAT = 1, 2, 3
WHITE_IS_ZERO, BLACK_IS_ZERO = 0, 1


def write_tiff(
    path: Path,
    numbers: np.ndarray,
    kind: int,
    *,
    bits: int | None = None,
    photometric: int = BLACK_IS_ZERO,
) -> None:
    """Writes one row of gray numbers as a TIFF of the byte order that they have."""
    order, mark = (">", b"MM\0*") if numbers.dtype.byteorder == ">" else ("<", b"II*\0")
    data, width = numbers.tobytes(), numbers.shape[-1]
    tags = {
        **{256: width, 257: 1, 258: bits or 8 * numbers.itemsize, 259: 1, 262: photometric},
        **{273: 0, 277: 1, 278: 1, 279: len(data), 339: kind},
    }
    tags[273] = 8 + 2 + 12 * len(tags) + 4
    directory = b"".join(struct.pack(f"{order}HHII", tag, 4, 1, tags[tag]) for tag in sorted(tags))
    header = mark + struct.pack(f"{order}IH", 8, len(tags))
    path.write_bytes(header + directory + bytes(4) + data)


def grays(path: Path) -> list[int]:
    """Returns the gray of each pixel of a picture."""
    image = read_image(path)
    pixels = np.frombuffer(image.pixels, np.uint8).reshape(-1, image.format.channels)
    assert (pixels[:, 0] == pixels[:, 1]).all()
    assert (pixels[:, 0] == pixels[:, 2]).all()
    return [int(gray) for gray in pixels[:, 0]]


@pytest.mark.parametrize(
    ("dtype", "kind"),
    [("<u2", UNSIGNED), (">u2", UNSIGNED), ("<u4", UNSIGNED), ("<f4", FLOAT), (">f4", FLOAT)],
)
def test_ramp_is_scaled_by_its_range(tmp_path: Path, dtype: str, kind: int) -> None:
    ramp = np.linspace(0, 1, 256)
    whole = 1 if kind == FLOAT else np.iinfo(dtype).max
    write_tiff(tmp_path / "ramp.tif", (ramp * whole).round(6).astype(dtype), kind)

    assert grays(tmp_path / "ramp.tif") == pytest.approx(list(range(256)), abs=1)


def test_twelve_bits_are_scaled_by_their_range(tmp_path: Path) -> None:
    packed = np.frombuffer(bytes([0xFF, 0xF8, 0x00, 0x00, 0x00, 0x00]), np.uint8)[None]
    path = tmp_path / "twelve.tif"
    write_tiff(path, packed[:, :2], UNSIGNED, bits=12)
    content = path.read_bytes()
    path.write_bytes(content[:-2] + packed.tobytes())

    assert grays(path) == [255, 128]


@pytest.mark.parametrize(("dtype", "kind"), [("<u2", UNSIGNED), ("<f4", FLOAT), (">f4", FLOAT)])
def test_white_may_be_zero(tmp_path: Path, dtype: str, kind: int) -> None:
    whole = 1 if kind == FLOAT else np.iinfo(dtype).max
    numbers = np.array([0, whole], dtype)
    write_tiff(tmp_path / "negative.tif", numbers, kind, photometric=WHITE_IS_ZERO)

    assert grays(tmp_path / "negative.tif") == [255, 0]


@pytest.mark.parametrize("dtype", ["<i1", "<i2", ">i2", "<i4"])
def test_signed_numbers_are_refused(tmp_path: Path, dtype: str) -> None:
    write_tiff(tmp_path / "signed.tif", np.array([-5, 5], dtype), SIGNED)

    with pytest.raises(InvalidImage, match=r"has signed numbers.* Save it with 8 or 16 bits"):
        read_image(tmp_path / "signed.tif")


@pytest.mark.parametrize(
    "numbers", [[0, 255], [-1, 1], [0, np.nan], [np.inf, 0]], ids=["to-255", "below", "nan", "inf"]
)
def test_floats_of_another_range_are_refused(tmp_path: Path, numbers: list[float]) -> None:
    write_tiff(tmp_path / "float.tif", np.array(numbers, "<f4"), FLOAT)

    with pytest.raises(InvalidImage, match=r"float\.tif has floating-point numbers from "):
        read_image(tmp_path / "float.tif")


@pytest.mark.parametrize("ending", [".png", ".jp2", ".tif"])
def test_gray_of_sixteen_bits_keeps_its_brightness(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"gray{ending}"
    PillowImage.fromarray(np.full((2, 2), 0x8080, np.uint16)).save(path)

    assert bytes(read_image(path).pixels) == b"\x80" * 12


@pytest.mark.parametrize("maximum", [255, 1023, 65_535])
def test_portable_graymap_is_scaled_by_its_maximum(tmp_path: Path, maximum: int) -> None:
    numbers = np.array([0, maximum], "u1" if maximum < 256 else ">u2")
    (tmp_path / "gray.pgm").write_bytes(b"P5 2 1 %d\n" % maximum + numbers.tobytes())

    assert grays(tmp_path / "gray.pgm") == [0, 255]


def test_transparent_gray_of_sixteen_bits_is_transparent(tmp_path: Path) -> None:
    path = tmp_path / "gray.png"
    numbers = np.array([[0x8000, 0x8001]], np.uint16)
    PillowImage.fromarray(numbers).save(path, transparency=0x8000)

    image = read_image(path)

    assert image.format is PixelFormat.RGBA_U8
    assert bytes(image.pixels)[3::4] == b"\x00\xff"
