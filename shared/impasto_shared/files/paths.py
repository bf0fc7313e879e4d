"""The paths of sockets, files and folders, the same for the daemon and its clients."""

from __future__ import annotations

import os
import re
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path

from impasto_shared.errors import ImpastoError, UnsafeDirectory
from impasto_shared.system.host import (
    HAS_UNIX_SOCKETS,
    check_private,
    home_dir,
    is_own_folder,
    machine_name,
    runtime_dir,
    temporary_dir,
    xdg_dir,
)
from impasto_shared.text.sentences import reason_of, sentence

__all__ = [
    "UnsafeDirectory",
    "cache_dir",
    "check_private",
    "config_dir",
    "data_dir",
    "fits_socket",
    "home_dir",
    "is_in_flatpak",
    "is_loopback",
    "is_own_folder",
    "jobs_dir",
    "local_path",
    "lock_path",
    "log_path",
    "loopback_file",
    "make_private",
    "runtime_dir",
    "sandbox_endpoint",
    "socket_path",
    "spare_log_path",
    "temporary_dir",
    "throughput_path",
    "usual_endpoint",
    "xdg_dir",
]

# sun_path of a Unix socket holds 108 bytes, including the terminating zero.
_MAX_SOCKET_PATH_BYTES = 107
_LOOPBACK = "loopback://"
_DRIVE = re.compile(r"/[A-Za-z]:[/\\]")
_TCP = re.compile(r"tcp://(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9.-]+)):\w+")


def data_dir() -> Path:
    """Returns the folder of the environment that install.sh creates."""
    return xdg_dir("XDG_DATA_HOME", ".local/share") / "impasto"


def log_path() -> Path:
    """Returns the path of the log of a daemon that was started on demand."""
    return xdg_dir("XDG_STATE_HOME", ".local/state") / "impasto" / "daemon.log"


def spare_log_path() -> Path:
    """Returns the path of that log if the home folder cannot be written to."""
    return runtime_dir() / "daemon.log"


def throughput_path() -> Path:
    """Returns the path of the daemon's record of how fast this machine paints."""
    return cache_dir() / "impasto" / "pace.json"


def jobs_dir(endpoint: str) -> Path:
    """Returns the folder in which the daemon at `endpoint` stores jobs and finished pictures."""
    return cache_dir() / "impasto" / "jobs" / sha256(os.fsencode(endpoint)).hexdigest()[:16]


def cache_dir() -> Path:
    """Returns the folder of all programs' caches."""
    return xdg_dir("XDG_CACHE_HOME", ".cache")


def lock_path() -> Path:
    """Returns the path of the file that the running daemon keeps locked; it contains the pid."""
    return runtime_dir() / "daemon.lock"


def config_dir() -> Path:
    """Returns the folder of the configuration and the keys; in a Flatpak sandbox, the host's."""
    variable = "HOST_XDG_CONFIG_HOME" if is_in_flatpak() else "XDG_CONFIG_HOME"
    return xdg_dir(variable, ".config") / "impasto"


def is_in_flatpak() -> bool:
    """Returns whether this process runs in a Flatpak sandbox."""
    return "FLATPAK_ID" in os.environ


def usual_endpoint() -> str:
    """Returns the endpoint of a daemon that is not configured: a socket in the runtime folder.

    In a Flatpak sandbox, which shows another runtime folder, that of `sandbox_endpoint`. On systems
    without Unix sockets, a file there.
    """
    if not HAS_UNIX_SOCKETS:
        return f"loopback:///{(runtime_dir() / 'daemon.json').as_posix()}"
    if is_in_flatpak():
        return sandbox_endpoint()
    return f"ipc://{runtime_dir() / 'daemon.sock'}"


def sandbox_endpoint() -> str:
    """Returns the endpoint at which a daemon that is not configured serves sandboxed programs, too.

    A socket in the home folder, which Flatpak shows to GIMP; its place does not depend on the XDG
    variables, which Flatpak changes. Named after the machine, since some share a home folder. On a
    system without Unix sockets, the usual endpoint.
    """
    if not HAS_UNIX_SOCKETS:
        return usual_endpoint()
    name = re.sub(r"[^\w.-]", "_", machine_name())
    return f"ipc://{home_dir()}/.cache/impasto/sandbox/{name}.sock"


def socket_path(endpoint: str) -> Path | None:
    """Returns the path of an ipc endpoint; None for another transport.

    Raises:
        ImpastoError: if the path is longer than the system allows, or libzmq cannot use it.
    """
    if not endpoint.startswith("ipc://"):
        return None
    path = endpoint.removeprefix("ipc://")
    if not fits_socket(path):
        raise ImpastoError(sentence("socket-path-long", path=path, limit=_MAX_SOCKET_PATH_BYTES))
    if "\0" in path or os.fsencode(path) != path.encode(errors="replace"):
        raise ImpastoError(
            sentence("socket-path-no-text", path=path.encode(errors="backslashreplace").decode())
        )
    return Path(path)


def loopback_file(endpoint: str) -> Path | None:
    """Returns the file that says where a daemon on loopback TCP serves; None for another transport.

    Its name begins with the letter of a drive on Windows: loopback:///C:/Users/…
    """
    if not endpoint.startswith(_LOOPBACK):
        return None
    path = endpoint.removeprefix(_LOOPBACK)
    return Path(path.removeprefix("/") if _DRIVE.match(path) else path)


def local_path(endpoint: str) -> Path | None:
    """Returns the path of what a daemon on this machine serves at: of its socket, or of its file.

    None for a daemon at a TCP address. Raises ImpastoError like `socket_path`.
    """
    return loopback_file(endpoint) or socket_path(endpoint)


def fits_socket(path: Path | str) -> bool:
    """Returns whether the path of a socket is as short as the system requires."""
    return len(os.fsencode(path)) <= _MAX_SOCKET_PATH_BYTES


def is_loopback(endpoint: str) -> bool:
    """Returns whether a TCP endpoint is reachable from this machine only.

    Only a plain address counts: libzmq would take `tcp://127.0.0.1:0;203.0.113.9:5570` for the
    second one, connected to from the first.
    """
    match = _TCP.fullmatch(endpoint)
    if match is None:
        return False
    host = match["ipv6"] or match["host"]
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def make_private(directory: Path) -> None:
    """Creates `directory` with access for this user only; checks that of an existing one.

    Raises:
        UnsafeDirectory: if another user owns it or has access to it, who could impersonate the
            daemon or read the pictures; or if it cannot be created.
    """
    try:
        for folder in (*reversed(directory.parents), directory):
            if not folder.is_dir():
                folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise UnsafeDirectory(
            sentence("folder-not-created", folder=directory, errno=reason_of(error))
        ) from error
    check_private(directory)
