"""The messages that are arriving at a front: one without end costs its connection, and no other.

libzmq shows a message only when its last frame is there, however many there are before. How much of
it has arrived is known to the kernel, which counts the bytes of each connection.
"""

from __future__ import annotations

import logging
import os
import socket
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from impasto_daemon.server.front.client_socket import connection_of, shut_down
from impasto_daemon.system.malloc import release_freed_memory
from impasto_daemon.system.process_memory import resident_bytes

logger = logging.getLogger(__name__)

CHECK_S = 0.5
# With less, it is not this connection that fills the memory.
_LONG_BYTES = 2**20
# The number of received bytes is at this place in the kernel's struct tcp_info.
_BYTES_RECEIVED = struct.Struct("=128xQ")


class Connection(NamedTuple):
    """A TCP connection of this process: its descriptor may later be another's."""

    descriptor: int
    peer: object


class UnfinishedMessages:
    """The bytes that each TCP connection of this process has sent since its last message.

    limit_bytes: the memory beyond which the longest unfinished message is not waited for.
    memory: returns the memory of this process, in bytes.
    """

    def __init__(
        self,
        limit_bytes: int,
        clock: Callable[[], float] = time.monotonic,
        memory: Callable[[], int] = lambda: resident_bytes(os.getpid()) or 0,
    ) -> None:
        self._limit_bytes = limit_bytes
        self._clock = clock
        self._memory = memory
        self._checked_s = clock()
        self._completed: set[int] = set()
        self._before_bytes: dict[Connection, int] = {}

    def complete(self, descriptor: int) -> None:
        """Records that a message of a connection has arrived."""
        self._completed.add(descriptor)

    def check(self) -> None:
        """Closes the connection with the longest unfinished message, if it fills the memory."""
        if self._clock() - self._checked_s < CHECK_S:
            return
        self._checked_s = self._clock()
        received = dict(_received_bytes())
        self._before_bytes = {
            each: total if each.descriptor in self._completed else self._before_bytes.get(each, 0)
            for each, total in received.items()
        }
        self._completed.clear()
        if received and self._is_memory_full():
            unfinished = {each: received[each] - self._before_bytes[each] for each in received}
            longest = max(unfinished, key=unfinished.__getitem__)
            if unfinished[longest] > _LONG_BYTES:
                size_mb = unfinished[longest] / 1e6
                logger.error("cut off after %.0f MB of a message: %s", size_mb, longest.peer)
                shut_down(*longest)

    def _is_memory_full(self) -> bool:
        if self._memory() <= self._limit_bytes:
            return False
        release_freed_memory()  # of connections that were cut off before
        return self._memory() > self._limit_bytes


def _received_bytes() -> Iterator[tuple[Connection, int]]:
    """Yields the TCP connections of this process, and the bytes that each has received so far."""
    for path in Path("/proc/self/fd").iterdir():
        descriptor = int(path.name)
        try:
            with connection_of(descriptor) as connection:
                words = connection.getsockopt(
                    socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_RECEIVED.size
                )
                (received,) = _BYTES_RECEIVED.unpack(words)
                yield Connection(descriptor, connection.getpeername()), received
        except (OSError, struct.error):  # no TCP connection, or closed
            continue
