"""The command `impasto keep`: finishes a running job early with what has been painted."""

from __future__ import annotations

import argparse

from impasto_daemon.commands.command_parser import (
    CLIENT_NAME,
    Subparsers,
    add_command,
    add_endpoint,
)
from impasto_daemon.commands.jobs.list_jobs import add_job, find_job, job_line
from impasto_daemon.commands.output import say
from impasto_shared.client import Client


def add_parser(subparsers: Subparsers) -> None:
    """Adds the command."""
    summary = "finish a running job early, keeping what has been painted so far"
    command = add_command(subparsers, "keep", summary, run)
    add_job(command)
    add_endpoint(command)


def run(options: argparse.Namespace) -> int:
    """Finishes a job early with what it has painted so far, and prints its state."""
    with Client.connect(options.endpoint, name=CLIENT_NAME) as client:
        job = find_job(client, options.job).job
        say(job_line(client.keep(job)))
    return 0
