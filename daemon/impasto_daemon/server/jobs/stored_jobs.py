"""Jobs to records of the journal and back, with the reasons why one cannot be taken up again.

The times of a record are those of the journal's clock, which continues from daemon to daemon. One
of an earlier version has times of day; if that was set back meanwhile, no time has passed.
"""

from __future__ import annotations

from pathlib import Path

from impasto_daemon.server.jobs.job import Job, Origin
from impasto_daemon.server.jobs.results import Picture
from impasto_daemon.server.journal.journal import Damaged
from impasto_daemon.server.journal.records import PictureFile, Record
from impasto_shared.errors import ErrorCode
from impasto_shared.protocol.reports import JobState, Problem
from impasto_shared.settings import StyleSettings
from impasto_shared.text.sentences import sentence

MAX_STARTS = 3
"""A job during which the daemon was killed so often is not started again: it may be the cause."""


def record_of(job: Job, now_s: float, wall_s: float, unsynced_boot: str | None) -> Record:
    """Returns the record of a job at `now_s` of the table's clock and `wall_s` of the day.

    unsynced_boot: the boot in which its picture was written, unless that is synced.
    """
    ended_at = None if job.ended_s is None else wall_s - (now_s - job.ended_s)
    return Record(
        job=job.name,
        number=job.number,
        state=JobState.DONE if job.is_storing else job.state,
        client=job.origin.client,
        detached=job.is_detached,
        settings=job.settings,
        width=job.width,
        height=job.height,
        submitted_at=wall_s - (now_s - job.submitted_s),
        starts=job.starts,
        step=job.step,
        steps=job.steps,
        loss=job.loss,
        painted_s=None
        if job.started_s is None or job.ended_s is None
        else job.ended_s - job.started_s,
        ended_at=ended_at,
        problem=job.problem,
        input=job.input_file,
        picture=_picture_file(job.picture, unsynced_boot),
        removal_reason=job.removal_reason,
        begun_px=job.begun_px,
        follows=job.follows,
        painted_px=job.painted_px,
        submitted_s=job.submitted_s,
        ended_s=job.ended_s,
    )


def _picture_file(picture: Picture | None, unsynced_boot: str | None) -> PictureFile | None:
    if picture is None or picture.file_name is None:
        return None
    size = picture.width, picture.height
    return PictureFile(picture.file_name, *size, picture.format, unsynced_boot)


def restored_job(
    entry: Record | Damaged, folder: Path, now_s: float, wall_s: float, boot: str
) -> Job:
    """Returns the job of an entry: queued again, ended with its picture, or lost with the reason.

    now_s, wall_s: as for `record_of`; boot: that of the machine now.
    """
    if isinstance(entry, Damaged):
        job = Job(
            entry.job, None, Origin(b""), StyleSettings(), 0, 0, True, None, now_s, is_stored=True
        )
        _lose(job, entry.reason, now_s)
        return job
    job = _job_of(entry, now_s, wall_s)
    if not job.state.is_final:
        _queue_again(job, folder, now_s)
    elif entry.picture is not None:
        _take_up_picture(job, entry.picture, folder, boot)
    return job


def lost(reason: str) -> Problem:
    """Returns the problem of a job that was accepted, and cannot be painted."""
    return Problem.saying(ErrorCode.INTERNAL, sentence("job-lost", reason=reason[:500]))


def _job_of(record: Record, now_s: float, wall_s: float) -> Job:
    submitted_s = _restored_s(record.submitted_s, record.submitted_at, now_s, wall_s)
    ended_s = _restored_s(record.ended_s, record.ended_at, now_s, wall_s)
    started_s = None
    if ended_s is not None and record.painted_s is not None:
        started_s = ended_s - max(0.0, record.painted_s)
    return Job(
        record.job,
        None,
        Origin(b"", record.client),
        record.settings,
        record.width,
        record.height,
        record.detached,
        None,
        now_s if submitted_s is None else submitted_s,
        number=record.number,
        state=record.state,
        step=record.step,
        steps=record.steps,
        loss=record.loss,
        started_s=started_s,
        ended_s=ended_s if ended_s is not None or not record.state.is_final else now_s,
        problem=record.problem,
        removal_reason=record.removal_reason,
        starts=record.starts,
        input_file=record.input,
        is_stored=True,
        begun_px=record.begun_px,
        follows=record.follows,
        painted_px=record.painted_px,
    )


def _restored_s(
    time_s: float | None, wall_at: float | None, now_s: float, wall_s: float
) -> float | None:
    """Returns a time of a record, not later than now: a power cut may cost the clock minutes."""
    if time_s is not None:
        return min(time_s, now_s)
    return None if wall_at is None else now_s - max(0.0, wall_s - wall_at)


def _queue_again(job: Job, folder: Path, now_s: float) -> None:
    job.state, job.step, job.steps, job.loss, job.started_s = JobState.QUEUED, 0, 0, None, None
    if job.starts >= MAX_STARTS:
        _lose(job, f"the daemon was killed {job.starts} times while it was painted", now_s)
    elif job.input_file is None:
        _lose(job, "it was detached after it had begun, and the daemon ended before it", now_s)
    elif problem := _wrong_size(folder / job.input_file.name, job.input_file.size_bytes):
        _lose(job, f"the file of its pictures {problem}", now_s)


def _take_up_picture(job: Job, file: PictureFile, folder: Path, boot: str) -> None:
    path = folder / file.name
    problem = _wrong_size(path, file.size_bytes)
    if problem is None and file.unsynced_boot not in (None, boot):
        problem = "was not on the disk yet when the machine was switched off"
    if problem is not None:
        job.removal_reason = sentence("picture-lost", reason=problem)
        job.problem = Problem.saying(ErrorCode.UNKNOWN_JOB, job.removal_reason)
        return
    job.picture = Picture.in_file(path, file.width, file.height, file.format)
    job.is_synced = file.unsynced_boot is None


def _lose(job: Job, reason: str, now_s: float) -> None:
    job.state, job.ended_s, job.problem = JobState.FAILED, now_s, lost(reason)


def _wrong_size(path: Path, size_bytes: int) -> str | None:
    """Returns what is wrong with a file, None if it has its size."""
    try:
        actual_bytes = path.lstat().st_size
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    if actual_bytes != size_bytes:
        return f"is damaged: it has {actual_bytes} bytes instead of {size_bytes}"
    return None
