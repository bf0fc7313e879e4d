"""Writing a file completely or not at all. Every file of the program is written by this module.

The bytes go to a draft in the same folder, which is synced and then renamed. A full disk, a limit,
a kill or a power cut leaves the old file as it was. The draft has no name while it is written, if
the file system supports that: only a kill in the moment before it is renamed leaves it behind.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from impasto_shared.files.open_flags import DIRECTORY, NOFOLLOW, PLAIN
from impasto_shared.system.host import copy_access, replace_file

_DRAFT = ".impasto-{}.new"
# For example on memory sticks, or in a sandbox.
_NO_HARD_LINKS = (errno.EPERM, errno.EACCES, errno.EXDEV, errno.ENOTSUP, errno.ENOSYS)
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | NOFOLLOW | PLAIN
# Of a file system without nameless files, or a kernel that takes the flag for O_DIRECTORY.
_NO_NAMELESS = (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL)
# Some network file systems cannot sync a folder, and one that is not readable cannot be opened.
_NO_FOLDER_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EACCES)


class FileNotDurable(OSError):
    """The file was written completely, but the system could not confirm that its name is stored.

    The source of its contents must not be given up yet: writing it again may help.
    """


def write_atomically(
    path: Path,
    data: bytes | memoryview,
    *,
    mode: int = 0o666,
    is_synced: bool = True,
    keeps_access: bool = True,
) -> None:
    """Replaces the file at `path`: a reader, and a restart, sees the old bytes or the new ones.

    An existing file keeps its mode and, if possible, its owner; a link is followed. A device, a
    pipe or a socket is not replaced.

    mode: that of a new file, less the umask.
    is_synced: whether to wait for the disk; without it, a power cut may damage the file.
    keeps_access: whether the mode and the owner of an existing file count; else those of a new one.
    Raises OSError, and then leaves the old file as it was; or FileNotDurable, and then the new file
    is complete, but a power cut could bring the old one back.
    """
    with (
        _named(path),
        _replacement(path, mode, is_synced=is_synced, keeps_access=keeps_access) as descriptor,
    ):
        write_all(descriptor, data)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Opens an empty file for the context, which replaces the one at `path` at its end.

    After an error, the old file is as it was. Raises OSError as `write_atomically` does.
    """
    with (
        _replacement(path, 0o666) as descriptor,
        os.fdopen(os.dup(descriptor), "w+b") as file,
    ):
        yield file


@contextmanager
def _replacement(
    path: Path, mode: int, *, is_synced: bool = True, keeps_access: bool = True
) -> Iterator[int]:
    """Yields the descriptor of a new file, which takes the place of `path` at the end."""
    path = Path(os.path.realpath(path))
    _check_is_file_or_new(path)
    with _draft(path.parent, mode, is_synced=is_synced) as draft:
        if keeps_access and path.exists():
            copy_access(path.stat(), draft.descriptor)
        yield draft.descriptor
        draft.sync(draft.descriptor)
        replace_file(draft.named(), path)
    if is_synced:
        sync_folder(path.parent)


def _check_is_file_or_new(path: Path) -> None:
    """Raises OSError if there is something at `path` that is no file.

    Renaming a file to the name of a device would remove the device, for all programs.
    """
    with suppress(FileNotFoundError):
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "It is not a file", str(path))


def create_atomically(path: Path, data: bytes, *, mode: int = 0o666) -> None:
    """Writes a new file; raises FileExistsError if there is one, and OSError.

    mode: that of the file, less the umask. Raises FileNotDurable like `write_atomically`.
    """
    with _named(path):
        with _draft(path.parent, mode, is_synced=True) as draft:
            write_all(draft.descriptor, data)
            draft.sync(draft.descriptor)
            _rename_without_replacing(draft.named(), path)
        sync_folder(path.parent)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Adds the path to an OSError that names no file, as those of a descriptor do."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        raise


def _rename_without_replacing(draft: Path, path: Path) -> None:
    """Gives the draft its name; raises FileExistsError if there is a file of that name."""
    try:
        os.link(draft, path)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from error
        replace_file(draft, path)


@dataclass
class _Draft:
    """A new file, which will be at `path`; if it is nameless, only once `named` is called.

    is_synced: whether its bytes are to be on the disk before.
    """

    path: Path
    descriptor: int
    is_nameless: bool
    is_synced: bool

    def sync(self, descriptor: int) -> None:
        """Waits until the bytes of this draft, or of its copy, are on the disk, if they should."""
        if self.is_synced:
            os.fsync(descriptor)

    def named(self) -> Path:
        """Returns its path, with the file there."""
        if self.is_nameless:
            try:
                self._link()
            except OSError as error:
                if error.errno not in _NO_HARD_LINKS:
                    raise
                self._copy()
            self.is_nameless = False
        self.close()  # Windows does not rename open files
        return self.path

    def close(self) -> None:
        """Closes the file; may be called more than once."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def _link(self) -> None:
        folder = os.open(self.path.parent, os.O_PATH | DIRECTORY | PLAIN)
        try:
            # The descriptor of a folder makes Python call linkat, which follows the link.
            source = f"/proc/self/fd/{self.descriptor}"
            os.link(source, self.path.name, dst_dir_fd=folder, follow_symlinks=True)
        finally:
            os.close(folder)

    def _copy(self) -> None:
        status = os.fstat(self.descriptor)
        target = os.open(self.path, _NEW_FILE, stat.S_IMODE(status.st_mode))
        try:
            sent = 0
            while sent < status.st_size:
                sent += os.sendfile(target, self.descriptor, sent, status.st_size - sent)
            with suppress(PermissionError):
                os.fchown(target, status.st_uid, status.st_gid)
            os.fchmod(target, stat.S_IMODE(status.st_mode))
            self.sync(target)
        finally:
            os.close(target)


@contextmanager
def _draft(folder: Path, mode: int, *, is_synced: bool) -> Iterator[_Draft]:
    """Creates a file with a new name, which is removed at the end unless it was renamed."""
    path = folder / _DRAFT.format(secrets.token_hex(8))
    draft = _Draft(path, *_open_draft(path, mode), is_synced)
    try:
        yield draft
    finally:
        draft.close()
        draft.path.unlink(missing_ok=True)


def _open_draft(path: Path, mode: int) -> tuple[int, bool]:
    """Returns the descriptor of a new file, and whether it is nameless."""
    # Without /proc, it could not be given a name.
    if hasattr(os, "O_TMPFILE") and Path("/proc/self/fd").exists():
        try:
            flags = os.O_RDWR | os.O_TMPFILE | PLAIN
            return os.open(path.parent, flags, mode), True
        except OSError as error:
            if error.errno not in _NO_NAMELESS:
                raise
    return os.open(path, _NEW_FILE, mode), False


def drafts_below(folder: Path) -> list[Path]:
    """Returns the drafts in a folder, and in those in it, that killed processes have left.

    Other processes must not write there.
    """
    return [path for path in folder.rglob(_DRAFT.format("*")) if path.is_file()]


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Writes all bytes to a file. Raises OSError, and then some of them may be there."""
    remaining = memoryview(data).cast("B")
    while remaining:
        remaining = remaining[os.write(descriptor, remaining) :]


def sync_folder(folder: Path) -> None:
    """Returns when the names in a folder are on the disk. Raises FileNotDurable."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | DIRECTORY | PLAIN)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise FileNotDurable(error.errno, error.strerror, str(folder)) from error
