"""The command `impasto jobs`: lists the daemon's jobs. Also finds a job for other commands."""

from __future__ import annotations

import argparse
import re
from dataclasses import asdict

from impasto_daemon.commands.client.progress import progress_line
from impasto_daemon.commands.command_parser import (
    CLIENT_NAME,
    Subparsers,
    add_command,
    add_endpoint,
    add_json,
)
from impasto_daemon.commands.output import say, say_json
from impasto_shared.client import Client
from impasto_shared.errors import DaemonError, ErrorCode
from impasto_shared.protocol.reports import JobReport, JobState
from impasto_shared.text.durations import format_duration

_COMPLETE_NAME = re.compile(r"[0-9a-f]{32}")


def add_parser(subparsers: Subparsers) -> None:
    """Adds the command."""
    command = add_command(subparsers, "jobs", "list the waiting, running and finished jobs", run)
    add_json(command)
    add_endpoint(command)


def run(options: argparse.Namespace) -> int:
    """Prints the daemon's jobs, one per line."""
    with Client.connect(options.endpoint, name=CLIENT_NAME) as client:
        jobs = client.jobs()
    if options.json:
        say_json([asdict(report) for report in jobs])
    else:
        say(*(map(job_line, jobs) if jobs else ["There are no jobs."]))
    return 0


def job_line(report: JobReport) -> str:
    """Returns a job and its state as one line."""
    line = f"{report.job[:8]}  {report.state.value:9}  {report.width} × {report.height}"
    if report.state in (JobState.QUEUED, JobState.RUNNING):
        line += f"  {progress_line(report)}"
    if report.stalled_s is not None:
        line += f"  {stall_line(report.stalled_s)}"
    if report.kept_s is not None:
        line += f"  kept for another {format_duration(report.kept_s)}"
    if report.problem is not None:
        line += f"  {report.problem.message}"
    return line


def stall_line(stalled_s: float) -> str:
    """Returns the suspicion that the painting process hangs, in words."""
    return f"no step for {format_duration(stalled_s)}: the painting process may hang"


def add_job(command: argparse.ArgumentParser) -> None:
    """Adds the argument that names a job."""
    command.add_argument("job", help="the job's name in `impasto jobs`, or the beginning of it")


def find_job(client: Client, beginning: str) -> JobReport:
    """Returns the only job whose name starts with `beginning`.

    Raises:
        DaemonError: if there is no such job, or more than one; for a complete name, with what the
            daemon knows about it.
    """
    if _COMPLETE_NAME.fullmatch(beginning):
        return client.watch(beginning)
    jobs = client.jobs()
    matching = [report for report in jobs if report.job.startswith(beginning.lower())]
    if len(matching) != 1:
        count = f"{len(matching)} jobs have" if matching else "No job has"
        raise DaemonError(
            f"{count} a name that begins with '{beginning}'. See: impasto jobs.",
            ErrorCode.UNKNOWN_JOB,
        )
    return matching[0]
