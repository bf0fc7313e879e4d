"""The command `impasto stop`: ends the daemon."""

from __future__ import annotations

import argparse
import sys

from impasto_daemon.commands.command_parser import Subparsers, add_command
from impasto_daemon.commands.output import say


def add_parser(subparsers: Subparsers) -> None:
    """Adds the command."""
    add_command(
        subparsers, "stop", "end the daemon of this user; jobs that are not detached end, too", run
    )


def run(_options: argparse.Namespace) -> int:
    """Asks the daemon to end, and waits until it has."""
    from impasto_daemon.server.process.ending import end_daemon
    from impasto_daemon.server.process.single_instance import lock_holder
    from impasto_shared.files.paths import lock_path

    pid = lock_holder(lock_path())
    if pid is None:
        say("No Impasto daemon is running.")
        return 0
    if not end_daemon(pid):
        sys.stderr.write(
            f"impasto: The daemon (process {pid}) does not end. End that process yourself.\n"
        )
        return 1
    say(f"The Impasto daemon has ended (process {pid}).")
    return 0
