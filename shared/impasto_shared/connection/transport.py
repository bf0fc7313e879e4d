"""The client's connection: it sends and receives messages, and notices when it breaks.

It knows nothing of jobs. The address decides on the socket: a Unix socket in the standard library,
which is all that a GIMP needs, or libzmq's for TCP.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from impasto_shared.connection.local_socket import LocalSocket
from impasto_shared.connection.loopback import LoopbackAddress
from impasto_shared.errors import DaemonUnavailable, ErrorCode, ImpastoError, ProtocolError
from impasto_shared.files.paths import check_private, local_path, loopback_file
from impasto_shared.protocol.codec import decode, encode
from impasto_shared.protocol.messages import DaemonMessage
from impasto_shared.text.sentences import sentence

if TYPE_CHECKING:
    from impasto_shared.connection.tcp_socket import TcpSocket

# The interval at which `while_waiting` is called, short enough to keep windows responsive.
_WAITING_INTERVAL_S = 0.1


class Transport:
    """A connection to the daemon at `endpoint`.

    send_timeout_s: time after which a message that cannot be sent raises DaemonUnavailable.
    server_key: the public key of a daemon at a TCP endpoint, 64 hexadecimal digits; None for the
        configured one; "" for an unencrypted connection on this machine.
    while_waiting: called ten times a second during a wait; an exception that it raises ends the
        wait.

    Raises:
        DaemonUnavailable: if there is no socket at `endpoint`, it is not an address, or this Python
            lacks what connections to it need.
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
        self._endpoint = endpoint
        self._while_waiting = while_waiting
        self._socket = _socket(endpoint, send_timeout_s, server_key)

    @property
    def is_connected(self) -> bool:
        """True while the daemon may still answer."""
        return self._socket.is_connected

    @property
    def is_denied(self) -> bool:
        """True if the daemon does not know this client's key, so that there is no use in trying."""
        return self._socket.is_denied

    def send(self, message: Any) -> None:
        """Sends a message; raises DaemonUnavailable or AccessDenied if that is impossible."""
        if not (self.is_connected and self._socket.send(encode(message))):
            raise self.unavailable()

    def receive(self) -> DaemonMessage | None:
        """Returns the next message; None for a type that only newer clients know."""
        try:
            message: DaemonMessage = decode(self._socket.receive(), DaemonMessage)
        except ProtocolError as error:
            if error.code is ErrorCode.UNKNOWN_TYPE:
                return None
            raise
        return message

    def wait_for_message(self, timeout_s: float) -> bool:
        """Returns whether a message arrives within `timeout_s`; False if the connection breaks."""
        deadline_s = time.monotonic() + timeout_s
        while not self._socket.wait(
            max(0, min(deadline_s - time.monotonic(), _WAITING_INTERVAL_S))
        ):
            if not self.is_connected or time.monotonic() >= deadline_s:
                return False
            self._while_waiting()
        return True

    def unavailable(self) -> ImpastoError:
        """Returns the error for a daemon that does not answer or has refused the connection."""
        if self._socket.refusal is not None:
            return self._socket.refusal
        is_remote = local_path(self._endpoint) is None
        code = "no-answer-remote" if is_remote else "no-answer"
        return DaemonUnavailable(sentence(code, endpoint=self._endpoint))

    def close(self, linger_s: float = 0.0) -> None:
        """Closes the connection; may be called more than once.

        linger_s: the time within which messages are still sent.
        """
        self._socket.close(linger_s)


def _socket(
    endpoint: str, send_timeout_s: float, server_key: str | None
) -> LocalSocket | TcpSocket:
    path = local_path(endpoint)
    if path is not None:
        if not path.exists():
            raise DaemonUnavailable(sentence("not-running", path=path))
        check_private(path.parent)  # else another user could impersonate the daemon
        is_loopback = loopback_file(endpoint) is not None
        return LocalSocket(path, LoopbackAddress.read(path) if is_loopback else None)
    if not endpoint.startswith("tcp://"):
        raise DaemonUnavailable(sentence("wrong-address", endpoint=endpoint))
    try:
        from impasto_shared.connection.tcp_socket import TcpSocket
    except ImportError as error:
        raise DaemonUnavailable(
            sentence("pyzmq-missing", endpoint=endpoint, reason=error)
        ) from error
    return TcpSocket(endpoint, send_timeout_s, server_key)
