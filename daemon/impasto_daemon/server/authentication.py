"""Where the daemon is reached, and who gets in.

By the ipc socket this user, whose folder it is in; by TCP on this machine everybody, from other
machines clients with known keys: libzmq asks before a connection becomes one (ZAP, RFC 27).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import zmq

from impasto_daemon.server.authorized_clients import AuthorizedClients, InvalidKey
from impasto_daemon.server.endpoint import bind_privately
from impasto_shared.keys import KeyPair

logger = logging.getLogger(__name__)

_ADDRESS = "inproc://zeromq.zap.01"
_LOCAL, _REMOTE = b"local", b"remote"
_FRAMES_BEFORE_CREDENTIALS = 6
# What a stranger sends is kept until the handshake fails: so long, and no longer.
HANDSHAKE_MS = 3000


@dataclass(frozen=True)
class Remote:
    """Where other machines are served, and the keys by which they know this daemon."""

    endpoint: str
    keys: KeyPair


class Authenticator:
    """Answers libzmq's questions; used from the thread of the server's loop.

    `known` are the clients that are let in at `remote`; None: other machines are not served.
    """

    def __init__(self, known: AuthorizedClients, remote: Remote | None = None) -> None:
        self._known = known
        self._remote = remote
        self._socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.REP)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.bind(_ADDRESS)

    @property
    def socket(self) -> zmq.Socket[bytes]:
        """To be polled: readable when there is a question."""
        return self._socket

    def open(self, router: zmq.Socket[bytes], endpoint: str) -> None:
        """Binds `router` to `endpoint` and to where other machines are served.

        What is set on a socket holds for the addresses that it binds afterwards.

        Raises:
            CannotServe: where an address cannot be bound.
            InvalidKey: where the file of known clients is damaged.
        """
        router.setsockopt(zmq.HANDSHAKE_IVL, HANDSHAKE_MS)
        if endpoint.startswith("tcp:"):
            # Without it libzmq would take what a browser sends to a port for its oldest protocol.
            router.setsockopt(zmq.ZAP_DOMAIN, _LOCAL)
        bind_privately(router, endpoint)
        logger.info("serving at %s", endpoint)
        if self._remote is None:
            return
        if not self._known.read():
            logger.warning("no client's key is known yet: impasto keys add NAME KEY")
        router.setsockopt(zmq.CURVE_SERVER, 1)
        router.setsockopt(zmq.CURVE_SECRETKEY, self._remote.keys.secret)
        router.setsockopt(zmq.ZAP_DOMAIN, _REMOTE)
        bind_privately(router, self._remote.endpoint)
        logger.info("serving other machines at %s", self._remote.endpoint)

    def answer(self) -> None:
        """Answers what has been asked."""
        while self._socket.poll(0):
            frames = self._socket.recv_multipart()
            version, request_id, domain, address, _, mechanism = frames[:_FRAMES_BEFORE_CREDENTIALS]
            name = self._name_of(domain, mechanism, frames[_FRAMES_BEFORE_CREDENTIALS:])
            where = address.decode(errors="replace")
            if name is None:
                logger.warning("a client at %s was turned away: its key is not known", where)
                verdict = [b"400", b"The key is not known"]
            else:
                logger.info("%s at %s was let in", name, where)
                verdict = [b"200", b"OK"]
            self._socket.send_multipart([version, request_id, *verdict, (name or "").encode(), b""])

    def close(self) -> None:
        """Ends it; nobody gets in any more."""
        self._socket.close(linger=0)

    def _name_of(self, domain: bytes, mechanism: bytes, credentials: Sequence[bytes]) -> str | None:
        """Who it is; None: to be turned away."""
        if domain == _LOCAL and mechanism == b"NULL":
            return "a local client"
        if domain == _REMOTE and mechanism == b"CURVE" and len(credentials) == 1:
            try:
                return self._known.read().get(credentials[0].hex())
            except (OSError, UnicodeDecodeError, InvalidKey):
                logger.exception("the known clients cannot be read: nobody is let in")
        return None
