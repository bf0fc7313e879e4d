"""Authentication of clients: libzmq asks before it accepts a connection (ZAP, RFC 27).

The ipc socket is open to this user, in whose folder it is; a TCP socket on this machine to every
local process; other machines need an authorised key.

pyzmq's `ThreadAuthenticator` was tried instead: it accepts clients without a key (NULL) in every
domain, the remote one included, and it writes clients' keys into the debug log. Its callback
is not told a client's address, which the log should name, and it needs a thread.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import zmq

from impasto_daemon.server.authorized_clients import AuthorizedClients, InvalidKey
from impasto_daemon.server.process.endpoint import bind_privately
from impasto_shared.connection.keys import KeyPair

logger = logging.getLogger(__name__)

_ADDRESS = "inproc://zeromq.zap.01"
_LOCAL, _REMOTE = b"local", b"remote"
_FRAMES_BEFORE_CREDENTIALS = 6
# Bytes from an unauthenticated client are buffered until the handshake fails, but no longer.
HANDSHAKE_MS = 3000
_REQUESTS_OF_A_CALL = 50


@dataclass(frozen=True)
class Remote:
    """The address that serves other machines, and the daemon's keys for it."""

    endpoint: str
    keys: KeyPair


class Authenticator:
    """Answers libzmq's ZAP requests, in the thread of the server's loop.

    `clients` are authorised to connect to `remote`; None: other machines are not served.
    """

    def __init__(self, clients: AuthorizedClients, remote: Remote | None = None) -> None:
        self._clients = clients
        self._remote = remote
        self._socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.REP)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.bind(_ADDRESS)

    @property
    def socket(self) -> zmq.Socket[bytes]:
        """The socket to poll: readable when there is a request."""
        return self._socket

    def bind(self, router: zmq.Socket[bytes], endpoint: str) -> None:
        """Binds `router` to `endpoint`, and to the address for other machines if there is one.

        Raises:
            CannotServe: if an address cannot be bound.
            InvalidKey: if the file of authorised clients is damaged.
        """
        # A socket's options hold for the addresses that it binds afterwards.
        router.setsockopt(zmq.HANDSHAKE_IVL, HANDSHAKE_MS)
        if endpoint.startswith("tcp:"):
            # Without it libzmq would take a browser's bytes for its oldest protocol.
            router.setsockopt(zmq.ZAP_DOMAIN, _LOCAL)
        bind_privately(router, endpoint)
        logger.info("serving at %s", endpoint)
        if self._remote is not None:
            self._bind_remote(router, self._remote)

    def bind_again(self, router: zmq.Socket[bytes], endpoint: str) -> None:
        """Binds `router` to `endpoint` once more, again without keys.

        Raises:
            CannotServe: if the address cannot be bound.
        """
        if self._remote is not None:
            router.setsockopt(zmq.CURVE_SERVER, 0)
            router.setsockopt(zmq.ZAP_DOMAIN, _LOCAL)
        bind_privately(router, endpoint)

    def answer_requests(self) -> None:
        """Answers pending requests; if there are many, the rest is left to the next call."""
        for _ in range(_REQUESTS_OF_A_CALL):
            if not self._socket.poll(0):
                return
            frames = self._socket.recv_multipart(zmq.NOBLOCK)
            version, request_id, domain, address, _, mechanism = frames[:_FRAMES_BEFORE_CREDENTIALS]
            name = self._client_name(domain, mechanism, frames[_FRAMES_BEFORE_CREDENTIALS:])
            peer = address.decode(errors="replace")
            if name is None:
                logger.warning("a client at %s was refused: its key is not authorised", peer)
                verdict = [b"400", b"The key is not authorised"]
            else:
                logger.info("%s at %s was authenticated", name, peer)
                verdict = [b"200", b"OK"]
            reply = [version, request_id, *verdict, (name or "").encode(), b""]
            self._socket.send_multipart(reply, zmq.NOBLOCK)

    def close(self) -> None:
        """Stops answering: no client can connect any more."""
        self._socket.close(linger=0)

    def _bind_remote(self, router: zmq.Socket[bytes], remote: Remote) -> None:
        if not self._clients.read():
            logger.warning("no client is authorised yet: impasto keys add NAME KEY")
        router.setsockopt(zmq.CURVE_SERVER, 1)
        router.setsockopt(zmq.CURVE_SECRETKEY, remote.keys.secret)
        router.setsockopt(zmq.ZAP_DOMAIN, _REMOTE)
        bind_privately(router, remote.endpoint)
        logger.info("serving other machines at %s", remote.endpoint)

    def _client_name(
        self, domain: bytes, mechanism: bytes, credentials: Sequence[bytes]
    ) -> str | None:
        """Returns the name of a client; None if it is not authorised."""
        if domain == _LOCAL and mechanism == b"NULL":
            return "a local client"
        if domain == _REMOTE and mechanism == b"CURVE" and len(credentials) == 1:
            try:
                return self._clients.read().get(credentials[0].hex())
            except (OSError, UnicodeDecodeError, InvalidKey):
                logger.exception("the authorised clients cannot be read: all are refused")
        return None
