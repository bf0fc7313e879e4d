"""The command `impasto fetch`: writes the picture of a finished job."""

from __future__ import annotations

import argparse

from impasto_daemon.commands.client.painting_job import write_result
from impasto_daemon.commands.client.progress import follow
from impasto_daemon.commands.command_parser import (
    CLIENT_NAME,
    EXIT_CANCELLED,
    Subparsers,
    add_command,
    add_endpoint,
    add_output,
)
from impasto_daemon.commands.jobs.list_jobs import add_job, find_job
from impasto_daemon.commands.output import say
from impasto_shared.client import Client


def add_parser(subparsers: Subparsers) -> None:
    """Adds the command."""
    command = add_command(subparsers, "fetch", "write the picture of a finished job", run)
    add_job(command)
    command.add_argument("--wait", action="store_true", help="wait until the job is finished")
    command.add_argument(
        "--photo",
        # The picture had the photo's colour profile before photos were converted to sRGB.
        help=argparse.SUPPRESS,
    )
    add_output(command)
    add_endpoint(command)


def run(options: argparse.Namespace) -> int:
    """Writes the picture of a finished job; with --wait, waits for it first."""
    from impasto_daemon.commands.image_file import check_encodable, check_writable

    check_writable(options.output)
    with Client.connect(options.endpoint, name=CLIENT_NAME) as client:
        report = find_job(client, options.job)
        job = report.job
        if report.width:  # an older daemon does not say it
            check_encodable(options.output, report.width, report.height, has_alpha=False)
        if options.wait:
            client.watch(job)
            if not follow(client, job):
                return EXIT_CANCELLED
        write_result(client, job, options.output)
    say(str(options.output))
    return 0
