"""ZMTP 3, the protocol of ZeroMQ connections (RFC 23 and 37), as a state machine without a socket.

It speaks for a DEALER, or for a daemon's ROUTER, with the mechanism NULL: no authentication, no
encryption. GIMP's Python cannot load libzmq on every system, and so the plug-in does without; and
in the daemon every part of a client's message can be limited as it arrives.
"""

from __future__ import annotations

import mmap
from collections import deque
from collections.abc import Generator, Iterable
from contextlib import suppress
from itertools import islice

from impasto_shared.connection.proof import NotProven, Proof
from impasto_shared.errors import ImpastoError
from impasto_shared.protocol.codec import Frame
from impasto_shared.system.host import NEW_MEMORY
from impasto_shared.text.printable import printable

_MORE, _LONG, _COMMAND = 1, 2, 4
_LONGEST_SHORT_FRAME = 255
# Of a command: a name with some properties. Frames of messages have a limit of their own.
MAX_COMMAND_BYTES = 65_536
_PING_TTL_BYTES = 2
_MAX_PING_CONTEXT_BYTES = 16

_MECHANISM = b"NULL"
_SIGNATURE = b"\xff" + bytes(8) + b"\x7f"
_VERSION = 3
_GREETING = _SIGNATURE + bytes([_VERSION, 0]) + _MECHANISM.ljust(20, b"\0") + bytes(32)
_DEALER, _ROUTER = b"DEALER", b"ROUTER"
# The types of sockets that each may talk to.
_PEERS = {_DEALER: (_ROUTER, _DEALER, b"REP"), _ROUTER: (_DEALER, _ROUTER, b"REQ")}

# What is shorter passes through buffers, and the pixels of pictures do not.
_LONGEST_COPIED_BYTES = 8192
_BUFFER_BYTES = 16_384
# For previews ordinary memory is faster, for pictures the system's.
_SMALL_BYTES = 2**22
# Every system takes as many buffers in one call (POSIX).
_BUFFERS_AT_ONCE = 16

# Yields how many bytes it wants next, and is sent them.
_Parser = Generator[int, Frame, None]


class ZmtpError(ImpastoError):
    """A peer does not speak ZMTP 3, violates it, or refuses the connection; "It" is the peer."""


