"""The frames of a client that pass through a front, counted before libzmq sees them.

libzmq limits the size of a frame, but not the number of frames in a message, which it shows only
when its last frame is there. Which frames are the last ones is encrypted (CurveZMQ, RFC 26), but
not where a frame begins: so as many may pass as a message can have, and no more until one arrives.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from impasto_daemon.server.front.delivery import FRAMES_IN_EXCESS
from impasto_shared.connection.zmtp import MAX_COMMAND_BYTES, ZmtpError
from impasto_shared.image import MAX_FRAME_BYTES
from impasto_shared.protocol.codec import MAX_FRAMES

SIGNATURE_BYTES = 10
"""The beginning of a greeting, by which a client of ZeroMQ is recognised."""
_GREETING_BYTES, _MAJOR_VERSION, _VERSION = 64, 10, 3
_LONG, _FLAGS = 2, 7
# The commands of a client until it is accepted: READY; HELLO and INITIATE.
_HANDSHAKE_FRAMES, _ENCRYPTED_HANDSHAKE_FRAMES = 1, 2
# The nonce, the flags and the authentication code of an encrypted frame.
_ENCRYPTION_BYTES = 33
# As many may pass without a message; commands (PING) are frames, too, and may go on for ever.
_BURST = MAX_FRAMES + FRAMES_IN_EXCESS
_FRAMES_PER_S = 10


class PassingFrames:
    """The frames of one connection, as far as their bytes show them.

    is_encrypted: whether by CurveZMQ. `clock` is in seconds.
    """

    def __init__(self, *, is_encrypted: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_bytes = MAX_FRAME_BYTES + (_ENCRYPTION_BYTES if is_encrypted else 0)
        self._clock = clock
        self._greeting_bytes = 0
        self._header = bytearray()  # of a frame that has begun
        self._body_bytes = 0  # of which have yet to pass
        self._handshake_frames = _ENCRYPTED_HANDSHAKE_FRAMES if is_encrypted else _HANDSHAKE_FRAMES
        self._allowed: float = _BURST
        self._allowed_s = clock()
        self.unfinished_bytes = 0
        """The bytes that have passed since the last message arrived."""

    @property
    def is_greeting(self) -> bool:
        """True if the peer's first bytes are those of ZeroMQ, and there are enough to tell."""
        return self._greeting_bytes >= SIGNATURE_BYTES

    def note_message(self) -> None:
        """Records that a message has arrived, so that the next one may pass."""
        self._allowed, self._allowed_s = _BURST, self._clock()
        self.unfinished_bytes = 0

    def count(self, received: memoryview) -> int:
        """Returns how many of the next bytes may pass: all, or those before a frame too many.

        Raises:
            ZmtpError: if the peer does not speak ZMTP 3, or begins a frame that is too large.
        """
        now_s = self._clock()
        self._allowed = min(_BURST, self._allowed + _FRAMES_PER_S * (now_s - self._allowed_s))
        self._allowed_s = now_s
        end = self._count_greeting(received)
        while end < len(received):
            if self._body_bytes:
                passed = min(self._body_bytes, len(received) - end)
                self._body_bytes -= passed
                end += passed
                continue
            if not self._header:
                if self._allowed < 1:
                    break
                self._allowed -= 1
            self._header.append(received[end])
            end += 1
            self._begin_body()
        self.unfinished_bytes += end
        return end

    def _count_greeting(self, received: memoryview) -> int:
        """Returns how many bytes belong to the greeting."""
        begin = self._greeting_bytes
        greeting = received[: max(0, _GREETING_BYTES - begin)]
        for position, byte in enumerate(greeting, start=begin):
            is_wrong = (
                (position == 0 and byte != 0xFF)
                or (position == SIGNATURE_BYTES - 1 and not byte & 1)
                or (position == _MAJOR_VERSION and byte < _VERSION)
            )
            if is_wrong:
                raise ZmtpError("It does not speak ZMTP 3, the protocol of ZeroMQ.")
        self._greeting_bytes += len(greeting)
        return len(greeting)

    def _begin_body(self) -> None:
        """Reads the header of a frame, if all of it is there."""
        flags = self._header[0]
        if flags > _FLAGS:
            raise ZmtpError(f"It sends a frame with the flags {flags}, which do not exist.")
        length = 8 if flags & _LONG else 1
        if len(self._header) < 1 + length:
            return
        size = int.from_bytes(self._header[1:], "big")
        limit = MAX_COMMAND_BYTES if self._handshake_frames else self._max_bytes
        if size > limit:
            raise ZmtpError(f"It sends a frame of {size} bytes; the limit is {limit}.")
        self._handshake_frames -= bool(self._handshake_frames)
        self._body_bytes = size
        self._header.clear()
