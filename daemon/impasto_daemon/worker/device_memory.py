"""The memory that this process may take for painting."""

from __future__ import annotations

import os

import torch

from impasto_daemon.system.process_memory import available_bytes

# The rest is for other programs, which may allocate some at any time, and for the screen.
_USABLE_OF_GPU = 0.9


def device_bytes(device: torch.device) -> float:
    """Returns the bytes that this process may have in total, on a device."""
    of_gpu = gpu_bytes(device)
    return available_bytes(os.getpid()) if of_gpu is None else of_gpu


def gpu_bytes(device: torch.device) -> int | None:
    """Returns the bytes that this process may have of a GPU's memory; None on the CPU."""
    if device.type != "cuda":
        return None
    free, _ = torch.cuda.mem_get_info(device)
    return int(_USABLE_OF_GPU * (free + torch.cuda.memory_reserved(device)))
