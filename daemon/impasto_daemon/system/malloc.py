"""The C library's allocator in a process that keeps its freed memory.

The worker keeps it, since requesting it from the system at every evaluation takes a quarter of the
time (docs/benchmarks.md). But when tensors of the whole image are freed and allocated among those
of its tiles, the memory kept never has the requested size, and the process takes a third more than
it uses. So large blocks are then returned at once, and smaller ones after a stage of the network.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

_MMAP_MAX_VARIABLE = "MALLOC_MMAP_MAX_"
_KEEP = "0"

KEEP_FREED_MEMORY: Mapping[str, str] = {
    _MMAP_MAX_VARIABLE: _KEEP,
    "MALLOC_TRIM_THRESHOLD_": "68719476736",
}
"""The environment with which a process is started so that glibc keeps the memory it frees.

Large blocks are then no mappings of their own, and the end of the heap is not returned either. (A
high threshold for mmap would do the same, but glibc before 2.35 refuses it.)
"""

LARGE_BYTES = 32 * 2**20
"""The largest threshold that glibc allows; activations of a tile of 256 pixels are smaller."""

# The parameters of mallopt(3).
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
_NEVER = 2**31 - 1
_LARGEST_COUNT = 65_536


def _c_library() -> ctypes.CDLL | None:
    """Returns the C library of this process; None on Windows, whose allocator keeps nothing."""
    return None if os.name == "nt" else ctypes.CDLL(None)


def is_kept() -> bool:
    """Returns whether this process keeps the memory it frees."""
    return os.environ.get(_MMAP_MAX_VARIABLE) == _KEEP


def keep_freed_memory() -> None:
    """Has this process keep the memory it frees, from now on, as with KEEP_FREED_MEMORY."""
    mallopt = getattr(_c_library(), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, _NEVER)
        os.environ[_MMAP_MAX_VARIABLE] = _KEEP


@contextmanager
def trim_large_blocks() -> Iterator[None]:
    """Returns blocks of `LARGE_BYTES` or more to the system as soon as they are freed, within it.

    It does nothing unless freed memory is kept: glibc returns such blocks by default.
    """
    mallopt = getattr(_c_library(), "mallopt", None)
    if mallopt is None or not is_kept():
        yield
        return
    mallopt(_MMAP_THRESHOLD, LARGE_BYTES)
    mallopt(_MMAP_MAX, _LARGEST_COUNT)
    try:
        yield
    finally:
        mallopt(_MMAP_MAX, 0)


def release_freed_memory() -> None:
    """Returns the memory that this process has freed to the system; only glibc keeps it."""
    trim = getattr(_c_library(), "malloc_trim", None)
    if trim is not None:
        trim(0)
