"""The files of the journal: the input of a job as the frames of its message, and plain pixels."""

from __future__ import annotations

import logging
import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from impasto_daemon.system.host import read_at
from impasto_shared.files.atomic_write import sync_folder, write_all
from impasto_shared.files.open_flags import NOFOLLOW, NONBLOCK, PLAIN, TO_SYNC
from impasto_shared.protocol.codec import Frame

logger = logging.getLogger(__name__)

_LENGTH = struct.Struct("<Q")


def write_frames(path: Path, frames: Sequence[Frame]) -> int:
    """Writes frames to a new file, each after its length, and syncs it; returns its size.

    Raises OSError, and then leaves no file.
    """
    with _new_file(path) as descriptor:
        size_bytes = 0
        for frame in frames:
            view = memoryview(frame).cast("B")
            write_all(descriptor, memoryview(_LENGTH.pack(view.nbytes)))
            write_all(descriptor, view)
            size_bytes += _LENGTH.size + view.nbytes
        os.fsync(descriptor)
    sync_folder(path.parent)
    return size_bytes


def read_frames(path: Path) -> list[Frame]:
    """Returns the frames in a file. Raises OSError, also if the file is cut off."""
    rest = memoryview(read_pixels(path, path.stat().st_size))
    frames: list[Frame] = []
    while rest:
        if len(rest) < _LENGTH.size:
            raise OSError(f"{path.name} is cut off")
        (length,) = _LENGTH.unpack(rest[: _LENGTH.size])
        rest = rest[_LENGTH.size :]
        if length > len(rest):
            raise OSError(f"{path.name} is cut off")
        frames.append(rest[:length])
        rest = rest[length:]
    return frames


def write_pixels(path: Path, pixels: bytes | memoryview) -> None:
    """Writes pixels to a new file. Raises OSError, and then leaves no file."""
    with _new_file(path) as descriptor:
        write_all(descriptor, memoryview(pixels).cast("B"))


def read_pixels(path: Path, size_bytes: int) -> bytes:
    """Returns the bytes of a file, which must have that size.

    They are read, not mapped: a block that cannot be read is an error, not the end of the process.

    Raises:
        OSError: if the file cannot be read, or has another size.
    """
    descriptor = os.open(path, os.O_RDONLY | NOFOLLOW | NONBLOCK | PLAIN)
    try:
        actual_bytes = os.fstat(descriptor).st_size
        if actual_bytes != size_bytes:
            raise OSError(f"{path.name} has {actual_bytes} bytes instead of {size_bytes}")
        return _read_all(descriptor, size_bytes)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Returns when the contents of a file, and its name, are on the disk. Raises OSError."""
    descriptor = os.open(path, TO_SYNC | NOFOLLOW | NONBLOCK | PLAIN)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync_folder(path.parent)


def remove_file(path: Path) -> None:
    """Removes a file if it exists; a refusal of the system is logged."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        logger.warning("%s cannot be removed: %s", path, error)


@contextmanager
def _new_file(path: Path) -> Iterator[int]:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | NOFOLLOW | PLAIN
    descriptor = os.open(path, flags, 0o600)
    try:
        yield descriptor
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def _read_all(descriptor: int, size_bytes: int) -> bytes:
    """Returns the first bytes of a file, usually without a copy: the system reads all at once."""
    chunks: list[bytes] = []
    position = 0
    while position < size_bytes:
        chunk = read_at(position, descriptor, size_bytes - position)
        if not chunk:
            raise OSError(f"the file ends after {position} of {size_bytes} bytes")
        chunks.append(chunk)
        position += len(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
