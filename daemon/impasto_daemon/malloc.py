"""How the C library hands out memory to a process that keeps what it has freed.

The worker keeps it, since asking the system anew at every evaluation takes a quarter of the time
(docs/benchmarks.md). But where tensors of the whole picture come and go among those of its tiles,
what is kept is never of the size that is wanted next, and a third more is taken than is in use. So
then large pieces go back at once, and smaller ones when a stage of the network is done.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

# Of mallopt(3).
_MMAP_THRESHOLD, _MMAP_MAX = -3, -4
_MOST_PIECES = 65_536

LARGE_BYTES = 32 * 2**20
"""The largest that glibc lets be told apart; activations of a tile of 256 pixels are smaller."""


@contextmanager
def large_pieces_returned() -> Iterator[None]:
    """Within it, what has `LARGE_BYTES` or more goes back to the system as soon as it is freed.

    It does so anyway but in a process that glibc's variables have told to keep it.
    """
    import ctypes  # here: the server starts without it

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None or os.environ.get("MALLOC_MMAP_MAX_") != "0":
        yield
        return
    mallopt(_MMAP_THRESHOLD, LARGE_BYTES)
    mallopt(_MMAP_MAX, _MOST_PIECES)
    try:
        yield
    finally:
        mallopt(_MMAP_MAX, 0)


def give_memory_back() -> None:
    """Returns to the system what this process has freed; only glibc needs to be asked."""
    import ctypes  # here: the server starts without it

    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
