"""The job that splits a photo into regions, from the dialog's side."""

from __future__ import annotations

from contextlib import suppress
from typing import Protocol

from impasto_gimp.jobs.session import check_alive
from impasto_gimp.translation import gettext
from impasto_shared.errors import DaemonError, ErrorCode, ImpastoError
from impasto_shared.image import Image
from impasto_shared.protocol.reports import JobReport, JobState
from impasto_shared.segmentation import masks_of


class SegmentationClient(Protocol):
    """The part of impasto_shared.client.Client that gets a photo split."""

    def segment(self, photo: Image, regions: int = ...) -> str:
        """Starts a job and returns its name."""

    def poll(self, timeout_s: float = ...) -> list[JobReport]:
        """Returns the reports that have arrived."""

    def fetch(self, job: str) -> Image:
        """Returns the masks of a finished job as one picture."""

    def forget(self, job: str) -> None:
        """Lets the daemon free a finished job."""


class SegmentationJob:
    """A job that splits `photo` into `regions`; 0: as many as it has.

    Raises:
        DaemonError: if the daemon refuses the job, or is too old for it.
    """

    def __init__(self, client: SegmentationClient, photo: Image, regions: int) -> None:
        self._client, self._photo = client, photo
        try:
            self._job = client.segment(photo, regions)
        except DaemonError as error:
            if error.code is not ErrorCode.UNKNOWN_TYPE:
                raise
            raise DaemonError(
                gettext("The daemon is too old to suggest regions. Update it, and start it again."),
                error.code,
            ) from error

    def poll(self) -> list[Image] | None:
        """Returns the masks of the regions, the largest first; None as long as it runs.

        Raises:
            DaemonUnavailable: if the daemon has exited.
            DaemonError: if the job has failed.
        """
        for report in self._client.poll(0.0):
            if report.job == self._job:
                check_alive(report)
                if report.state is JobState.DONE:
                    masks = masks_of(self._photo, self._client.fetch(self._job))
                    with suppress(ImpastoError):  # the masks have arrived
                        self._client.forget(self._job)
                    return masks
        return None
