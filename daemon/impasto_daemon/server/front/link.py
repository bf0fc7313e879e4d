"""The link between the server and a front: packets over a pair of Unix sockets.

A packet keeps its boundaries (SOCK_SEQPACKET). A long message is in memory that is sent along,
sealed so that it cannot be changed or truncated while it is mapped. No call waits.
"""

from __future__ import annotations

import array
import errno
import fcntl
import mmap
import os
import socket
import struct
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum

from impasto_shared.files.atomic_write import write_all
from impasto_shared.image import MAX_FRAME_BYTES
from impasto_shared.protocol.codec import MAX_FRAMES, Frame

_INLINE_BYTES = 16_384
_PACKET_BYTES = 2 * _INLINE_BYTES
# A picture of a gigabyte takes a second to be copied, in which others are served.
_COPIED_BYTES_OF_A_CALL = 2**23
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
# Kind, outcome, and the lengths of address, user and list of frames.
_HEAD = struct.Struct("<BBBBH")
_SIZE = struct.Struct("<Q")
# The last one: too many descriptors are under way.
_FULL = (errno.EAGAIN, errno.ENOBUFS, errno.ETOOMANYREFS)


class Kind(IntEnum):
    """The kinds of packets."""

    MESSAGE = 1
    """A message from or to the client at `address`."""
    OUTCOME = 2
    """The outcome of a message to `address`."""
    CUT_OFF = 3
    """The connection of `address` is to be closed: a message to it is lost."""


class LinkBroken(Exception):
    """The other side has exited, or sends what it never should."""


@dataclass(frozen=True)
class Packet:
    """A message, or the outcome of one.

    address: of a client, within this front.
    frames: of a message; at least one too many if it has too many.
    user: the client's key; "" for a client on this machine.
    outcome: the number of a Delivery.
    """

    kind: Kind
    address: bytes
    frames: Sequence[Frame] = ()
    user: str = ""
    outcome: int = 0


class Sending:
    """A packet on its way: each call of `advance` copies a part of a long message.

    send: returns whether the other side has taken bytes and descriptors.
    """

    def __init__(
        self, send: Callable[[Sequence[Frame], Sequence[int]], bool], packet: Packet
    ) -> None:
        self._send = send
        self.packet = packet
        self._sizes = [memoryview(frame).nbytes for frame in packet.frames]
        self._contents: _MemoryFile | None = None
        self.is_over = False
        """True once it is sent, or has failed."""

    @property
    def is_copying(self) -> bool:
        """True if another call makes progress, whatever the other side does."""
        return self._contents is not None and not self._contents.is_complete

    def advance(self) -> bool:
        """Continues; returns whether it is sent: if the other side is behind, it is not.

        Raises LinkBroken, and OSError if there is no memory for a long message.
        """
        try:
            self.is_over = self.is_over or self._advance()
        except BaseException:
            self.cancel()
            raise
        return self.is_over

    def cancel(self) -> None:
        """Frees its memory; it is not sent."""
        self.is_over = True
        if self._contents is not None:
            self._contents.close()

    def _advance(self) -> bool:
        if sum(self._sizes) <= _INLINE_BYTES:
            return self._send([self._head, *self.packet.frames], [])
        if self._contents is None:
            self._contents = _MemoryFile(self.packet.frames)
        if not self._contents.copy_part():
            return False
        is_sent = self._send([self._head], [self._contents.descriptor])
        if is_sent:
            self._contents.close()
        return is_sent

    @property
    def _head(self) -> bytes:
        packet, user = self.packet, self.packet.user.encode()
        numbers = packet.kind, packet.outcome, len(packet.address), len(user), len(self._sizes)
        return b"".join((_HEAD.pack(*numbers), packet.address, user, *map(_SIZE.pack, self._sizes)))


