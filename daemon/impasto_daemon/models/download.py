"""The download of a file: continued where it broke off, and in place only once it is verified."""

from __future__ import annotations

import errno
import hashlib
import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException
from io import FileIO
from pathlib import Path
from urllib.request import Request, urlopen

from impasto_daemon.system.host import try_to_lock
from impasto_shared.errors import ImpastoError
from impasto_shared.files.atomic_write import write_all
from impasto_shared.files.open_flags import NOFOLLOW, PLAIN

KEPT_UNFINISHED = 2
"""How many unfinished downloads stay when another one begins."""
_FOLDER = "impasto-downloads"
_CHUNK_BYTES = 2**18
_ATTEMPTS = 5
_WAIT_S = 0.2


class DownloadStopped(ImpastoError):
    """The job that needs the file was cancelled; the next download continues."""


class DownloadDamaged(ImpastoError):
    """The file that a server sent is not the published one."""


@dataclass(frozen=True)
class Download:
    """A file to download.

    sha256_prefix: the first digits of its checksum.
    limit_bytes: what it may have at most. timeout_s: the longest silence of the server.
    on_progress: called with the bytes received, and all bytes if the server says how many.
    should_stop: called several times a second; if it returns true, the download ends.
    """

    url: str
    sha256_prefix: str
    limit_bytes: int
    timeout_s: float
    on_progress: Callable[[int, int | None], None] = lambda *_: None
    should_stop: Callable[[], bool] = lambda: False

    def to(self, path: Path) -> None:
        """Downloads the file to `path`.

        Raises:
            OSError, HTTPException: if it cannot be received or written; a later call continues.
            DownloadDamaged: if it is not the published one.
            DownloadStopped: if it should stop.
        """
        folder = unfinished_folder(path)
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / path.name
        _prune(partial)
        with _locked(partial, self._check_stop) as file:
            if not path.exists():  # else another process has just finished it
                self._complete(file)
                os.fsync(file.fileno())
                partial.replace(path)

    def _complete(self, file: FileIO) -> None:
        """Receives the rest of the file, and all of it again if the result is damaged."""
        was_begun = _size(file) > 0
        self._receive_all(file)
        if not self._is_published(file) and was_begun:
            file.truncate(0)
            self._receive_all(file)
        if not self._is_published(file):
            file.truncate(0)
            raise DownloadDamaged("the server sent another file than the published one")

    def _receive_all(self, file: FileIO) -> None:
        """Receives the rest of the file; a connection that breaks is opened again."""
        for attempt in range(_ATTEMPTS):
            before = _size(file)
            try:
                return self._receive(file)
            except (OSError, HTTPException) as error:
                if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                    file.truncate(0)  # an unfinished file must not keep a disk full
                    raise
                if _size(file) <= before or attempt == _ATTEMPTS - 1:
                    raise
        return None

    def _receive(self, file: FileIO) -> None:
        begin = _size(file)
        headers = {"Range": f"bytes={begin}-"} if begin else {}
        request = Request(self.url, headers=headers)  # noqa: S310 - torchvision names the address
        with urlopen(request, timeout=self.timeout_s) as reply:  # noqa: S310
            # The server may send it from the start.
            if begin and reply.status != HTTPStatus.PARTIAL_CONTENT:
                file.truncate(0)
                begin = 0
            length = reply.headers.get("Content-Length", "")
            total = begin + int(length) if length.isdecimal() else None
            file.seek(0, os.SEEK_END)
            while chunk := reply.read1(_CHUNK_BYTES):
                self._check_stop()
                write_all(file.fileno(), chunk)
                if file.tell() > self.limit_bytes:
                    file.truncate(0)
                    raise DownloadDamaged("the server sent more than the published file has")
                self.on_progress(file.tell(), total)
        if total is not None and _size(file) < total:
            raise ConnectionResetError(f"the connection broke after {_size(file)} bytes")

    def _check_stop(self) -> None:
        if self.should_stop():
            raise DownloadStopped("the download was cancelled; the next one continues")

    def _is_published(self, file: FileIO) -> bool:
        file.seek(0)
        return hashlib.file_digest(file, "sha256").hexdigest().startswith(self.sha256_prefix)


def unfinished_folder(path: Path) -> Path:
    """Returns the folder of unfinished downloads, on the disk of the file at `path`."""
    return path.parent.parent / _FOLDER


def _prune(partial: Path) -> None:
    """Removes the other unfinished downloads but for those that were continued last or are now.

    Their number counts and not their age: a time of day that was set removes none too many.
    """
    others = (file for file in partial.parent.glob("*") if file != partial)
    for file in sorted(others, key=_changed_s, reverse=True)[KEPT_UNFINISHED:]:
        with suppress(OSError):
            _remove_unused(file)


def _changed_s(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # it has just been completed
        return math.inf


def _remove_unused(path: Path) -> None:
    """Removes a file unless a process is downloading to it; none can begin meanwhile."""
    with FileIO(path, "r+") as file:
        if not try_to_lock(file.fileno()):
            return
        with suppress(PermissionError):  # Windows removes no open file, neither this nor another's
            path.unlink()
            return
    path.unlink()


@contextmanager
def _locked(path: Path, check_stop: Callable[[], None]) -> Iterator[FileIO]:
    """Opens a file that no other process is downloading to, or no longer."""
    flags = os.O_RDWR | os.O_CREAT | NOFOLLOW | PLAIN
    while True:
        with FileIO(os.open(path, flags, 0o644), "r+") as file:
            while not try_to_lock(file.fileno()):
                check_stop()
                time.sleep(_WAIT_S)
            if _is_at(path, file):  # else it was completed or removed meanwhile
                yield file
                return


def _is_at(path: Path, file: FileIO) -> bool:
    try:
        return os.path.samestat(path.lstat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _size(file: FileIO) -> int:
    return os.fstat(file.fileno()).st_size
