"""The daemon that runs, ended before its program is replaced or removed."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from impasto_daemon.commands.output import say
from impasto_daemon.setup.failure import SetupFailed
from impasto_shared.files.paths import lock_path
from impasto_shared.installation.environment import Environment

_PATIENCE_S = 10.0
_POLL_S = 0.1


def stop_daemon(environment: Environment) -> None:
    """Ends the daemon of an environment, if it runs; raises SetupFailed if it does not end."""
    pid = _pid_in(lock_path())
    if pid is None or not _is_daemon(pid, environment):
        return
    say(f"Daemon: stopping process {pid}")
    with suppress(ProcessLookupError):  # it has just ended
        os.kill(pid, signal.SIGTERM)
    deadline_s = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline_s:
        if not _is_daemon(pid, environment):
            return
        time.sleep(_POLL_S)
    raise SetupFailed(f"The daemon (process {pid}) does not stop. To end it, run: kill -KILL {pid}")


def _pid_in(lock: Path) -> int | None:
    try:
        if lock.stat().st_uid != os.getuid():
            return None
        first_line = lock.read_text(errors="replace").partition("\n")[0].strip()
    except OSError:
        return None
    return int(first_line) if first_line.isdecimal() else None


def _is_daemon(pid: int, environment: Environment) -> bool:
    """Returns whether it is a daemon of this environment, not a process that has its number now."""
    process = Path(f"/proc/{pid}")
    try:
        words = (process / "cmdline").read_bytes().split(b"\0")
        is_ours = process.stat().st_uid == os.getuid()
    except OSError:
        return False
    program = os.fsencode(environment.folder / "bin") + b"/"
    return is_ours and b"serve" in words and any(word.startswith(program) for word in words)
