"""The paths of sockets, files and folders, the same for the daemon and its clients."""

from __future__ import annotations

import os
import pwd
import re
import stat
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path

from impasto_shared.errors import ImpastoError
from impasto_shared.text.sentences import reason_of, sentence

# sun_path of a Unix socket holds 108 bytes, including the terminating zero.
_MAX_SOCKET_PATH_BYTES = 107
# The owner of root's folders as a sandbox sees them, such as Flatpak's.
_UNMAPPED_USER = 65534
_LOOPBACK = "loopback://"
_DRIVE = re.compile(r"/[A-Za-z]:[/\\]")
_TCP = re.compile(r"tcp://(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9.-]+)):\w+")


class UnsafeDirectory(ImpastoError):
    """A folder of sockets, keys or pictures is missing, or accessible to other users."""


def runtime_dir() -> Path:
    """Returns the folder of the socket and the lock, which does not survive a reboot.

    $XDG_RUNTIME_DIR/impasto; if the variable is not set (as under cron or ssh) or names another
    user's folder (as after su or sudo -E), its usual value is used; if that does not exist, a
    folder of this user's in /tmp.
    """
    configured, default = os.environ.get("XDG_RUNTIME_DIR", ""), Path(f"/run/user/{os.getuid()}")
    if is_own_folder(configured):
        return Path(configured) / "impasto"
    if default.is_dir() and is_own_folder(str(default)):
        return default / "impasto"
    return temporary_dir()


def temporary_dir() -> Path:
    """Returns this user's folder in /tmp, whose path is short; see `make_private`."""
    return Path(f"/tmp/impasto-{os.getuid()}")  # noqa: S108 - checked by make_private


def is_own_folder(path: str) -> bool:
    """Returns whether this user owns the folder at an absolute path, or can create it."""
    if not path.startswith("/") or "\0" in path:
        return False
    while not os.path.lexists(path):
        path = os.path.dirname(path)  # noqa: PTH120 - Path reports an unreadable folder as an error
    status = os.stat(path) if os.path.exists(path) else None  # noqa: PTH110, PTH116 - likewise
    return status is not None and stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()


def home_dir() -> Path:
    """Returns the user's home folder; a folder in the runtime folder for a user who has none."""
    home = os.environ.get("HOME", "")
    if not home.startswith("/"):
        try:
            home = pwd.getpwuid(os.getuid()).pw_dir
        except KeyError:
            home = ""
    return Path(home) if home.startswith("/") else runtime_dir() / "home"


def xdg_dir(variable: str, fallback: str) -> Path:
    """Returns the folder that a variable of the XDG specification names, or its default in home.

    A relative path does not count, as the specification has it.
    """
    configured = os.environ.get(variable, "")
    return Path(configured) if configured.startswith("/") else home_dir() / fallback


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

    In a Flatpak sandbox, which shows another runtime folder, that of `sandbox_endpoint`.
    """
    if is_in_flatpak():
        return sandbox_endpoint()
    return f"ipc://{runtime_dir() / 'daemon.sock'}"


def sandbox_endpoint() -> str:
    """Returns the endpoint at which a daemon that is not configured serves sandboxed programs, too.

    A socket in the home folder, which Flatpak shows to GIMP; its place does not depend on the XDG
    variables, which Flatpak changes. Named after the machine, since some share a home folder.
    """
    name = re.sub(r"[^\w.-]", "_", os.uname().nodename)
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


def check_private(directory: Path) -> None:
    """Checks that only this user has access to `directory`, which must exist.

    Raises:
        UnsafeDirectory: if another user owns it or has access to it, or could put another folder
            in its place; or if it cannot be examined.
    """
    try:
        status = directory.lstat()
    except OSError as error:
        raise UnsafeDirectory(
            sentence("folder-not-examined", folder=directory, errno=reason_of(error))
        ) from error
    if status.st_uid != os.getuid():
        raise UnsafeDirectory(sentence("folder-of-another-user", folder=directory))
    if not stat.S_ISDIR(status.st_mode):
        raise UnsafeDirectory(sentence("no-folder", folder=directory))
    if status.st_mode & 0o077:
        raise UnsafeDirectory(sentence("folder-open-to-others", folder=directory))
    for parent in directory.parents:
        _check_parent(directory, parent)


def _check_parent(directory: Path, parent: Path) -> None:
    """Raises UnsafeDirectory if other users can rename what is in `parent`."""
    status = parent.stat()
    is_sticky = bool(status.st_mode & stat.S_ISVTX)
    is_shared = bool(status.st_mode & stat.S_IWGRP) and status.st_gid != os.getgid()
    if (is_shared or status.st_mode & stat.S_IWOTH) and not is_sticky:
        raise UnsafeDirectory(sentence("folder-replaceable", folder=directory, parent=parent))
    if status.st_uid not in (0, os.getuid(), _UNMAPPED_USER):
        raise UnsafeDirectory(sentence("folder-in-anothers", folder=directory, parent=parent))
