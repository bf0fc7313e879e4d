"""The lock that lets only one daemon of a user run."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from impasto_shared.errors import ImpastoError
from impasto_shared.paths import make_private


class AlreadyRunning(ImpastoError):
    """Another daemon of this user holds the lock."""


@contextmanager
def exclusive_lock(path: Path) -> Iterator[None]:
    """Holds the file at `path` locked, with this process's id in it.

    A lock is needed because binding a second daemon to an ipc path succeeds, and cuts the first
    one off from its clients.

    Raises:
        AlreadyRunning: if another process holds it.
        UnsafeDirectory: if its folder is not this user's alone.
    """
    make_private(path.parent)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = _read_pid(descriptor) or "unknown"
            raise AlreadyRunning(f"An Impasto daemon is running already (pid {pid}).") from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def lock_holder(path: Path) -> int | None:
    """Returns the id of the process that holds the file at `path` locked; None if there is none."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = _read_pid(descriptor)
        return int(pid) if pid.isdigit() else None
    finally:
        os.close(descriptor)
    return None


def _read_pid(descriptor: int) -> str:
    return os.read(descriptor, 32).decode(errors="replace").strip()
