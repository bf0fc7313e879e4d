"""The command `impasto stop`: ends the daemon, where no signal can (Windows)."""

from __future__ import annotations

import argparse

from impasto_daemon.commands.command_parser import Subparsers, add_command
from impasto_daemon.commands.output import say


def add_parser(subparsers: Subparsers) -> None:
    """Adds the command."""
    add_command(subparsers, "stop", "end the daemon of this user", run)


def run(_options: argparse.Namespace) -> int:
    """Asks the daemon to end; jobs that were not detached end with it."""
    from impasto_daemon.server.process.single_instance import lock_holder
    from impasto_daemon.system.host import request_end
    from impasto_shared.files.paths import lock_path

    pid = lock_holder(lock_path())
    if pid is None:
        say("No Impasto daemon is running.")
        return 0
    request_end(pid)
    say(f"The daemon (pid {pid}) ends.")
    return 0
