"""The clients that are connected to a TCP address: programs of other machines, and strangers.

Each has a connection of its own to libzmq, see `remote_client`. No call waits, and each does a
bounded amount of work, for whatever client has something to do.
"""

from __future__ import annotations

import logging
import os
import resource
import select
import socket
import time
from collections.abc import Callable, Collection, Sequence
from functools import partial
from itertools import count

import zmq

from impasto_daemon.server.clients.authentication import HANDSHAKE_MS
from impasto_daemon.server.front.delivery import Delivery, Received
from impasto_daemon.server.front.remote_client import Authenticate, RemoteClient
from impasto_daemon.system.malloc import release_freed_memory
from impasto_daemon.system.process_memory import resident_bytes
from impasto_shared.connection.zmtp import ZmtpError
from impasto_shared.protocol.codec import Frame

logger = logging.getLogger(__name__)

IO_THREADS = 64
"""The threads of libzmq: a connection gets the one that has the fewest."""
MAX_CONNECTIONS, MAX_CONNECTIONS_OF_A_KEY = 1024, 32
"""Beyond them, the key with the most connections loses its oldest one for each new one."""
CHECK_S = 0.5
STARVED_S = 5.0
"""The time for which a client may try to send more frames than a message has."""
_EVENTS_OF_A_CALL = 32
LONG_BYTES = 2**20
"""The memory of a longer message counts until it is released."""
# The network, both ends and the listening socket of the connection to libzmq, and its socket.
_DESCRIPTORS_OF_A_CONNECTION = 6
_OTHER_DESCRIPTORS = 2 * IO_THREADS + 40
_FEWEST_CONNECTIONS = 4
_ACCEPT_AGAIN_S = 0.1
_LINGER_STEP_S = 0.005


