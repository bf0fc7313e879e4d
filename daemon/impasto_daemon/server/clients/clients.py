"""The clients of the server: programs of this user through local sockets, all others by fronts.

The local sockets are in the server itself, since pictures of a hundred megabytes come through them,
and only this user's programs can open them. Clients and strangers on TCP reach a front alone:
another process, which may end at any time at the cost of its connections.
"""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from impasto_daemon.server.front.delivery import Delivery, Received
from impasto_daemon.server.front.local_clients import LocalClients
from impasto_daemon.server.process.endpoint import (
    CannotServe,
    listening_socket,
    listening_unix_socket,
    loopback_socket,
)
from impasto_daemon.system.polling import READ, Poller
from impasto_shared.configuration.options import LogLevel
from impasto_shared.files.paths import local_path, loopback_file, socket_path
from impasto_shared.protocol.codec import Frame

if TYPE_CHECKING:
    from impasto_daemon.server.front.process import FrontProcess

# The first byte of an address; others begin with the generation of a front.
_LOCAL = b"U"
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
        self._local = LocalClients()
        self._fronts: list[FrontProcess] = []

    def serve(self, endpoint: str, listener: socket.socket | None = None) -> None:
        """Serves an address for this machine, and the one for others.

        listener: as in `bind`.

        Raises:
            CannotServe: if an address cannot be bound.
        """
        if local_path(endpoint) is None:
            self._fronts.append(self._front(endpoint, is_encrypted=False))
        else:
            self.bind(endpoint, listener)
        if self._listen:
            self._fronts.append(self._front(self._listen, is_encrypted=True))
        self.supervise()

    def bind(self, endpoint: str, listener: socket.socket | None = None) -> None:
        """Serves an address for this user's programs; raises CannotServe.

        listener: the socket of a Unix address if it listens there already.
        """
        if (file := loopback_file(endpoint)) is not None:
            self._local.serve(endpoint, *loopback_socket(file))
        elif (path := socket_path(endpoint)) is not None:
            self._local.serve(endpoint, listener or listening_unix_socket(path))
        else:
            raise ValueError(f"{endpoint} is not an address for this user's programs alone")

    def register(self, poller: Poller) -> None:
        """Has `poller` return on a message."""
        self._local.register_in(poller)
        for front in self._fronts:
            if front.link is not None:
                poller.register(front.link, READ)

    @property
    def timeout_ms(self) -> float:
        """The longest time that may pass between two calls of `supervise`."""
        if any(front.is_copying for front in self._fronts):
            return 0
        if any(front.is_sending for front in self._fronts):
            return _STALLED_MS
        if all(front.link is not None for front in self._fronts):
            return min(self._local.timeout_ms, _LOOK_MS if self._fronts else math.inf)
        return min(self._local.timeout_ms, _RESTART_MS)

    def supervise(self) -> None:
        """Starts fronts that have ended."""
        for front in self._fronts:
            front.supervise()

    @property
    def is_receiving(self) -> bool:
        """True if parts of messages have just been received, and more may have arrived."""
        return self._local.is_receiving

    def receive(self) -> list[Received]:
        """Returns the next message of each socket that has one: they take turns."""
        messages = [front.receive() for front in self._fronts]
        if received := self._local.receive():
            messages.append(received._replace(address=_LOCAL + received.address))
        return [message for message in messages if message is not None]

    def send(self, address: bytes, frames: list[Frame]) -> Delivery:
        """Sends a message if its client can take it now, or soon; it is not sent later."""
        if address.startswith(_LOCAL):
            return self._local.send(address.removeprefix(_LOCAL), frames)
        front = next((front for front in self._fronts if front.knows(address)), None)
        return Delivery.LOST if front is None else front.send(address, frames)

    def close(self) -> None:
        """Sends the last messages, and ends the fronts."""
        for front in self._fronts:
            front.finish()
        self._local.close(_FAREWELL_S)
        for front in self._fronts:
            front.end(_EXIT_S)

    def _front(self, endpoint: str, *, is_encrypted: bool) -> FrontProcess:
        try:
            from impasto_daemon.server.front.process import FrontProcess
        except ImportError as error:  # it needs what Linux alone has
            raise CannotServe(
                f"The daemon cannot serve at {endpoint}: on this system it serves only this "
                "machine. Remove the options endpoint and listen from the configuration."
            ) from error
        address, listener = listening_socket(endpoint)
        return FrontProcess(
            address, listener, self._log_level, self._clock, is_encrypted=is_encrypted
        )
