"""The connection of a client on TCP: its bytes pass to a socket of libzmq that is its alone.

libzmq decrypts each connection in one of its threads, and the socket of each holds its own
messages: a long frame, or a message of many, holds up no other client. Between the network and
libzmq is a pair of Unix sockets, where the frames are counted.
"""

from __future__ import annotations

import os
import socket
import struct
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import zmq

from impasto_daemon.server.front.delivery import QUEUED_MESSAGES, Delivery
from impasto_daemon.server.front.passing_frames import PassingFrames
from impasto_shared.connection.tcp_keepalive import notice_lost_peer
from impasto_shared.protocol.codec import MAX_FRAMES, Frame

# Messages of a client that are received before their turn. Some have gigabytes.
_RECEIVED_MESSAGES = 2
_PART_BYTES = 2**17
_BUFFER_BYTES = 2**20  # of the system, between the network and libzmq
_RESET = struct.pack("ii", 1, 0)  # struct linger: on, no time
_part = memoryview(bytearray(_PART_BYTES))  # where all connections receive, one at a time

Authenticate = Callable[["zmq.Socket[bytes]", str], None]


class RemoteClient:
    """A client that is connected through `plain`; messages to it go to `address`.

    No call waits; each receives and sends a bounded number of bytes.

    authenticate: sets the options of a socket by which libzmq authenticates a client, given where
        that connects from.
    is_encrypted: whether by CurveZMQ. `clock` is in seconds.
    """

    def __init__(
        self,
        plain: socket.socket,
        address: bytes,
        authenticate: Authenticate,
        *,
        is_encrypted: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        plain.setblocking(False)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        notice_lost_peer(plain)
        self.plain, self.address = plain, address
        host, port, *_ = plain.getpeername()
        self.peer = f"{host}:{port}"
        self.user: str | None = None
        """Its key, once it has sent a message; "" on this machine."""
        self.near: socket.socket | None = None
        """The end of libzmq's connection, once the client has shown that it speaks ZeroMQ."""
        self.dealer: zmq.Socket[bytes] | None = None
        self._authenticate = authenticate
        self._clock = clock
        self._began_s = clock()
        self._passing = PassingFrames(is_encrypted=is_encrypted, clock=clock)
        # Received: for libzmq, and not yet allowed to pass. To be sent: for the network.
        self._inbound, self._waiting, self._outbound = memoryview(b""), memoryview(b""), b""
        self._starved_s: float | None = None
        self._has_left = False  # it has closed its end
        self._has_finished = False  # libzmq has closed its own
        self.is_open = True

    @property
    def unfinished_bytes(self) -> int:
        """The bytes of messages that have not arrived, or not been received from libzmq."""
        return self._passing.unfinished_bytes

    @property
    def silent_s(self) -> float:
        """The time for which it has been connected without the first bytes of a greeting."""
        return 0.0 if self.near is not None else self._clock() - self._began_s

    @property
    def starved_s(self) -> float:
        """The time for which it has been sending more frames than a message may have."""
        return 0.0 if self._starved_s is None else self._clock() - self._starved_s

    @property
    def plain_events(self) -> tuple[bool, bool]:
        """Returns whether to receive from the network, and whether to send to it."""
        is_full = self._inbound or self._waiting
        return not (is_full or self._has_left), bool(self._outbound)

    @property
    def near_events(self) -> tuple[bool, bool]:
        """Returns whether to receive from libzmq, and whether to send to it."""
        return not (self._outbound or self._has_finished), bool(self._inbound)

    def receive_from_network(self) -> None:
        """Receives a part of what has arrived, and passes it on.

        Raises:
            ZmtpError: if the peer is no client.
            OSError: if there is no room for its connection.
        """
        if self._inbound or self._waiting or self._has_left:
            return
        try:
            size = self.plain.recv_into(_part, 0, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            size = 0
        if size:
            self._pass(_part[:size])
        else:
            self._has_left = True
            self.pass_on()

    def pass_on(self) -> None:
        """Passes on what is waiting, as far as it may; raises like `receive_from_network`."""
        if not self._inbound and self._waiting:
            waiting, self._waiting = self._waiting, memoryview(b"")
            self._pass(waiting)
        elif self._inbound and self.near is not None:
            self._inbound = _rest_of(self.near, self._inbound)
        if self._has_left and not (self._inbound or self._waiting):
            self._end_of_client()

    def receive_from_libzmq(self) -> None:
        """Receives a part of what libzmq sends, and passes it on to the network."""
        if self.near is None or self._outbound or self._has_finished:
            return
        try:
            size = self.near.recv_into(_part, 0, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            size = 0
        self._has_finished = not size
        self._outbound = bytes(_part[:size])
        self.send_to_network()

    def send_to_network(self) -> None:
        """Sends what is waiting; closes the connection after the last of it."""
        try:
            while self._outbound:
                size = self.plain.send(self._outbound, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
                self._outbound = self._outbound[size:]
        except BlockingIOError:
            return
        except OSError:
            self._outbound, self._has_left = b"", True
            self._end_of_client()
        if self._has_finished:
            self._close_connection()

    def receive(self) -> list[Frame] | None:
        """Returns the next message, if all of it is there; of many frames only one too many."""
        frames: list[zmq.Frame] = []
        while self.dealer is not None and (not frames or frames[-1].more):
            try:
                frame = self.dealer.recv(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                break
            frames[MAX_FRAMES:] = [frame]
        if not frames:
            return None
        if self.user is None:
            self.user = _user_of(frames[0])
        return [frame.buffer for frame in frames]

    def end_message(self) -> None:
        """Lets the next message pass: the last one needs no memory any more, or little."""
        self._passing.note_message()
        self._starved_s = None
        if self.is_open:
            self.pass_on()

    def send(self, frames: Sequence[Frame], *, is_tracked: bool) -> Delivery | zmq.MessageTracker:
        """Sends a message if its client can take it now; it is not sent later.

        is_tracked: whether to return a tracker, which is done when the memory is not needed.
        """
        if self.dealer is None or not self.is_open or self._has_left:
            return Delivery.DISCONNECTED
        try:
            tracker = self.dealer.send_multipart(
                list(frames), flags=zmq.NOBLOCK, copy=False, track=is_tracked
            )
        except zmq.Again:
            return Delivery.REFUSED
        if is_tracked and isinstance(tracker, zmq.MessageTracker):
            return tracker
        return Delivery.SENT

    def farewell(self, linger_s: float) -> None:
        """Has libzmq send what is queued; then it ends the connection."""
        if self.dealer is not None:
            self.dealer.close(linger=int(linger_s * 1000))
            self.dealer = None
        else:
            self._close_connection()

    def cut_off(self) -> None:
        """Ends the connection at once; its peer is told, even one that waits to send more."""
        with suppress(OSError):
            self.plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._close_connection()
        self.close_dealer()

    def close_dealer(self) -> None:
        """Frees what libzmq has received and not sent."""
        if self.dealer is not None:
            self.dealer.close(linger=0)
            self.dealer = None

    def _pass(self, received: memoryview) -> None:
        """Passes on what may pass, and keeps the rest; `received` may be overwritten later."""
        allowed = self._passing.count(received)
        if self.near is None and self._passing.is_greeting:
            self._connect_libzmq()
        now, later = received[:allowed], received[allowed:]
        if self.near is not None:
            now = _rest_of(self.near, now)
        self._inbound, self._waiting = memoryview(bytes(now)), memoryview(bytes(later))
        if not later:
            self._starved_s = None
        elif self._starved_s is None:
            self._starved_s = self._clock()

    def _connect_libzmq(self) -> None:
        """Gives libzmq the other end of a connection, as if the client had connected to it."""
        dealer: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.DEALER)
        self.dealer = dealer
        dealer.setsockopt(zmq.LINGER, 0)
        dealer.setsockopt(zmq.SNDHWM, QUEUED_MESSAGES)
        dealer.setsockopt(zmq.RCVHWM, _RECEIVED_MESSAGES)
        self._authenticate(dealer, self.peer)
        self.near, listener = _unix_pair()
        self.near.setblocking(False)
        self.near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
        dealer.setsockopt(zmq.USE_FD, listener.detach())
        dealer.bind("ipc:///impasto")  # libzmq wants a name, and does not look at it

    def _end_of_client(self) -> None:
        """Lets libzmq know that nothing more will come."""
        if self.near is None or self._has_finished:
            self._close_connection()
            return
        with suppress(OSError):
            self.near.shutdown(socket.SHUT_WR)

    def _close_connection(self) -> None:
        self.is_open = False
        self.plain.close()
        if self.near is not None:
            self.near.close()


def _unix_pair() -> tuple[socket.socket, socket.socket]:
    """Returns a connection, and the listening socket that will accept it, for libzmq.

    No other can find it.
    """
    folder = tempfile.mkdtemp(prefix="impasto-")  # which only this user can enter
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    path = Path(f"/proc/self/fd/{descriptor}/s")  # short, whatever the folder
    near, listener = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
    try:
        listener.bind(str(path))
        listener.listen(1)
        near.connect(str(path))
    except BaseException:
        near.close()
        listener.close()
        raise
    finally:
        path.unlink(missing_ok=True)
        Path(folder).rmdir()
        os.close(descriptor)
    return near, listener


def _rest_of(near: socket.socket, data: memoryview) -> memoryview:
    """Sends what libzmq takes now, and returns the rest; nothing if libzmq has closed its end."""
    try:
        return data[near.send(data, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL) :] if data else data
    except BlockingIOError:
        return data
    except OSError:
        return data[:0]


def _user_of(frame: zmq.Frame) -> str:
    """Returns the key of a client by what libzmq knows of a frame; "" on this machine."""
    try:
        return str(frame.get("User-Id"))
    except zmq.ZMQError:
        return ""
