"""The client's socket: it sends and receives messages, and notices when the connection breaks.

It knows nothing of jobs. A TCP connection is authenticated and encrypted with CurveZMQ if a server
key is configured.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import zmq

from impasto_shared.codec import MAX_FRAMES, decode, encode
from impasto_shared.configuration.resolution import client_options
from impasto_shared.connection.keys import KeysUnusable, Role, load_keys
from impasto_shared.connection.tcp_keepalive import notice_lost_peers
from impasto_shared.errors import (
    AccessDenied,
    DaemonUnavailable,
    ErrorCode,
    ImpastoError,
    ProtocolError,
)
from impasto_shared.image import MAX_FRAME_BYTES
from impasto_shared.messages import DaemonMessage
from impasto_shared.paths import check_private, is_loopback, socket_path

# The interval at which `while_waiting` is called, short enough to keep windows responsive.
_WAITING_INTERVAL_S = 0.1

_HANDSHAKE_FAILED = (
    zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
)


class Transport:
    """A connection to the daemon at `endpoint`.

    send_timeout_s: time after which a message that cannot be sent raises DaemonUnavailable.
    server_key: the public key of a daemon at a TCP endpoint, 64 hexadecimal digits; None for the
        configured one; "" for an unencrypted connection on this machine.
    while_waiting: called ten times a second during a wait; an exception that it raises ends the
        wait.

    Raises:
        DaemonUnavailable: if there is no socket at `endpoint`, or it is not an address.
        UnsafeDirectory: if other users have access to the folder of its socket.
        KeysUnusable: if a key that is required is missing or damaged.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        send_timeout_s: float,
        server_key: str | None = None,
        while_waiting: Callable[[], object] = lambda: None,
    ) -> None:
        _check_socket_file(endpoint)
        self._endpoint = endpoint
        self._while_waiting = while_waiting
        self._socket = _dealer(endpoint, send_timeout_s, server_key)
        # The monitor precedes the connection: a refusal may arrive at once, and only once.
        self._monitor = self._socket.get_monitor_socket(zmq.EVENT_DISCONNECTED | _HANDSHAKE_FAILED)
        self._refusal: str | None = None
        self.is_connected = True
        self.is_denied = False
        """Whether the daemon does not know this client's key, so that there is no use in trying."""
        try:
            self._socket.connect(endpoint)
        except zmq.ZMQError as error:
            self.close()
            raise DaemonUnavailable(
                f"{endpoint} is not an address of a daemon: {error}. Use ipc:///PATH or "
                "tcp://ADDRESS:PORT."
            ) from error

    def send(self, message: Any) -> None:
        """Sends a message; raises DaemonUnavailable or AccessDenied if that is impossible."""
        if not self.is_connected:
            raise self.unavailable()
        try:
            self._socket.send_multipart(encode(message), copy=False)
        except zmq.Again as error:
            raise self.unavailable() from error

    def receive(self) -> DaemonMessage | None:
        """Returns the next message; None for a type that only newer clients know."""
        frames = self._receive_frames()
        try:
            message: DaemonMessage = decode([frame.buffer for frame in frames], DaemonMessage)
        except ProtocolError as error:
            if error.code is ErrorCode.UNKNOWN_TYPE:
                return None
            raise
        return message

    def _receive_frames(self) -> list[zmq.Frame]:
        """Returns the frames of the next message; of too many, only one too many is kept."""
        frames: list[zmq.Frame] = []
        while not frames or frames[-1].more:
            frames[MAX_FRAMES:] = [self._socket.recv(copy=False)]
        return frames

    def wait_for_message(self, timeout_s: float) -> bool:
        """Returns whether a message arrives within `timeout_s`; False if the connection breaks."""
        deadline_s = time.monotonic() + timeout_s
        while not self._poll(max(0, min(deadline_s - time.monotonic(), _WAITING_INTERVAL_S))):
            if not self.is_connected or time.monotonic() >= deadline_s:
                return False
            self._while_waiting()
        return True

    def unavailable(self) -> ImpastoError:
        """Returns the error for a daemon that does not answer or has refused the connection."""
        if self._refusal is not None:
            return AccessDenied(self._refusal)
        if socket_path(self._endpoint) is None:
            advice = "Check the address, and start the daemon on that machine: impasto serve."
        else:
            advice = (
                "One may be running but stuck: impasto doctor shows its process number. End that "
                "process and try again."
            )
        return DaemonUnavailable(f"No Impasto daemon answers at {self._endpoint}. {advice}")

    def close(self, linger_s: float = 0.0) -> None:
        """Closes the connection; may be called more than once.

        linger_s: the time within which messages are still sent, in the background.
        """
        if not self._socket.closed:
            self._socket.disable_monitor()
            self._monitor.close(linger=0)
        self._socket.close(linger=int(linger_s * 1000))

    def _poll(self, timeout_s: float) -> bool:
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        if self.is_connected:
            poller.register(self._monitor, zmq.POLLIN)
        ready = dict(poller.poll(int(timeout_s * 1000) + 1 if timeout_s else 0))
        if self._monitor in ready:
            # pyzmq's own parser would import asyncio, which takes 40 ms.
            event, _ = self._monitor.recv_multipart()
            self._note_event(int.from_bytes(event[:2], sys.byteorder))
            # Messages sent before the disconnection can still be read.
            return bool(self._socket.poll(0))
        return self._socket in ready

    def _note_event(self, event: int) -> None:
        """Records an event of the connection; libzmq reports a refusal before the disconnection."""
        if event == zmq.EVENT_DISCONNECTED:
            self.is_connected = False
        elif event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
            self.is_denied = True
            self._refusal = (
                f"The daemon at {self._endpoint} does not know this client's key. To authorise "
                "this client, run impasto keys add on the daemon's machine, with the client key "
                "that impasto keys shows here."
            )
        elif socket_path(self._endpoint) is None:
            self._refusal = (
                f"The daemon at {self._endpoint} has refused the connection. If it serves other "
                "machines, set server_key here to the key that impasto keys shows on its machine; "
                "if it serves only its own machine, remove server_key."
            )


