import errno
import os
from pathlib import Path

import pytest

from impasto_daemon.server.journal.pixel_files import (
    read_frames,
    read_pixels,
    remove_file,
    sync_file,
    write_frames,
    write_pixels,
)

FRAMES = [b"impasto/1", b"{}", bytes(range(256)) * 100, b""]


@pytest.fixture(autouse=True)
def short_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the system write 1000 bytes at most, as it may when the disk is nearly full."""
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:1000]))


def test_frames_survive_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "input"

    size_bytes = write_frames(path, FRAMES)

    assert [bytes(frame) for frame in read_frames(path)] == FRAMES
    assert path.stat().st_size == size_bytes
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("missing_bytes", [1, 5, 20, 25_600, 25_625])
def test_file_that_is_cut_off_is_an_error(tmp_path: Path, missing_bytes: int) -> None:
    path = tmp_path / "input"
    size_bytes = write_frames(path, FRAMES)
    os.truncate(path, size_bytes - missing_bytes)

    with pytest.raises(OSError, match="cut off"):
        read_frames(path)


def test_pixels_survive_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "picture"
    pixels = os.urandom(5500)

    write_pixels(path, pixels)
    sync_file(path)

    assert read_pixels(path, 5500) == pixels


def test_existing_file_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "picture").write_bytes(b"other")

    with pytest.raises(FileExistsError):
        write_pixels(tmp_path / "picture", b"pixels")

    assert (tmp_path / "picture").read_bytes() == b"other"


def test_full_disk_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_write, written = os.write, []

    def write(descriptor: int, data: memoryview) -> int:
        if len(written) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(data)
        return real_write(descriptor, data)

    monkeypatch.setattr(os, "write", write)

    with pytest.raises(OSError, match="No space left"):
        write_frames(tmp_path / "input", FRAMES)

    assert list(tmp_path.iterdir()) == []


def test_unreadable_block_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "picture"
    write_pixels(path, bytes(5500))
    real_pread = os.pread

    def pread(descriptor: int, length: int, position: int) -> bytes:
        if position >= 3000:
            raise OSError(errno.EIO, "Input/output error")
        return real_pread(descriptor, min(length, 1000), position)

    monkeypatch.setattr(os, "pread", pread)

    with pytest.raises(OSError, match="Input/output error"):
        read_pixels(path, 5500)


def test_file_is_read_whole_in_whatever_pieces_the_system_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = os.urandom(5500)
    write_pixels(tmp_path / "picture", pixels)
    real_pread = os.pread
    monkeypatch.setattr(
        os, "pread", lambda file, length, at: real_pread(file, min(length, 999), at)
    )

    assert read_pixels(tmp_path / "picture", 5500) == pixels


def test_file_that_cannot_be_removed_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    remove_file(tmp_path / "none")
    assert caplog.text == ""

    remove_file(tmp_path)

    assert str(tmp_path) in caplog.text
