import os
from pathlib import Path

import pytest

from impasto_daemon.server import results as results_module
from impasto_daemon.server.results import ResultFile, Results
from impasto_daemon.worker.result_file import write_result_file
from impasto_shared.image import Image, PixelFormat

LARGE = Image(512, 256, PixelFormat.RGB_U8, os.urandom(512 * 256 * 3))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "results"


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def write(results: Results) -> int:
    """Writes all pictures; returns the number of chunks."""
    chunks = 0
    while results.is_writing:
        results.write_some()
        chunks += 1
    return chunks


def test_picture_moves_from_memory_to_a_file_without_a_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results_module, "_CHUNK_BYTES", 100_000)
    results = Results(folder)

    picture = results.keep(LARGE)
    assert picture.is_in_memory
    assert write(results) == 4

    assert not picture.is_in_memory
    assert results.problem is None
    assert bytes(picture.image.pixels) == LARGE.pixels
    assert list(folder.iterdir()) == []
    assert folder.stat().st_mode & 0o777 == 0o700


def test_all_callers_share_the_pixels(folder: Path) -> None:
    results = Results(folder)
    picture = results.keep(LARGE)
    write(results)

    first, second = picture.image, picture.image

    assert memoryview(first.pixels).obj is memoryview(second.pixels).obj


def test_pixels_that_were_handed_out_outlive_the_picture(folder: Path) -> None:
    results = Results(folder)
    picture = results.keep(LARGE)
    write(results)
    fetched = picture.image
    before = open_files()

    picture.drop()

    assert bytes(fetched.pixels) == LARGE.pixels
    assert open_files() == before - 1
    with pytest.raises(ValueError, match="was dropped"):
        _ = picture.image


def test_picture_dropped_while_it_is_written_is_written_no_further(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results_module, "_CHUNK_BYTES", 1000)
    results = Results(folder)
    picture = results.keep(LARGE)
    results.write_some()

    picture.drop()

    assert write(results) == 1
    assert results.problem is None


def test_small_picture_stays_in_memory(folder: Path) -> None:
    results = Results(folder)

    picture = results.keep(Image(1, 1, PixelFormat.RGB_U8, bytes(3)))

    assert not results.is_writing
    assert picture.is_in_memory


def test_picture_that_cannot_be_written_stays_in_memory(folder: Path) -> None:
    folder.parent.mkdir()
    folder.write_text("a file in the way")
    results = Results(folder)
    picture = results.keep(LARGE)
    write(results)

    assert picture.is_in_memory
    assert bytes(picture.image.pixels) == LARGE.pixels
    assert results.problem is not None
    folder.unlink()
    results.keep(LARGE)
    write(results)
    assert results.problem is None


def test_disk_that_is_full_halfway_loses_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results_module, "_CHUNK_BYTES", 100_000)
    results = Results(folder)
    picture = results.keep(LARGE)
    results.write_some()
    descriptors = open_files()

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    results.write_some()

    assert not results.is_writing
    assert "No space left" in str(results.problem)
    assert bytes(picture.image.pixels) == LARGE.pixels
    assert open_files() == descriptors - 1


def test_picture_that_another_process_wrote_is_taken_over(folder: Path) -> None:
    result_file = ResultFile(folder)
    write_result_file(result_file.path, LARGE.pixels)

    picture = result_file.take(LARGE.width, LARGE.height, LARGE.format)
    result_file.drop()

    assert bytes(picture.image.pixels) == bytes(LARGE.pixels)
    assert not picture.is_in_memory
    assert list(folder.iterdir()) == []


def test_result_file_that_holds_something_else_is_not_taken(folder: Path) -> None:
    result_file = ResultFile(folder)
    write_result_file(result_file.path, LARGE.pixels[:-1])

    with pytest.raises(ValueError, match="does not hold"):
        result_file.take(LARGE.width, LARGE.height, LARGE.format)


def test_dropped_result_file_no_longer_exists(folder: Path) -> None:
    result_file = ResultFile(folder)
    result_file.drop()

    assert not Path(result_file.path).exists()


def test_folder_that_cannot_be_made_yields_no_result_file_and_a_reason(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    results = Results(tmp_path / "file" / "results")

    assert results.new_file() is None
    assert results.problem is not None
