"""The daemon as a process: one for each user, ended cleanly by a signal."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from impasto_shared.errors import ImpastoError
from impasto_shared.paths import is_loopback, make_private, socket_path


class AlreadyRunning(ImpastoError):
    """Another daemon of this user holds the lock."""


class UnsafeEndpoint(ImpastoError):
    """The address given would let others than this user in."""


@contextmanager
def exclusive_lock(path: Path) -> Iterator[None]:
    """Holds the file at `path` locked, with this process's id in it.

    A lock is needed because binding a second daemon to an ipc path succeeds, and makes the
    first one deaf.

    Raises:
        AlreadyRunning: where another process holds it.
        UnsafeDirectory: where its folder is not this user's alone.
    """
    make_private(path.parent)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
            raise AlreadyRunning(f"An Impasto daemon is running already (pid {pid}).") from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def lock_holder(path: Path) -> int | None:
    """The process that holds the file at `path` locked, as it says; None where nobody does."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.read(descriptor, 32).decode(errors="replace").strip()
        return int(pid) if pid.isdigit() else None
    finally:
        os.close(descriptor)
    return None


def check_endpoint(endpoint: str) -> None:
    """Makes the folder of an ipc endpoint private; refuses TCP beyond this machine.

    Raises:
        UnsafeEndpoint: for an address that other users or machines can reach.
        UnsafeDirectory: where the socket's folder is not this user's alone.
    """
    path = socket_path(endpoint)
    if path is not None:
        if not path.is_absolute():
            raise UnsafeEndpoint(f"The socket path in {endpoint} must be absolute.")
        make_private(path.parent)
        return
    if not (endpoint.startswith("tcp:") and is_loopback(endpoint)):
        raise UnsafeEndpoint(
            f"{endpoint} is neither ipc:///path nor tcp://127.0.0.1:port: the endpoint serves only "
            "this machine. For others set listen, which lets in clients with known keys: "
            "docs/remote.md."
        )


class StopSignals:
    """SIGTERM, SIGINT and SIGHUP as a flag, and a descriptor that any signal makes readable.

    SIGCHLD has no action but wakes the reader too, so that a dead worker is noticed at once.
    Used as a context manager, from the main thread.
    """

    def __init__(self) -> None:
        self.stop_requested = False
        self._reader, self._writer = socket.socketpair()

    def __enter__(self) -> StopSignals:
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._request_stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        self._reader.close()
        self._writer.close()

    def fileno(self) -> int:
        """The descriptor to poll."""
        return self._reader.fileno()

    def clear(self) -> None:
        """Makes the descriptor unreadable again, until the next signal."""
        self._reader.recv(4096)

    def _request_stop(self, *_: object) -> None:
        self.stop_requested = True
