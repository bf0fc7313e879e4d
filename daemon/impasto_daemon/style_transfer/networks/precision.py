"""What numbers a network calculates in, on which machine."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from impasto_shared.settings import Precision


def number_type(precision: Precision, device: torch.device) -> torch.dtype:
    """The type of weights and activations; sums over positions are float32 whatever it is."""
    if precision is Precision.AUTO:
        fast = _has_fast_bfloat16(device)
        return torch.bfloat16 if fast else torch.float32
    return torch.bfloat16 if precision is Precision.BFLOAT16 else torch.float32


def _has_fast_bfloat16(device: torch.device) -> bool:
    """Whether the device has instructions for it, rather than emulating it more slowly."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # Older releases of torch cannot tell: there it is float32, which is always right.
    capabilities: Mapping[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
