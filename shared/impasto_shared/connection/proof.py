"""The proof of both ends of a connection over loopback TCP that they know the daemon's secret.

Every user, and every page in a browser, can connect to a port of this machine, or wait at one for
others to connect. So before anything else, the daemon sends a challenge, the client answers with
one of its own and the proof that it has read the daemon's private file, and the daemon proves the
same. HMAC-SHA256 of the challenges shows the secret to no listener, and counts for one connection.
"""

from __future__ import annotations

import hmac
import os
import struct
from abc import ABC, abstractmethod
from collections.abc import Generator

from impasto_shared.errors import ImpastoError
from impasto_shared.protocol.codec import Frame

SECRET_BYTES = 32
_CHALLENGE_BYTES = 32
_PROOF_BYTES = 32
_SIGNATURE = b"IMPASTO\x01"
_PID = struct.Struct(">I")

Steps = Generator[tuple[bytes, int], Frame, None]
"""Yields bytes to send with the number of bytes to receive then, which it is sent."""


class NotProven(ImpastoError):
    """The other end does not know the secret; "It" is that end."""


class Proof(ABC):
    """The part of one end in the exchange; `steps` raises NotProven.

    secret: that in the private file of the daemon.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self.pid = 0
        """The process id of the client, as that says; 0 before it has proved itself."""

    @abstractmethod
    def steps(self) -> Steps:
        """Returns the steps; the connection is proven when they end."""

    def _code(self, role: bytes, *parts: bytes) -> bytes:
        return hmac.digest(self._secret, role + b"".join(parts), "sha256")


class DaemonProof(Proof):
    """The daemon's part: a stranger hears a challenge, and nothing else."""

    def steps(self) -> Steps:
        """Sends the challenge, and the daemon's proof after the client's."""
        challenge = os.urandom(_CHALLENGE_BYTES)
        if (yield _SIGNATURE + challenge, len(_SIGNATURE)) != _SIGNATURE:
            raise NotProven("It does not speak as a program of Impasto.")
        pid = bytes((yield b"", _PID.size))
        answer = bytes((yield b"", _CHALLENGE_BYTES))
        proof = bytes((yield b"", _PROOF_BYTES))
        if not hmac.compare_digest(proof, self._code(b"client", challenge, answer, pid)):
            raise NotProven("It does not know the secret of this daemon.")
        (self.pid,) = _PID.unpack(pid)
        yield self._code(b"daemon", challenge, answer, pid), 0


class ClientProof(Proof):
    """The client's part: what poses as the daemon gets no message."""

    def steps(self) -> Steps:
        """Answers the challenge, and checks the daemon's proof."""
        if (yield b"", len(_SIGNATURE)) != _SIGNATURE:
            raise NotProven("It does not speak as a daemon of Impasto.")
        challenge = bytes((yield b"", _CHALLENGE_BYTES))
        answer, pid = os.urandom(_CHALLENGE_BYTES), _PID.pack(os.getpid())
        code = self._code(b"client", challenge, answer, pid)
        proof = bytes((yield _SIGNATURE + pid + answer + code, _PROOF_BYTES))
        if not hmac.compare_digest(proof, self._code(b"daemon", challenge, answer, pid)):
            raise NotProven("It does not know the secret of the daemon.")
