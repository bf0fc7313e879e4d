"""The socket of a client to a daemon on this machine, in the standard library.

It is a Unix socket, or where these are missing (Windows) one of loopback TCP, with a proof.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable
from pathlib import Path

from impasto_shared.connection.loopback import HOST, LoopbackAddress
from impasto_shared.connection.proof import ClientProof
from impasto_shared.connection.system_sockets import send_buffers, wait_for
from impasto_shared.connection.zmtp import ZmtpConnection, ZmtpError
from impasto_shared.errors import DaemonUnavailable
from impasto_shared.image import MAX_FRAME_BYTES
from impasto_shared.protocol.codec import MAX_FRAMES, Frame
from impasto_shared.text.sentences import sentence

# As many messages as libzmq queues.
_MAX_UNSENT_BUFFERS = 1000
# What arrives of a picture comes in parts of 200 kB: a visit without a wait takes several of them.
_SHORTEST_VISIT_S = 0.02
# What the system takes from a client at once: with the usual 200 kB, a picture is sent more slowly.
_SEND_BUFFER_BYTES = 2**20
# The system refuses connections while many of them wait to be accepted.
_RETRY_S = 0.01
# Windows tries for two seconds to connect to a port that nothing listens at.
_CONNECT_S = 1.0


class LocalSocket:
    """A connection to the daemon's socket at `path`; or to a port, as the file at `path` says.

    loopback: what is in that file; both ends then prove that they know its secret.

    It sends and receives in calls only: `send` begins to send a message, and `wait` continues.
    """

    def __init__(self, path: Path, loopback: LoopbackAddress | None = None) -> None:
        self._path = path
        self._loopback = loopback
        proof = None if loopback is None else ClientProof(loopback.secret)
        self._zmtp = ZmtpConnection(MAX_FRAME_BYTES, MAX_FRAMES, proof=proof)
        self._socket = _new_socket(is_unix=loopback is None)
        self._is_accepted = False
        self._can_send = True
        self.is_connected = True
        """Whether the daemon may still answer; what it has sent can be received in any case."""
        self.refusal: DaemonUnavailable | None = None
        """Why this is not a connection to a daemon, if it is none."""
        self.is_denied = False  # there are no keys
        self._try_to_connect()

    def send(self, frames: Iterable[Frame]) -> bool:
        """Queues a message; returns False if too many wait already."""
        if self._zmtp.unsent_buffers >= _MAX_UNSENT_BUFFERS:
            return False
        self._zmtp.send(frames)
        self._transfer(receives=False)
        return True

    def wait(self, timeout_s: float) -> bool:
        """Returns whether a message arrives in time; False at once if the connection breaks."""
        if self._zmtp.messages:
            self._transfer(receives=False)
        begin_s = now_s = time.monotonic()
        while self.is_connected and not self._zmtp.messages:
            if not self._is_due(max(0.0, begin_s + timeout_s - now_s)):
                break
            self._transfer()
            now_s = time.monotonic()
            if now_s >= begin_s + max(timeout_s, _SHORTEST_VISIT_S):
                break
        return bool(self._zmtp.messages)

    def receive(self) -> list[Frame]:
        """Returns the next message, after `wait` has found one."""
        return self._zmtp.messages.popleft()

    def close(self, _linger_s: float) -> None:
        """Closes the connection at once: a daemon on this machine notices that by itself."""
        self._disconnect()

    @property
    def _has_to_send(self) -> bool:
        return self._can_send and self._zmtp.has_outgoing

    def _is_due(self, timeout_s: float) -> bool:
        """Waits until something can be sent or received; returns False if that takes too long."""
        if not self._is_accepted:
            time.sleep(_RETRY_S)
            return True
        return wait_for(self._socket, timeout_s, sends=self._has_to_send)

    def _transfer(self, *, receives: bool = True) -> None:
        """Sends and receives what the system takes and gives at once.

        An exception of a signal handler ends the connection: it may come after bytes have been sent
        or received, and before they are counted.
        """
        if not self.is_connected:
            return
        try:
            if self._is_accepted or self._try_to_connect():
                self._send_part()
                if receives:
                    self._receive_part()
        except ZmtpError as error:
            self.refusal = DaemonUnavailable(
                sentence("no-daemon-at-address", path=self._path, reason=error)
            )
            self._disconnect()
        except BaseException:
            self._disconnect()
            raise

    def _try_to_connect(self) -> bool:
        """Returns whether the daemon's system has accepted the connection; it may do so later."""
        try:
            if self._loopback is None:
                self._socket.connect(str(self._path))
            else:
                self._connect_to_port(self._loopback.port)
        except BlockingIOError:
            return False
        except OSError:
            self._disconnect()
            return False
        self._is_accepted = True
        return True

    def _connect_to_port(self, port: int) -> None:
        """Connects, or raises OSError: unlike a Unix socket, a port answers at once."""
        self._socket.settimeout(_CONNECT_S)
        self._socket.connect((HOST, port))
        self._socket.setblocking(False)

    def _send_part(self) -> None:
        if not self._has_to_send:
            return
        try:
            self._zmtp.sent(send_buffers(self._socket, self._zmtp.outgoing()))
        except BlockingIOError:
            pass
        except OSError:  # the end; the daemon's last messages can still be received
            self._can_send = False

    def _receive_part(self) -> None:
        try:
            count = self._socket.recv_into(self._zmtp.receive_buffer())
        except BlockingIOError:
            return
        except OSError:
            count = 0
        if count:
            self._zmtp.received(count)
        else:
            self._disconnect()

    def _disconnect(self) -> None:
        self.is_connected = False
        self._socket.close()


def is_served(path: Path) -> bool:
    """Returns whether a program listens at a Unix socket: the daemon, or what starts it."""
    return isinstance(connection_error(path), BlockingIOError | None)


def connection_error(path: Path) -> OSError | None:
    """Returns why a Unix socket cannot be connected to; None if it can.

    BlockingIOError: more programs are connecting than the one that listens has accepted.
    """
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except OSError as error:
            return error
    return None


def _new_socket(*, is_unix: bool) -> socket.socket:
    new = socket.socket(socket.AF_UNIX if is_unix else socket.AF_INET, socket.SOCK_STREAM)
    new.setblocking(False)
    new.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
    if not is_unix:
        new.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return new
