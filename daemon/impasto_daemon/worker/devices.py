"""The device that a worker paints on, by its name in the configuration."""

from __future__ import annotations

import torch

from impasto_shared.errors import ImpastoError


class DeviceMissing(ImpastoError):
    """The configuration names a device that this machine does not have."""


def device_of(name: str) -> torch.device:
    """Returns the device of that name; "" for the first GPU, or the processor if there is none."""
    return torch.device(name or ("cuda" if gpu_count() else "cpu"))


def gpu_count() -> int:
    """Returns the number of GPUs that PyTorch can use."""
    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def check_device(device: torch.device) -> None:
    """Raises DeviceMissing if the machine does not have the device."""
    count = gpu_count()
    if device.type == "cuda" and (device.index or 0) >= count:
        has = "no GPU" if count == 0 else f"{count} of them, from cuda:0"
        raise DeviceMissing(
            f"The configuration names the GPU {device}, but PyTorch finds {has}. Correct the "
            "option devices (impasto config), and start the daemon again."
        )
