"""The jobs that a client watches: what it knows of them, and has not told its caller yet."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

from impasto_shared.errors import ErrorCode
from impasto_shared.image import Image
from impasto_shared.protocol.messages import Preview, PreviewOptions, Update
from impasto_shared.protocol.reports import JobReport, JobState, Problem
from impasto_shared.text.sentences import sentence

# Further reports push out the oldest, but no final one.
_MAX_UNREAD = 1000

_FORGOTTEN = Problem.saying(ErrorCode.UNKNOWN_JOB, sentence("job-forgotten"))


@dataclass
class WatchedJob:
    """A job that has not ended.

    previews: those that its client wishes.
    report: its latest report.
    boot: that of the daemon which has accepted it; None as long as none has.
    """

    previews: PreviewOptions | None
    report: JobReport
    boot: str | None = None

    @property
    def is_detached(self) -> bool:
        """True if it continues without its client, and after a restart of the daemon."""
        return self.report.detached


class WatchedJobs:
    """The watched jobs by name, with their unread reports and previews."""

    def __init__(self) -> None:
        self._jobs: dict[str, WatchedJob] = {}
        self._unread: deque[JobReport] = deque()
        self._previews: dict[str, Image] = {}
        self._own: set[str] = set()

    def __len__(self) -> int:
        """Returns the number of jobs that are watched."""
        return len(self._jobs)

    def __contains__(self, job: str) -> bool:
        """Returns whether a job is watched: it has not ended, as far as is known."""
        return job in self._jobs

    @property
    def attached(self) -> list[str]:
        """The names of the jobs that a daemon has accepted, and that end with it."""
        return [name for name, job in self.accepted if not job.is_detached]

    @property
    def accepted(self) -> list[tuple[str, WatchedJob]]:
        """The jobs that a daemon knows, or has known."""
        return [(name, job) for name, job in self._jobs.items() if job.boot is not None]

    @property
    def has_unread(self) -> bool:
        """True if there is a report that the caller has not taken."""
        return bool(self._unread)

    def add(self, job: str, previews: PreviewOptions | None, *, is_own: bool) -> None:
        """Watches a job, whose reports may come before it is accepted.

        is_own: whether it ends with this client.
        """
        self._jobs[job] = WatchedJob(previews, JobReport(job, JobState.QUEUED))
        if is_own:
            self._own.add(job)

    def take_own(self) -> set[str]:
        """Returns, once, the jobs that end with this client and may be unfinished."""
        own, self._own = self._own, set()
        return own

    def disown(self, report: JobReport) -> None:
        """Notes that a job no longer ends with this client."""
        self._own.discard(report.job)
        if job := self._jobs.get(report.job):
            job.report = report

    def accept(self, report: JobReport, boot: str) -> None:
        """Notes that the daemon of that `boot` knows a job."""
        if job := self._jobs.get(report.job):
            job.report, job.boot = report, boot

    def remove(self, job: str) -> None:
        """Watches a job no longer."""
        self._jobs.pop(job, None)
        self._previews.pop(job, None)

    def note(self, message: Update | Preview) -> None:
        """Takes note of a message about a job; ignores one about a job that is not watched."""
        if isinstance(message, Preview):
            if message.job in self._jobs:
                self._previews[message.job] = message.image
            return
        report = message.report
        job = self._jobs.get(report.job)
        if job is None or _is_put_off(report):
            return
        job.report = report
        if report.state.is_final:
            self._end(report.job)
        self._unread.append(report)
        self._limit_unread()

    def fail(self, job: str, problem: Problem) -> None:
        """Ends a job with a report of our own: the daemon that had it is gone."""
        if watched := self._jobs.get(job):
            failed = replace(watched.report, state=JobState.FAILED, problem=problem)
            self._end(job)
            self._unread.append(failed)

    def refuse(self, job: str, problem: Problem, boot: str) -> None:
        """Ends a job that the daemon of that `boot` does not let us watch again."""
        watched = self._jobs.get(job)
        is_forgotten = watched is not None and watched.boot != boot
        if is_forgotten and problem.code is ErrorCode.UNKNOWN_JOB:
            problem = _FORGOTTEN
        self.fail(job, problem)

    def next_report(self, job: str) -> JobReport | None:
        """Returns the oldest unread report of a job, once."""
        report = next((report for report in self._unread if report.job == job), None)
        if report is not None:
            self._unread.remove(report)
        return report

    def take_reports(self) -> list[JobReport]:
        """Returns all unread reports, once."""
        reports = list(self._unread)
        self._unread.clear()
        return reports

    def take_preview(self, job: str) -> Image | None:
        """Returns the latest preview of a job, once; None if there is no new one."""
        return self._previews.pop(job, None)

    def _end(self, job: str) -> None:
        self.remove(job)
        self._own.discard(job)

    def _limit_unread(self) -> None:
        if len(self._unread) > _MAX_UNREAD:
            oldest = next((each for each in self._unread if not each.state.is_final), None)
            if oldest is not None:
                self._unread.remove(oldest)


def _is_put_off(report: JobReport) -> bool:
    """Returns whether a job ends with this daemon alone: the next one paints it."""
    problem = report.problem
    return report.detached and problem is not None and problem.code is ErrorCode.SHUTTING_DOWN
