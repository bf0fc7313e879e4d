"""Messages between the server and a worker, over a pair of sockets and without libzmq.

libzmq ends its process if the system refuses it a descriptor or memory, and that of the server has
all jobs. The worker inherits its end, so that no other process can be reached by mistake. Messages
are cut into frames as on the socket of clients (ZMTP). No call waits.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable

from impasto_daemon.system.host import LATER, NO_WAIT
from impasto_daemon.system.polling import READ, WRITE
from impasto_shared.connection.system_sockets import send_buffers
from impasto_shared.connection.zmtp import ZmtpConnection
from impasto_shared.image import MAX_FRAME_BYTES
from impasto_shared.protocol.codec import MAX_FRAMES, Frame

# With the usual 200 kB, a picture is sent more slowly.
_BUFFER_BYTES = 2**20
# A picture of a gigabyte takes a second to be sent, in which others are served.
_SENT_BYTES_OF_A_CALL = 2**23


class PipeEnded(Exception):
    """The other process has exited."""


class MessagePipe:
    """An end of the pipe, whose socket is `end`."""

    def __init__(self, end: socket.socket, *, is_server: bool = False) -> None:
        self._end = end
        end.setblocking(False)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
        self._zmtp = ZmtpConnection(MAX_FRAME_BYTES, MAX_FRAMES, is_daemon=is_server)
        self._can_send = True
        self._send_part()  # the greeting

    @classmethod
    def pair(cls) -> tuple[MessagePipe, socket.socket]:
        """Returns the server's end, and the socket of the worker's. Raises OSError."""
        near, far = socket.socketpair()
        try:
            return cls(near, is_server=True), far
        except BaseException:
            near.close()
            far.close()
            raise

    def fileno(self) -> int:
        """Returns the descriptor to poll."""
        return self._end.fileno()

    @property
    def events(self) -> int:
        """The events to poll for: then `transfer` makes progress."""
        receives = 0 if self._zmtp.messages else READ
        return receives | (WRITE if self._can_send and self._zmtp.has_outgoing else 0)

    @property
    def has_messages(self) -> bool:
        """True if messages have been received that `receive` has not returned yet."""
        return bool(self._zmtp.messages)

    @property
    def has_unsent(self) -> bool:
        """True while a message, or a part of one, waits until the other process has read more."""
        return self._zmtp.unsent_buffers > 0

    @property
    def can_send(self) -> bool:
        """False once the other process no longer receives."""
        return self._can_send

    def send(self, frames: Iterable[Frame]) -> bool:
        """Sends a message; returns False, and does not, while an earlier one waits.

        The frames must not change until it is sent: they are not copied.
        """
        if self.has_unsent or not self._can_send:
            return False
        self._zmtp.send(frames)
        self._send_part()
        return True

    def receive(self) -> list[Frame] | None:
        """Returns the next message; None if there is none, or only a part of one.

        Raises like `transfer`.
        """
        if not self._zmtp.messages:
            self.transfer()
        return self._zmtp.messages.popleft() if self._zmtp.messages else None

    def transfer(self) -> None:
        """Sends and receives what the system takes and gives at once.

        Raises:
            PipeEnded: if the other process has exited, and all its messages have been received.
            ZmtpError: if it sends what it never should.
        """
        self._send_part()
        if not self._zmtp.messages:
            self._receive_part()
            self._send_part()  # what waited for the other greeting

    def close(self) -> None:
        """Closes this end; what waits is not sent."""
        self._end.close()
        self._zmtp.close()

    def _send_part(self) -> None:
        count = 0
        while self._can_send and self._zmtp.has_outgoing and count < _SENT_BYTES_OF_A_CALL:
            try:
                sent = send_buffers(self._end, self._zmtp.outgoing(), NO_WAIT)
            except OSError as error:
                # It may be the end; the last messages can still be received.
                self._can_send = error.errno in LATER
                return
            self._zmtp.sent(sent)
            count += sent

    def _receive_part(self) -> None:
        try:
            count = self._end.recv_into(self._zmtp.receive_buffer(), 0, NO_WAIT)
        except OSError as error:
            if error.errno in LATER:
                return
            raise PipeEnded(str(error)) from error
        if not count:
            raise PipeEnded("it has exited")
        self._zmtp.received(count)
