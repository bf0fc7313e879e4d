"""Writing a file completely or not at all. Every file of the program is written by this module.

The bytes go to a draft in the same folder, which is synced and then renamed. A full disk, a limit,
a kill or a power cut leaves the old file as it was; only a kill can leave the draft behind.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_DRAFT = ".impasto-{}.new"
# For example on memory sticks.
_NO_HARD_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS)
# Some network file systems cannot sync a folder, and one that is not readable cannot be opened.
_NO_FOLDER_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EACCES)


class FileNotDurable(OSError):
    """The file was written completely, but the system could not confirm that its name is stored.

    The source of its contents must not be given up yet: writing it again may help.
    """


def write_atomically(path: Path, data: bytes | memoryview, *, mode: int = 0o666) -> None:
    """Replaces the file at `path`: a reader, and a restart, sees the old bytes or the new ones.

    An existing file keeps its mode and, if possible, its owner; a link is followed.

    mode: that of a new file, less the umask.
    Raises OSError, and then leaves the old file as it was; or FileNotDurable, and then the new file
    is complete, but a power cut could bring the old one back.
    """
    path = Path(os.path.realpath(path))
    with _draft(path.parent, mode) as (draft, descriptor):
        if path.exists():
            _copy_access(path, descriptor)
        _write_all(descriptor, data)
        draft.replace(path)
    _sync_folder(path.parent)


def create_atomically(path: Path, data: bytes, *, mode: int = 0o666) -> None:
    """Writes a new file; raises FileExistsError if there is one, and OSError.

    mode: that of the file, less the umask. Raises FileNotDurable like `write_atomically`.
    """
    with _draft(path.parent, mode) as (draft, descriptor):
        _write_all(descriptor, data)
        _rename_without_replacing(draft, path)
    _sync_folder(path.parent)


def _rename_without_replacing(draft: Path, path: Path) -> None:
    """Gives the draft its name; raises FileExistsError if there is a file of that name."""
    try:
        os.link(draft, path)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from error
        draft.replace(path)


@contextmanager
def _draft(folder: Path, mode: int) -> Iterator[tuple[Path, int]]:
    """Creates a file with a new name, which is removed at the end unless it was renamed."""
    draft = folder / _DRAFT.format(secrets.token_hex(8))
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(draft, flags, mode)
    try:
        yield draft, descriptor
    finally:
        os.close(descriptor)
        draft.unlink(missing_ok=True)


def _copy_access(path: Path, descriptor: int) -> None:
    """Gives the draft the owner and the mode of the file that it will replace."""
    old, new = path.stat(), os.fstat(descriptor)
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        # Only root can; the new file is then this user's, like any other that the user creates.
        with suppress(PermissionError):
            os.fchown(descriptor, old.st_uid, old.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(old.st_mode))


def _write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Writes all of `data` to the disk itself: a full disk is an error here, and none later."""
    remaining = memoryview(data).cast("B")
    while remaining:
        remaining = remaining[os.write(descriptor, remaining) :]
    os.fsync(descriptor)


def _sync_folder(folder: Path) -> None:
    """Makes the new name of a file survive a power cut."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise FileNotDurable(error.errno, error.strerror, str(folder)) from error
