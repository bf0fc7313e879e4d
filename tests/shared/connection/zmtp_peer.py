"""The bytes of a peer on a ZMTP connection, written from RFC 23 and independently of Impasto."""

from __future__ import annotations

import struct

from impasto_shared.connection.zmtp import ZmtpConnection

SIGNATURE = b"\xff" + bytes(8) + b"\x7f"


def greeting(version: bytes = b"\x03\x00", mechanism: bytes = b"NULL") -> bytes:
    """Returns the greeting of a peer."""
    return SIGNATURE + version + mechanism.ljust(20, b"\0") + bytes(32)


def command(name: bytes, data: bytes = b"", *, is_long: bool = False) -> bytes:
    """Returns the frame of a command."""
    body = bytes([len(name)]) + name + data
    if is_long or len(body) > 255:
        return b"\x06" + struct.pack(">Q", len(body)) + body
    return b"\x04" + bytes([len(body)]) + body


def ready(socket_type: bytes = b"ROUTER", *others: tuple[bytes, bytes]) -> bytes:
    """Returns the command READY of a socket of this type, with other properties."""
    return command(b"READY", properties((b"Socket-Type", socket_type), *others))


def properties(*pairs: tuple[bytes, bytes]) -> bytes:
    """Returns properties as READY contains them."""
    return b"".join(
        bytes([len(name)]) + name + struct.pack(">I", len(value)) + value for name, value in pairs
    )


def message(*frames: bytes, is_long: bool = False) -> bytes:
    """Returns a message; long frames for short bodies are allowed, too."""
    stream = b""
    for number, frame in enumerate(frames, start=1):
        more = number < len(frames)
        if is_long or len(frame) > 255:
            stream += bytes([2 | more]) + struct.pack(">Q", len(frame)) + frame
        else:
            stream += bytes([more, len(frame)]) + frame
    return stream


def feed(connection: ZmtpConnection, stream: bytes, part_bytes: int = 2**20) -> None:
    """Has the connection receive a stream in parts of at most that size."""
    rest = memoryview(stream)
    while rest:
        buffer = connection.receive_buffer()[:part_bytes]
        part, rest = rest[: len(buffer)], rest[len(buffer) :]
        buffer[: len(part)] = part
        connection.received(len(part))


def drain(connection: ZmtpConnection, part_bytes: int = 2**20) -> bytes:
    """Returns all that the connection wants to send, sent in parts of at most that size."""
    stream = b""
    while buffers := connection.outgoing():
        part = b"".join(buffers)[:part_bytes]
        connection.sent(len(part))
        stream += part
    return stream
