from dataclasses import replace
from pathlib import Path

import pytest

from daemon.server.journal.test_records import JOB, RECORD
from impasto_daemon.server.jobs.job import Job
from impasto_daemon.server.jobs.stored_jobs import MAX_STARTS, record_of, restored_job
from impasto_daemon.server.journal.journal import Damaged
from impasto_daemon.server.journal.records import InputFile, PictureFile, Record
from impasto_shared.image import PixelFormat
from impasto_shared.protocol.reports import JobState

# The clock of the table and the time of day, as the next daemon starts.
NOW_S, WALL_S = 50.0, RECORD.submitted_at + 1000
INPUT = InputFile(f"{JOB}-01234567.input", 9)
PICTURE = PictureFile(f"{JOB}-89abcdef.picture", 1, 1, PixelFormat.RGB_U8)
QUEUED = replace(
    RECORD, state=JobState.QUEUED, ended_at=None, painted_s=None, problem=None, picture=None
)
DONE = replace(RECORD, problem=None, input=None, picture=PICTURE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / INPUT.name).write_bytes(bytes(9))
    (tmp_path / PICTURE.name).write_bytes(b"abc")
    return tmp_path


def restore(entry: Record | Damaged, folder: Path, boot: str = "boot") -> Job:
    return restored_job(entry, folder, NOW_S, WALL_S, boot)


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.RUNNING])
def test_unfinished_job_is_queued_again_from_the_beginning(folder: Path, state: JobState) -> None:
    job = restore(replace(QUEUED, state=state, input=INPUT), folder)

    assert (job.state, job.step, job.started_s, job.problem) == (JobState.QUEUED, 0, None, None)
    assert (job.number, job.is_detached, job.input_bytes) == (3, True, 9)
    assert job.submitted_s == NOW_S - 1000


def test_finished_job_has_its_picture_and_its_age(folder: Path) -> None:
    job = restore(DONE, folder)

    assert job.picture is not None
    assert bytes(job.picture.read().pixels) == b"abc"
    assert (job.state, job.ended_s, job.step) == (JobState.DONE, NOW_S - 930, 90)
    assert job.started_s == NOW_S - 990


def test_clock_that_was_set_back_ages_nothing(folder: Path) -> None:
    job = restored_job(DONE, folder, NOW_S, DONE.submitted_at - 10**6, "boot")

    assert job.ended_s == NOW_S


@pytest.mark.parametrize(
    ("record", "file", "reason"),
    [
        (replace(QUEUED, input=INPUT), INPUT.name, "the file of its pictures is missing"),
        (replace(QUEUED, input=None), None, "detached after it had begun"),
        (
            replace(QUEUED, input=replace(INPUT, size_bytes=10)),
            None,
            "is damaged: it has 9 bytes instead of 10",
        ),
        (replace(QUEUED, input=INPUT, starts=MAX_STARTS), None, "killed 3 times while"),
        (Damaged(JOB, "its record cannot be read"), None, "its record cannot be read"),
    ],
)
def test_job_that_cannot_be_painted_is_lost_with_the_reason(
    folder: Path, record: Record | Damaged, file: str | None, reason: str
) -> None:
    if file is not None:
        (folder / file).unlink()

    job = restore(record, folder)

    assert job.state is JobState.FAILED
    assert job.problem is not None
    assert "was lost because" in job.problem.message
    assert reason in job.problem.message


@pytest.mark.parametrize("size_bytes", [None, 0, 2, 4])
def test_picture_whose_file_is_damaged_is_lost_with_the_reason(
    folder: Path, size_bytes: int | None
) -> None:
    if size_bytes is None:
        (folder / PICTURE.name).unlink()
    else:
        (folder / PICTURE.name).write_bytes(bytes(size_bytes))

    job = restore(DONE, folder)

    assert (job.state, job.picture) == (JobState.DONE, None)
    assert job.problem is not None
    assert "was lost because its file is" in job.problem.message


def test_unsynced_picture_survives_the_daemon_but_not_the_machine(folder: Path) -> None:
    unsynced = replace(DONE, picture=replace(PICTURE, unsynced_boot="boot"))

    assert restore(unsynced, folder).picture is not None
    lost = restore(unsynced, folder, boot="next boot")

    assert lost.picture is None
    assert lost.problem is not None
    assert "machine was switched off" in lost.problem.message


def test_record_of_a_restored_job_is_the_same(folder: Path) -> None:
    for record in (replace(QUEUED, input=INPUT, step=0, steps=0, loss=None), DONE):
        ended_s = None if record.ended_at is None else NOW_S - 930
        timed = replace(record, submitted_s=NOW_S - 1000, ended_s=ended_s)
        for stored in (record, timed):  # of an earlier version, and of this one
            assert record_of(restore(stored, folder), NOW_S, WALL_S, None) == timed
