"""The answers to `status` and `forecast`: the jobs, the metrics, the estimates."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

from impasto_daemon.models.cache import cached_models
from impasto_daemon.server.jobs.job_table import JobTable
from impasto_daemon.server.jobs.memory_estimate import MemoryEstimate, estimate_memory
from impasto_daemon.server.workers import Workers
from impasto_daemon.style_transfer.planning.segmentation import segmentation_bytes
from impasto_daemon.style_transfer.planning.work import Work
from impasto_daemon.system.process_memory import resident_bytes
from impasto_shared import __version__
from impasto_shared.protocol.codec import MAX_HEADER_BYTES, header_bytes
from impasto_shared.protocol.messages import Forecast, ForecastReport, Status, StatusReport
from impasto_shared.protocol.reports import JobReport, JobState, Metrics

# The rest of a status report takes a thousand bytes, and its models at most three thousand.
_REPORTS_BYTES = MAX_HEADER_BYTES - 8192
# A report is repeated for as long as this, unless a job or the worker has changed.
_CACHED_S = 0.1
# Finding the models and OpenCV takes milliseconds, and they hardly ever change.
_MODELS_CACHED_S = 2.0


class StatusReporter:
    """Answers `status` with little work, however often clients ask. `clock` is in seconds."""

    def __init__(
        self,
        table: JobTable,
        workers: Workers,
        clock: Callable[[], float],
    ) -> None:
        self._table, self._workers = table, workers
        self._clock = clock
        self._started_s = clock()
        self._models = tuple(cached_models())
        self._moves_frames = _moves_frames()
        self._models_s = self._reported_s = clock()
        self._reported_state: object = None
        self._last = self._new_report()

    def report(self, request: Status) -> StatusReport:
        """Returns the reply to a request."""
        state = self._state()
        if state != self._reported_state or self._clock() - self._reported_s > _CACHED_S:
            self._last = self._new_report()
            self._reported_state, self._reported_s = state, self._clock()
        if request.skip:
            return replace(self._last, re=request.id, **self._page(request.skip))
        return replace(self._last, re=request.id)

    def _state(self) -> object:
        """Returns what a report must never be behind."""
        jobs = [(job, job.state, job.picture, job.origin) for job in self._table.all]
        return jobs, self._workers.reports()

    def _new_report(self) -> StatusReport:
        if self._clock() - self._models_s > _MODELS_CACHED_S:
            self._models, self._models_s = tuple(cached_models()), self._clock()
            self._moves_frames = _moves_frames()
        workers = self._workers.reports()
        pids = [worker.pid for worker in workers if worker.pid is not None]
        return StatusReport(
            re="",
            pid=os.getpid(),
            version=__version__,
            uptime_s=self._clock() - self._started_s,
            worker=workers[0],
            metrics=metrics_of(self._table, pids, self._workers.count_started),
            models=self._models,
            workers=workers,
            moves_frames=self._moves_frames,
            **self._page(0),
        )

    def _page(self, skip: int) -> dict[str, Any]:
        jobs = job_reports(self._table, skip)
        return {"jobs": jobs, "omitted": max(0, len(self._table.all) - skip - len(jobs))}


def _moves_frames() -> bool:
    """Returns whether OpenCV is installed, without loading it."""
    return find_spec("cv2") is not None


def job_reports(table: JobTable, skip: int = 0) -> tuple[JobReport, ...]:
    """Returns reports of the jobs, oldest first.

    If the header has no room for all, the jobs that ended longest ago are left out. The first
    `skip` jobs in that order of precedence are left out, too.
    """
    reports: dict[str, JobReport] = {}
    room_bytes = _REPORTS_BYTES
    jobs = sorted(table.all, key=lambda job: (job.state.is_final, -(job.ended_s or 0)))
    for job in jobs[skip:]:
        report = table.report(job)
        room_bytes -= header_bytes(report)
        if room_bytes < 0:
            break
        reports[job.name] = report
    return tuple(reports[job.name] for job in table.all if job.name in reports)


def metrics_of(table: JobTable, worker_pids: Sequence[int], workers_started: int) -> Metrics:
    """Returns the counts, mean times and memory of the daemon."""
    done = table.outcomes[JobState.DONE]
    pictures = [job.picture for job in table.all if job.picture is not None]
    return Metrics(
        done=done,
        failed=table.outcomes[JobState.FAILED],
        cancelled=table.outcomes[JobState.CANCELLED],
        waited_s=table.waited_s / done if done else None,
        painted_s=table.painted_s / done if done else None,
        queued=len(table.queue),
        workers=workers_started,
        server_bytes=resident_bytes(os.getpid()),
        worker_bytes=_resident_bytes_of_all(worker_pids),
        pictures=len(pictures),
        picture_bytes=sum(picture.size_bytes for picture in pictures),
        picture_problem=table.results.problem,
    )


def _resident_bytes_of_all(pids: Sequence[int]) -> int | None:
    known = [count for count in map(resident_bytes, pids) if count is not None]
    return sum(known) if known else None


def forecast(request: Forecast, table: JobTable, workers: Workers) -> ForecastReport:
    """Returns the estimated time and memory of a job that is not submitted yet."""
    available_bytes = workers.available_bytes()
    size = request.width, request.height
    if request.segments:
        job_s = table.throughput.segmentation_s
        memory = MemoryEstimate(segmentation_bytes(*size, on_gpu=workers.has_gpu), tiles=1)
    else:
        work = Work(
            *(request.settings, *size, request.paintings, request.begun_px, request.follows)
        )
        job_s = table.throughput.estimate_s(work)
        memory = estimate_memory(
            work,
            available_bytes,
            on_gpu=workers.has_gpu,
            auto_bfloat16=workers.auto_bfloat16,
        )
    return ForecastReport(
        request.id,
        job_s,
        table.waiting_s(),
        memory.needed_bytes,
        None if math.isinf(available_bytes) else round(available_bytes),
        memory.tiles,
        0.0 if workers.is_started else table.throughput.start_s,
    )
