"""Where things are on this machine, the same for the daemon and everything that looks for it."""

from __future__ import annotations

import os
import stat
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from impasto_shared.errors import ImpastoError

# sun_path of a Unix socket holds 108 bytes, the last one a zero.
_MAX_SOCKET_PATH_BYTES = 107


class UnsafeDirectory(ImpastoError):
    """The folder for the daemon's socket is not this user's alone."""


def runtime_dir() -> Path:
    """The folder of the socket and the lock: gone after a restart of the machine.

    $XDG_RUNTIME_DIR/impasto; without that variable (as under cron or ssh) what it would have
    been; else a folder of this user's in /tmp.
    """
    if given := os.environ.get("XDG_RUNTIME_DIR"):
        return Path(given) / "impasto"
    usual = Path(f"/run/user/{os.getuid()}")
    if usual.is_dir() and os.access(usual, os.W_OK):
        return usual / "impasto"
    return Path(f"/tmp/impasto-{os.getuid()}")  # noqa: S108 - checked by make_private


def data_dir() -> Path:
    """The folder of the environment that install.sh makes."""
    return _xdg_dir("XDG_DATA_HOME", ".local/share")


def log_path() -> Path:
    """The log of a daemon that was started on demand."""
    return _xdg_dir("XDG_STATE_HOME", ".local/state") / "daemon.log"


def pace_path() -> Path:
    """What the daemon remembers of how fast this machine paints."""
    return _xdg_dir("XDG_CACHE_HOME", ".cache") / "pace.json"


def results_dir() -> Path:
    """The folder of the files, without names, that finished pictures are kept in."""
    return _xdg_dir("XDG_CACHE_HOME", ".cache") / "results"


def _xdg_dir(variable: str, fallback: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / fallback) / "impasto"


def lock_path() -> Path:
    """The file that the one running daemon holds locked; it contains its pid."""
    return runtime_dir() / "daemon.lock"


def config_dir() -> Path:
    """The folder of the configuration and the keys, the host's own in Flatpak's sandbox too."""
    if "FLATPAK_ID" in os.environ:
        usual = Path.home() / ".config"
        return Path(os.environ.get("HOST_XDG_CONFIG_HOME") or usual) / "impasto"
    return _xdg_dir("XDG_CONFIG_HOME", ".config")


def usual_endpoint() -> str:
    """The ipc socket in the runtime folder, where a daemon serves unless it is told otherwise."""
    return f"ipc://{runtime_dir() / 'daemon.sock'}"


def socket_path(endpoint: str) -> Path | None:
    """The file of an ipc endpoint; None for another transport.

    Raises:
        ImpastoError: where the path is longer than the system allows.
    """
    if not endpoint.startswith("ipc://"):
        return None
    path = endpoint.removeprefix("ipc://")
    if len(os.fsencode(path)) > _MAX_SOCKET_PATH_BYTES:
        raise ImpastoError(
            f"The socket path {path} is longer than {_MAX_SOCKET_PATH_BYTES} bytes. "
            "Set XDG_RUNTIME_DIR or IMPASTO_ENDPOINT to a shorter one."
        )
    return Path(path)


def is_loopback(endpoint: str) -> bool:
    """Whether a TCP endpoint is one that no other machine can reach."""
    host = urlsplit(endpoint).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def make_private(directory: Path) -> None:
    """Makes `directory` for this user alone, or checks that it is so.

    Raises:
        UnsafeDirectory: where somebody else owns it or can enter it: they could pose as the
            daemon, or read the pictures.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    directory.mkdir(mode=0o700, exist_ok=True)
    check_private(directory)


def check_private(directory: Path) -> None:
    """Checks that `directory`, which is there, is this user's alone.

    Raises:
        UnsafeDirectory: as `make_private`.
    """
    status = directory.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise UnsafeDirectory(f"{directory} is not a folder of yours. Remove it and try again.")
    if status.st_mode & 0o077:
        raise UnsafeDirectory(
            f"Other users can enter {directory}. Run: chmod 700 '{directory}', and try again."
        )