class RemoteClients:
    """Messages from and to the clients of `listener`.

    authenticate, is_encrypted: see RemoteClient.
    limit_bytes: the memory of this process beyond which the longest unfinished message is not
        waited for. memory: returns how much it takes, in bytes. `clock` is in seconds.
    """

    def __init__(
        self,
        listener: socket.socket,
        authenticate: Authenticate,
        limit_bytes: int,
        *,
        is_encrypted: bool,
        memory: Callable[[], int] = lambda: resident_bytes(os.getpid()) or 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        listener.setblocking(False)
        self._listener = listener
        self._authenticate = authenticate
        self._is_encrypted = is_encrypted
        self._limit_bytes = limit_bytes
        self._memory = memory
        self._clock = clock
        self._checked_s = clock()
        self._refused_s: float | None = None
        self._epoll = select.epoll()
        self._epoll.register(listener.fileno(), select.EPOLLIN)
        self._events: dict[int, int] = {}
        self._by_descriptor: dict[int, RemoteClient] = {}
        self._descriptors: dict[bytes, list[int]] = {}
        self._by_address: dict[bytes, RemoteClient] = {}
        # Of each key, None being those who have not sent a message; first who has been silent for
        # the longest time.
        self._by_user: dict[str | None, dict[bytes, RemoteClient]] = {}
        self._dealers: dict[bytes, int] = {}
        self._ready: dict[RemoteClient, None] = {}  # in their order
        self._held: set[bytes] = set()
        self._numbers = count(int.from_bytes(os.urandom(6)))

    def fileno(self) -> int:
        """Returns a descriptor that is readable when `work` has something to do."""
        return self._epoll.fileno()

    @property
    def has_messages(self) -> bool:
        """True if `receive` may return a message at once."""
        return any(client.address not in self._held for client in self._ready)

    @property
    def users(self) -> Collection[str]:
        """The keys of the clients that are connected and have sent a message."""
        return [user for user in self._by_user if user is not None]

    def work(self) -> None:
        """Accepts, receives and passes on what the system has ready, or room for."""
        for descriptor, events in self._epoll.poll(0, _EVENTS_OF_A_CALL):
            if descriptor == self._listener.fileno():
                self._accept()
                continue
            client = self._by_descriptor.get(descriptor)
            if client is None:
                continue
            if self._dealers.get(client.address) == descriptor:
                self._may_have_messages(client)
            else:
                self._try(client, partial(_relay, client, descriptor, events))
        self._check()

    def receive(self) -> Received | None:
        """Returns the next message; None if there is none. Clients take turns.

        After a long one there is no other of its client until `release`.
        """
        for client in list(self._ready):
            if client.address in self._held:
                continue
            del self._ready[client]
            group = client.user
            frames = client.receive()
            if frames is None:
                if not client.is_open:
                    self._forget_dealer(client)
                continue
            self._ready[client] = None
            if client.is_open:
                self._arrange(client, group)
            if sum(map(len, frames)) > LONG_BYTES:
                self._held.add(client.address)
            elif client.is_open:
                self._try(client, client.end_message)
            return Received(client.address, frames, client.user or "")
        return None

    def is_held(self, address: bytes) -> bool:
        """Returns whether nothing is received from a client until `release`."""
        return address in self._held

    def release(self, address: bytes) -> None:
        """Receives from a client again: its long message does not take memory any more."""
        self._held.discard(address)
        client = self._by_address.get(address)
        if client is not None:
            self._try(client, client.end_message)

    def send(
        self, address: bytes, frames: Sequence[Frame], *, is_tracked: bool = False
    ) -> Delivery | zmq.MessageTracker:
        """Sends a message if its client can take it now, see `RemoteClient.send`."""
        client = self._by_address.get(address)
        if client is None:
            return Delivery.DISCONNECTED
        outcome = client.send(frames, is_tracked=is_tracked)
        # libzmq then says nothing of a message that arrives at the same time.
        self._may_have_messages(client)
        return outcome

    def cut_off(self, user: str) -> None:
        """Ends the connections of a key at once."""
        for client in list(self._by_user.get(user, {}).values()):
            self._drop(client)

    def close_connection(self, address: bytes) -> None:
        """Ends a connection at once, if there is one; its client may connect again."""
        self._held.discard(address)
        client = self._by_address.get(address)
        if client is not None:
            self._drop(client)

    def close(self, linger_s: float) -> None:
        """Sends what is waiting, within a time, and closes all connections."""
        if self._refused_s is None:
            self._epoll.unregister(self._listener.fileno())
        self._refused_s = None
        deadline_s = time.monotonic() + linger_s
        for client in list(self._by_address.values()):
            self._stop_receiving(client)
            client.farewell(linger_s)
            self._settle(client)
        while self._by_address and time.monotonic() < deadline_s:
            self.work()
            time.sleep(_LINGER_STEP_S)
        for client in list(self._by_address.values()):
            self._drop(client)
        for client in self._ready:  # of those that have disconnected
            self._forget_dealer(client)
        self._listener.close()
        self._epoll.close()

    def _accept(self) -> None:
        try:
            plain, _ = self._listener.accept()
        except (BlockingIOError, ConnectionError):
            return
        except OSError as error:
            logger.warning("a connection cannot be accepted: %s", error)
            self._refused_s = self._clock()
            self._epoll.unregister(self._listener.fileno())  # until the system has room again
            return
        address = next(self._numbers).to_bytes(8)
        try:
            client = RemoteClient(
                plain,
                address,
                self._authenticate,
                is_encrypted=self._is_encrypted,
                clock=self._clock,
            )
        except OSError:  # it is closed already
            plain.close()
            return
        self._by_address[address] = client
        self._by_user.setdefault(None, {})[address] = client
        self._settle(client)
        if len(self._by_address) > _limit():
            self._make_room(max(self._by_user.values(), key=len))

    def _arrange(self, client: RemoteClient, group: str | None) -> None:
        """Moves a client from `group` to those of its key, as the latest to send a message."""
        self._leave(client, group)
        of_user = self._by_user.setdefault(client.user, {})
        of_user[client.address] = client
        if client.user and len(of_user) > MAX_CONNECTIONS_OF_A_KEY:
            self._make_room(of_user)

    def _make_room(self, clients: dict[bytes, RemoteClient]) -> None:
        """Closes the connection among `clients` that has been silent for the longest time."""
        client = next(iter(clients.values()))
        who = f"the key {client.user[:8]}…" if client.user else "those without a message"
        logger.warning("%d connections of %s: the oldest is closed", len(clients), who)
        self._drop(client)

    def _try(self, client: RemoteClient, step: Callable[[], None]) -> None:
        """Does a step of a client's, which costs its connection if it fails."""
        try:
            step()
        except ZmtpError as error:
            logger.warning("%s is cut off. %s", client.peer, error)
            self._drop(client)
        except (OSError, zmq.ZMQError) as error:
            logger.warning("%s cannot be served: %s", client.peer, error)
            self._drop(client)
        else:
            self._settle(client)

    def _settle(self, client: RemoteClient) -> None:
        """Has the system report what a client waits for now; forgets one that has ended."""
        if not client.is_open:  # its descriptors are closed, and off the epoll
            self._forget(client)
            return
        self._watch(client, client.plain, client.plain_events)
        if client.near is not None:
            self._watch(client, client.near, client.near_events)
        if client.dealer is not None and client.address not in self._dealers:
            descriptor = int(client.dealer.getsockopt(zmq.FD))
            self._dealers[client.address] = descriptor
            self._by_descriptor[descriptor] = client
            self._epoll.register(descriptor, select.EPOLLIN | select.EPOLLET)
            self._may_have_messages(client)

    def _watch(
        self, client: RemoteClient, connection: socket.socket, wants: tuple[bool, bool]
    ) -> None:
        descriptor = connection.fileno()
        events = select.EPOLLIN * wants[0] | select.EPOLLOUT * wants[1]
        before = self._events.get(descriptor)
        if events == before:
            return
        self._events[descriptor] = events
        self._by_descriptor[descriptor] = client
        if before is None:
            self._descriptors.setdefault(client.address, []).append(descriptor)
            self._epoll.register(descriptor, events)
        else:
            self._epoll.modify(descriptor, events)

    def _may_have_messages(self, client: RemoteClient) -> None:
        self._ready[client] = None

    def _check(self) -> None:
        """Does what time brings, if it is time."""
        now_s = self._clock()
        if self._refused_s is not None and now_s - self._refused_s > _ACCEPT_AGAIN_S:
            self._epoll.register(self._listener.fileno(), select.EPOLLIN)
            self._refused_s = None
        if now_s - self._checked_s < CHECK_S:
            return
        self._checked_s = now_s
        for client in list(self._by_address.values()):
            if client.silent_s > HANDSHAKE_MS / 1000:
                self._drop(client)
            elif client.starved_s > STARVED_S and client not in self._ready:
                logger.warning("%s is cut off: it sends a message of too many frames", client.peer)
                self._drop(client)
            elif client.starved_s:
                self._try(client, client.pass_on)
        self._limit_memory()

    def _limit_memory(self) -> None:
        if self._memory() <= self._limit_bytes:
            return
        release_freed_memory()  # of connections that were cut off before
        longest = max(
            self._by_address.values(), key=lambda client: client.unfinished_bytes, default=None
        )
        if self._memory() <= self._limit_bytes or longest is None:
            return
        if longest.unfinished_bytes > LONG_BYTES:
            size_mb = longest.unfinished_bytes / 1e6
            logger.error("cut off after %.0f MB of a message: %s", size_mb, longest.peer)
            self._drop(longest)

    def _drop(self, client: RemoteClient) -> None:
        """Cuts off a client."""
        self._forget(client)
        self._ready.pop(client, None)
        self._stop_receiving(client)
        client.cut_off()

    def _forget(self, client: RemoteClient) -> None:
        """Forgets a connection; its messages that are complete are still received."""
        if self._by_address.pop(client.address, None) is None:
            return
        self._leave(client, client.user)
        for descriptor in self._descriptors.pop(client.address, []):
            del self._by_descriptor[descriptor], self._events[descriptor]
        if client.dealer is not None:
            self._may_have_messages(client)

    def _leave(self, client: RemoteClient, group: str | None) -> None:
        clients = self._by_user[group]
        del clients[client.address]
        if not clients:
            del self._by_user[group]

    def _stop_receiving(self, client: RemoteClient) -> None:
        """Takes libzmq's descriptor off the epoll, before it is closed."""
        descriptor = self._dealers.pop(client.address, None)
        if descriptor is not None:
            del self._by_descriptor[descriptor]
            self._epoll.unregister(descriptor)

    def _forget_dealer(self, client: RemoteClient) -> None:
        self._stop_receiving(client)
        client.close_dealer()


def _relay(client: RemoteClient, descriptor: int, events: int) -> None:
    """Passes bytes between the network and libzmq, after `events` of one of them."""
    can_receive, can_send = events & ~select.EPOLLOUT, events & select.EPOLLOUT
    if descriptor == client.plain.fileno():
        if can_send:
            client.send_to_network()
        if can_receive and client.is_open:
            client.receive_from_network()
    else:
        if can_send:
            client.pass_on()
        if can_receive and client.is_open:
            client.receive_from_libzmq()


def _limit() -> int:
    """Returns the number of connections that there are descriptors for."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    possible = (descriptors - _OTHER_DESCRIPTORS) // _DESCRIPTORS_OF_A_CONNECTION
    return max(_FEWEST_CONNECTIONS, min(MAX_CONNECTIONS, possible))
