"""The command `impasto fetch`: writes the picture of a finished job."""

from __future__ import annotations

import argparse
from pathlib import Path

from impasto_daemon.commands.client.progress import follow
from impasto_daemon.commands.command_parser import (
    CLIENT_NAME,
    EXIT_CANCELLED,
    Subparsers,
    add_command,
    add_endpoint,
    add_output,
)
from impasto_daemon.commands.jobs import add_job, find_job
from impasto_shared.client import Client


def add_parser(subparsers: Subparsers) -> None:
    """Adds the command."""
    command = add_command(subparsers, "fetch", "write the picture of a finished job", run)
    add_job(command)
    command.add_argument("--wait", action="store_true", help="wait until the job is finished")
    command.add_argument(
        "--photo",
        type=Path,
        help="the original photo, whose colour profile the picture is given",
    )
    add_output(command)
    add_endpoint(command)


def run(options: argparse.Namespace) -> int:
    """Writes the picture of a finished job; with --wait, waits for it first."""
    from impasto_daemon.commands.image_file import check_writable, read_image, write_image

    check_writable(options.output)
    icc_profile = None if options.photo is None else read_image(options.photo)[1]
    with Client.connect(options.endpoint, name=CLIENT_NAME) as client:
        job = find_job(client, options.job).job
        if options.wait:
            client.watch(job)
            if not follow(client, job):
                return EXIT_CANCELLED
        write_image(client.fetch(job), options.output, icc_profile)
    print(options.output)
    return 0
