"""The build of PyTorch that suits a computer: for its GPU, or the small one for processors."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from impasto_shared.installation.pins import CONSTRAINTS
from impasto_shared.str_enum import StrEnum

GPU_DEVICES: Sequence[str] = ("/dev/nvidia0", "/dev/kfd", "/dev/dxg")
"""The device files of a first GPU: of NVIDIA's and AMD's drivers, and of Windows' for its Linux."""

TORCH_PACKAGES = ("torch", "torchvision")
"""The packages that belong to a build."""


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


def uv_backend(build: Build) -> str | None:
    """Returns uv's name for PyTorch's own index of this build, or None for the usual index.

    For a GPU that is not there, uv would choose the build for processors.
    """
    if build is Build.CPU:
        return "cpu"
    return "auto" if has_gpu() else None


def probe_of(uv: str, python: Path, backend: str) -> list[str]:
    """Returns the command that succeeds if PyTorch's own index has the build, within reach."""
    install = [uv, "pip", "install", "--dry-run", "--quiet", "--python", str(python)]
    return [*install, f"--torch-backend={backend}", "--constraints", str(CONSTRAINTS), "torch"]
