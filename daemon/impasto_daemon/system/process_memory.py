"""The memory that a process has, and that it may have."""

from __future__ import annotations

import math

from impasto_daemon.system.host import free_bytes, has_gpu_driver, resident_bytes
from impasto_shared.installation.torch_build import GPU_DEVICES

__all__ = ["GPU_DEVICES", "available_bytes", "may_have_gpu", "resident_bytes"]

# The share of free memory to take: the user works at the same machine.
_USABLE = 0.85


def available_bytes(*pids: int) -> float:
    """Returns the bytes that processes may have in all, so that the machine keeps a reserve.

    It is infinite if the system does not say.

    pids: the processes that have some of them already; others are yet to be started.
    """
    free = free_bytes()
    resident = [resident_bytes(pid) for pid in pids]
    known = [count for count in resident if count is not None]
    if free is None or len(known) < len(resident):
        return math.inf
    return _USABLE * (free + sum(known))


def may_have_gpu() -> bool:
    """Returns whether there is a device file of a GPU; only PyTorch knows whether it can use it.

    Asking PyTorch takes seconds.
    """
    return has_gpu_driver(GPU_DEVICES)
