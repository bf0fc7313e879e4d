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
    """Returns the number of GPUs that PyTorch can use, but for experimental ones."""
    return _count("cuda")


def _count(kind: str) -> int:
    """Returns the number of devices of a kind that PyTorch can use."""
    match kind:
        case "cuda":
            return torch.cuda.device_count() if torch.cuda.is_available() else 0
        case "xpu":
            return torch.xpu.device_count() if torch.xpu.is_available() else 0
        case "mps":
            return int(torch.backends.mps.is_available())
    return 1


def name_of(device: torch.device) -> str:
    """Returns the name of the device, as its maker writes it."""
    match device.type:
        case "cuda":
            return torch.cuda.get_device_name(device)
        case "xpu":
            return torch.xpu.get_device_name(device)
        case "mps":
            return "Apple GPU"
    return "CPU"


def is_missing(device: torch.device) -> bool:
    """Returns whether the machine does not have the device, as far as PyTorch knows."""
    return (device.index or 0) >= _count(device.type)


def check_device(device: torch.device) -> None:
    """Raises DeviceMissing if the machine does not have the device."""
    if is_missing(device):
        count = _count(device.type)
        has = "no such GPU" if count == 0 else f"{count} of them, from {device.type}:0"
        raise DeviceMissing(
            f"The configuration names the GPU {device}, but PyTorch finds {has}. Correct the "
            "option devices (impasto config), and start the daemon again."
        )
