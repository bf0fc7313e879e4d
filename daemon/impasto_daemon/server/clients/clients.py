"""The clients of the server: programs of this user through Unix sockets, all others by fronts.

The Unix sockets are in the server itself, since pictures of a hundred megabytes come through them,
and only this user's programs can open them. Clients and strangers on TCP reach a front alone:
another process, which may end at any time at the cost of its connections.
"""

from __future__ import annotations

import math
import select
import time
from collections.abc import Callable

from impasto_daemon.server.front.delivery import Delivery, Received
from impasto_daemon.server.front.local_clients import LocalClients
from impasto_daemon.server.front.process import FrontProcess
from impasto_daemon.server.process.endpoint import listening_socket, listening_unix_socket
from impasto_shared.configuration.options import LogLevel
from impasto_shared.files.paths import socket_path
from impasto_shared.protocol.codec import Frame

# The first byte of an address; others begin with the generation of a front.
_UNIX = b"U"
_LOOK_MS, _RESTART_MS, _STALLED_MS = 500, 50, 20
_FAREWELL_S = 0.5
_EXIT_S = 2.0


class Clients:
    """Messages from and to all clients. No call waits.

    listen: the address for other machines; "" for none.
    """

    def __init__(
        self,
        listen: str,
        log_level: LogLevel = LogLevel.INFO,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._listen = listen
        self._log_level = log_level
        self._clock = clock
        self._unix = LocalClients()
        self._fronts: list[FrontProcess] = []

    def serve(self, endpoint: str) -> None:
        """Serves an address for this machine, and the one for others.

        Raises:
            CannotServe: if an address cannot be bound.
        """
        if socket_path(endpoint) is None:
            self._fronts.append(self._front(endpoint, is_encrypted=False))
        else:
            self.bind(endpoint)
        if self._listen:
            self._fronts.append(self._front(self._listen, is_encrypted=True))
        self.supervise()

    def bind(self, endpoint: str) -> None:
        """Serves the address of a Unix socket; raises CannotServe."""
        path = socket_path(endpoint)
        if path is None:
            raise ValueError(f"{endpoint} is not the address of a Unix socket")
        self._unix.serve(endpoint, listening_unix_socket(path))

    def register(self, poller: select.poll) -> None:
        """Has `poller` return on a message."""
        poller.register(self._unix, select.POLLIN)
        for front in self._fronts:
            if front.link is not None:
                poller.register(front.link, select.POLLIN)

    @property
    def timeout_ms(self) -> float:
        """The longest time that may pass between two calls of `supervise`."""
        if any(front.is_copying for front in self._fronts):
            return 0
        if any(front.is_sending for front in self._fronts):
            return _STALLED_MS
        if all(front.link is not None for front in self._fronts):
            return min(self._unix.timeout_ms, _LOOK_MS if self._fronts else math.inf)
        return min(self._unix.timeout_ms, _RESTART_MS)

    def supervise(self) -> None:
        """Starts fronts that have ended."""
        for front in self._fronts:
            front.supervise()

    @property
    def is_receiving(self) -> bool:
        """True if parts of messages have just been received, and more may have arrived."""
        return self._unix.is_receiving

    def receive(self) -> list[Received]:
        """Returns the next message of each socket that has one: they take turns."""
        messages = [front.receive() for front in self._fronts]
        if received := self._unix.receive():
            messages.append(received._replace(address=_UNIX + received.address))
        return [message for message in messages if message is not None]

    def send(self, address: bytes, frames: list[Frame]) -> Delivery:
        """Sends a message if its client can take it now, or soon; it is not sent later."""
        if address.startswith(_UNIX):
            return self._unix.send(address.removeprefix(_UNIX), frames)
        front = next((front for front in self._fronts if front.knows(address)), None)
        return Delivery.LOST if front is None else front.send(address, frames)

    def close(self) -> None:
        """Sends the last messages, and ends the fronts."""
        for front in self._fronts:
            front.finish()
        self._unix.close(_FAREWELL_S)
        for front in self._fronts:
            front.end(_EXIT_S)

    def _front(self, endpoint: str, *, is_encrypted: bool) -> FrontProcess:
        address, listener = listening_socket(endpoint)
        return FrontProcess(
            address, listener, self._log_level, self._clock, is_encrypted=is_encrypted
        )
