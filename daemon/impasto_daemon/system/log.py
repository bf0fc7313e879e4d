"""The log: one line for each event, on standard error; its file is rotated when it is full."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

from impasto_shared.configuration.options import LogLevel
from impasto_shared.files.open_flags import NONBLOCK, PLAIN
from impasto_shared.files.paths import log_path, spare_log_path

LIMIT_BYTES = 2**20
_OUTPUT = (1, 2)


def start_logging(process: str, level: LogLevel = LogLevel.INFO, *, rotates: bool = False) -> None:
    """Sends the log of this process, called `process` in each line, to standard error.

    rotates: whether this process limits the size of the log file, if that is where it goes.
    """
    logging.basicConfig(
        level=level.upper(),
        format=f"%(asctime)s {process} %(levelname)s %(name)s: %(message)s",
        handlers=[LimitedLog(_own_log(), rotates=rotates)],
    )


def _own_log() -> Path:
    """Returns the path of the log to which standard error goes, if it is one."""
    try:
        is_spare = os.path.samestat(os.fstat(_OUTPUT[-1]), spare_log_path().stat())
    except OSError:
        is_spare = False
    return spare_log_path() if is_spare else log_path()


class LimitedLog(logging.StreamHandler):  # type: ignore[type-arg]
    """Standard error. If that is the file at `path`, it is rotated when it is full.

    The previous file is kept next to it. Several processes write to it: one of them `rotates`, and
    the others follow.
    """

    def __init__(self, path: Path, *, rotates: bool) -> None:
        super().__init__(sys.stderr)
        self._path = path
        self._rotates = rotates
        self._descriptors = [number for number in _OUTPUT if self._is_file(number)]

    def emit(self, record: logging.LogRecord) -> None:
        """Writes the record."""
        if self._descriptors:
            try:
                self._follow()
            except OSError:
                self.handleError(record)
        super().emit(record)

    def _follow(self) -> None:
        """Rotates a full file, and reopens the file if it has been rotated."""
        descriptor = self._descriptors[0]
        if self._rotates and os.fstat(descriptor).st_size >= LIMIT_BYTES:
            self._rotate()
        if self._is_file(descriptor):
            return
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | PLAIN | NONBLOCK
        new = os.open(self._path, flags, 0o600)  # which does not wait if it is a pipe by now
        for number in self._descriptors:
            os.dup2(new, number)
        os.close(new)

    def _rotate(self) -> None:
        try:
            self._path.replace(self._path.with_name(self._path.name + ".1"))
        except OSError:  # such as a folder of that name: the limit counts more than the old lines
            os.ftruncate(self._descriptors[0], 0)

    def _is_file(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self._path.stat())
        except OSError:
            return False
