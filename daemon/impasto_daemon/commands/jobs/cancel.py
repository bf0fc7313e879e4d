"""The command `impasto cancel`: cancels a waiting or running job."""

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
    command = add_command(subparsers, "cancel", "cancel a waiting or running job", run)
    add_job(command)
    add_endpoint(command)


def run(options: argparse.Namespace) -> int:
    """Cancels a job and prints its state."""
    with Client.connect(options.endpoint, name=CLIENT_NAME) as client:
        job = find_job(client, options.job).job
        say(job_line(client.cancel(job)))
    return 0
