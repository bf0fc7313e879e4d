"""The answers to `status` and `forecast`: the jobs, the metrics, the estimates."""

from __future__ import annotations

import math
import os

from impasto_daemon.server.jobs import JobTable
from impasto_daemon.server.memory_estimate import estimate_memory
from impasto_daemon.system.process_memory import resident_bytes
from impasto_daemon.worker.process import WorkerProcess
from impasto_shared.codec import MAX_HEADER_BYTES, header_bytes
from impasto_shared.messages import Forecast, ForecastReport
from impasto_shared.reports import JobReport, JobState, Metrics

# The rest of a status report takes a thousand bytes, and its models at most three thousand.
_REPORTS_BYTES = MAX_HEADER_BYTES - 8192


def job_reports(table: JobTable) -> tuple[JobReport, ...]:
    """Returns reports of the jobs, oldest first.

    If the header has no room for all, the jobs that ended longest ago are left out.
    """
    reports: dict[str, JobReport] = {}
    room_bytes = _REPORTS_BYTES
    for job in sorted(table.all, key=lambda job: (job.state.is_final, -(job.ended_s or 0))):
        report = table.report(job)
        room_bytes -= header_bytes(report)
        if room_bytes < 0:
            break
        reports[job.name] = report
    return tuple(reports[job.name] for job in table.all if job.name in reports)


def metrics_of(table: JobTable, worker_pid: int | None, workers_started: int) -> Metrics:
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
        worker_bytes=None if worker_pid is None else resident_bytes(worker_pid),
        pictures=len(pictures),
        picture_bytes=sum(picture.size_bytes for picture in pictures),
        picture_problem=table.results.problem,
    )


def forecast(request: Forecast, table: JobTable, worker: WorkerProcess) -> ForecastReport:
    """Returns the estimated time and memory of a job that is not submitted yet."""
    content = request.settings, request.width, request.height
    ready, available_bytes = worker.ready, worker.available_bytes()
    memory = estimate_memory(
        *content,
        available_bytes,
        on_gpu=worker.has_gpu,
        auto_bfloat16=worker.has_gpu if ready is None else ready.bfloat16,
    )
    return ForecastReport(
        request.id,
        table.throughput.estimate_s(*content),
        table.waiting_s(),
        memory.needed_bytes,
        None if math.isinf(available_bytes) else round(available_bytes),
        memory.tiles,
    )
