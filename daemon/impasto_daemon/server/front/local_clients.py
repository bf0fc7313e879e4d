"""The sockets that programs of this user connect to, without libzmq.

Other users cannot open Unix sockets; over loopback TCP, where these are missing (Windows), programs
prove that they have read this user's private file, and get nothing before.

libzmq shows a message only when all of it is there, and aborts the process if there is no
descriptor for a connection. Here a message is limited as it arrives, and so is the number of
connections. No call waits, and each does a bounded amount of work.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from itertools import count

from impasto_daemon.server.front.delivery import (
    FRAMES_IN_EXCESS,
    QUEUED_BYTES,
    QUEUED_MESSAGES,
    Delivery,
    Received,
)
from impasto_daemon.system.host import (
    LATER,
    NO_WAIT,
    most_descriptors,
    physical_bytes,
    program_of,
)
from impasto_daemon.system.polling import BROKEN, READ, WRITE, Poller, new_epoll
from impasto_shared.connection.proof import DaemonProof
from impasto_shared.connection.system_sockets import send_buffers
from impasto_shared.connection.zmtp import ZmtpConnection, ZmtpError
from impasto_shared.image import MAX_FRAME_BYTES
from impasto_shared.protocol.codec import MAX_FRAMES, Frame

logger = logging.getLogger(__name__)

MAX_CONNECTIONS = 1024
"""Beyond it, the program with the most connections loses its oldest one for each new one."""
MAX_UNFINISHED_BYTES = physical_bytes() // 2
"""Of all messages that are arriving; beyond it, the connection with the longest one is closed."""
_LONG_BYTES = 2**20
_EVENTS_OF_A_CALL = 8
# The system refuses a connection without saying so if it has no descriptor, or no memory.
_ACCEPT_AGAIN_S = 0.1
_LINGER_STEP_S = 0.005
# With the usual 200 kB, a picture is sent more slowly.
_SEND_BUFFER_BYTES = 2**20
# Of a program that connects: its proof is a few bytes, which it has at hand.
_PROOF_S = 5.0


class _Connection:
    """A connection of the program `pid`; messages to it go to `address`.

    secret: what the program must prove to know; None on a Unix socket.
    """

    def __init__(self, plain: socket.socket, address: bytes, secret: bytes | None) -> None:
        plain.setblocking(False)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        if secret is not None:  # TCP, which keeps short parts back until earlier ones have arrived
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.plain, self.address = plain, address
        self.descriptor = plain.fileno()
        self.proof = None if secret is None else DaemonProof(secret)
        # Programs that have not proved themselves count as one.
        self.pid = program_of(plain) if self.proof is None else 0
        self.zmtp = ZmtpConnection(
            *(MAX_FRAME_BYTES, MAX_FRAMES, FRAMES_IN_EXCESS), is_daemon=True, proof=self.proof
        )
        self.events = READ
        self.is_open = True
        self.begin_s = time.monotonic()


class LocalClients:
    """Messages from and to the programs that are connected to Unix sockets.

    limit: the number of connections. unfinished_bytes: see MAX_UNFINISHED_BYTES.
    """

    def __init__(
        self, limit: int | None = None, unfinished_bytes: int = MAX_UNFINISHED_BYTES
    ) -> None:
        self._limit = limit or min(MAX_CONNECTIONS, most_descriptors() // 2)
        self._unfinished_bytes = unfinished_bytes
        self._epoll = new_epoll()
        self._listeners: dict[str, socket.socket] = {}
        self._secrets: dict[socket.socket, bytes] = {}  # of those that require a proof
        self._unproven: dict[int, _Connection] = {}  # oldest first
        self._refused_s: float | None = None
        self._connections: dict[int, _Connection] = {}
        self._by_address: dict[bytes, _Connection] = {}
        # Of each program; the connection first whose last message is the oldest.
        self._by_program: dict[int, dict[int, _Connection]] = {}
        self._with_messages: deque[_Connection] = deque()
        self._numbers = count(int.from_bytes(os.urandom(6)))
        self.is_receiving = False
        """True if the last call of `receive` has made progress, and more may follow at once."""

    def register_in(self, poller: Poller) -> None:
        """Has a poller return when there is something to do."""
        poller.register(self._epoll, READ)

    @property
    def timeout_ms(self) -> float:
        """The longest time until the next call of `receive`, whatever the descriptor says."""
        if self._with_messages:
            return 0
        if self._refused_s is not None:
            return 1000 * _ACCEPT_AGAIN_S
        oldest = next(iter(self._unproven.values()), None)
        if oldest is None:
            return float("inf")
        return 1000 * max(0.0, oldest.begin_s + _PROOF_S - time.monotonic())

    def serve(self, endpoint: str, listener: socket.socket, secret: bytes | None = None) -> None:
        """Accepts connections to a listening socket, in place of an earlier one of the endpoint.

        secret: what a program that connects must prove to know; None if only this user's can.
        """
        if earlier := self._listeners.pop(endpoint, None):
            self._secrets.pop(earlier, None)
            self._stop_accepting(earlier)
            earlier.close()
        listener.setblocking(False)
        # If the system had no room for a connection, this one waits like the others.
        if self._refused_s is None:
            try:
                self._epoll.register(listener.fileno(), READ)
            except OSError:
                listener.close()
                raise
        self._listeners[endpoint] = listener
        if secret is not None:
            self._secrets[listener] = secret

    def receive(self) -> Received | None:
        """Returns the next message; None if there is none, or only parts of one."""
        self.is_receiving = False
        self._accept_again()
        self._drop_unproven()
        self._work()
        if not self._with_messages:
            return None
        connection = self._with_messages.popleft()  # clients take turns
        frames = connection.zmtp.messages.popleft()
        if connection.zmtp.messages:
            self._with_messages.append(connection)
        return Received(connection.address, frames)

    def send(self, address: bytes, frames: Sequence[Frame]) -> Delivery:
        """Sends a message if its client can take it now, or soon."""
        connection = self._by_address.get(address)
        if connection is None:
            return Delivery.DISCONNECTED
        zmtp = connection.zmtp
        if zmtp.unsent_buffers >= QUEUED_MESSAGES or zmtp.unsent_bytes > QUEUED_BYTES:
            return Delivery.REFUSED
        zmtp.send(frames)
        self._send_part(connection)
        return Delivery.SENT if connection.is_open else Delivery.DISCONNECTED

    def close(self, linger_s: float) -> None:
        """Sends what is waiting, within a time, and closes all connections."""
        for listener in self._listeners.values():
            self._stop_accepting(listener)
            listener.close()
        deadline_s = time.monotonic() + linger_s
        while self._connections and time.monotonic() < deadline_s:
            for connection in list(self._connections.values()):
                if connection.zmtp.has_outgoing:
                    self._send_part(connection)
                else:
                    self._drop(connection)
            if self._connections:
                time.sleep(_LINGER_STEP_S)
        for connection in list(self._connections.values()):
            self._drop(connection)
        self._epoll.close()

    def _work(self) -> None:
        """Accepts, receives and sends what the system has ready, or room for."""
        for descriptor, events in self._epoll.poll(0, _EVENTS_OF_A_CALL):
            self.is_receiving = True
            connection = self._connections.get(descriptor)
            if connection is None:
                for listener in self._listeners.values():
                    if descriptor == listener.fileno():
                        self._accept(listener)
                continue
            if events & WRITE:
                self._send_part(connection)
            if events & (READ | BROKEN) and connection.is_open:
                self._receive_part(connection)

    def _accept(self, listener: socket.socket) -> None:
        try:
            plain, _ = listener.accept()
        except (BlockingIOError, ConnectionError):
            return
        except OSError as error:
            logger.warning("a connection cannot be accepted: %s", error)
            self._refused_s = time.monotonic()
            for each in self._listeners.values():  # until the system has room again
                self._stop_accepting(each)
            return
        try:
            address = next(self._numbers).to_bytes(8)
            connection = _Connection(plain, address, self._secrets.get(listener))
            self._epoll.register(connection.descriptor, connection.events)
        except OSError as error:
            logger.warning("a connection cannot be served: %s", error)
            plain.close()
            return
        self._connections[connection.descriptor] = connection
        self._by_address[connection.address] = connection
        self._by_program.setdefault(connection.pid, {})[connection.descriptor] = connection
        if connection.proof is not None:
            self._unproven[connection.descriptor] = connection
            self._send_part(connection)  # the challenge
        if len(self._connections) > self._limit:
            self._make_room()

    def _accept_again(self) -> None:
        is_due = self._refused_s is not None and (
            time.monotonic() - self._refused_s > _ACCEPT_AGAIN_S
        )
        if not is_due:
            return
        for listener in self._listeners.values():
            self._stop_accepting(listener)  # it may be registered since a try that failed
            self._epoll.register(listener.fileno(), READ)
        self._refused_s = None  # not before: it may fail, and is then due again

    def _stop_accepting(self, listener: socket.socket) -> None:
        with suppress(OSError):
            self._epoll.unregister(listener.fileno())

    def _drop_unproven(self) -> None:
        """Closes the connections whose programs have not proved themselves in time."""
        latest_s = time.monotonic() - _PROOF_S
        for connection in list(self._unproven.values()):
            if connection.begin_s > latest_s:
                return
            logger.warning("a program that does not prove to be this user's is cut off")
            self._drop(connection)

    def _count_proven(self, connection: _Connection) -> None:
        """Counts a connection among those of its program."""
        if connection.proof is None or self._unproven.pop(connection.descriptor, None) is None:
            return
        strangers = self._by_program[connection.pid]
        del strangers[connection.descriptor]
        if not strangers:
            del self._by_program[connection.pid]
        connection.pid = connection.proof.pid
        self._by_program.setdefault(connection.pid, {})[connection.descriptor] = connection

    def _make_room(self) -> None:
        """Closes the oldest connection of the program with the most."""
        busiest = max(self._by_program.values(), key=len)
        connection = next(iter(busiest.values()))
        logger.warning(
            "program %d has %d connections: its oldest is closed", connection.pid, len(busiest)
        )
        self._drop(connection)

    def _receive_part(self, connection: _Connection) -> None:
        """Receives what has arrived, unless messages are waiting for their turn."""
        zmtp = connection.zmtp
        if zmtp.messages:
            return
        try:
            size = connection.plain.recv_into(zmtp.receive_buffer(), 0, NO_WAIT)
        except OSError as error:
            if error.errno in LATER:
                return
            size = 0
        if not size:
            self._drop(connection)
            return
        try:
            zmtp.received(size)
        except ZmtpError as error:
            logger.warning("program %d is cut off. %s", connection.pid, error)
            self._drop(connection)
        self._note_received(connection)
        if connection.is_open:
            self._send_part(connection)  # the answers to a greeting or a ping
        if connection.is_open and zmtp.unfinished_bytes > _LONG_BYTES:
            self._limit_memory()

    def _note_received(self, connection: _Connection) -> None:
        """Notes whether a connection is proven by now, and has messages."""
        if connection.zmtp.is_proven:
            self._count_proven(connection)
        if connection.zmtp.messages:
            self._with_messages.append(connection)
            of_program = self._by_program.get(connection.pid, {})
            if connection.is_open:  # the latest now
                of_program[connection.descriptor] = of_program.pop(connection.descriptor)

    def _limit_memory(self) -> None:
        sizes = {each: each.zmtp.unfinished_bytes for each in self._connections.values()}
        if sum(sizes.values()) <= self._unfinished_bytes:
            return
        longest = max(sizes, key=sizes.__getitem__)
        logger.error(
            "program %d is cut off after %.0f MB of a message, for want of memory",
            *(longest.pid, sizes[longest] / 1e6),
        )
        self._drop(longest)

    def _send_part(self, connection: _Connection) -> None:
        if connection.zmtp.has_outgoing:
            try:
                size = send_buffers(connection.plain, connection.zmtp.outgoing(), NO_WAIT)
            except OSError as error:
                if error.errno not in LATER:
                    self._drop(connection)
                    return
                size = 0
            connection.zmtp.sent(size)
        events = READ | (WRITE if connection.zmtp.has_outgoing else 0)
        if events != connection.events:
            try:
                self._epoll.modify(connection.descriptor, events)
            except OSError as error:  # else the rest would never be sent
                logger.warning("a connection cannot be served any more: %s", error)
                self._drop(connection)
                return
            connection.events = events

    def _drop(self, connection: _Connection) -> None:
        """Closes a connection; its messages that are complete are still received."""
        connection.is_open = False
        del self._connections[connection.descriptor]
        del self._by_address[connection.address]
        of_program = self._by_program[connection.pid]
        del of_program[connection.descriptor]
        if not of_program:
            del self._by_program[connection.pid]
        self._unproven.pop(connection.descriptor, None)
        with suppress(OSError):  # closing it takes it off the system's epoll, too
            self._epoll.unregister(connection.descriptor)
        connection.plain.close()
        connection.zmtp.close()
