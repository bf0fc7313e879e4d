"""The socket of a client to a daemon at a TCP address: libzmq's, with its encryption (CurveZMQ)."""

from __future__ import annotations

import sys
from collections.abc import Iterable

import zmq

from impasto_shared.configuration.resolution import client_options
from impasto_shared.connection.keys import KeysUnusable, Role, load_keys
from impasto_shared.connection.tcp_keepalive import notice_lost_peers
from impasto_shared.errors import AccessDenied, DaemonUnavailable
from impasto_shared.files.paths import is_loopback
from impasto_shared.image import MAX_FRAME_BYTES
from impasto_shared.protocol.codec import MAX_FRAMES, Frame
from impasto_shared.text.sentences import sentence

_HANDSHAKE_FAILED = (
    zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
)


class TcpSocket:
    """A connection to the daemon at `endpoint`, maintained by libzmq's own thread.

    send_timeout_s: time after which a message that cannot be queued is given up.
    server_key: as in `Transport`.

    Raises:
        DaemonUnavailable: if `endpoint` is not an address.
        KeysUnusable: if a key that is required is missing or damaged.
        OSError: if the system has no descriptor or memory for it.
    """

    def __init__(self, endpoint: str, send_timeout_s: float, server_key: str | None) -> None:
        self._endpoint = endpoint
        options = _curve_options(endpoint, server_key)
        try:
            self._socket = _dealer(send_timeout_s, options)
            # The monitor precedes the connection: a refusal may arrive at once, and only once.
            self._monitor = self._socket.get_monitor_socket(
                zmq.EVENT_DISCONNECTED | _HANDSHAKE_FAILED
            )
        except zmq.ZMQError as error:
            raise OSError(error.errno, error.strerror) from error
        self.is_connected = True
        """Whether the daemon may still answer; what it has sent can be received in any case."""
        self.refusal: AccessDenied | None = None
        """Why the daemon has refused the connection, if it has."""
        self.is_denied = False
        """Whether it does not know this client's key."""
        try:
            self._socket.connect(endpoint)
        except zmq.ZMQError as error:
            self.close(0)
            raise DaemonUnavailable(sentence("wrong-address", endpoint=endpoint)) from error

    def send(self, frames: Iterable[Frame]) -> bool:
        """Queues a message; returns False if too many wait already."""
        try:
            self._socket.send_multipart(list(frames), copy=False)
        except zmq.Again:
            return False
        return True

    def wait(self, timeout_s: float) -> bool:
        """Returns whether a message arrives in time; False at once if the connection breaks."""
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

    def receive(self) -> list[Frame]:
        """Returns the next message; of too many frames, only one too many is kept."""
        frames: list[zmq.Frame] = []
        while not frames or frames[-1].more:
            frames[MAX_FRAMES:] = [self._socket.recv(copy=False)]
        return [frame.buffer for frame in frames]

    def close(self, linger_s: float) -> None:
        """Closes the connection; what waits is still sent for `linger_s`, in the background."""
        if not self._socket.closed:
            self._socket.disable_monitor()
            self._monitor.close(linger=0)
        self._socket.close(linger=int(linger_s * 1000))

    def _note_event(self, event: int) -> None:
        """Records an event of the connection; libzmq reports a refusal before the disconnection."""
        if event == zmq.EVENT_DISCONNECTED:
            self.is_connected = False
        elif event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
            self.is_denied = True
            self.refusal = AccessDenied(sentence("key-unknown", endpoint=self._endpoint))
        else:
            self.refusal = AccessDenied(sentence("connection-refused", endpoint=self._endpoint))


def _dealer(send_timeout_s: float, keys: dict[int, bytes]) -> zmq.Socket[bytes]:
    """Returns a DEALER that never blocks when it is closed.

    IMMEDIATE stays off: with it, libzmq discards received messages that are still unread when the
    daemon disconnects, such as its last ones.
    """
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
            raise KeysUnusable(sentence("server-key-missing", endpoint=endpoint))
        return {}
    keys = load_keys(Role.CLIENT)
    return {
        zmq.CURVE_SERVERKEY: bytes.fromhex(server_key),
        zmq.CURVE_PUBLICKEY: keys.public,
        zmq.CURVE_SECRETKEY: keys.secret,
    }
