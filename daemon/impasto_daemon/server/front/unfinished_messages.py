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
from collections.abc import Callable
from typing import NamedTuple

from impasto_daemon.server.front.client_socket import connection_of, shut_down
from impasto_daemon.system.malloc import release_freed_memory
from impasto_daemon.system.process_memory import resident_bytes

logger = logging.getLogger(__name__)

CHECK_S = 0.5
DESCRIPTORS_OF_A_CALL = 1000
"""Looking at them takes ten milliseconds, in which no client is served."""
_REMEMBERED = 4096
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

    The connections are looked through only while the memory is full, and some of them in each call.

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
        # Of each connection, as many as had arrived with its last message.
        self._before_bytes: dict[Connection, int] = {}
        self._remaining: list[int] = []
        self._received_bytes: dict[Connection, int] = {}

    def complete(self, descriptor: int) -> None:
        """Records that a message of a connection has arrived."""
        connection, received_bytes = _received(descriptor)
        if connection is not None:
            self._before_bytes.pop(connection, None)
            self._before_bytes[connection] = received_bytes
        if len(self._before_bytes) > _REMEMBERED:  # most of them closed by now
            del self._before_bytes[next(iter(self._before_bytes))]

    def check(self) -> None:
        """Closes the connection with the longest unfinished message, if it fills the memory."""
        if self._clock() - self._checked_s < CHECK_S:
            return
        self._checked_s = self._clock()
        if not self._is_memory_full():
            self._remaining = []
            return
        if not self._remaining:
            self._remaining = _descriptors()
            self._received_bytes = {}
        part, self._remaining = (
            self._remaining[:DESCRIPTORS_OF_A_CALL],
            self._remaining[DESCRIPTORS_OF_A_CALL:],
        )
        for descriptor in part:
            connection, received_bytes = _received(descriptor)
            if connection is not None:
                self._received_bytes[connection] = received_bytes
        if self._received_bytes and not self._remaining:
            self._close_longest(self._received_bytes)

    def _close_longest(self, received_bytes: dict[Connection, int]) -> None:
        self._before_bytes = {
            each: before for each, before in self._before_bytes.items() if each in received_bytes
        }
        unfinished = {
            each: received_bytes[each] - self._before_bytes.get(each, 0) for each in received_bytes
        }
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


def _descriptors() -> list[int]:
    """Returns the descriptors of this process; none if the system does not say."""
    try:
        return [int(name) for name in os.listdir("/proc/self/fd")]  # noqa: PTH208 - only names
    except OSError:
        return []


def _received(descriptor: int) -> tuple[Connection | None, int]:
    """Returns a TCP connection and the bytes received; None for what is none, or closed."""
    try:
        with connection_of(descriptor) as connection:
            words = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_RECEIVED.size)
            (received_bytes,) = _BYTES_RECEIVED.unpack(words)
            return Connection(descriptor, connection.getpeername()), received_bytes
    except (OSError, struct.error):
        return None, 0
