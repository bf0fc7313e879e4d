"""The paths of sockets, files and folders, the same for the daemon and its clients."""

from __future__ import annotations

import os
import stat
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from impasto_shared.errors import ImpastoError

# sun_path of a Unix socket holds 108 bytes, including the terminating zero.
_MAX_SOCKET_PATH_BYTES = 107


class UnsafeDirectory(ImpastoError):
    """The folder of the daemon's socket is accessible to other users."""


def runtime_dir() -> Path:
    """Returns the folder of the socket and the lock, which does not survive a reboot.

    $XDG_RUNTIME_DIR/impasto; if the variable is not set (as under cron or ssh), its usual value is
    used; if that does not exist, a folder of this user's in /tmp.
    """
    if configured := os.environ.get("XDG_RUNTIME_DIR"):
        return Path(configured) / "impasto"
    default = Path(f"/run/user/{os.getuid()}")
    if default.is_dir() and os.access(default, os.W_OK):
        return default / "impasto"
    return Path(f"/tmp/impasto-{os.getuid()}")  # noqa: S108 - checked by make_private


def data_dir() -> Path:
    """Returns the folder of the environment that install.sh creates."""
    return _xdg_dir("XDG_DATA_HOME", ".local/share")


def log_path() -> Path:
    """Returns the path of the log of a daemon that was started on demand."""
    return _xdg_dir("XDG_STATE_HOME", ".local/state") / "daemon.log"


def throughput_path() -> Path:
    """Returns the path of the daemon's record of how fast this machine paints."""
    return _xdg_dir("XDG_CACHE_HOME", ".cache") / "pace.json"


def results_dir() -> Path:
    """Returns the folder for the unnamed files that hold finished pictures."""
    return _xdg_dir("XDG_CACHE_HOME", ".cache") / "results"


def _xdg_dir(variable: str, fallback: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / fallback) / "impasto"


def lock_path() -> Path:
    """Returns the path of the file that the running daemon keeps locked; it contains the pid."""
    return runtime_dir() / "daemon.lock"


def config_dir() -> Path:
    """Returns the folder of the configuration and the keys; in a Flatpak sandbox, the host's."""
    if "FLATPAK_ID" in os.environ:
        default = Path.home() / ".config"
        return Path(os.environ.get("HOST_XDG_CONFIG_HOME") or default) / "impasto"
    return _xdg_dir("XDG_CONFIG_HOME", ".config")


def usual_endpoint() -> str:
    """Returns the endpoint of a daemon that is not configured: a socket in the runtime folder."""
    return f"ipc://{runtime_dir() / 'daemon.sock'}"


def socket_path(endpoint: str) -> Path | None:
    """Returns the path of an ipc endpoint; None for another transport.

    Raises:
        ImpastoError: if the path is longer than the system allows.
    """
    if not endpoint.startswith("ipc://"):
        return None
    path = endpoint.removeprefix("ipc://")
    if len(os.fsencode(path)) > _MAX_SOCKET_PATH_BYTES:
        raise ImpastoError(
            f"The socket path {path} is longer than {_MAX_SOCKET_PATH_BYTES} bytes. "
            "Set XDG_RUNTIME_DIR or IMPASTO_ENDPOINT to a shorter path."
        )
    return Path(path)


def is_loopback(endpoint: str) -> bool:
    """Returns whether a TCP endpoint is reachable from this machine only."""
    host = urlsplit(endpoint).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def make_private(directory: Path) -> None:
    """Creates `directory` with access for this user only; checks that of an existing one.

    Raises:
        UnsafeDirectory: if another user owns it or has access to it, who could impersonate the
            daemon or read the pictures.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    directory.mkdir(mode=0o700, exist_ok=True)
    check_private(directory)


def check_private(directory: Path) -> None:
    """Checks that only this user has access to `directory`, which must exist.

    Raises:
        UnsafeDirectory: like `make_private`.
    """
    status = directory.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise UnsafeDirectory(f"{directory} is not a folder of yours. Remove it, and try again.")
    if status.st_mode & 0o077:
        raise UnsafeDirectory(
            f"Other users have access to {directory}. Run chmod 700 '{directory}', and try again."
        )
