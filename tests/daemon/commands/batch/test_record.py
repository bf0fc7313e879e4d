from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from impasto_daemon.commands.batch.record import PaintingSource, Record, Source
from impasto_daemon.commands.image_file import write_image
from impasto_shared.image import Image, PixelFormat
from impasto_shared.settings import StyleSettings

PICTURE = Image(64, 48, PixelFormat.RGB_U8, bytes(64 * 48 * 3))
RECORD = Record(
    Source("Straße/beach.jpg", "01" * 32),
    (PaintingSource("wave.jpg", "02" * 32, 1.0), PaintingSource("auvers.jpg", "03" * 32, 2.0)),
    StyleSettings(size=300),
)


@pytest.fixture(params=["png", "jpg", "tif", "webp", "avif"])
def painted(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / f"a.{request.param}"
    write_image(PICTURE, path, RECORD.text())
    return path


def test_picture_is_known_by_its_record(painted: Path) -> None:
    assert RECORD.is_in(painted)


def test_renamed_originals_are_the_same(painted: Path) -> None:
    assert replace(RECORD, photo=Source("other.jpg", RECORD.photo.sha256)).is_in(painted)


@pytest.mark.parametrize(
    "changed",
    [
        {"photo": Source(RECORD.photo.name, "09" * 32)},
        {"paintings": RECORD.paintings[:1]},
        {"paintings": RECORD.paintings[::-1]},
        {"paintings": (replace(RECORD.paintings[0], weight=1.5), RECORD.paintings[1])},
        {"settings": StyleSettings(size=301)},
    ],
)
def test_other_origin_is_another_picture(tmp_path: Path, changed: dict[str, Any]) -> None:
    write_image(PICTURE, tmp_path / "a.png", RECORD.text())

    assert not replace(RECORD, **changed).is_in(tmp_path / "a.png")


@pytest.mark.parametrize("note", ["", "{", "[]", "1", '{"photo": 1}', '{"photo": {}}'])
def test_note_of_another_program_is_no_record(tmp_path: Path, note: str) -> None:
    write_image(PICTURE, tmp_path / "a.png", note)

    assert not RECORD.is_in(tmp_path / "a.png")


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n"])
def test_damaged_file_has_no_record(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)

    assert not RECORD.is_in(tmp_path / "a.png")
    assert not RECORD.is_in(tmp_path / "missing.png")


def test_picture_of_another_command_has_no_record(tmp_path: Path) -> None:
    write_image(PICTURE, tmp_path / "a.png")

    assert not RECORD.is_in(tmp_path / "a.png")
