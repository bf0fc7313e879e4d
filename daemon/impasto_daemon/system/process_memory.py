"""The memory that a process has, and that it may have."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from pathlib import Path

# The share of free memory to take: the user works at the same machine.
_USABLE = 0.85
GPU_DEVICES: Sequence[Path] = (Path("/dev/nvidia0"), Path("/dev/kfd"), Path("/dev/dxg"))
"""The device files of a first GPU: of NVIDIA's and AMD's drivers, and of Windows' for its Linux."""


def resident_bytes(pid: int) -> int | None:
    """Returns the bytes of memory that a process has; None if the system does not say."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def available_bytes(*pids: int) -> float:
    """Returns the bytes that processes may have in all, so that the machine keeps a reserve.

    It is infinite if the system does not say.

    pids: the processes that have some of them already; others are yet to be started.
    """
    match = re.search(r"^MemAvailable:\s*(\d+) kB", _read("/proc/meminfo"), re.MULTILINE)
    resident = [resident_bytes(pid) for pid in pids]
    known = [count for count in resident if count is not None]
    if match is None or len(known) < len(resident):
        return math.inf
    return _USABLE * (1024 * int(match[1]) + sum(known))


def may_have_gpu() -> bool:
    """Returns whether there is a device file of a GPU; only PyTorch knows whether it can use it.

    Asking PyTorch takes seconds.
    """
    return any(os.path.exists(path) for path in GPU_DEVICES)  # noqa: PTH110 - Path's may fail


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
