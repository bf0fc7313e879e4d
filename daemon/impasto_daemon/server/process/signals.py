"""The signals that stop the daemon, as a descriptor that the server's loop polls."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from typing import Any

# Ignored under nohup, and by programs in the background; they stay ignored then.
_OF_TERMINALS = (signal.SIGINT, signal.SIGHUP)


class StopSignals:
    """SIGTERM, SIGINT and SIGHUP as a flag, and a descriptor that any signal makes readable.

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
        heeded = [each for each in _OF_TERMINALS if signal.getsignal(each) is not signal.SIG_IGN]
        for number in (signal.SIGTERM, *heeded):
            self._handle(number, self.request_stop)
        self._handle(signal.SIGCHLD, lambda *_: None)
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
        self._reader.recv(4096, socket.MSG_DONTWAIT)

    def _handle(self, number: signal.Signals, handler: Callable[..., None]) -> None:
        self._previous[number] = signal.signal(number, handler)

    def request_stop(self, *_: object) -> None:
        """Stops the server as a signal does."""
        self.stop_requested = True
