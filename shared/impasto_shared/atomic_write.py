"""Writing a file completely or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def write_atomically(path: Path, data: bytes, *, mode: int = 0o666) -> None:
    """Replaces the file at `path` in one step: a reader sees the old bytes or the new ones.

    `mode` is that of the new file, less the umask. Raises OSError, and then leaves the old file as
    it was.
    """
    draft = path.with_name(path.name + ".new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with open(os.open(draft, flags, mode), "wb") as file:  # noqa: PTH123 - it is a descriptor
            file.write(data)
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
