"""Files whose headers lie: about sizes, counts, offsets, palettes, frames, profiles and notes."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, ImageCms, PngImagePlugin
from PIL import Image as PillowImage

from daemon.commands.image_file.test_reading import psd
from impasto_daemon.commands.image_file import read_image
from impasto_daemon.commands.image_file.reading import FORMATS
from impasto_shared import image as image_module
from impasto_shared.errors import InvalidImage

MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "F")
COMPRESSIONS = ("tiff_lzw", "tiff_deflate", "packbits", "jpeg", "group4", "zstd", "lzma", "webp")
LIES = (0, 1, 2, 7, 8, 16, 0x7F, 0xFF, 0x100, 0x7FFF, 0xFFFF, 999, 0x7FFFFFFF, 0xFFFFFFFF, 2**63)
BEGINNING = 600
"""The bytes in which the headers of small files are."""
PNG = b"\x89PNG\r\n\x1a\n"
# Lies about sizes shall not take the memory of this machine, though they may take that of a user.
MAX_PIXELS = 1_000_000


class Lie(NamedTuple):
    """A number written over what is in a file."""

    position: int
    size: int
    value: int
    order: str


def picture_of(mode: str) -> PillowImage.Image:
    """Returns a picture of noise and stripes."""
    values = np.random.default_rng(1).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    values[8:16] = values[8]
    if mode == "I;16":
        return PillowImage.fromarray(values[..., 0].astype(np.uint16) * 257)
    if mode == "F":
        return PillowImage.fromarray(values[..., 0].astype(np.float32) / 255)
    return PillowImage.fromarray(values).convert(mode)


@cache
def whole_files() -> dict[str, bytes]:
    """Returns files of every format, of every mode that it has, with all that can be in them."""
    files = {"PSD": psd(picture_of("RGB"))}

    def add(name: str, file_format: str, mode: str, **options: Any) -> None:
        stream = io.BytesIO()
        try:
            picture_of(mode).save(stream, file_format, **options)
        except (OSError, ValueError, KeyError):
            return  # the format has no such pictures
        files[name] = stream.getvalue()

    for file_format in FORMATS:
        for mode in MODES:
            add(f"{file_format} {mode}", file_format, mode)
        others = [picture_of("RGB").rotate(180)] * 2
        add(f"{file_format} frames", file_format, "RGB", save_all=True, append_images=others)
        add(f"{file_format} notes", file_format, "RGB", **notes())
    for compression in COMPRESSIONS:
        for mode in MODES:
            add(f"TIFF {compression} {mode}", "TIFF", mode, compression=compression)
    add("JPEG progressive", "JPEG", "RGB", progressive=True)
    add("GIF interlaced", "GIF", "P", interlace=1, comment=b"x" * 300)
    add("PNG notes", "PNG", "RGB", pnginfo=png_notes(), **notes())
    add("JPEG2000 tiles", "JPEG2000", "RGB", tile_size=(16, 16))
    return files


def notes() -> dict[str, bytes]:
    """Returns a colour profile, and EXIF that says that the picture lies."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = PillowImage.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.ImageDescription] = "words"
    return {"icc_profile": profile, "exif": exif.tobytes()}


def png_notes() -> PngImagePlugin.PngInfo:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("a", "b" * 100)
    texts.add_text("compressed", "c" * 5000, zip=True)
    texts.add_itxt("XML:com.adobe.xmp", '<x tiff:Orientation="8"/>')
    return texts


def lying(whole: bytes, lies: Sequence[Lie], length: int) -> bytes:
    """Returns a file with lies, cut off after `length` bytes; that of a PNG has right checksums."""
    changed = bytearray(whole)
    for lie in lies:
        start = lie.position % len(changed)
        changed[start : start + lie.size] = (lie.value % 256**lie.size).to_bytes(
            lie.size, "big" if lie.order == "big" else "little"
        )
    content = bytes(changed[: max(1, length)])
    return with_checksums(content) if content.startswith(PNG) else content


def with_checksums(content: bytes) -> bytes:
    """Returns a PNG whose chunks have the right checksums, so that they are read."""
    parts, position = [PNG], len(PNG)
    while position + 12 <= len(content):
        (size,) = struct.unpack_from(">I", content, position)
        chunk = content[position + 4 : position + 8 + size]
        parts += [content[position : position + 4], chunk, struct.pack(">I", zlib.crc32(chunk))]
        position += size + 12
    return b"".join(parts)


LIES_OF_A_FILE = st.lists(
    st.builds(
        Lie,
        position=st.integers(0, BEGINNING) | st.integers(0, 2**16),
        size=st.sampled_from([1, 2, 4, 8]),
        value=st.sampled_from(LIES) | st.integers(0, 255),
        order=st.sampled_from(["big", "little"]),
    ),
    min_size=1,
    max_size=4,
)


def read_or_refuse(content: bytes) -> None:
    """Reads a file; asserts that it is a picture, or that a sentence says why it is none."""
    notes: list[str] = []
    reason = None
    try:
        read_image("a file", content, on_note=lambda _, text: notes.append(text))
    except InvalidImage as error:
        reason = str(error)
    for text in [*notes] if reason is None else [*notes, reason.removesuffix(".")]:
        assert text
        assert text.isprintable(), text
        assert not text.endswith(".")
    assert reason is None or (reason.startswith("a file ") and reason.endswith("."))


def test_every_format_has_a_file() -> None:
    assert {name.split()[0] for name in whole_files()} == set(FORMATS)


def test_lies_are_seen_by_the_reader() -> None:
    """Otherwise checksums and cut off files would hide what is tested here."""
    size_at = len(PNG) + 8
    wide = lying(whole_files()["PNG RGB"], [Lie(size_at, 4, 70_000, "big")], 10_000)

    with pytest.raises(InvalidImage, match="70000 × 24"):
        read_image("a file", wide)


def test_file_that_lies_gives_a_picture_or_a_sentence(is_thorough: bool) -> None:
    @settings(max_examples=20_000 if is_thorough else 400, derandomize=not is_thorough)
    @given(st.sampled_from(sorted(whole_files())), LIES_OF_A_FILE, st.integers(1, 2**16))
    def check(name: str, lies: list[Lie], length: int) -> None:
        whole = whole_files()[name]
        read_or_refuse(lying(whole, lies, length if length < len(whole) // 8 else len(whole)))

    with (
        patch.object(PillowImage, "MAX_IMAGE_PIXELS", MAX_PIXELS),
        patch.object(image_module, "MAX_PIXELS", MAX_PIXELS),
    ):
        check()
