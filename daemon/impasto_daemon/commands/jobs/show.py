"""The command `impasto show`: shows one job in detail."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from impasto_daemon.commands.client.progress import progress_line
from impasto_daemon.commands.command_parser import (
    CLIENT_NAME,
    Subparsers,
    add_command,
    add_endpoint,
    add_json,
)
from impasto_daemon.commands.jobs.list_jobs import add_job, find_job, stall_line
from impasto_daemon.commands.output import say, say_json
from impasto_shared.client import Client
from impasto_shared.protocol.reports import JobReport, JobState
from impasto_shared.text.durations import format_duration


def add_parser(subparsers: Subparsers) -> None:
    """Adds the command."""
    command = add_command(subparsers, "show", "show the details of a job", run)
    add_job(command)
    add_json(command)
    add_endpoint(command)


def run(options: argparse.Namespace) -> int:
    """Prints the details of one job."""
    with Client.connect(options.endpoint, name=CLIENT_NAME) as client:
        report = find_job(client, options.job)
    if options.json:
        say_json(asdict(report))
    else:
        say(*job_lines(report))
    return 0


def job_lines(report: JobReport) -> list[str]:
    """Returns the details of a job, one per line."""
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
    if report.stalled_s is not None:
        lines.append(f"Stalled    {stall_line(report.stalled_s)}")
    if report.painted_s is not None:
        lines.append(f"Painted    for {format_duration(report.painted_s)}")
    if report.kept_s is not None:
        lines.append(f"Picture    kept for another {format_duration(report.kept_s)}")
    elif report.state is JobState.DONE:
        lines.append("Picture    no longer kept")
    if report.problem is not None:
        lines.append(f"Problem    {report.problem.message} ({report.problem.code.value})")
    return lines
