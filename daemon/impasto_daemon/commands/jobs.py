"""The commands about jobs: status, jobs, show, fetch, cancel and keep."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from typing import TextIO

from impasto_shared.client import Client
from impasto_shared.durations import format_duration
from impasto_shared.errors import DaemonError, ErrorCode
from impasto_shared.messages import JobReport, JobState, Metrics, StatusReport
from impasto_shared.settings import StyleSettings

CLIENT_NAME = "impasto"
EXIT_CANCELLED = 130
_BAR_CHARACTERS = 30
# The daemon is never silent for so long while it is well.
_SILENCE_S = 2.0


def run_status(options: argparse.Namespace) -> int:
    """Prints what the daemon is doing."""
    with Client.connect(options.endpoint, name=CLIENT_NAME) as client:
        status = client.status()
    if options.json:
        print(json.dumps(asdict(status), indent=2))
    else:
        print("\n".join(_status_lines(status)))
    return 0


def run_jobs(options: argparse.Namespace) -> int:
    """Prints the jobs that the daemon knows, a line each."""
    with Client.connect(options.endpoint, name=CLIENT_NAME) as client:
        jobs = client.status().jobs
    if options.json:
        print(json.dumps([asdict(report) for report in jobs], indent=2))
    else:
        print("\n".join(map(job_line, jobs)) or "There are no jobs.")
    return 0


def run_show(options: argparse.Namespace) -> int:
    """Prints what is known of one job."""
    with Client.connect(options.endpoint, name=CLIENT_NAME) as client:
        report = _find_job(client, options.job)
    if options.json:
        print(json.dumps(asdict(report), indent=2))
    else:
        print("\n".join(_job_lines(report)))
    return 0


def run_fetch(options: argparse.Namespace) -> int:
    """Writes the picture of a job that is done; with --wait, when it is."""
    from impasto_daemon.commands.image_file import check_writable, read_image, write_image

    check_writable(options.output)
    icc_profile = None if options.photo is None else read_image(options.photo)[1]
    with Client.connect(options.endpoint, name=CLIENT_NAME) as client:
        job = _find_job(client, options.job).job
        if options.wait:
            client.watch(job)
            if not follow(client, job):
                return EXIT_CANCELLED
        write_image(client.fetch(job), options.output, icc_profile)
    print(options.output)
    return 0


def run_end(options: argparse.Namespace) -> int:
    """Cancels a job, or keeps what it has painted."""
    with Client.connect(options.endpoint, name=CLIENT_NAME) as client:
        print(job_line(options.end(client, _find_job(client, options.job).job)))
    return 0


def say_how_long(client: Client, settings: StyleSettings, width: int, height: int) -> None:
    """Says on standard error what a job will take, the time where this machine has painted."""
    forecast = client.forecast(settings, width, height)
    if forecast is None:
        return
    takes = [] if forecast.painting_s is None else [f"about {format_duration(forecast.painting_s)}"]
    available = forecast.available_bytes
    of_all = "" if available is None else f" of the {available / 1e9:.1f} GB there are"
    takes.append(f"{forecast.needed_bytes / 1e9:.1f} GB of memory{of_all}")
    in_tiles = f", in {forecast.tiles} tiles" if forecast.tiles > 1 else ""
    waiting = f", after waiting {format_duration(forecast.waiting_s)}" if forecast.waiting_s else ""
    print(f"Painting takes {' and '.join(takes)}{in_tiles}{waiting}.", file=sys.stderr)


def follow(client: Client, job: str) -> bool:
    """Shows a job's progress up to its end; False where it was cancelled.

    Raises DaemonError where it failed.
    """
    while True:
        for report in client.poll(timeout_s=0.5):
            if report.job == job:
                _show_progress(report, sys.stderr)
                if report.state.is_final:
                    return _is_done(report)
        if client.silent_s > _SILENCE_S and sys.stderr.isatty():
            sys.stderr.write(f"\rthe daemon is silent, for {client.silent_s:.0f} s …\033[K")
            sys.stderr.flush()


def _is_done(final: JobReport) -> bool:
    if final.problem is not None:
        raise DaemonError(final.problem.message, final.problem.code, final.problem.field)
    if final.state is JobState.CANCELLED:
        print("impasto: the job was cancelled", file=sys.stderr)
    return final.state is JobState.DONE


def _find_job(client: Client, beginning: str) -> JobReport:
    """The one job whose name begins so; raises DaemonError where there is none, or several."""
    jobs = client.status().jobs
    matching = [report for report in jobs if report.job.startswith(beginning.lower())]
    if len(matching) != 1:
        count = "no job" if not matching else f"{len(matching)} jobs"
        raise DaemonError(
            f"There is {count} whose name begins with {beginning}. See: impasto jobs.",
            ErrorCode.UNKNOWN_JOB,
        )
    return matching[0]


def _show_progress(report: JobReport, terminal: TextIO) -> None:
    """Draws the bar anew on a terminal; anywhere else writes a line when the job has ended."""
    if terminal.isatty():
        terminal.write(f"\r{progress_line(report)}\033[K" + "\n" * report.state.is_final)
        terminal.flush()
    elif report.state.is_final:
        terminal.write(progress_line(report) + "\n")


def progress_line(report: JobReport) -> str:
    """One line that says how far a job has come.

    >>> progress_line(JobReport("", JobState.RUNNING, step=80, steps=90, done=0.5, eta_s=61))
    '[###############...............]  80/90  61 s left'
    """
    left = ""
    if report.eta_s is not None and not report.state.is_final:
        left = f"  {format_duration(report.eta_s)} left"
    if report.state is JobState.QUEUED:
        return f"waiting: {report.position} before this one{left}"
    if report.state is JobState.RUNNING and report.step == 0:
        return "loading the network …"
    filled = int(_BAR_CHARACTERS * report.done)
    bar = "#" * filled + "." * (_BAR_CHARACTERS - filled)
    line = f"[{bar}] {report.step:3d}/{report.steps}"
    if report.loss is not None:
        line += f"  loss {report.loss:.4g}"
    return line + left


def job_line(report: JobReport) -> str:
    """One line that says what a job is and where it stands."""
    line = f"{report.job[:8]}  {report.state.value:9}  {report.width} × {report.height}"
    if report.state in (JobState.QUEUED, JobState.RUNNING):
        line += f"  {progress_line(report)}"
    if report.kept_s is not None:
        line += f"  kept for {format_duration(report.kept_s)} more"
    if report.problem is not None:
        line += f"  {report.problem.message}"
    return line


def _job_lines(report: JobReport) -> list[str]:
    submitted = f"{format_duration(report.submitted_s)} ago"
    lines = [
        f"Job        {report.job}",
        f"State      {report.state.value}",
        f"Size       {report.width} × {report.height} pixels",
        f"Submitted  {submitted} by {report.client or 'an unnamed program'}"
        + (", detached" if report.detached else ""),
    ]
    if not report.state.is_final:
        lines.append(f"Progress   {progress_line(report)}")
    elif report.steps:
        loss = "" if report.loss is None else f", loss {report.loss:.4g}"
        lines.append(f"Steps      {report.step} of {report.steps}{loss}")
    if report.painted_s is not None:
        lines.append(f"Painted    for {format_duration(report.painted_s)}")
    if report.kept_s is not None:
        lines.append(f"Picture    kept for {format_duration(report.kept_s)} more")
    elif report.state is JobState.DONE:
        lines.append("Picture    gone")
    if report.problem is not None:
        lines.append(f"Problem    {report.problem.message} ({report.problem.code.value})")
    return lines


def _status_lines(status: StatusReport) -> list[str]:
    lines = [
        f"Impasto {status.version}, pid {status.pid}, up for {format_duration(status.uptime_s)}"
    ]
    worker = status.worker
    if worker.pid is None:
        lines.append("No network is loaded.")
    else:
        lines.append(f"Worker {worker.pid}: {worker.model or 'starting'} on {worker.device or '…'}")
    lines.append(f"Networks here: {', '.join(status.models) or 'none'}")
    return [*lines, *_metric_lines(status.metrics), *map(job_line, status.jobs)]


def _metric_lines(metrics: Metrics) -> list[str]:
    counts = f"{metrics.done} done, {metrics.failed} failed, {metrics.cancelled} cancelled"
    lines = [f"Jobs: {metrics.queued} waiting, {counts}"]
    if metrics.waited_s is not None and metrics.painted_s is not None:
        painted, waited = format_duration(metrics.painted_s), format_duration(metrics.waited_s)
        lines[0] += f"; {painted} each, after {waited} of waiting"
    memory = [
        f"{name} {size / 1e6:.0f} MB"
        for name, size in (("server", metrics.server_bytes), ("worker", metrics.worker_bytes))
        if size is not None
    ]
    if memory:
        lines.append(f"Memory: {', '.join(memory)}")
    if metrics.pictures:
        lines.append(f"Pictures kept: {metrics.pictures}, {metrics.picture_bytes / 1e6:.1f} MB")
    if metrics.picture_problem:
        lines.append(f"The last one could not be put on the disk: {metrics.picture_problem}")
    return lines
