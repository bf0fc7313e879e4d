"""A flag that threads set, and a poller waits for: an eventfd, or a pair of sockets."""

from __future__ import annotations

import os
import socket
import sys
from contextlib import suppress


class Wakeup:
    """A flag with a descriptor that is readable while it is set. Raises OSError."""

    def __init__(self) -> None:
        if sys.platform == "linux":
            self._event = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
            return
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)

    def fileno(self) -> int:
        """Returns the descriptor to poll."""
        if sys.platform == "linux":
            return self._event
        return self._reader.fileno()

    def set(self) -> None:
        """Makes it readable; of any thread."""
        if sys.platform == "linux":
            os.eventfd_write(self._event, 1)
            return
        with suppress(BlockingIOError):  # it is set in any case
            self._writer.send(b"1")

    def clear(self) -> None:
        """Makes it unreadable until it is set again."""
        with suppress(OSError):  # it was not set
            if sys.platform == "linux":
                os.eventfd_read(self._event)
            else:
                self._reader.recv(4096)
