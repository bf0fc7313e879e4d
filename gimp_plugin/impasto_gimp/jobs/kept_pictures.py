"""The pictures that the daemon keeps: their states, and their pixels."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from typing import Protocol

from impasto_gimp.jobs.session import progress_of
from impasto_gimp.translation import gettext
from impasto_shared.image import Image
from impasto_shared.protocol.reports import JobReport, JobState
from impasto_shared.text.durations import format_duration


class PictureState(Enum):
    """The state of a picture, which says what can be done with it."""

    UNKNOWN = auto()
    """The daemon has not been asked."""
    PAINTING = auto()
    KEPT = auto()
    FAILED = auto()
    GONE = auto()
    """The daemon has it no longer."""


class KeepingClient(Protocol):
    """The part of impasto_shared.client.Client that kept pictures need."""

    def jobs(self) -> list[JobReport]:
        """Returns the reports of all jobs."""

    def fetch(self, job: str) -> Image:
        """Returns the picture of a finished job."""

    def cancel(self, job: str) -> JobReport:
        """Cancels a job; has no effect on a finished one."""

    def forget(self, job: str) -> None:
        """Lets the daemon free a finished job."""


_GONE = JobReport("", JobState.CANCELLED)


class KeptPictures:
    """The pictures of some jobs. The last one that was fetched is remembered."""

    def __init__(self, client: KeepingClient) -> None:
        self._client = client
        self._last: tuple[str, Image] | None = None

    def reports(self, jobs: Sequence[str]) -> dict[str, JobReport]:
        """Returns the report of each job; that of one that the daemon does not know is GONE.

        Raises ImpastoError if the daemon cannot be reached.
        """
        known = {report.job: report for report in self._client.jobs()}
        return {job: known.get(job, _GONE) for job in jobs}

    def picture(self, job: str) -> Image:
        """Returns the picture of a job; raises DaemonError if there is none."""
        if self._last is None or self._last[0] != job:
            self._last = job, self._client.fetch(job)
        return self._last[1]

    def forget(self, job: str, report: JobReport | None) -> None:
        """Ends a job whose last known report is this, and lets the daemon free its picture."""
        is_under_way = state_of(report) is PictureState.PAINTING
        # It may have been finished since.
        if not is_under_way or self._client.cancel(job).state.is_final:
            self._client.forget(job)


def state_of(report: JobReport | None) -> PictureState:
    """Returns the state of a picture by the report of its job."""
    if report is None:
        return PictureState.UNKNOWN
    if not report.state.is_final:
        return PictureState.PAINTING
    if report.state is JobState.FAILED:
        return PictureState.FAILED
    is_kept = report.state is JobState.DONE and report.kept_s is not None
    return PictureState.KEPT if is_kept else PictureState.GONE


def state_text(report: JobReport | None) -> str:
    """Returns what people should know of the state of a picture."""
    match state_of(report):
        case PictureState.PAINTING if report is not None:
            return progress_of(report).text
        case PictureState.FAILED if report is not None:
            return report.problem.text if report.problem else gettext("It failed.")
        case PictureState.KEPT if report is not None:
            time = format_duration(report.kept_s or 0.0, gettext)
            return gettext("kept for {time}").format(time=time)
    return " "
