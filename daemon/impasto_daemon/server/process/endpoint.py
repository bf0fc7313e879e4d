"""The daemon's addresses: which ones are safe to serve, and how they are bound and kept."""

from __future__ import annotations

import os
import socket as sockets
import stat
from collections.abc import MutableMapping
from contextlib import ExitStack, suppress
from pathlib import Path

from impasto_daemon.server.process.single_instance import InstanceLock
from impasto_shared.connection.local_socket import connection_error
from impasto_shared.connection.loopback import HOST, LoopbackAddress
from impasto_shared.connection.proof import SECRET_BYTES
from impasto_shared.errors import ImpastoError
from impasto_shared.files.paths import (
    check_private,
    is_loopback,
    local_path,
    lock_path,
    loopback_file,
    make_private,
    socket_path,
)
from impasto_shared.system.host import HAS_UNIX_SOCKETS

_BACKLOG = 128


class UnsafeEndpoint(ImpastoError):
    """The endpoint would be reachable by other users or machines."""


class CannotServe(ImpastoError):
    """An address cannot be bound."""


class Address:
    """The address for the programs on this machine, which one daemon serves at a time.

    Used with `with`: an ipc socket has a lock next to it, which counts whatever the runtime folder
    of a second daemon, and at the end its file is removed if it is still this daemon's. One that
    systemd listens at stays.

    is_another: whether the daemon has an address already, and with it the lock of its user's only
        daemon.
    handed_over: the sockets that systemd listens at, by their paths; this one's is taken out.

    Raises on entry:
        AlreadyRunning: if a daemon runs already, or serves this address.
        UnsafeEndpoint: for an address that other users or machines can reach.
        UnsafeDirectory: if the socket's folder is not this user's alone.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        is_another: bool = False,
        handed_over: MutableMapping[Path, sockets.socket] | None = None,
    ) -> None:
        self.endpoint = endpoint
        self._path = local_path(endpoint)
        of_systemd = None if self._path is None else (handed_over or {}).pop(self._path, None)
        self.listener = of_systemd
        """The socket that systemd has handed over, to be served; None if it is to be bound."""
        self._is_of_systemd = of_systemd is not None
        paths = [] if is_another else [lock_path()]
        if self._path is not None:
            paths.append(lock_of(self._path))
        self._locks = [InstanceLock(path) for path in paths]
        self._exit = ExitStack()
        self._file: os.stat_result | None = None

    def __enter__(self) -> Address:
        check_endpoint(self.endpoint)
        with ExitStack() as stack:
            for lock in self._locks:
                stack.enter_context(lock)
            self._exit = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        if self._path is not None and self.is_ours and not self._is_of_systemd:
            with suppress(OSError):
                self._path.unlink()
        self._exit.close()

    def check(self) -> None:
        """Checks, without a change, that a daemon could be started at this address.

        Raises as on entry, or CannotServe.
        """
        for lock in self._locks:
            lock.check()
        if self._path is not None:
            if self._path.parent.exists():
                check_private(self._path.parent)
            if loopback_file(self.endpoint) is None:
                _check_unused(self._path)
            else:
                _check_is_file_or_new(self._path)

    def remember_file(self) -> None:
        """Takes the file that is now at the path for the socket's own; to be called once bound."""
        self._file = _status(self._path)

    @property
    def is_ours(self) -> bool:
        """True if clients reach this daemon: its socket's file has not been removed or replaced."""
        if self._path is None:
            return True
        try:
            status = self._path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:  # the disk does not tell: that is no reason to give the address up
            return True
        return self._file is not None and os.path.samestat(status, self._file)

    def lock_again(self) -> None:
        """Makes sure, before the address is bound again, that it is this daemon's.

        Raises as on entry.
        """
        check_endpoint(self.endpoint)
        for lock in self._locks:
            lock.restore()
        self._is_of_systemd = False


def lock_of(path: Path) -> Path:
    """Returns the file that the daemon at an address of this machine has locked."""
    return path.with_name(f"{path.name}.lock")


