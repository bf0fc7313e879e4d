"""The connections of other machines, which last as long as their keys are authorised."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from impasto_daemon.server.clients.authorized_clients import AuthorizedClients
from impasto_daemon.server.front.client_socket import Received, peer_of, shut_down

CHECK_S = 1.0
"""The interval at which the authorised keys are read again."""


@dataclass(frozen=True)
class _Connection:
    """The connection of a client: its descriptor may since be another's, with another peer."""

    address: bytes
    user: str
    peer: object


class RemoteConnections:
    """The connections through which messages came, by their descriptors.

    authorized: the keys of the clients that may be connected. `clock` is in seconds.
    """

    def __init__(
        self, authorized: AuthorizedClients, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._authorized = authorized
        self._clock = clock
        self._users = set(self._authorized.known)
        self._read_s = clock()
        self._by_descriptor: dict[int, _Connection] = {}

    def accepts(self, received: Received) -> bool:
        """Returns whether a message's client is still authorised; closes its connection if not."""
        known = self._by_descriptor.get(received.descriptor)
        if known is None or known.address != received.address:
            peer = peer_of(received.descriptor)
            known = _Connection(received.address, received.user, peer)
            self._by_descriptor[received.descriptor] = known
        if received.user not in self._users:  # authorised since, or no longer
            self._users = set(self._authorized.known)
        if received.user in self._users:
            return True
        self._close(received.descriptor)
        return False

    def check(self) -> None:
        """Closes the connections whose keys are no longer authorised, if it is time to look."""
        if self._clock() - self._read_s < CHECK_S:
            return
        self._read_s = self._clock()
        self._users = set(self._authorized.known)
        for descriptor, connection in list(self._by_descriptor.items()):
            if connection.user not in self._users:
                self._close(descriptor)
            elif connection.peer is None or connection.peer != peer_of(descriptor):
                del self._by_descriptor[descriptor]

    def _close(self, descriptor: int) -> None:
        connection = self._by_descriptor.pop(descriptor)
        if connection.peer is not None:
            shut_down(descriptor, connection.peer)