def _check_socket_file(endpoint: str) -> None:
    path = socket_path(endpoint)
    if path is None:
        return
    if not path.exists():
        raise DaemonUnavailable(
            f"No Impasto daemon is running (there is no {path}). To start one, run: impasto serve"
        )
    check_private(path.parent)  # else another user could impersonate the daemon


def _dealer(endpoint: str, send_timeout_s: float, server_key: str | None) -> zmq.Socket[bytes]:
    """Returns a DEALER that never blocks when it is closed.

    IMMEDIATE stays off: with it, libzmq discards received messages that are still unread when the
    daemon disconnects, such as its last ones.
    """
    keys = _curve_options(endpoint, server_key) if endpoint.startswith("tcp:") else {}
    socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.DEALER)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.SNDTIMEO, int(send_timeout_s * 1000))
    # No daemon, or what poses as one, can fill this process's memory with a frame.
    socket.setsockopt(zmq.MAXMSGSIZE, MAX_FRAME_BYTES)
    notice_lost_peers(socket)
    for option, key in keys.items():
        socket.setsockopt(option, key)
    return socket


def _curve_options(endpoint: str, server_key: str | None) -> dict[int, bytes]:
    """Returns the socket options that authenticate both sides; none without a server key."""
    if server_key is None:
        server_key = client_options().server_key
    if not server_key:
        if not is_loopback(endpoint):
            raise KeysUnusable(
                f"{endpoint} is on another machine, to which pictures are only sent encrypted. Set "
                "server_key in the configuration to the daemon's key, which impasto keys shows "
                "there."
            )
        return {}
    keys = load_keys(Role.CLIENT)
    return {
        zmq.CURVE_SERVERKEY: bytes.fromhex(server_key),
        zmq.CURVE_PUBLICKEY: keys.public,
        zmq.CURVE_SECRETKEY: keys.secret,
    }
