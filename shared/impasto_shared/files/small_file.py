"""Reading of the files that Impasto keeps: configuration, keys, paces."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from impasto_shared.files.open_flags import NONBLOCK, PLAIN

MAX_BYTES = 2**20


def read_small_file(path: Path) -> bytes:
    """Returns the contents of a file.

    It neither waits, as for the other end of a pipe, nor fills the memory, as from /dev/zero.

    Raises:
        OSError: if there is no file, or it cannot be read; also if it has more than a megabyte, or
            is a pipe, a device or a folder.
    """
    descriptor = os.open(path, os.O_RDONLY | NONBLOCK | PLAIN)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "It is not a file", str(path))
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            contents = file.read(MAX_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(contents) > MAX_BYTES:
        raise OSError(errno.EFBIG, "It is too large", str(path))
    return contents
