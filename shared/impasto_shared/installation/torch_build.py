"""The build of PyTorch that suits a computer: for its GPU, or the small one for processors."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from impasto_shared.str_enum import StrEnum

GPU_DEVICES: Sequence[str] = ("/dev/nvidia0", "/dev/kfd", "/dev/dxg")
"""The device files of a first GPU: of NVIDIA's and AMD's drivers, and of Windows' for its Linux."""

TORCH_PACKAGES = ("torch", "torchvision")
"""The packages that belong to a build."""

# The packages that a build for GPUs brings along, such as nvidia-cublas and triton-rocm.
_OF_A_GPU = re.compile(r"(nvidia|cuda|(pytorch-)?triton|rocm)\b")


class Build(StrEnum):
    """A build of PyTorch."""

    CPU = "cpu"
    GPU = "gpu"

    @property
    def other(self) -> Build:
        """The build that this one is not."""
        return Build.GPU if self is Build.CPU else Build.CPU

    @property
    def download(self) -> str:
        """The size of the downloads for an environment with it, if nothing is cached."""
        return "400 MB" if self is Build.CPU else "3 GB"

    @property
    def download_bytes(self) -> int:
        """The same as a number."""
        return 400_000_000 if self is Build.CPU else 3_000_000_000

    @property
    def disk(self) -> str:
        """The size of an environment with it on the disk."""
        return "1.3 GB" if self is Build.CPU else "6 GB"

    @property
    def needed_mb(self) -> int:
        """The free disk space that an installation needs: the environment, and its downloads."""
        return 2000 if self is Build.CPU else 8000


def has_gpu() -> bool:
    """Returns whether the driver of a GPU is loaded."""
    return any(os.path.exists(path) for path in GPU_DEVICES)  # noqa: PTH110 - Path's may fail


def wanted_build(option: Build | None, current: Build | None) -> Build:
    """Returns the build to install.

    option: what the user asks for, if anything.
    current: that of the environment, which it keeps if it can use a GPU.
    """
    if option is not None:
        return option
    return Build.GPU if has_gpu() or current is Build.GPU else Build.CPU


def is_of_a_gpu(package: str) -> bool:
    """Returns whether a package is one of those that a build for GPUs brings along."""
    return _OF_A_GPU.match(package) is not None
