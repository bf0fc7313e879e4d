"""The end of a running daemon, on request of another program."""

from __future__ import annotations

import time

from impasto_daemon.server.process.single_instance import lock_holder
from impasto_daemon.system.host import request_end
from impasto_shared.files.paths import lock_path

PATIENCE_S = 20.0
"""A daemon gives its worker some seconds to end."""
_POLL_S = 0.05


def end_daemon(pid: int) -> bool:
    """Asks the daemon that holds the lock to end, and waits; returns whether it has.

    Raises OSError if it may not be asked.
    """
    is_asked = False
    deadline_s = time.monotonic() + PATIENCE_S
    while lock_holder(lock_path()) == pid:
        if time.monotonic() > deadline_s:
            return False
        is_asked = is_asked or _ask(pid)
        time.sleep(_POLL_S)
    return True


def _ask(pid: int) -> bool:
    """Asks a daemon to end; returns False if it is no longer there, or on Windows not yet ready."""
    try:
        request_end(pid)
    except (FileNotFoundError, ProcessLookupError):
        return False
    return True
