"""The estimated durations of jobs, which many reports add up."""

from __future__ import annotations

import pytest

from impasto_daemon.server.jobs.durations import Durations
from impasto_daemon.server.jobs.job import Job, Origin, new_job
from impasto_daemon.server.jobs.time_estimate import ThroughputHistory
from impasto_daemon.style_transfer.planning.work import Work
from impasto_shared.image import Image, PixelFormat
from impasto_shared.protocol.messages import Segment, Submit
from impasto_shared.protocol.reports import CurvePoint
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style

PHOTO = Image(64, 64, PixelFormat.RGB_U8, bytes(64 * 64 * 3))


class CountingHistory(ThroughputHistory):
    """Counts the estimates that are calculated."""

    def __init__(self) -> None:
        self.is_gpu = False
        super().__init__(has_gpu=lambda: self.is_gpu)
        self.count = 0
        self.learn(1.0)

    def learn(self, seconds: float) -> None:
        """Records a job of two steps."""
        points = [CurvePoint(1, 0.0, 1.0), CurvePoint(2, seconds, 1.0)]
        self.record(Work(StyleSettings(size=64), 64, 64), points)

    def estimate_s(self, work: Work) -> float | None:
        self.count += 1
        return super().estimate_s(work)


@pytest.fixture
def history() -> CountingHistory:
    return CountingHistory()


def job(*, segments: bool = False) -> Job:
    request = Submit("1", "0" * 32, StyleSettings(size=64), PHOTO, (Style(PHOTO),), None, False)
    chosen = Segment("1", "1" * 32, PHOTO) if segments else request
    return new_job(chosen, Origin(b"client"), 0.0, 0)


def test_duration_is_calculated_once_until_more_is_known(history: CountingHistory) -> None:
    durations, one = Durations(history), job()

    for _ in range(9):
        first_s = durations.of(one)
    assert history.count == 1
    history.learn(5.0)
    history.learn(5.0)

    assert first_s is not None
    assert (durations.of(one) or 0.0) > first_s
    assert history.count == 2


def test_duration_on_another_device_is_calculated_again(history: CountingHistory) -> None:
    durations, one = Durations(history), job()
    durations.of(one)

    history.is_gpu = True

    assert durations.of(one) is None


def test_duration_of_a_job_whose_work_has_changed_is_calculated_again(
    history: CountingHistory,
) -> None:
    durations, one = Durations(history), job()
    alone_s = durations.of(one) or 0.0

    one.paintings = 4
    durations.forget(one)

    assert (durations.of(one) or 0.0) > alone_s


def test_job_that_splits_its_photo_has_its_own_duration(history: CountingHistory) -> None:
    assert Durations(history).of(job(segments=True)) == history.segmentation_s
