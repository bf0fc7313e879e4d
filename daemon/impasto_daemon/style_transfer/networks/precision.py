"""The type of numbers that a network calculates with, by device."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from impasto_shared.settings import Precision


def number_type(precision: Precision, device: torch.device) -> torch.dtype:
    """Returns the type of weights and activations; sums over positions are always float32."""
    if precision is Precision.AUTO:
        fast = _has_fast_bfloat16(device)
        return torch.bfloat16 if fast else torch.float32
    return torch.bfloat16 if precision is Precision.BFLOAT16 else torch.float32


def in_float64(tensor: Tensor) -> Tensor:
    """Returns `tensor` in float64, on the processor if its own device has no such numbers."""
    device = tensor.device if _has_float64(tensor.device) else torch.device("cpu")
    return tensor.to(device, torch.float64)


def _has_float64(device: torch.device) -> bool:
    if device.type == "xpu":  # Intel's: the large ones have it
        return bool(torch.xpu.get_device_properties(device).has_fp64)
    return device.type in ("cpu", "cuda")


def _has_fast_bfloat16(device: torch.device) -> bool:
    """Returns whether the device has instructions for bfloat16, and need not emulate it."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu":
        return False  # untried
    # Older releases of torch cannot tell: then float32, which is always right.
    capabilities: Mapping[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
