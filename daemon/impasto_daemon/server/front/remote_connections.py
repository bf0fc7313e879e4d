"""The connections of other machines, which last as long as their keys are authorised."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from impasto_daemon.server.clients.authorized_clients import AuthorizedClients, InvalidKey
from impasto_daemon.server.front.client_socket import Received, connection_of

CHECK_S = 1.0
"""The interval at which the authorised keys are read again."""


@dataclass(frozen=True)
class _Connection:
    """A connection by its descriptor, which may since be another's: only with `peer` it is not."""

    user: str
    descriptor: int
    peer: object


class RemoteConnections:
    """The connections through which messages came, by the addresses of their clients.

    authorized: the keys of the clients that may be connected. `clock` is in seconds.
    """

    def __init__(
        self, authorized: AuthorizedClients, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._authorized = authorized
        self._clock = clock
        self._users = self._read()
        self._read_s = clock()
        self._by_address: dict[bytes, _Connection] = {}

    def accepts(self, received: Received) -> bool:
        """Returns whether a message's client is still authorised; closes its connection if not."""
        self._note(received)
        if received.user not in self._users:  # authorised since, or no longer
            self._users = self._read()
        if received.user in self._users:
            return True
        self._close(self._by_address.pop(received.address, None))
        return False

    def check(self) -> None:
        """Closes the connections whose keys are no longer authorised, if it is time to look."""
        if self._clock() - self._read_s < CHECK_S:
            return
        self._read_s = self._clock()
        self._users = self._read()
        for address, connection in list(self._by_address.items()):
            if connection.user not in self._users:
                self._close(connection)
            elif connection.peer == _peer_of(connection.descriptor):
                continue
            del self._by_address[address]

    def _note(self, received: Received) -> None:
        known = self._by_address.get(received.address)
        if known is None or known.descriptor != received.descriptor:
            peer = _peer_of(received.descriptor)
            connection = _Connection(received.user, received.descriptor, peer)
            self._by_address[received.address] = connection

    @staticmethod
    def _close(connection: _Connection | None) -> None:
        if connection is None:
            return
        with suppress(OSError), connection_of(connection.descriptor) as duplicate:
            if duplicate.getpeername() == connection.peer:
                duplicate.shutdown(socket.SHUT_RDWR)

    def _read(self) -> set[str]:
        """Returns the authorised keys; none if they cannot be read."""
        try:
            return set(self._authorized.read())
        except (OSError, InvalidKey):
            return set()


def _peer_of(descriptor: int) -> object:
    """Returns the other end of a connection; None if it is closed."""
    try:
        with connection_of(descriptor) as duplicate:
            return duplicate.getpeername()
    except OSError:
        return None
