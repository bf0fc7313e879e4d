"""The system as Windows has it: folders, access, memory, programs; see `host`.

The folders of a user are open to that user and to administrators alone, as Windows makes them, so
that nothing else is checked.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from impasto_shared.errors import UnsafeDirectory
from impasto_shared.text.sentences import reason_of, sentence

assert sys.platform == "win32"  # noqa: S101 - for mypy

HAS_UNIX_SOCKETS = False
ROOT = os.environ.get("SYSTEMDRIVE", "C:") + "\\"
"""A folder that is always there."""
NEW_MEMORY: dict[str, int] = {}
"""The arguments of mmap for memory of this process alone."""
PROGRAMS, PROGRAM_SUFFIX = "Scripts", ".exe"
"""The folder of the programs in a Python environment, and the end of their names."""

# The settings move with the user to other machines, and the rest stays.
_ROAMING, _LOCAL = ("APPDATA", "Roaming"), ("LOCALAPPDATA", "Local")
_IN_USE_S, _TRY_S = 1.0, 0.02


def runtime_dir() -> Path:
    """Returns the folder of the daemon's address and its lock."""
    return _app_data(*_LOCAL) / "impasto" / "run"


def temporary_dir() -> Path:
    """Returns the same folder, whose path is long enough for everything."""
    return runtime_dir()


def is_own_folder(path: str) -> bool:
    """Returns whether a path is absolute: the folders that are asked about are the user's own."""
    return Path(path).is_absolute()


def home_dir() -> Path:
    """Returns the user's home folder."""
    home = os.environ.get("USERPROFILE", "")
    return Path(home) if Path(home).is_absolute() else Path(ROOT)


def xdg_dir(variable: str, _fallback: str) -> Path:
    """Returns the folder of the user that stands for the one of a variable of XDG."""
    return _app_data(*(_ROAMING if variable.endswith("XDG_CONFIG_HOME") else _LOCAL))


def check_private(directory: Path) -> None:
    """Raises UnsafeDirectory if `directory` is no folder, or cannot be examined."""
    try:
        is_folder = directory.is_dir()
    except OSError as error:
        raise UnsafeDirectory(
            sentence("folder-not-examined", folder=directory, errno=reason_of(error))
        ) from error
    if not is_folder:
        raise UnsafeDirectory(sentence("no-folder", folder=directory))


def is_secret(_status: os.stat_result) -> bool:
    """Returns True: a file in the user's folders is not shown to others."""
    return True


def restrict(_descriptor: int) -> None:
    """Changes nothing: a file in the user's folders is not shown to others."""


def copy_access(_old: os.stat_result, _descriptor: int) -> None:
    """Changes nothing: a file has the access of its folder."""


def replace_file(draft: Path, path: Path) -> None:
    """Gives a draft the name of a file, in place of that. Raises OSError.

    A file that a program reads cannot be replaced: it is waited for, for a second.
    """
    deadline_s = time.monotonic() + _IN_USE_S
    while True:
        try:
            draft.replace(path)
        except PermissionError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(_TRY_S)
        else:
            return


def machine_name() -> str:
    """Returns the name of this machine."""
    return platform.node()


def background_command(program: str) -> list[str]:
    """Returns the command line that runs `impasto`, at the path `program`, without a terminal.

    By the Python that opens no window, if there is one next to it.
    """
    python = Path(program).with_name("pythonw.exe")
    return [str(python), "-P", "-m", "impasto_daemon"] if python.exists() else [program]


def start_apart(command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """Starts a program that outlives this one, its terminal and its folder. Raises OSError.

    It has no window, and does not end with the programs that are ended together with this one,
    unless these may not leave each other.

    options: of Popen.
    """
    flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
    leaving = flags | subprocess.CREATE_BREAKAWAY_FROM_JOB
    try:
        return subprocess.Popen(command, creationflags=leaving, cwd=ROOT, **options)  # noqa: S603 - our own
    except PermissionError:
        return subprocess.Popen(command, creationflags=flags, cwd=ROOT, **options)  # noqa: S603 - our own


def _app_data(variable: str, name: str) -> Path:
    configured = os.environ.get(variable, "")
    return Path(configured) if Path(configured).is_absolute() else home_dir() / "AppData" / name