class ZmtpConnection:
    """An end of a connection: the peer's bytes become messages, and messages bytes.

    After an error it cannot be used.

    max_frame_bytes: the size of the largest frame that is received.
    max_frames: of a message with more frames, only one too many is kept.
    max_excess: a message with more frames in excess than this is an error; None: there is no limit.
    is_daemon: whether it is the end of a daemon (ROUTER), and not of a client (DEALER).
    proof: what both ends exchange before anything else; None on a socket of this user alone.
    """

    def __init__(
        self,
        max_frame_bytes: int,
        max_frames: int,
        max_excess: int | None = None,
        *,
        is_daemon: bool = False,
        proof: Proof | None = None,
    ) -> None:
        self._max_frame_bytes = max_frame_bytes
        self._max_frames = max_frames
        self._max_excess = max_excess
        self._type = _ROUTER if is_daemon else _DEALER
        self.messages: deque[list[Frame]] = deque()
        """The messages that have arrived, oldest first, until the owner removes them."""
        self._proof = proof
        self.is_proven = proof is None
        """Whether the other end is known to be a program of this user."""
        self._is_ready = False  # once both ends have agreed to talk
        self._frames: list[Frame] = []  # of the message that is arriving
        self._outgoing: deque[memoryview] = deque()
        self._sent_bytes = 0  # of the first buffer
        self._postponed: deque[memoryview] = deque()  # until then
        self._pong: memoryview | None = None
        self._buffer = memoryview(bytearray(_BUFFER_BYTES))
        self._buffered_bytes = 0
        self._direct: memoryview | None = None  # a long part, which does not pass through it
        self._direct_bytes = 0  # of which have arrived
        self._parser = self._parse()
        self._wanted_bytes = next(self._parser)

    def send(self, frames: Iterable[Frame]) -> None:
        """Queues a message. Long frames are not copied: they must not change until sent.

        One that is a memoryview of bytes is itself kept until then.
        """
        queue = self._outgoing if self._is_ready else self._postponed
        parts = [_bytes_of(frame) for frame in frames]
        copied = bytearray()
        for remaining, part in zip(reversed(range(len(parts))), parts, strict=True):
            copied += _frame_header(part.nbytes, _MORE if remaining else 0)
            if part.nbytes <= _LONGEST_COPIED_BYTES:
                copied += part
            else:
                queue += memoryview(bytes(copied)), part
                copied.clear()
        if copied:
            queue.append(memoryview(copied))

    @property
    def unsent_buffers(self) -> int:
        """The number of buffers that wait: one for each message, and two for each long frame."""
        return len(self._outgoing) + len(self._postponed)

    @property
    def unsent_bytes(self) -> int:
        """The bytes that wait, some of which may have been sent."""
        return sum(buffer.nbytes for buffer in (*self._outgoing, *self._postponed))

    def outgoing(self) -> list[memoryview]:
        """Returns the next bytes to send as buffers for one call; empty if there are none now."""
        buffers = list(islice(self._outgoing, _BUFFERS_AT_ONCE))
        if self._sent_bytes:
            buffers[0] = buffers[0][self._sent_bytes :]
        return buffers

    def sent(self, count: int) -> None:
        """Removes the first `count` bytes of `outgoing`, which have been sent."""
        self._sent_bytes += count
        while self._outgoing and self._sent_bytes >= self._outgoing[0].nbytes:
            first = self._outgoing.popleft()
            self._sent_bytes -= first.nbytes
            if first is self._pong:
                self._pong = None

    @property
    def has_outgoing(self) -> bool:
        """True if there is anything to send now."""
        return bool(self._outgoing)

    @property
    def unfinished_bytes(self) -> int:
        """The bytes of the message that is arriving."""
        return sum(memoryview(frame).nbytes for frame in self._frames) + self._direct_bytes

    def close(self) -> None:
        """Frees the memory at once; only `messages` are left, and it cannot be used any more."""
        self._parser.close()  # which refers to this connection, and that to it
        self._buffer, self._direct, self._frames = memoryview(b""), None, []
        self._outgoing.clear()
        self._postponed.clear()

    def receive_buffer(self) -> memoryview:
        """Returns memory for the next bytes of the peer, at least one byte; see `received`."""
        if self._direct is not None:
            return self._direct[self._direct_bytes :]
        return self._buffer[self._buffered_bytes :]

    def received(self, count: int) -> None:
        """Processes the first `count` bytes of `receive_buffer`, which have been received.

        Raises:
            ZmtpError: if a peer must not send them.
        """
        if self._direct is None:
            self._buffered_bytes += count
            self._parse_buffer()
            return
        self._direct_bytes += count
        if self._direct_bytes == self._direct.nbytes:
            part, self._direct, self._direct_bytes = self._direct.toreadonly(), None, 0
            self._wanted_bytes = self._parser.send(part)

    def _parse_buffer(self) -> None:
        """Parses what is in the buffer, and moves the rest to where it will be completed."""
        begin, end = 0, self._buffered_bytes
        while end - begin >= self._wanted_bytes:
            part = bytes(self._buffer[begin : begin + self._wanted_bytes])
            begin += len(part)
            self._wanted_bytes = self._parser.send(part)
        rest = bytes(self._buffer[begin:end])
        target, self._buffered_bytes = self._buffer, len(rest)
        if self._wanted_bytes > _LONGEST_COPIED_BYTES:
            target = self._direct = _memory(self._wanted_bytes)
            self._direct_bytes, self._buffered_bytes = len(rest), 0
        target[: len(rest)] = rest

    def _parse(self) -> _Parser:
        if self._proof is not None:
            yield from self._prove(self._proof)
        self._outgoing.append(memoryview(_GREETING))
        yield from _parse_greeting()
        self._outgoing.append(_ready(self._type))
        while not self._is_ready:
            flags, body = yield from self._parse_frame()
            if not flags & _COMMAND:
                raise ZmtpError("It sends a message before the connection is agreed on.")
            self._agree(*_name_and_data(body))
        count = 0
        while True:
            flags, body = yield from self._parse_frame()
            if flags & _COMMAND:
                self._obey(*_name_and_data(body))
                continue
            self._frames[self._max_frames :] = [body]
            count += 1
            if self._max_excess is not None and count > self._max_frames + self._max_excess:
                raise ZmtpError(f"It sends a message of more than {count - 1} frames.")
            if not flags & _MORE:
                self.messages.append(self._frames)
                self._frames, count = [], 0

    def _prove(self, proof: Proof) -> _Parser:
        """Has both ends prove themselves; until then nothing else is sent."""
        steps = proof.steps()
        try:
            outgoing, size = next(steps)
            while True:
                if outgoing:
                    self._outgoing.append(memoryview(outgoing))
                outgoing, size = steps.send((yield size) if size else b"")
        except StopIteration:
            self.is_proven = True
        except NotProven as error:
            raise ZmtpError(str(error)) from error

    def _parse_frame(self) -> Generator[int, Frame, tuple[int, Frame]]:
        """Parses a frame; returns its flags and its body."""
        (flags,) = yield 1
        is_command = bool(flags & _COMMAND)
        if flags > _MORE | _LONG | _COMMAND or (is_command and flags & _MORE):
            raise ZmtpError(f"It sends a frame with the flags {flags}, which do not exist.")
        size = int.from_bytes((yield 8 if flags & _LONG else 1), "big")
        limit = MAX_COMMAND_BYTES if is_command else self._max_frame_bytes
        if size > limit:
            raise ZmtpError(f"It sends a frame of {size} bytes; the limit is {limit}.")
        return flags, ((yield size) if size else b"")

    def _agree(self, name: bytes, data: bytes) -> None:
        """Processes a command of the handshake."""
        if name == b"ERROR":
            raise ZmtpError(f"It refuses the connection: {_shown(data[1:])}.")
        if name != b"READY":
            raise ZmtpError(f"It sends {_shown(name)} instead of READY.")
        socket_type = _properties(data).get(b"socket-type", b"")
        if socket_type not in (peers := _PEERS[self._type]):
            raise ZmtpError(
                f"It is a ZeroMQ socket of the type {_shown(socket_type)}, not {peers[0].decode()}."
            )
        self._is_ready = True
        self._outgoing += self._postponed
        self._postponed.clear()

    def _obey(self, name: bytes, data: bytes) -> None:
        """Processes a later command. Those of future versions can be ignored."""
        if name == b"ERROR":
            raise ZmtpError(f"It ends the connection: {_shown(data[1:])}.")
        if name == b"PING" and self._pong is None:  # no more for a peer that does not read them
            self._pong = _command_frame(b"PONG", data[_PING_TTL_BYTES:][:_MAX_PING_CONTEXT_BYTES])
            self._outgoing.append(self._pong)


