"""The flags of os.open that Linux and macOS have, and what there is of them on Windows."""

from __future__ import annotations

import os

NOFOLLOW: int = getattr(os, "O_NOFOLLOW", 0)
"""A link is an error."""
NONBLOCK: int = getattr(os, "O_NONBLOCK", 0)
"""A pipe without another end is not waited for."""
DIRECTORY: int = getattr(os, "O_DIRECTORY", 0)
"""What is no folder is an error."""
CLOEXEC: int = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOINHERIT", 0)
"""Programs that are started do not inherit it."""
TO_SYNC: int = os.O_RDONLY if hasattr(os, "O_CLOEXEC") else os.O_RDWR
"""The access that a file needs whose contents are to be on the disk."""
PLAIN: int = CLOEXEC | getattr(os, "O_BINARY", 0)
"""The same, and the bytes are those in the file: Windows would take them for text."""
