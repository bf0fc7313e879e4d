"""The socket that clients connect to. No call waits, and each does a bounded amount of work."""

from __future__ import annotations

import ctypes
import os
import socket
import struct
from collections.abc import Sequence
from contextlib import suppress
from enum import Enum, auto
from typing import NamedTuple

import zmq

from impasto_shared.connection.tcp_keepalive import notice_lost_peers
from impasto_shared.image import MAX_FRAME_BYTES
from impasto_shared.protocol.codec import MAX_FRAMES, Frame

# Messages in the queue of a client that does not read. A preview has up to a megabyte.
QUEUED_MESSAGES = 32
# Messages of a client that are received before their turn. Some have gigabytes.
RECEIVED_MESSAGES = 2
# The frames that one call receives. A message of millions of them is discarded over many calls,
# between which other clients are served.
FRAMES_OF_A_CALL = 500
_DISCARDED_OF_A_CALL = 10_000
_RESET = struct.pack("ii", 1, 0)  # struct linger: on, no time


class Delivery(Enum):
    """The outcome of sending a message to a client."""

    SENT = auto()
    REFUSED = auto()
    """Its queue is full, because it has not read for a while."""
    DISCONNECTED = auto()
    """It has closed its connection, or its process has exited."""
    LOST = auto()
    """Its connection over a network has ended, but perhaps not its process: it may return."""


class Received(NamedTuple):
    """A message and its client. One frame too many means at least one too many.

    user: the client's key; "" for a client on this machine.
    descriptor: that of its connection in libzmq; another one's if it has been closed since.
    """

    address: bytes
    frames: list[Frame]
    user: str = ""
    descriptor: int = -1


class ClientSocket:
    """A ROUTER that refuses messages to full queues and to unknown clients."""

    def __init__(self) -> None:
        _seed_routing_ids()
        self.socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.ROUTER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        self.socket.setsockopt(zmq.SNDHWM, QUEUED_MESSAGES)
        self.socket.setsockopt(zmq.RCVHWM, RECEIVED_MESSAGES)
        self.socket.setsockopt(zmq.MAXMSGSIZE, MAX_FRAME_BYTES)
        notice_lost_peers(self.socket)
        self._frames: list[zmq.Frame] = []
        self.discarded_frames = 0
        """The number of frames in excess, so far, of the message that is being received."""

    @property
    def sender(self) -> str:
        """The user whose message is being received; "" on this machine, or between messages."""
        return _property_of(self._frames[0], "User-Id") if self._frames else ""

    def receive(self) -> Received | None:
        """Returns the next message; None if there is none, or if its last frames come later."""
        if self.discarded_frames:
            return self._take() if self._discard() else None
        frame = None
        for _ in range(FRAMES_OF_A_CALL):
            try:
                frame = self.socket.recv(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return None
            # The address comes first, and the frame in excess lets the decoder refuse the message.
            if len(self._frames) < 1 + MAX_FRAMES + 1:
                self._frames.append(frame)
            if not frame.more:
                return self._take()
        if frame is not None:
            if not self.discarded_frames:  # only once: its descriptor may soon be another's
                shut_down(_descriptor_of(frame))
            self.discarded_frames += FRAMES_OF_A_CALL
        return None

    def _discard(self) -> bool:
        """Receives frames in excess; returns whether the last one of the message has come.

        A copy of a short frame takes half the time of a view of it.
        """
        for _ in range(_DISCARDED_OF_A_CALL):
            try:
                self.socket.recv(zmq.NOBLOCK)
            except zmq.Again:
                return False
            self.discarded_frames += 1
            if not self.socket.getsockopt(zmq.RCVMORE):
                return True
        return False

    def _take(self) -> Received:
        address, *frames = self._frames
        self._frames, self.discarded_frames = [], 0
        return Received(
            address.bytes,
            [frame.buffer for frame in frames],
            _property_of(address, "User-Id"),
            _descriptor_of(address),
        )

    def send(self, address: bytes, frames: Sequence[Frame]) -> Delivery:
        """Sends a message if its client can take it now; it is not sent later."""
        try:
            self.socket.send_multipart([address, *frames], flags=zmq.NOBLOCK, copy=False)
        except zmq.ZMQError as error:
            return _outcome_of(error)
        return Delivery.SENT

    def send_tracked(
        self, address: bytes, frames: Sequence[Frame]
    ) -> Delivery | zmq.MessageTracker:
        """Sends like `send`, but returns a tracker, which is done once the memory is not needed."""
        try:
            tracker = self.socket.send_multipart(
                [address, *frames], flags=zmq.NOBLOCK, copy=False, track=True
            )
        except zmq.ZMQError as error:
            return _outcome_of(error)
        return tracker if isinstance(tracker, zmq.MessageTracker) else Delivery.SENT

    def close(self, linger_s: float) -> None:
        """Closes the socket; what was sent is delivered in the background, within `linger_s`."""
        self.socket.close(linger=int(linger_s * 1000))


def _outcome_of(error: zmq.ZMQError) -> Delivery:
    """Returns the outcome that an error of sending stands for; raises any other error."""
    if error.errno == zmq.EAGAIN:
        return Delivery.REFUSED
    if error.errno == zmq.EHOSTUNREACH:
        return Delivery.DISCONNECTED
    raise error


def _property_of(frame: zmq.Frame, name: str) -> str:
    """Returns what libzmq knows of the connection that a frame came from; "" if nothing."""
    try:
        return str(frame.get(name))
    except zmq.ZMQError:
        return ""


def peer_of(descriptor: int) -> object:
    """Returns the address of the other end of a connection; None if it is closed."""
    try:
        with connection_of(descriptor) as connection:
            return connection.getpeername()
    except OSError:
        return None


def shut_down(descriptor: int, peer: object = None) -> None:
    """Ends a connection, if it is still open and, unless it is None, that of `peer`."""
    with suppress(OSError), connection_of(descriptor) as connection:
        if peer is None or connection.getpeername() == peer:
            # Its peer is told when libzmq closes it, even one that waits until it may send more.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            connection.shutdown(socket.SHUT_RDWR)  # libzmq notices it, and closes the connection


def connection_of(descriptor: int) -> socket.socket:
    """Returns a connection of libzmq by a descriptor of our own; raises OSError if it is closed."""
    own = os.dup(descriptor)
    try:
        return socket.socket(fileno=own)
    except OSError:  # the descriptor is a file's by now
        os.close(own)
        raise


def _descriptor_of(frame: zmq.Frame) -> int:
    """Returns the descriptor of the connection that a frame came from; -1 if it has none."""
    try:
        return int(frame.get(zmq.SRCFD))
    except zmq.ZMQError:
        return -1


def _seed_routing_ids() -> None:
    """Makes the ids unpredictable that libzmq draws for its peers.

    They are consecutive, and libzmq aborts if a peer has claimed the next one. It draws the first
    from rand(), which it never seeds.
    """
    ctypes.CDLL(None).srand(int.from_bytes(os.urandom(4)))
