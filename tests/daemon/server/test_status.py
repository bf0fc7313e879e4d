import math
import os
import secrets
import time
from dataclasses import replace

import pytest

from daemon.server.fake_clock import FakeClock
from impasto_daemon.server.jobs.job import Job, Origin
from impasto_daemon.server.jobs.job_table import JobTable
from impasto_daemon.server.status import StatusReporter, forecast, job_reports, metrics_of
from impasto_daemon.server.workers import Workers
from impasto_daemon.style_transfer.planning.work import Work
from impasto_daemon.worker.messages import Ready
from impasto_daemon.worker.process import WorkerProcess
from impasto_shared.errors import ErrorCode
from impasto_shared.image import Image, PixelFormat
from impasto_shared.protocol.codec import encode
from impasto_shared.protocol.messages import Forecast, Status, StatusReport, Submit
from impasto_shared.protocol.reports import (
    MAX_PROBLEM_CHARACTERS,
    CurvePoint,
    Metrics,
    Problem,
    WorkerReport,
)
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style

PIXEL = Image(1, 1, PixelFormat.RGB_U8, bytes(3))


def submit(table: JobTable) -> Job:
    name = secrets.token_hex(16)
    submission = Submit("1", name, StyleSettings(size=64), PIXEL, (Style(PIXEL),), None, True)
    return table.submit(submission, Origin(b"client", "x" * 100))


def test_reports_are_in_the_order_of_submission(table: JobTable) -> None:
    ended, waiting = submit(table), submit(table)
    table.cancel(ended)

    assert [report.job for report in job_reports(table)] == [ended.name, waiting.name]


def test_without_room_for_all_the_jobs_that_ended_first_are_left_out(
    table: JobTable, clock: FakeClock
) -> None:
    ended = []
    for _ in range(100):
        ended.append(submit(table))
        table.fail(ended[-1], Problem(ErrorCode.INTERNAL, "é" * MAX_PROBLEM_CHARACTERS))
        clock.now_s += 1
    waiting = submit(table)

    reports = job_reports(table)

    names = [report.job for report in reports]
    assert names == [job.name for job in ended[len(ended) - len(names) + 1 :]] + [waiting.name]
    assert 2 < len(names) < 101
    metrics = metrics_of(table, [], 0)
    encode(StatusReport("1", 1, "0", 1.0, WorkerReport(None, None, None), reports, metrics, ()))


def test_jobs_without_room_follow_on_request(table: JobTable, clock: FakeClock) -> None:
    names = []
    for _ in range(300):
        names.append(submit(table).name)
        table.cancel(table.find(names[-1]))
        clock.now_s += 1
    pages: list[list[str]] = []
    while sum(map(len, pages)) < len(names):
        pages.append([report.job for report in job_reports(table, sum(map(len, pages)))])

    assert len(pages) > 1
    assert [name for page in reversed(pages) for name in page] == names


def test_metrics_count_outcomes_and_average_times(table: JobTable, clock: FakeClock) -> None:
    for painted_s in (10, 30):
        job = submit(table)
        clock.now_s += 4
        table.start(job)
        clock.now_s += painted_s
        table.finish(job, PIXEL)
    table.cancel(submit(table))
    submit(table)

    metrics = metrics_of(table, [os.getpid()], 7)

    assert (metrics.done, metrics.failed, metrics.cancelled, metrics.queued) == (2, 0, 1, 1)
    assert (metrics.waited_s, metrics.painted_s) == (4, 20)
    assert (metrics.workers, metrics.pictures, metrics.picture_bytes) == (7, 2, 6)
    assert metrics.server_bytes == pytest.approx(metrics.worker_bytes, rel=0.1)


def test_metrics_of_a_new_daemon_are_unknown_where_they_are_averages(table: JobTable) -> None:
    metrics = metrics_of(table, [], 0)

    assert isinstance(metrics, Metrics)
    assert (metrics.waited_s, metrics.painted_s, metrics.worker_bytes) == (None, None, None)


def test_forecast_has_the_memory_of_the_gpu_as_its_limit(table: JobTable) -> None:
    workers = Workers((), lambda *_: WorkerProcess(), table, idle_s=math.inf, clock=time.monotonic)
    workers.processes[0].ready = Ready(gpu_bytes=2 * 10**9, bfloat16=False)
    request = Forecast("7", StyleSettings(size=4000), 4000, 3000)

    before = forecast(request, table, workers)
    steps = [CurvePoint(step, step * 2.0, 1.0) for step in range(1, 5)]
    table.throughput.record(Work(StyleSettings(size=512), 512, 512), steps)
    table.throughput.record_start(7.5)
    after = forecast(request, table, workers)
    continued = forecast(replace(request, begun_px=2048), table, workers)

    assert (before.re, before.painting_s, before.available_bytes) == ("7", None, 2 * 10**9)
    assert before.tiles > 1
    assert after.painting_s is not None
    assert math.isfinite(after.painting_s)
    assert after.start_s == pytest.approx(7.5)  # no process is running
    assert continued.painting_s is not None
    assert continued.painting_s < after.painting_s


@pytest.mark.parametrize("is_installed", [True, False])
def test_frames_can_be_moved_where_opencv_is_installed(
    table: JobTable, monkeypatch: pytest.MonkeyPatch, is_installed: bool
) -> None:
    if not is_installed:
        monkeypatch.setattr("impasto_daemon.server.status.find_spec", lambda _: None)
    workers = Workers((), lambda *_: WorkerProcess(), table, idle_s=math.inf, clock=time.monotonic)

    report = StatusReporter(table, workers, time.monotonic).report(Status("1"))

    assert report.moves_frames is is_installed
