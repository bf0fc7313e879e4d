"""The system as Linux and macOS have it: folders, access, memory, programs; see `host`."""

from __future__ import annotations

import mmap
import os
import pwd
import stat
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from impasto_shared.errors import UnsafeDirectory
from impasto_shared.text.sentences import reason_of, sentence

assert sys.platform != "win32"  # noqa: S101 - for mypy

HAS_UNIX_SOCKETS = True
ROOT = "/"
"""A folder that is always there."""
NEW_MEMORY: dict[str, int] = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS}
"""The arguments of mmap for memory of this process alone."""
PROGRAMS, PROGRAM_SUFFIX = "bin", ""
"""The folder of the programs in a Python environment, and the end of their names."""
# The owner of root's folders as a sandbox sees them, such as Flatpak's.
_UNMAPPED_USER = 65534


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
    return own_home() or runtime_dir() / "home"


def own_home() -> Path | None:
    """Returns the user's home folder; None for a user who has none."""
    home = os.environ.get("HOME", "")
    if not home.startswith("/"):
        try:
            home = pwd.getpwuid(os.getuid()).pw_dir
        except KeyError:
            home = ""
    return Path(home) if home.startswith("/") else None


def xdg_dir(variable: str, fallback: str) -> Path:
    """Returns the folder that a variable of the XDG specification names, or its default in home.

    A relative path does not count, as the specification has it.
    """
    configured = os.environ.get(variable, "")
    return Path(configured) if configured.startswith("/") else home_dir() / fallback


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


def is_secret(status: os.stat_result) -> bool:
    """Returns whether a file is this user's, and no other user can read it."""
    return status.st_uid == os.getuid() and not stat.S_IMODE(status.st_mode) & 0o077


def restrict(descriptor: int) -> None:
    """Has only this user read and write a file. Raises OSError."""
    os.fchmod(descriptor, 0o600)


def copy_access(old: os.stat_result, descriptor: int) -> None:
    """Gives a file the owner, if possible, and the mode of another. Raises OSError."""
    new = os.fstat(descriptor)
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        # Only root can; the new file is then this user's, like any other that the user creates.
        with suppress(PermissionError):
            os.fchown(descriptor, old.st_uid, old.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(old.st_mode))


def replace_file(draft: Path, path: Path) -> None:
    """Gives a draft the name of a file, in place of that. Raises OSError."""
    draft.replace(path)


def machine_name() -> str:
    """Returns the name of this machine."""
    return os.uname().nodename


def background_command(program: str) -> list[str]:
    """Returns the command line that runs `impasto`, at the path `program`, without a terminal."""
    return [program]


def start_apart(command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """Starts a program that outlives this one, its terminal and its folder. Raises OSError.

    options: of Popen.
    """
    return subprocess.Popen(command, start_new_session=True, cwd=ROOT, **options)  # noqa: S603 - our own
