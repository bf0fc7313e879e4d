"""The calls and constants of the operating system: those of `posix`, or of `windows`."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    from impasto_shared.system.windows import (
        HAS_UNIX_SOCKETS,
        NEW_MEMORY,
        PROGRAM_SUFFIX,
        PROGRAMS,
        ROOT,
        background_command,
        check_private,
        copy_access,
        home_dir,
        is_own_folder,
        is_secret,
        machine_name,
        replace_file,
        restrict,
        runtime_dir,
        start_apart,
        temporary_dir,
        xdg_dir,
    )
else:
    from impasto_shared.system.posix import (
        HAS_UNIX_SOCKETS,
        NEW_MEMORY,
        PROGRAM_SUFFIX,
        PROGRAMS,
        ROOT,
        background_command,
        check_private,
        copy_access,
        home_dir,
        is_own_folder,
        is_secret,
        machine_name,
        replace_file,
        restrict,
        runtime_dir,
        start_apart,
        temporary_dir,
        xdg_dir,
    )

__all__ = [
    "HAS_UNIX_SOCKETS",
    "NEW_MEMORY",
    "PROGRAMS",
    "PROGRAM_SUFFIX",
    "ROOT",
    "background_command",
    "check_private",
    "copy_access",
    "home_dir",
    "is_own_folder",
    "is_secret",
    "machine_name",
    "replace_file",
    "restrict",
    "runtime_dir",
    "start_apart",
    "temporary_dir",
    "xdg_dir",
]
