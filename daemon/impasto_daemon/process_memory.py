"""How much memory a process has, and may have."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from pathlib import Path

# Of what is free, how much may be taken: the person at the machine works with it.
_USABLE = 0.85
GPU_DEVICES: Sequence[Path] = (Path("/dev/nvidia0"), Path("/dev/kfd"), Path("/dev/dxg"))
"""Where NVIDIA's and AMD's drivers, and Windows' for its Linux, show a first GPU."""


def resident_bytes(pid: int) -> int | None:
    """The bytes of memory that a process has; None where the system does not say."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def available_bytes(pid: int | None) -> float:
    """The bytes that a process may have in all, so that the machine has a little left.

    pid: of one that has some of them already; None for one that is yet to be started.
    Infinite where the system does not say.
    """
    found = re.search(r"^MemAvailable:\s*(\d+) kB", _read("/proc/meminfo"), re.MULTILINE)
    own = 0 if pid is None else resident_bytes(pid)
    if found is None or own is None:
        return math.inf
    return _USABLE * (1024 * int(found[1]) + own)


def may_have_gpu() -> bool:
    """Whether this machine has one of the kinds that PyTorch knows; only PyTorch can say for sure.

    Its driver's files are looked for: asking PyTorch takes seconds.
    """
    return any(path.exists() for path in GPU_DEVICES)


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
