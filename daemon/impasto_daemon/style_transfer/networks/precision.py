"""The type of numbers that a network calculates with, by device."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from impasto_shared.settings import Precision


def number_type(precision: Precision, device: torch.device) -> torch.dtype:
    """Returns the type of weights and activations; sums over positions are always float32."""
    if precision is Precision.AUTO:
        fast = _has_fast_bfloat16(device)
        return torch.bfloat16 if fast else torch.float32
    return torch.bfloat16 if precision is Precision.BFLOAT16 else torch.float32


def _has_fast_bfloat16(device: torch.device) -> bool:
    """Returns whether the device has instructions for bfloat16, and need not emulate it."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # Older releases of torch cannot tell: then float32, which is always right.
    capabilities: Mapping[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
