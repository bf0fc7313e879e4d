"""A front: the process that clients reach, between them and the server.

It holds connections and passes messages on. It has no jobs and no pictures, so that it may end at
any time, by a defect or an attack, at the cost of its connections alone; the server starts another.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import socket
import sys
import time
from collections import deque
from contextlib import suppress
from pathlib import Path

import zmq

from impasto_daemon.server.clients.authentication import Authenticator
from impasto_daemon.server.clients.authorized_clients import AuthorizedClients
from impasto_daemon.server.front.authorized_users import AuthorizedUsers
from impasto_daemon.server.front.delivery import Delivery, Received
from impasto_daemon.server.front.link import Kind, Link, LinkBroken, Packet, Sending
from impasto_daemon.server.front.process import ENCRYPTED, MAX_RESIDENT_BYTES
from impasto_daemon.server.front.remote_clients import IO_THREADS, RemoteClients
from impasto_daemon.system.log import start_logging
from impasto_shared.configuration.options import LogLevel
from impasto_shared.connection.keys import Role, load_keys

logger = logging.getLogger(__name__)

FAREWELL_S = 0.5
_POLL_MS = 500
# The server ends this process when it takes more than MAX_RESIDENT_BYTES.
_FULL_BYTES = MAX_RESIDENT_BYTES * 3 // 4
# No event says when a client reads again.
_STALLED_POLL_MS = 20
# A request waits behind those that are on their way to the server: some fifty short ones, or a long
# one. The others wait here, where their clients take turns.
_LINK_BYTES = 20_480
# Each round, for requests and replies alike: between them strangers are authenticated.
_MESSAGES_OF_A_ROUND = 20
# The outcome of a longer message is reported when its memory is free again, not when it is queued.
_TRACKED_BYTES = 2**18
_NO_MEMORY = "there is no memory for a message, which is dropped"
_PR_SET_PDEATHSIG = 1


class Front:
    """Passes messages between `clients` and the server at the other end of `link`.

    users: the keys of other machines that are authorised; None if all clients are on this one.
    """

    def __init__(
        self,
        link: Link,
        clients: RemoteClients,
        authenticator: Authenticator,
        users: AuthorizedUsers | None,
    ) -> None:
        self._link = link
        self._clients = clients
        self._authenticator = authenticator
        self._users = users
        # For the server, while it is behind: outcomes, and one message at most.
        self._outgoing: deque[Packet] = deque()
        # Long messages of clients, from whom nothing more is received until they are copied.
        self._copying: dict[bytes, Sending] = {}
        self._waiting: dict[bytes, deque[Packet]] = {}
        self._tracked: list[tuple[bytes, zmq.MessageTracker]] = []

    def run(self) -> None:
        """Serves until the server ends the link."""
        with suppress(LinkBroken):
            while True:
                self._wait()
                self._authenticator.answer_requests()
                self._cut_off_removed()
                self._clients.work()
                self._pass_on_replies()
                self._pass_on_requests()
        deadline_s = time.monotonic() + FAREWELL_S
        while self._waiting and time.monotonic() < deadline_s:
            self._clients.work()
            self._retry()
            time.sleep(_STALLED_POLL_MS / 1000)

    def _wait(self) -> None:
        poller = zmq.Poller()
        poller.register(self._authenticator.socket, zmq.POLLIN)
        poller.register(self._link, zmq.POLLIN | (zmq.POLLOUT if self._outgoing else 0))
        poller.register(self._clients, zmq.POLLIN)
        poller.poll(self._timeout_ms())

    def _timeout_ms(self) -> int:
        if any(sending.is_copying for sending in self._copying.values()):
            return 0
        if self._clients.has_messages and not self._outgoing:
            return 0
        is_stalled = self._waiting or self._tracked or self._copying
        return _STALLED_POLL_MS if is_stalled else _POLL_MS

    def _cut_off_removed(self) -> None:
        if self._users is not None:
            for user in self._users.removed(self._clients.users):
                self._clients.cut_off(user)

    # Requests

    def _pass_on_requests(self) -> None:
        self._copy()
        for _ in range(_MESSAGES_OF_A_ROUND):
            if not self._flush():
                return
            received = self._clients.receive()
            if received is None:
                return
            if self._users is None or self._users.accepts(received.user):
                self._begin(received)
            else:
                self._clients.cut_off(received.user)
        self._flush()

    def _begin(self, received: Received) -> None:
        """Sends a message to the server; a long one part by part, among those of others."""
        packet = Packet(Kind.MESSAGE, received.address, received.frames, user=received.user)
        if not self._clients.is_held(received.address):
            self._outgoing.append(packet)
        elif sending := self._sending(packet):
            self._copying[received.address] = sending

    def _copy(self) -> None:
        """Continues with the long messages; receives again from the clients of those sent."""
        for address, sending in list(self._copying.items()):
            try:
                sending.advance()
            except OSError:
                self._cut_off(address)
            if sending.is_over:
                del self._copying[address]
                self._clients.release(address)

    def _flush(self) -> bool:
        """Returns whether the server has received everything so far."""
        while self._outgoing:
            sending = self._sending(self._outgoing[0])
            if sending is not None and not sending.is_over:
                sending.cancel()
                return False
            self._outgoing.popleft()
        return True

    def _sending(self, packet: Packet) -> Sending | None:
        """Begins to send a packet to the server; returns None if there is no memory for it."""
        try:
            return self._link.send(packet)
        except OSError:
            self._cut_off(packet.address)
        return None

    def _cut_off(self, address: bytes) -> None:
        """Closes the connection of a client whose message is lost: it would wait in vain."""
        logger.exception(_NO_MEMORY)
        self._clients.close_connection(address)

    # Replies

    def _pass_on_replies(self) -> None:
        self._retry()
        for _ in range(_MESSAGES_OF_A_ROUND):
            packet = self._link.receive()
            if packet is None:
                return
            if packet.kind is Kind.CUT_OFF:
                self._clients.close_connection(packet.address)
            elif packet.address in self._waiting:
                self._waiting[packet.address].append(packet)
            elif not self._send(packet):
                self._waiting[packet.address] = deque([packet])

    def _retry(self) -> None:
        for address, packets in list(self._waiting.items()):
            while packets and self._send(packets[0]):
                packets.popleft()
            if not packets:
                del self._waiting[address]
        for address, tracker in self._tracked:
            if tracker.done:
                self._report(address, Delivery.SENT)
        self._tracked = [entry for entry in self._tracked if not entry[1].done]

    def _send(self, packet: Packet) -> bool:
        """Sends a message and reports its outcome, unless its client must read first."""
        is_tracked = sum(map(len, packet.frames)) > _TRACKED_BYTES
        outcome = self._clients.send(packet.address, packet.frames, is_tracked=is_tracked)
        if isinstance(outcome, zmq.MessageTracker):
            self._tracked.append((packet.address, outcome))
            return True
        if outcome is Delivery.REFUSED:
            return False
        self._report(packet.address, outcome)
        return True

    def _report(self, address: bytes, outcome: Delivery) -> None:
        self._outgoing.append(Packet(Kind.OUTCOME, address, outcome=outcome.value))


def _die_with_server() -> None:
    """Has the kernel end this process when the server ends, so that its addresses are free."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _be_the_first_to_be_killed() -> None:
    """Has the kernel end this process, rather than the server, if memory runs out."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")


def main() -> None:
    """Serves a listening socket, given with the link by their descriptors, until the link ends."""
    level, server_pid, link, listener, *options = sys.argv[1:]
    _die_with_server()
    if os.getppid() != int(server_pid):
        return
    _be_the_first_to_be_killed()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the server decides
    start_logging("front", LogLevel(level))
    zmq.Context.instance(io_threads=IO_THREADS)
    keys = load_keys(Role.DAEMON) if options == [ENCRYPTED] else None
    authorized = AuthorizedClients.of_user()
    authenticator = Authenticator(authorized, keys)
    clients = RemoteClients(
        socket.socket(fileno=int(listener)),
        authenticator.require,
        _FULL_BYTES,
        is_encrypted=keys is not None,
    )
    users = None if keys is None else AuthorizedUsers(authorized)
    connection = socket.socket(fileno=int(link))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _LINK_BYTES)
    Front(Link(connection), clients, authenticator, users).run()
    authenticator.close()  # first: each connection to it holds up the end of one to a client
    clients.close(FAREWELL_S)
    zmq.Context.instance().term()


if __name__ == "__main__":
    main()