class Link:
    """A side of the link, with a socket that does not block."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._socket.setblocking(False)

    @classmethod
    def pair(cls) -> tuple[Link, socket.socket]:
        """Returns this side and the socket of the other one."""
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        return cls(near), far

    def fileno(self) -> int:
        """Returns the descriptor to poll."""
        return self._socket.fileno()

    def send(self, packet: Packet) -> Sending:
        """Begins to send a packet, see `Sending`; raises like `Sending.advance`."""
        sending = Sending(self._send, packet)
        sending.advance()
        return sending

    def receive(self) -> Packet | None:
        """Returns the next packet, None if there is none; raises LinkBroken."""
        room = socket.CMSG_SPACE(array.array("i").itemsize)
        try:
            words, ancillary, _, _ = self._socket.recvmsg(
                _PACKET_BYTES, room, socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC
            )
        except BlockingIOError:
            return None
        except OSError as error:
            raise LinkBroken(str(error)) from error
        if not words:
            raise LinkBroken("it has exited")
        descriptors = array.array("i", b"".join(data for _, _, data in ancillary))
        try:
            return _packet(words, descriptors)
        except (ValueError, struct.error, OSError) as error:
            raise LinkBroken(f"it sent a packet that is wrong: {error}") from error
        finally:
            for descriptor in descriptors:
                with suppress(OSError):
                    os.close(descriptor)

    def finish(self) -> None:
        """Sends no more: the other side receives the rest, and then knows."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Closes this side."""
        self._socket.close()

    def _send(self, buffers: Sequence[Frame], descriptors: Sequence[int]) -> bool:
        rights = array.array("i", descriptors)
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)] if descriptors else []
        try:
            self._socket.sendmsg(buffers, ancillary, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        except ConnectionError as error:
            raise LinkBroken(str(error)) from error
        except OSError as error:
            if error.errno in _FULL:
                return False
            raise
        return True


class _MemoryFile:
    """Sealed memory with frames in a row, which are copied part by part; raises OSError."""

    def __init__(self, frames: Sequence[Frame]) -> None:
        self.descriptor = os.memfd_create("impasto-message", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        self._rests = deque(memoryview(frame).cast("B") for frame in frames if len(frame))
        self.is_complete = False

    def copy_part(self) -> bool:
        """Copies a part; returns whether all is copied, and sealed."""
        room = _COPIED_BYTES_OF_A_CALL
        while self._rests and room:
            part = self._rests[0][:room]
            write_all(self.descriptor, part)
            room -= part.nbytes
            self._rests[0] = self._rests[0][part.nbytes :]
            if not self._rests[0]:
                self._rests.popleft()
        if not (self._rests or self.is_complete):
            fcntl.fcntl(self.descriptor, fcntl.F_ADD_SEALS, _SEALS)
            self.is_complete = True
        return self.is_complete

    def close(self) -> None:
        """Closes it; the other side may have it still."""
        self._rests.clear()
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def _packet(words: bytes, descriptors: Sequence[int]) -> Packet:
    """Returns the packet in `words`; raises ValueError, struct.error or OSError for others."""
    kind, outcome, address_bytes, user_bytes, count = _HEAD.unpack_from(words)
    if count > MAX_FRAMES + 1:
        raise ValueError(f"{count} frames")
    begin = _HEAD.size
    address = words[begin : (begin := begin + address_bytes)]
    user = words[begin : (begin := begin + user_bytes)].decode()
    sizes = [_SIZE.unpack_from(words, begin + index * _SIZE.size)[0] for index in range(count)]
    contents: Frame = words[begin + count * _SIZE.size :]
    if max(sizes, default=0) > MAX_FRAME_BYTES:
        raise ValueError(f"frames of {sizes} bytes")
    if sum(sizes) > _INLINE_BYTES:
        contents = _mapped(descriptors, sum(sizes))
    if sum(sizes) != len(contents):
        raise ValueError(f"{len(contents)} bytes for frames of {sizes}")
    return Packet(Kind(kind), address, _cut(contents, sizes), user, outcome)


def _mapped(descriptors: Sequence[int], size: int) -> memoryview:
    """Returns the bytes of sealed memory; raises ValueError or OSError if it is anything else."""
    if not descriptors:
        raise ValueError("a long message without its memory: this process has no descriptor left")
    if fcntl.fcntl(descriptors[0], fcntl.F_GET_SEALS) != _SEALS:
        raise ValueError("memory that is not sealed")
    if os.fstat(descriptors[0]).st_size != size:
        raise ValueError(f"memory that does not have {size} bytes")
    return memoryview(mmap.mmap(descriptors[0], size, prot=mmap.PROT_READ))


def _cut(contents: Frame, sizes: Sequence[int]) -> list[Frame]:
    view = memoryview(contents)
    frames: list[Frame] = []
    for size in sizes:
        frames.append(view[:size])
        view = view[size:]
    return frames