def check_endpoint(endpoint: str) -> None:
    """Makes the folder of an ipc endpoint private; refuses TCP beyond this machine.

    Raises:
        UnsafeEndpoint: for an address that other users or machines can reach.
        UnsafeDirectory: if the socket's folder is not this user's alone.
    """
    path = local_path(endpoint)
    if path is not None:
        if socket_path(endpoint) is not None and not HAS_UNIX_SOCKETS:
            raise UnsafeEndpoint(
                f"{endpoint} is a Unix socket, which this system does not have. Use "
                "loopback:///path, or remove the option endpoint from the configuration."
            )
        if not path.is_absolute():
            raise UnsafeEndpoint(f"The path in {endpoint} must be absolute.")
        make_private(path.parent)
        return
    if not is_loopback(endpoint):
        raise UnsafeEndpoint(
            f"{endpoint} is neither ipc:///path nor loopback:///path nor tcp://127.0.0.1:port: the "
            "endpoint serves only this machine. To serve other machines, set listen, which "
            "requires authorised keys: docs/remote.md."
        )


def listening_unix_socket(path: Path) -> sockets.socket:
    """Returns a socket that listens at a path; its file is this user's alone, like its folder.

    Raises:
        CannotServe: if the address cannot be bound, or another program's file is there.
    """
    _check_unused(path)
    old_umask = os.umask(0o077)
    try:
        listener = sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM)
        try:
            path.unlink(missing_ok=True)  # the socket of a daemon that crashed
            listener.bind(str(path))
            listener.listen(_BACKLOG)
        except BaseException:
            listener.close()
            raise
    except OSError as error:
        raise CannotServe(
            f"The daemon cannot serve at ipc://{path}: {error}. Choose another address."
        ) from error
    finally:
        os.umask(old_umask)
    return listener


def loopback_socket(path: Path) -> tuple[sockets.socket, bytes]:
    """Returns a socket that listens at a free port of this machine, and a new secret.

    Both are in the file at `path`, which is this user's alone, like its folder.

    Raises:
        CannotServe: if no port can be had, or the file cannot be written.
    """
    _check_is_file_or_new(path)
    secret = os.urandom(SECRET_BYTES)
    try:
        listener = sockets.socket(sockets.AF_INET, sockets.SOCK_STREAM)
        try:
            if hasattr(sockets, "SO_EXCLUSIVEADDRUSE"):  # Windows lets others share a port
                listener.setsockopt(sockets.SOL_SOCKET, sockets.SO_EXCLUSIVEADDRUSE, 1)
            listener.bind((HOST, 0))
            listener.listen(_BACKLOG)
            LoopbackAddress(listener.getsockname()[1], secret, os.getpid()).write(path)
        except BaseException:
            listener.close()
            raise
    except OSError as error:
        raise CannotServe(
            f"The daemon cannot serve at loopback://{path}: {error}. Choose another address."
        ) from error
    return listener, secret


def _check_is_file_or_new(path: Path) -> None:
    """Refuses to take the place of anything but the file of an earlier daemon."""
    status = _status(path)
    if status is not None and not stat.S_ISREG(status.st_mode):
        raise CannotServe(
            f"{path} exists and is not a file. Move it away, or choose another address."
        )


def listening_socket(endpoint: str) -> tuple[str, sockets.socket]:
    """Returns a socket that listens at a TCP address, and the address in numbers.

    Raises:
        CannotServe: if the address cannot be bound.
    """
    host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
    name = None if host == "*" else host.strip("[]")
    try:
        if not 0 <= int(port) < 2**16:  # the system would take its last digits
            raise ValueError(f"there is no port {port}")
        (family, _, _, _, address), *_ = sockets.getaddrinfo(
            name, int(port), type=sockets.SOCK_STREAM, flags=sockets.AI_PASSIVE
        )
        listener = sockets.create_server(
            address[:2], family=family, backlog=_BACKLOG, reuse_port=False
        )
    except (OSError, OverflowError, UnicodeError, ValueError) as error:
        raise CannotServe(
            f"The daemon cannot serve at {endpoint}: {error}. Choose another address."
        ) from error
    host, number, *_ = listener.getsockname()
    return f"tcp://[{host}]:{number}" if ":" in host else f"tcp://{host}:{number}", listener


def _check_unused(path: Path) -> None:
    """Refuses to take the place of anything but the socket of a daemon that crashed."""
    status = _status(path)
    if status is None:
        return
    if not stat.S_ISSOCK(status.st_mode):
        raise CannotServe(
            f"{path} exists and is not a socket. Move it away, or choose another address."
        )
    # Any other error is that of a program which serves, but cannot be reached like this.
    if not isinstance(connection_error(path), ConnectionRefusedError | FileNotFoundError):
        raise CannotServe(f"Another program serves at {path}. End it, or choose another address.")


def _status(path: Path | None) -> os.stat_result | None:
    try:
        return None if path is None else path.lstat()
    except OSError:
        return None
