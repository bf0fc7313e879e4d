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
    match device.type:
        case "cuda":
            free, _ = torch.cuda.mem_get_info(device)
            reserved = torch.cuda.memory_reserved(device)
        case "xpu":
            free, _ = torch.xpu.mem_get_info(device)
            reserved = torch.xpu.memory_reserved(device)
        case "mps":  # of the memory that processor and GPU have in common
            free, reserved = torch.mps.recommended_max_memory(), 0
        case _:
            return None
    return int(_USABLE_OF_GPU * (free + reserved))


def release_gpu_memory(device: torch.device) -> None:
    """Returns the memory of tensors that no longer exist to the GPU."""
    match device.type:
        case "cuda":
            torch.cuda.empty_cache()
        case "xpu":
            torch.xpu.empty_cache()
        case "mps":
            torch.mps.empty_cache()
