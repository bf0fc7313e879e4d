"""The daemon that runs, ended before its program is replaced or removed."""

from __future__ import annotations

import os
from pathlib import Path

from impasto_daemon.commands.output import say
from impasto_daemon.server.process.ending import end_daemon
from impasto_daemon.server.process.single_instance import lock_holder
from impasto_daemon.setup.failure import SetupFailed
from impasto_shared.files.paths import lock_path
from impasto_shared.installation.environment import Environment


def stop_daemon(environment: Environment) -> None:
    """Ends the daemon of an environment, if it runs; raises SetupFailed if it does not end."""
    pid = lock_holder(lock_path())
    if pid is None or not _is_of(environment, pid):
        return
    say(f"Daemon: stopping process {pid}")
    if not end_daemon(pid):
        raise SetupFailed(
            f"The daemon (process {pid}) does not stop. To end it, run: kill -KILL {pid}"
        )


def _is_of(environment: Environment, pid: int) -> bool:
    """Returns whether a program is one of this environment: another's daemon is left alone."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    program = os.fsencode(environment.folder / "bin") + b"/"
    return any(word.startswith(program) for word in words)