def _parse_greeting() -> _Parser:
    """Parses the greeting bit by bit: what does not speak ZMTP may never send all of it."""
    if bytes((yield 1)) != _SIGNATURE[:1] or not (yield len(_SIGNATURE) - 1)[-1] & 1:
        raise ZmtpError("It does not speak ZMTP 3, the protocol of ZeroMQ.")
    (version,) = yield 1
    if version < _VERSION:
        raise ZmtpError("It speaks an older version of ZMTP, the protocol of ZeroMQ, than 3.")
    rest = bytes((yield len(_GREETING) - len(_SIGNATURE) - 1))
    mechanism = rest[1:21].rstrip(b"\0")
    if mechanism != _MECHANISM:
        raise ZmtpError(f"It requires the security mechanism {_shown(mechanism)}.")


def _memory(size: int) -> memoryview:
    """Returns memory for a frame. That for a large one takes no room until it is written to.

    Raises:
        ZmtpError: if there is not enough.
    """
    if size <= _SMALL_BYTES:
        return memoryview(bytearray(size))
    try:
        memory = mmap.mmap(-1, size, **NEW_MEMORY)
    except OSError as error:
        raise ZmtpError(
            f"It sends a frame of {size} bytes, which do not fit into the memory."
        ) from error
    if hasattr(mmap, "MADV_HUGEPAGE"):  # Linux: fewer pages to make, which takes half of the time
        with suppress(OSError):
            memory.madvise(mmap.MADV_HUGEPAGE)
    return memoryview(memory)


def _frame_header(size: int, flags: int) -> bytes:
    """Returns the bytes that precede the body of a frame."""
    if size > _LONGEST_SHORT_FRAME:
        return bytes([flags | _LONG]) + size.to_bytes(8, "big")
    return bytes([flags, size])


def _command_frame(name: bytes, data: bytes) -> memoryview:
    """Returns the frame of a short command."""
    body = bytes([len(name)]) + name + data
    return memoryview(_frame_header(len(body), _COMMAND) + body)


def _bytes_of(frame: Frame) -> memoryview:
    """Returns a view of a frame; one of bytes is returned itself: it may be waited for."""
    if isinstance(frame, memoryview) and frame.format == "B" and frame.ndim == 1:
        return frame
    return memoryview(frame).cast("B")


def _ready(socket_type: bytes) -> memoryview:
    """Returns the command that ends our part of the handshake."""
    data = b"".join(
        bytes([len(name)]) + name + len(value).to_bytes(4, "big") + value
        for name, value in ((b"Socket-Type", socket_type), (b"Identity", b""))
    )
    return _command_frame(b"READY", data)


def _name_and_data(body: Frame) -> tuple[bytes, bytes]:
    """Returns the two parts of a command."""
    command = bytes(body)
    end = 1 + (command[0] if command else 0)
    if not 1 < end <= len(command):
        raise ZmtpError("It sends a command without a name.")
    return command[1:end], command[end:]


def _properties(data: bytes) -> dict[bytes, bytes]:
    """Returns the properties in READY, by their names in lower case."""
    properties = {}
    while data:
        name, rest = data[1 : 1 + data[0]], data[1 + data[0] :]
        end = 4 + int.from_bytes(rest[:4], "big")
        if not name or end > len(rest):
            raise ZmtpError("It sends properties that are cut off.")
        properties[name.lower()], data = rest[4:end], rest[end:]
    return properties


def _shown(text: bytes) -> str:
    return f"“{printable(text[:80].decode('ascii', 'replace'))}”"
