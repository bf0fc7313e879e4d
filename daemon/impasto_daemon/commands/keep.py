"""The command `impasto keep`: ends a running job with what has been painted."""

from __future__ import annotations

import argparse

from impasto_daemon.commands.command_parser import (
    CLIENT_NAME,
    Subparsers,
    add_command,
    add_endpoint,
)
from impasto_daemon.commands.jobs import add_job, find_job, job_line
from impasto_shared.client import Client


def add_parser(subparsers: Subparsers) -> None:
    """Adds the command."""
    summary = "end a job that runs with what has been painted by then"
    command = add_command(subparsers, "keep", summary, run)
    add_job(command)
    add_endpoint(command)


def run(options: argparse.Namespace) -> int:
    """Has a job end with what it has painted, and prints its state."""
    with Client.connect(options.endpoint, name=CLIENT_NAME) as client:
        job = find_job(client, options.job).job
        print(job_line(client.keep(job)))
    return 0
