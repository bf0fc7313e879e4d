"""Raw files of cameras are not painted as their previews."""

from pathlib import Path
from typing import IO

import pytest
from PIL import Image as PillowImage
from PIL import TiffImagePlugin

from impasto_daemon.commands.image_file import read_image
from impasto_shared.errors import InvalidImage

NEW_SUBFILE_TYPE, SUBFILE_TYPE, SUB_IFDS, DNG_VERSION = 254, 255, 330, 50706
BYTE, SHORT, LONG = 1, 3, 4


def tags_with(tag: int, kind: int, value: object) -> TiffImagePlugin.ImageFileDirectory_v2:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[tag] = value
    tags.tagtype[tag] = kind
    return tags


def write_preview(path: Path, tags: TiffImagePlugin.ImageFileDirectory_v2) -> None:
    """Writes a TIFF whose first picture has these tags, and whose second one is larger."""
    preview, larger = PillowImage.new("RGB", (18, 12)), PillowImage.new("RGB", (180, 120))
    preview.encoderinfo = {"tiffinfo": tags}
    preview.save(path, "TIFF", save_all=True, append_images=[larger], tiffinfo=tags)


@pytest.mark.parametrize(
    ("tag", "kind", "value"),
    [(NEW_SUBFILE_TYPE, LONG, 1), (NEW_SUBFILE_TYPE, LONG, 5), (SUBFILE_TYPE, SHORT, 2)],
)
def test_file_that_begins_with_its_thumbnail_is_refused(
    tmp_path: Path, tag: int, kind: int, value: int
) -> None:
    write_preview(tmp_path / "photo.tif", tags_with(tag, kind, value))

    with pytest.raises(InvalidImage, match=r"begins with a small preview \(18 × 12 pixels\)"):
        read_image(tmp_path / "photo.tif")


def test_file_of_a_camera_is_refused_by_its_version(tmp_path: Path) -> None:
    PillowImage.new("RGB", (18, 12)).save(
        tmp_path / "photo.tif", tiffinfo=tags_with(DNG_VERSION, BYTE, b"\1\4\0\0")
    )

    with pytest.raises(InvalidImage, match="is the raw file of a camera"):
        read_image(tmp_path / "photo.tif")


@pytest.mark.parametrize("name", ["photo.dng", "photo.NEF", "photo.cr3"])
def test_file_of_a_camera_is_refused_by_its_name(tmp_path: Path, name: str) -> None:
    if name.endswith("cr3"):
        (tmp_path / name).write_bytes(b"\0\0\0\x18ftypcrx " + bytes(100))
    else:
        PillowImage.new("RGB", (18, 12)).save(tmp_path / name, "TIFF")

    with pytest.raises(InvalidImage, match="is the raw file of a camera"):
        read_image(tmp_path / name)


def test_file_with_a_larger_picture_within_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "photo.tif"
    PillowImage.new("RGB", (18, 12)).save(path, tiffinfo=tags_with(SUB_IFDS, LONG, 8))
    within = len(path.read_bytes())
    larger = b"".join(
        number.to_bytes(size, "little")
        for number, size in [
            *((2, 2), (256, 2), (4, 2), (1, 4), (6000, 4)),
            *((257, 2), (4, 2), (1, 4), (4000, 4), (0, 4)),
        ]
    )
    PillowImage.new("RGB", (18, 12)).save(path, tiffinfo=tags_with(SUB_IFDS, LONG, within))
    path.write_bytes(path.read_bytes() + larger)

    with pytest.raises(InvalidImage, match="begins with a small preview"):
        read_image(path)


@pytest.mark.parametrize("offset", [8, 10_000, 0])
def test_other_directories_within_do_not_matter(tmp_path: Path, offset: int) -> None:
    path = tmp_path / "photo.tif"
    PillowImage.new("RGB", (18, 12)).save(path, tiffinfo=tags_with(SUB_IFDS, LONG, offset))

    assert read_image(path).width == 18


@pytest.mark.parametrize("tags", [5, 5000], ids=["many directories", "large directories"])
def test_directories_within_are_read_in_limited_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tags: int
) -> None:
    path = tmp_path / "photo.tif"
    offsets = (100_000,) * 1000
    PillowImage.new("RGB", (18, 12)).save(path, tiffinfo=tags_with(SUB_IFDS, LONG, offsets))
    file = path.read_bytes().ljust(100_000, b"\0") + tags.to_bytes(2, "little") + bytes(12 * tags)
    path.write_bytes(file)
    read: list[int] = []
    load = TiffImagePlugin.ImageFileDirectory_v2.load

    def count(directory: TiffImagePlugin.ImageFileDirectory_v2, file: IO[bytes]) -> None:
        read.append(file.tell())
        load(directory, file)

    monkeypatch.setattr(TiffImagePlugin.ImageFileDirectory_v2, "load", count)

    assert read_image(path).width == 18
    assert read.count(100_000) == (32 if tags < 1000 else 0)
