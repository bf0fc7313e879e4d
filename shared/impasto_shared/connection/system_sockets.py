"""The part of sockets that differs where poll and sendmsg are missing (Windows)."""

from __future__ import annotations

import select
import socket
from collections.abc import Sequence


def send_buffers(connection: socket.socket, buffers: Sequence[memoryview], flags: int = 0) -> int:
    """Sends the first bytes of the buffers, as many as the system takes; returns their number.

    Raises OSError.
    """
    if hasattr(connection, "sendmsg"):
        return connection.sendmsg(buffers, (), flags)
    return connection.send(buffers[0], flags)


def wait_for(connection: socket.socket, timeout_s: float, *, sends: bool) -> bool:
    """Returns whether bytes can be received, or with `sends` sent, within a time."""
    if hasattr(select, "poll"):
        poller = select.poll()
        poller.register(connection, select.POLLIN | (select.POLLOUT if sends else 0))
        return bool(poller.poll(int(timeout_s * 1000) + 1 if timeout_s else 0))
    own = [connection]
    # A connection that fails is reported apart there.
    return any(select.select(own, own if sends else [], own, timeout_s))
