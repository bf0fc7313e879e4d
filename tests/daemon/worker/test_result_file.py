import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from impasto_daemon.worker.messages import Painted, Run, Written
from impasto_daemon.worker.result_file import MIN_FILE_BYTES, hand_over, write_result_file
from impasto_shared.image import Image, PixelFormat
from impasto_shared.settings import StyleSettings

LARGE = Image(256, 256, PixelFormat.RGB_U8, os.urandom(256 * 256 * 3))
SMALL = Image(1, 1, PixelFormat.RGB_U8, bytes(3))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "result"
    path.touch()
    return path


@contextmanager
def file_size_limit(size_bytes: int) -> Iterator[None]:
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, former[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)


def run(result_file: Path | None) -> Run:
    path = None if result_file is None else str(result_file)
    return Run("0" * 32, StyleSettings(), SMALL, (), result_file=path)


def test_large_result_is_written_to_the_file(path: Path) -> None:
    message = hand_over(run(path), LARGE)

    assert message == Written("0" * 32, 256, 256, PixelFormat.RGB_U8)
    assert path.read_bytes() == LARGE.pixels


def test_small_result_is_sent_as_a_message(path: Path) -> None:
    assert len(SMALL.pixels) < MIN_FILE_BYTES
    assert hand_over(run(path), SMALL) == Painted("0" * 32, SMALL)
    assert path.read_bytes() == b""


def test_result_without_a_file_is_sent_as_a_message() -> None:
    assert hand_over(run(None), LARGE) == Painted("0" * 32, LARGE)


def test_result_that_does_not_fit_on_the_disk_is_sent_as_a_message(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with file_size_limit(1000):
        message = hand_over(run(path), LARGE)

    assert message == Painted("0" * 32, LARGE)
    assert "File too large" in caplog.text


def test_file_is_empty_after_a_failed_write(path: Path) -> None:
    with file_size_limit(1000), pytest.raises(OSError, match="File too large"):
        write_result_file(str(path), LARGE.pixels)

    assert path.stat().st_size == 0
