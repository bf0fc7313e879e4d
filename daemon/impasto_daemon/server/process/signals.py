"""The signals that stop the daemon, as a descriptor that the server's loop polls."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from impasto_daemon.system.host import (
    CHILD_SIGNALS,
    NO_WAIT,
    STOP_SIGNALS,
    TERMINAL_SIGNALS,
    watch_for_end,
)


class StopSignals:
    """SIGTERM, SIGINT and SIGHUP as a flag, and a descriptor that any signal makes readable.

    On Windows the first is Ctrl+Break, and there is none for the last.
    SIGCHLD sets no flag but makes the descriptor readable too, so that a worker's death is noticed
    at once. To be used as a context manager, from the main thread.
    """

    def __init__(self) -> None:
        self.stop_requested = False
        self._previous: dict[signal.Signals, Any] = {}
        self._reader, self._writer = socket.socketpair()

    def __enter__(self) -> StopSignals:
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        heeded = [each for each in TERMINAL_SIGNALS if signal.getsignal(each) is not signal.SIG_IGN]
        for number in (*STOP_SIGNALS, *heeded):
            self._handle(number, self.request_stop)
        for number in CHILD_SIGNALS:
            self._handle(number, lambda *_: None)
        watch_for_end(self._request_stop_from_thread)
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(-1)
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._reader.close()
        self._writer.close()

    def fileno(self) -> int:
        """Returns the descriptor to poll."""
        return self._reader.fileno()

    def clear(self) -> None:
        """Makes the descriptor unreadable until the next signal."""
        self._reader.recv(4096, NO_WAIT)

    def _handle(self, number: signal.Signals, handler: Callable[..., None]) -> None:
        self._previous[number] = signal.signal(number, handler)

    def _request_stop_from_thread(self) -> None:
        self.stop_requested = True
        with suppress(OSError):  # it has ended meanwhile
            self._writer.send(b"\0", NO_WAIT)

    def request_stop(self, *_: object) -> None:
        """Stops the server as a signal does."""
        self.stop_requested = True
