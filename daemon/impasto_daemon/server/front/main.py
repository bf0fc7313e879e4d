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
from impasto_daemon.server.front.client_socket import (
    ClientSocket,
    Delivery,
    Received,
)
from impasto_daemon.server.front.link import Kind, Link, LinkBroken, Packet
from impasto_daemon.server.front.process import ENCRYPTED, MAX_RESIDENT_BYTES
from impasto_daemon.server.front.remote_connections import RemoteConnections
from impasto_daemon.server.front.unfinished_messages import UnfinishedMessages
from impasto_daemon.system.log import start_logging
from impasto_shared.configuration.options import LogLevel
from impasto_shared.connection.keys import Role, load_keys

logger = logging.getLogger(__name__)

FAREWELL_S = 0.5
_POLL_MS = 500
# Of one message. Discarding more of them would hold up the other clients for over a second.
_MAX_DISCARDED_FRAMES = 1_000_000
# The server ends this process when it takes more than MAX_RESIDENT_BYTES.
_FULL_BYTES = MAX_RESIDENT_BYTES * 3 // 4
# No event says when a client reads again.
_STALLED_POLL_MS = 20
# Each round, for requests and replies alike: between them strangers are authenticated.
_MESSAGES_OF_A_ROUND = 100
# The outcome of a longer message is reported when its memory is free again, not when it is queued.
_TRACKED_BYTES = 2**18
_PR_SET_PDEATHSIG = 1


class Front:
    """Passes messages between `clients` and the server at the other end of `link`.

    remote: the connections of other machines; None if all clients are on this machine.
    """

    def __init__(
        self,
        link: Link,
        clients: ClientSocket,
        authenticator: Authenticator,
        remote: RemoteConnections | None,
    ) -> None:
        self._link = link
        self._clients = clients
        self._authenticator = authenticator
        self._remote = remote
        self._unfinished = UnfinishedMessages(_FULL_BYTES)
        # For the server, while it is behind: outcomes, and one message at most.
        self._outgoing: deque[Packet] = deque()
        self._waiting: dict[bytes, deque[Packet]] = {}
        self._sending: list[tuple[bytes, zmq.MessageTracker]] = []

    def run(self) -> None:
        """Serves until the server ends the link."""
        with suppress(LinkBroken):
            while True:
                self._wait()
                self._authenticator.answer_requests()
                if self._remote is not None:
                    self._remote.check()
                self._unfinished.check()
                self._pass_on_replies()
                self._pass_on_requests()
        deadline_s = time.monotonic() + FAREWELL_S
        while self._waiting and time.monotonic() < deadline_s:
            self._retry()
            time.sleep(_STALLED_POLL_MS / 1000)

    def _wait(self) -> None:
        poller = zmq.Poller()
        poller.register(self._authenticator.socket, zmq.POLLIN)
        poller.register(self._link, zmq.POLLIN | (zmq.POLLOUT if self._outgoing else 0))
        if not self._outgoing:
            poller.register(self._clients.socket, zmq.POLLIN)
        is_stalled = self._waiting or self._sending
        poller.poll(_STALLED_POLL_MS if is_stalled else _POLL_MS)

    # Requests

    def _pass_on_requests(self) -> None:
        for _ in range(_MESSAGES_OF_A_ROUND):
            if not self._flush():
                return
            received = self._clients.receive()
            if self._clients.discarded_frames > _MAX_DISCARDED_FRAMES:
                name = self._authenticator.name_of(self._clients.sender)
                logger.error("%s sends millions of frames: all connections are closed", name)
                os._exit(1)
            if received is None:
                return
            self._unfinished.complete(received.descriptor)
            if self._remote is None or self._remote.accepts(received):
                self._outgoing.append(_packet_of(received))
        self._flush()

    def _flush(self) -> bool:
        """Returns whether the server has received everything so far."""
        while self._outgoing:
            try:
                if not self._link.send(self._outgoing[0]):
                    return False
            except OSError:
                # Its client waits in vain for an answer, like one whose connection is lost.
                logger.exception("there is no memory for a message, which is dropped")
            self._outgoing.popleft()
        return True

    # Replies

    def _pass_on_replies(self) -> None:
        self._retry()
        for _ in range(_MESSAGES_OF_A_ROUND):
            packet = self._link.receive()
            if packet is None:
                return
            if packet.address in self._waiting:
                self._waiting[packet.address].append(packet)
            elif not self._send(packet):
                self._waiting[packet.address] = deque([packet])

    def _retry(self) -> None:
        for address, packets in list(self._waiting.items()):
            while packets and self._send(packets[0]):
                packets.popleft()
            if not packets:
                del self._waiting[address]
        for address, tracker in self._sending:
            if tracker.done:
                self._report(address, Delivery.SENT)
        self._sending = [entry for entry in self._sending if not entry[1].done]

    def _send(self, packet: Packet) -> bool:
        """Sends a message and reports its outcome, unless its client must read first."""
        if sum(map(len, packet.frames)) > _TRACKED_BYTES:
            outcome = self._clients.send_tracked(packet.address, packet.frames)
        else:
            outcome = self._clients.send(packet.address, packet.frames)
        if isinstance(outcome, zmq.MessageTracker):
            self._sending.append((packet.address, outcome))
            return True
        if outcome is Delivery.REFUSED:
            return False
        self._report(packet.address, outcome)
        return True

    def _report(self, address: bytes, outcome: Delivery) -> None:
        self._outgoing.append(Packet(Kind.OUTCOME, address, outcome=outcome.value))


def _packet_of(received: Received) -> Packet:
    return Packet(Kind.MESSAGE, received.address, received.frames, user=received.user)


def _die_with_server() -> None:
    """Has the kernel end this process when the server ends, so that its addresses are free."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _be_the_first_to_be_killed() -> None:
    """Has the kernel end this process, rather than the server, if memory runs out."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")


def main() -> None:
    """Serves a listening socket, given with the link by their descriptors, until the link ends."""
    level, server_pid, link, listener, endpoint, *options = sys.argv[1:]
    _die_with_server()
    if os.getppid() != int(server_pid):
        return
    _be_the_first_to_be_killed()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the server decides
    start_logging("front", LogLevel(level))
    keys = load_keys(Role.DAEMON) if options == [ENCRYPTED] else None
    authorized = AuthorizedClients.of_user()
    authenticator = Authenticator(authorized, keys)
    clients = ClientSocket()
    authenticator.bind(clients.socket, endpoint, int(listener))
    remote = RemoteConnections(authorized) if keys is not None else None
    Front(Link(socket.socket(fileno=int(link))), clients, authenticator, remote).run()
    authenticator.close()
    clients.close(FAREWELL_S)
    # Returns when the last messages have been sent.
    zmq.Context.instance().term()


if __name__ == "__main__":
    main()
