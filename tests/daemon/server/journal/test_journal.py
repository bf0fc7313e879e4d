import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from daemon.server.fake_clock import FakeClock
from daemon.server.journal.test_records import JOB, RECORD
from impasto_daemon.server.journal import journal as journal_module
from impasto_daemon.server.journal.journal import CLOCK, DATABASE, Damaged, Journal
from impasto_daemon.server.journal.records import InputFile, PictureFile, Record, encode_record
from impasto_shared.beginning import Beginning
from impasto_shared.image import Image, PixelFormat
from impasto_shared.protocol.messages import Submit
from impasto_shared.protocol.reports import JobState
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style

PIXEL = Image(1, 1, PixelFormat.RGB_U8, b"abc")
EARLIER = Beginning(Image(1, 1, PixelFormat.RGB_U8, b"old"), 256)
SUBMISSION = Submit(
    "1", JOB, StyleSettings(), PIXEL, (Style(PIXEL),), None, True, begin_from=EARLIER
)
QUEUED = Record(JOB, 1, JobState.QUEUED, "GIMP", True, StyleSettings(), 1, 1, time.time())
NAME = f"{JOB}-00000000.picture"
DONE = Record(
    JOB,
    1,
    JobState.DONE,
    "GIMP",
    True,
    StyleSettings(),
    1,
    1,
    time.time(),
    picture=PictureFile(NAME, 1, 1, PixelFormat.RGB_U8),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "jobs" / "0123"


def files(folder: Path) -> list[str]:
    own = (DATABASE[:4], CLOCK[:4])
    return sorted(path.suffix for path in folder.iterdir() if path.name[:4] not in own)


def asides(folder: Path) -> list[Path]:
    """Returns the folders of damaged journals, the oldest first."""
    return sorted(folder.parent.glob("*.damaged-*"))


def accepted(journal: Journal) -> InputFile:
    outcomes: list[object] = []
    journal.accept(QUEUED, SUBMISSION, outcomes.append)
    journal.wait(60)
    (outcome,) = outcomes
    assert isinstance(outcome, InputFile), outcome
    return outcome


def entries_after_a_restart(journal: Journal) -> list[Record | Damaged]:
    journal.close()
    again = Journal(journal.folder)
    again.close()
    return again.entries


def test_accepted_job_and_its_input_are_there_after_a_restart(folder: Path) -> None:
    journal = Journal(folder)
    file = accepted(journal)
    journal.close()

    again = Journal(folder)
    (record,) = again.entries
    loaded: list[object] = []
    again.load(file, loaded.append)
    again.wait(60)
    again.close()

    assert isinstance(record, Record)
    assert (record.job, record.input) == (JOB, file)
    (submission,) = loaded
    assert isinstance(submission, Submit)
    assert (submission.settings, bytes(submission.content.pixels)) == (StyleSettings(), b"abc")
    assert submission.begin_from is not None
    assert (submission.begun_px, bytes(submission.begin_from.image.pixels)) == (256, b"old")
    assert folder.stat().st_mode & 0o777 == 0o700


def test_job_that_cannot_be_stored_leaves_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(folder)
    outcomes: list[object] = []
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", _refuse)
        journal.accept(QUEUED, SUBMISSION, outcomes.append)
        journal.wait(60)

    (error,) = outcomes
    assert "No space left" in str(error)
    assert files(folder) == []
    assert entries_after_a_restart(journal) == []


def _refuse(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_picture_takes_the_place_of_the_input(folder: Path) -> None:
    journal = Journal(folder)
    file = accepted(journal)
    outcomes: list[object] = []
    journal.store_picture(DONE, PIXEL.pixels, outcomes.append, drops=[file.name])
    journal.wait(60)

    assert outcomes == [None]
    assert files(folder) == [".picture"]
    assert (folder / NAME).read_bytes() == b"abc"
    assert entries_after_a_restart(journal) == [DONE]


def test_picture_that_cannot_be_stored_leaves_the_input(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(folder)
    file = accepted(journal)
    outcomes: list[object] = []
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", _refuse)
        journal.store_picture(DONE, PIXEL.pixels, outcomes.append, drops=[file.name])
        journal.wait(60)

    assert "No space left" in str(outcomes[0])
    assert files(folder) == [".input"]
    (record,) = entries_after_a_restart(journal)
    assert isinstance(record, Record)
    assert record.state is JobState.QUEUED


def test_unsynced_picture_is_not_waited_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(folder)
    unsynced = PictureFile(NAME, 1, 1, PixelFormat.RGB_U8, journal.boot)
    outcomes: list[object] = []
    monkeypatch.setattr(journal_module, "sync_file", _refuse)
    record = Record(**{**vars(DONE), "picture": unsynced})
    journal.store_picture(record, PIXEL.pixels, outcomes.append)
    journal.wait(60)

    assert outcomes == [None]
    assert entries_after_a_restart(journal) == [record]


def test_deleted_job_leaves_nothing(folder: Path) -> None:
    journal = Journal(folder)
    file = accepted(journal)

    journal.delete(JOB, drops=[file.name])
    journal.wait(60)

    assert files(folder) == []
    assert entries_after_a_restart(journal) == []


def test_job_can_be_deleted_from_a_full_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(folder)
    file = accepted(journal)
    delete = journal._database.delete

    def delete_if_there_is_room(name: str) -> None:
        if files(folder):
            raise OSError(28, "No space left on device")
        delete(name)

    monkeypatch.setattr(journal._database, "delete", delete_if_there_is_room)
    journal.delete(JOB, drops=[file.name])
    journal.wait(60)

    assert entries_after_a_restart(journal) == []


def test_files_without_a_record_are_removed(folder: Path) -> None:
    journal = Journal(folder)
    accepted(journal)
    journal.close()
    for name in (f"{'1' * 32}-01234567.picture", f"{'1' * 32}-01234567.input", "notes.txt"):
        (folder / name).touch()

    Journal(folder).close()

    assert files(folder) == [".input", ".txt"]


def test_damaged_record_is_an_entry_with_a_reason(folder: Path) -> None:
    journal = Journal(folder)
    accepted(journal)
    journal._database.put("1" * 32, 2, b"{")
    journal._database.put("2" * 32, 3, encode_record(RECORD))

    sound, unreadable, misnamed = entries_after_a_restart(journal)

    assert isinstance(sound, Record)
    assert isinstance(unreadable, Damaged)
    assert "cannot be read" in unreadable.reason
    assert isinstance(misnamed, Damaged)
    assert "that of 0000" in misnamed.reason


@pytest.mark.parametrize("name", ["", "../x", "x" * 70_000, None])
def test_row_with_a_damaged_name_is_left_out(
    folder: Path, name: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(folder)
    accepted(journal)
    journal._database.put(name, 2, b"{")  # type: ignore[arg-type]

    (sound,) = entries_after_a_restart(journal)

    assert isinstance(sound, Record)
    assert "damaged names" in caplog.text


def test_damaged_database_is_set_aside_with_its_files(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(folder)
    accepted(journal)
    journal.close()
    (folder / DATABASE).write_bytes(b"no database" * 1000)

    again = Journal(folder)
    accepted(again)
    again.close()

    (aside,) = folder.parent.glob("*.damaged-*")
    assert files(aside) == [".input"]
    assert again.entries == []
    assert str(aside) in str(again.notice)
    assert str(aside) in caplog.text


def test_journal_of_a_newer_version_stays_as_it_is(folder: Path) -> None:
    journal = Journal(folder)
    accepted(journal)
    journal.close()
    with closing(sqlite3.connect(folder / DATABASE)) as connection:
        connection.execute("PRAGMA user_version = 99")

    with pytest.raises(OSError, match=r"stored by a newer Impasto .version 99.*Update Impasto"):
        Journal(folder)

    assert files(folder) == [".input"]
    assert list(folder.parent.iterdir()) == [folder]


def test_journal_that_was_set_aside_is_removed_after_a_week(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeClock(5000)
    Journal(folder, clock).close()
    (folder / DATABASE).write_bytes(b"no database" * 1000)
    Journal(folder, clock).close()
    clock.now_s += 7 * 86_400 - 10
    for number in range(2):  # damaged twice within a second
        (folder / DATABASE).write_bytes(b"no database" * 1000)
        Journal(folder, clock).close()
        assert len(asides(folder)) == 2 + number
    old, *new = asides(folder)

    for time_s in (0.0, 1e10):  # the time of day does not matter
        monkeypatch.setattr(time, "time", lambda time_s=time_s: time_s)
        os.utime(old, (time_s, time_s))
        Journal(folder, clock).close()
        assert asides(folder) == [old, *new]
    clock.now_s += 20
    Journal(folder, clock).close()

    assert asides(folder) == new


@pytest.mark.parametrize("found", ["1796099459", "soon", "9000-01234567", "\u0663-01234567"])
def test_journal_that_was_set_aside_by_another_clock_is_as_new(folder: Path, found: str) -> None:
    clock = FakeClock(5000)
    Journal(folder, clock).close()
    folder.with_name(f"{folder.name}.damaged-{found}").mkdir()

    Journal(folder, clock).close()
    (aside,) = asides(folder)
    clock.now_s += 6 * 86_400
    Journal(folder, clock).close()
    assert asides(folder) == [aside]
    clock.now_s += 2 * 86_400
    Journal(folder, clock).close()

    assert asides(folder) == []


def test_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(OSError, match="file"):
        Journal(tmp_path / "file" / "jobs")
