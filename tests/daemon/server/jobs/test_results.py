import os
from pathlib import Path

import pytest

from impasto_daemon.server.jobs.results import Picture, ResultFile, Results
from impasto_daemon.worker.result_file import write_result_file
from impasto_shared.image import Image, PixelFormat

LARGE = Image(512, 256, PixelFormat.RGB_U8, os.urandom(512 * 256 * 3))
JOB = "0" * 32


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "jobs"


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def picture_in_file(folder: Path) -> Picture:
    result_file = ResultFile(folder, JOB)
    write_result_file(result_file.path, LARGE.pixels)
    return result_file.take(LARGE.width, LARGE.height, LARGE.format)


def test_picture_is_in_memory_until_it_has_a_file(tmp_path: Path) -> None:
    picture = Picture.in_memory(LARGE)
    assert picture.is_in_memory
    assert picture.read().pixels == LARGE.pixels
    path = tmp_path / "file"
    path.write_bytes(LARGE.pixels)

    picture.move_to(path)

    assert not picture.is_in_memory
    assert bytes(picture.read().pixels) == LARGE.pixels


def test_picture_that_another_process_wrote_is_private_and_needs_no_descriptor(
    folder: Path,
) -> None:
    before = open_files()

    pictures = [picture_in_file(folder) for _ in range(20)]

    assert open_files() == before
    assert all(bytes(picture.read().pixels) == LARGE.pixels for picture in pictures)
    assert open_files() == before
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_all_callers_share_the_pixels(folder: Path) -> None:
    picture = picture_in_file(folder)

    first, second = picture.read(), picture.read()

    assert memoryview(first.pixels).obj is memoryview(second.pixels).obj


def test_pixels_that_were_handed_out_outlive_the_picture(folder: Path) -> None:
    picture = picture_in_file(folder)
    fetched = picture.read()

    picture.drop()

    assert bytes(fetched.pixels) == LARGE.pixels
    with pytest.raises(ValueError, match="was dropped"):
        picture.read()


@pytest.mark.parametrize("size_bytes", [0, LARGE.width, 10**6])
def test_picture_whose_file_has_another_size_is_an_error(folder: Path, size_bytes: int) -> None:
    picture = picture_in_file(folder)
    (path,) = folder.iterdir()
    os.truncate(path, size_bytes)

    with pytest.raises(OSError, match=f"has {size_bytes} bytes instead of 393216"):
        picture.read()


def test_picture_whose_file_is_missing_is_an_error(folder: Path) -> None:
    picture = picture_in_file(folder)
    (path,) = folder.iterdir()
    path.unlink()

    with pytest.raises(FileNotFoundError):
        picture.read()


def test_result_file_that_holds_something_else_is_not_taken(folder: Path) -> None:
    result_file = ResultFile(folder, JOB)
    write_result_file(result_file.path, LARGE.pixels[:-1])

    with pytest.raises(ValueError, match="does not hold"):
        result_file.take(LARGE.width, LARGE.height, LARGE.format)
    result_file.drop()

    assert list(folder.iterdir()) == []


def test_file_of_a_picture_that_was_taken_is_not_dropped(folder: Path) -> None:
    result_file = ResultFile(folder, JOB)
    write_result_file(result_file.path, LARGE.pixels)
    picture = result_file.take(LARGE.width, LARGE.height, LARGE.format)

    result_file.drop()

    assert bytes(picture.read().pixels) == LARGE.pixels


def test_folder_that_cannot_be_made_yields_no_result_file_and_a_reason(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    results = Results(tmp_path / "file" / "results")

    assert results.new_file(JOB) is None
    assert results.problem is not None
