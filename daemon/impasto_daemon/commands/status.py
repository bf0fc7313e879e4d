"""The command `impasto status`: shows what the daemon is doing."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from impasto_daemon.commands.command_parser import (
    CLIENT_NAME,
    Subparsers,
    add_command,
    add_endpoint,
    add_json,
)
from impasto_daemon.commands.jobs.list_jobs import job_line
from impasto_daemon.commands.output import say, say_json
from impasto_shared.client import Client
from impasto_shared.protocol.messages import StatusReport
from impasto_shared.protocol.reports import Metrics, WorkerReport
from impasto_shared.text.durations import format_duration


def add_parser(subparsers: Subparsers) -> None:
    """Adds the command."""
    command = add_command(subparsers, "status", "show what the daemon is doing", run)
    add_json(command)
    add_endpoint(command)


def run(options: argparse.Namespace) -> int:
    """Prints what the daemon is doing."""
    with Client.connect(options.endpoint, name=CLIENT_NAME) as client:
        status = client.status()
    if options.json:
        say_json(asdict(status))
    else:
        say(*status_lines(status))
    return 0


def status_lines(status: StatusReport) -> list[str]:
    """Returns the daemon's state in words, ending with one line per job."""
    uptime = format_duration(status.uptime_s)
    lines = [f"Impasto {status.version}, pid {status.pid}, up for {uptime}"]
    started = [worker for worker in _workers(status) if worker.pid is not None]
    if not started:
        lines.append("No network is loaded.")
    lines += map(_worker_line, started)
    lines.append(f"Networks on the daemon's machine: {', '.join(status.models) or 'none'}")
    return [*lines, *_metric_lines(status.metrics), *map(job_line, status.jobs)]


def _workers(status: StatusReport) -> tuple[WorkerReport, ...]:
    return status.workers or (status.worker,)  # of an older daemon


def _worker_line(worker: WorkerReport) -> str:
    job = "" if worker.job is None else f", job {worker.job[:8]}"
    return f"Worker {worker.pid}: {worker.model or 'starting'} on {worker.device or '…'}{job}"


def _metric_lines(metrics: Metrics) -> list[str]:
    counts = f"{metrics.done} done, {metrics.failed} failed, {metrics.cancelled} cancelled"
    lines = [f"Jobs: {metrics.queued} waiting, {counts}"]
    if metrics.waited_s is not None and metrics.painted_s is not None:
        painted, waited = format_duration(metrics.painted_s), format_duration(metrics.waited_s)
        lines[0] += f"; on average {painted}, after waiting {waited}"
    memory = [
        f"{name} {size / 1e6:.0f} MB"
        for name, size in (("server", metrics.server_bytes), ("worker", metrics.worker_bytes))
        if size is not None
    ]
    if memory:
        lines.append(f"Memory: {', '.join(memory)}")
    if metrics.pictures:
        lines.append(f"Pictures kept: {metrics.pictures} ({metrics.picture_bytes / 1e6:.1f} MB)")
    if metrics.picture_problem:
        lines.append(f"The last picture could not be stored on disk: {metrics.picture_problem}")
    return lines
