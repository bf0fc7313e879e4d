from __future__ import annotations

import pytest

from impasto_gimp.jobs.segmentation_job import SegmentationJob
from impasto_gimp.jobs.session import JobCancelled
from impasto_shared.errors import DaemonError, ErrorCode
from impasto_shared.image import Image, PixelFormat
from impasto_shared.protocol.reports import JobReport, JobState, Problem

PHOTO = Image(2, 1, PixelFormat.RGB_U8, bytes(6))
JOB = "a" * 32


class FakeClient:
    """A client whose job has these reports, one for each poll."""

    def __init__(self, *reports: JobReport, refusal: ErrorCode | None = None) -> None:
        self.reports = list(reports)
        self.refusal = refusal
        self.forgotten: list[str] = []
        self.submitted: list[int] = []

    def segment(self, photo: Image, regions: int = 0) -> str:
        assert photo is PHOTO
        if self.refusal is not None:
            raise DaemonError("It is refused.", self.refusal)
        self.submitted.append(regions)
        return JOB

    def poll(self, timeout_s: float = 0.0) -> list[JobReport]:
        assert timeout_s == 0.0
        return [self.reports.pop(0)] if self.reports else []

    def fetch(self, job: str) -> Image:
        assert job == JOB
        return Image(2, 2, PixelFormat.RGB_U8, bytes([255, 255, 255, 0, 0, 0] * 2))

    def forget(self, job: str) -> None:
        self.forgotten.append(job)


def test_masks_arrive_when_the_job_is_done_and_are_forgotten() -> None:
    other = JobReport("b" * 32, JobState.DONE)
    client = FakeClient(JobReport(JOB, JobState.RUNNING), other, JobReport(JOB, JobState.DONE))
    job = SegmentationJob(client, PHOTO, 4)

    polled = [job.poll() for _ in range(4)]

    assert [masks and len(masks) for masks in polled] == [None, None, 2, None]
    assert (client.submitted, client.forgotten) == ([4], [JOB])


def test_failure_is_raised() -> None:
    problem = Problem(ErrorCode.OUT_OF_MEMORY, "There is not enough memory.")
    job = SegmentationJob(FakeClient(JobReport(JOB, JobState.FAILED, problem=problem)), PHOTO, 0)

    with pytest.raises(DaemonError, match="not enough memory"):
        job.poll()


def test_job_that_another_client_cancels_is_an_error() -> None:
    job = SegmentationJob(FakeClient(JobReport(JOB, JobState.CANCELLED)), PHOTO, 0)

    with pytest.raises(JobCancelled):
        job.poll()


def test_daemon_that_is_too_old_is_said_to_be() -> None:
    with pytest.raises(DaemonError, match="too old to suggest regions"):
        SegmentationJob(FakeClient(refusal=ErrorCode.UNKNOWN_TYPE), PHOTO, 0)


def test_other_refusals_are_passed_on() -> None:
    with pytest.raises(DaemonError, match="It is refused"):
        SegmentationJob(FakeClient(refusal=ErrorCode.QUEUE_FULL), PHOTO, 0)
