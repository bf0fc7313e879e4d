"""The locks that let only one daemon of a user run, and only one at an address."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from impasto_daemon.system.host import is_locked, read_at, try_to_lock, write_start
from impasto_shared.errors import ImpastoError
from impasto_shared.files.open_flags import NOFOLLOW, NONBLOCK, PLAIN
from impasto_shared.files.paths import make_private

logger = logging.getLogger(__name__)


class AlreadyRunning(ImpastoError):
    """Another daemon of this user holds the lock."""


class CannotLock(ImpastoError):
    """The file of a lock cannot be opened."""


class InstanceLock:
    """The file at `path`, locked while this is used with `with`; it contains this process's id.

    A lock is needed because binding a second daemon to an ipc path succeeds, and cuts the first
    one off from its clients.

    Raises on entry:
        AlreadyRunning: if another process holds it.
        UnsafeDirectory: if its folder is not this user's alone.
        CannotLock: if it is not a file that this user can write to, or the disk fails.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1

    def __enter__(self) -> InstanceLock:
        self._descriptor = _locked(self._path)
        return self

    def __exit__(self, *_: object) -> None:
        _write_pid(self._descriptor, "")
        os.close(self._descriptor)

    def check(self) -> None:
        """Raises CannotLock if the file is there and cannot be locked; it is not locked."""
        if os.path.lexists(self._path):
            os.close(_opened(self._path))

    def restore(self) -> None:
        """Locks the file again if it was removed or replaced; raises as on entry.

        A file that cannot be examined is not taken for a removed one: its lock would be refused to
        this process, which holds it, as to a second daemon.
        """
        if not _is_at(self._path, self._descriptor):
            descriptor = _locked(self._path)
            os.close(self._descriptor)
            self._descriptor = descriptor


def lock_holder(path: Path) -> int | None:
    """Returns the id of the process that holds the file at `path` locked; None if there is none.

    It only looks: a daemon that starts meanwhile must be able to lock the file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | NOFOLLOW | NONBLOCK | PLAIN)
    except OSError:
        return None
    try:
        pid = _read_pid(descriptor)
        return int(pid) if pid.isdecimal() and is_locked(descriptor, pid) else None
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _locked(path: Path) -> int:
    """Returns a descriptor of the file at `path`, which it locks."""
    make_private(path.parent)
    while True:
        descriptor = _opened(path)
        if not try_to_lock(descriptor):
            pid = _read_pid(descriptor) or "unknown"
            os.close(descriptor)
            raise AlreadyRunning(f"An Impasto daemon is running already (pid {pid}).")
        try:
            is_current = _is_at(path, descriptor)
        except CannotLock:
            os.close(descriptor)
            raise
        if is_current:  # else it was removed meanwhile
            _write_pid(descriptor, f"{os.getpid()}\n")
            return descriptor
        os.close(descriptor)


def _opened(path: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | NOFOLLOW | NONBLOCK | PLAIN
    try:
        return os.open(path, flags, 0o600)
    except OSError as error:
        raise CannotLock(
            f"{path} cannot be opened: {error.strerror}. Remove it, and try again."
        ) from error


def _is_at(path: Path, descriptor: int) -> bool:
    """Returns whether an open file is the one at `path`; raises CannotLock if that is unknown."""
    try:
        return os.path.samestat(path.lstat(), os.fstat(descriptor))
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise CannotLock(f"{path} cannot be examined: {error.strerror}. Try again.") from error


def _read_pid(descriptor: int) -> str:
    return read_at(0, descriptor, 32).decode(errors="replace").strip()


def _write_pid(descriptor: int, text: str) -> None:
    """Writes the id of the holder, for people; on a full disk the lock holds without it."""
    try:
        os.ftruncate(descriptor, 0)
        write_start(descriptor, text.encode())
    except OSError as error:
        logger.warning("the process id cannot be written to the lock: %s", error)
