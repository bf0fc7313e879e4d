"""The command `impasto stop`: ends the daemon."""

from __future__ import annotations

import argparse
import sys
import time

from impasto_daemon.commands.command_parser import Subparsers, add_command
from impasto_daemon.commands.output import say

# A daemon gives its worker some seconds to end.
_PATIENCE_S = 20.0
_POLL_S = 0.05


def add_parser(subparsers: Subparsers) -> None:
    """Adds the command."""
    add_command(
        subparsers, "stop", "end the daemon of this user; jobs that are not detached end, too", run
    )


def run(_options: argparse.Namespace) -> int:
    """Asks the daemon to end, and waits until it has."""
    from impasto_daemon.server.process.single_instance import lock_holder
    from impasto_shared.files.paths import lock_path

    pid = lock_holder(lock_path())
    if pid is None:
        say("No Impasto daemon is running.")
        return 0
    is_asked = False
    deadline_s = time.monotonic() + _PATIENCE_S
    while lock_holder(lock_path()) == pid:
        is_asked = is_asked or _ask(pid)
        if time.monotonic() > deadline_s:
            sys.stderr.write(
                f"impasto: The daemon (process {pid}) does not end. End that process yourself.\n"
            )
            return 1
        time.sleep(_POLL_S)
    say(f"The Impasto daemon has ended (process {pid}).")
    return 0


def _ask(pid: int) -> bool:
    """Asks a daemon to end; returns False if it is no longer there, or on Windows not yet ready."""
    from impasto_daemon.system.host import request_end

    try:
        request_end(pid)
    except (FileNotFoundError, ProcessLookupError):
        return False
    return True
