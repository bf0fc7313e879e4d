"""The signals that stop the daemon, as a descriptor that the server's loop polls."""

from __future__ import annotations

import signal
import socket

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class StopSignals:
    """SIGTERM, SIGINT and SIGHUP as a flag, and a descriptor that any signal makes readable.

    SIGCHLD sets no flag but makes the descriptor readable too, so that a worker's death is noticed
    at once. To be used as a context manager, from the main thread.
    """

    def __init__(self) -> None:
        self.stop_requested = False
        self._reader, self._writer = socket.socketpair()

    def __enter__(self) -> StopSignals:
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        for number in _STOP_SIGNALS:
            signal.signal(number, self.request_stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(-1)
        for number in (*_STOP_SIGNALS, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        self._reader.close()
        self._writer.close()

    def fileno(self) -> int:
        """Returns the descriptor to poll."""
        return self._reader.fileno()

    def clear(self) -> None:
        """Makes the descriptor unreadable until the next signal."""
        self._reader.recv(4096, socket.MSG_DONTWAIT)

    def request_stop(self, *_: object) -> None:
        """Stops the server as a signal does."""
        self.stop_requested = True
