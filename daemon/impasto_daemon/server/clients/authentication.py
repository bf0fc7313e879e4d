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

import zmq

from impasto_daemon.server.clients.authorized_clients import AuthorizedClients
from impasto_shared.connection.keys import KeyPair

logger = logging.getLogger(__name__)

_ADDRESS = "inproc://zeromq.zap.01"
_LOCAL, _REMOTE = b"local", b"remote"
_LOCAL_NAME, _FORMER_NAME = "a local client", "a client that is no longer authorised"
_FRAMES_BEFORE_CREDENTIALS = 6
# Bytes from an unauthenticated client are buffered until the handshake fails, but no longer.
HANDSHAKE_MS = 3000
_REQUESTS_OF_A_CALL = 50


class Authenticator:
    """Answers libzmq's ZAP requests, in the thread of the front's loop.

    `clients` are authorised to connect from other machines. `keys` are the daemon's for them; None:
    the addresses are those for this machine.
    """

    def __init__(self, clients: AuthorizedClients, keys: KeyPair | None = None) -> None:
        self._clients = clients
        self._keys = keys
        self._socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.REP)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.bind(_ADDRESS)

    @property
    def socket(self) -> zmq.Socket[bytes]:
        """The socket to poll: readable when there is a request."""
        return self._socket

    def require(self, socket: zmq.Socket[bytes], peer: str) -> None:
        """Has libzmq ask before it accepts the client of `socket`, who connects from `peer`."""
        socket.setsockopt(zmq.HANDSHAKE_IVL, HANDSHAKE_MS)
        if self._keys is not None:
            socket.setsockopt(zmq.CURVE_SERVER, 1)
            socket.setsockopt(zmq.CURVE_SECRETKEY, self._keys.secret)
        # libzmq does not know from where; it repeats the domain when it asks.
        domain = _LOCAL if self._keys is None else _REMOTE
        socket.setsockopt(zmq.ZAP_DOMAIN, domain + b" " + peer.encode())

    def answer_requests(self) -> None:
        """Answers pending requests; if there are many, the rest is left to the next call."""
        for _ in range(_REQUESTS_OF_A_CALL):
            if not self._socket.poll(0):
                return
            frames = self._socket.recv_multipart(zmq.NOBLOCK)
            version, request_id, words, _, _, mechanism = frames[:_FRAMES_BEFORE_CREDENTIALS]
            domain, _, address = words.partition(b" ")
            credentials = frames[_FRAMES_BEFORE_CREDENTIALS:]
            name = self._client_name(domain, mechanism, credentials)
            peer = address.decode(errors="replace")
            if name is None:
                logger.warning("a client at %s was refused: its key is not authorised", peer)
                verdict = [b"400", b"The key is not authorised"]
            else:
                logger.info("%s at %s was authenticated", name, peer)
                verdict = [b"200", b"OK"]
            user = credentials[0].hex().encode() if name is not None and credentials else b""
            reply = [version, request_id, *verdict, user, b""]
            self._socket.send_multipart(reply, zmq.NOBLOCK)

    def name_of(self, key: str) -> str:
        """Returns the name of the client with a key, for the log; "" is the key of a local one."""
        return self._clients.known.get(key, _FORMER_NAME) if key else _LOCAL_NAME

    def close(self) -> None:
        """Stops answering: no client can connect any more."""
        self._socket.close(linger=0)

    def _client_name(
        self, domain: bytes, mechanism: bytes, credentials: Sequence[bytes]
    ) -> str | None:
        """Returns the name of a client; None if it is not authorised."""
        if domain == _LOCAL and mechanism == b"NULL":
            return _LOCAL_NAME
        if domain == _REMOTE and mechanism == b"CURVE" and len(credentials) == 1:
            return self._clients.known.get(credentials[0].hex())
        return None
