"""The libraries for GPUs that are left over when another build of PyTorch has replaced theirs."""

from __future__ import annotations

import subprocess
import sys
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from impasto_shared.installation.unneeded import listing_of, unneeded

_CUDA = {
    "triton": [],
    "cuda-toolkit": ["nvidia-cublas"],
    "nvidia-cublas": ["nvidia-cuda-nvrtc"],
    "nvidia-cuda-nvrtc": [],
    "numpy": [],
}


@pytest.mark.parametrize(
    ("others", "left"),
    [
        ({"torch": ["numpy"]}, ["cuda-toolkit", "nvidia-cublas", "nvidia-cuda-nvrtc", "triton"]),
        ({"torch": ["numpy", "triton", "cuda-toolkit"]}, []),
        ({"torch": ["numpy"], "cupy": ["nvidia-cublas"]}, ["cuda-toolkit", "triton"]),
    ],
    ids=["build for processors", "build for GPUs", "another package"],
)
def test_what_no_other_package_requires_is_unneeded(
    others: Mapping[str, Sequence[str]], left: Sequence[str]
) -> None:
    assert unneeded({**_CUDA, **others}) == left


def test_environment_is_listed_by_its_own_python(tmp_path: Path) -> None:
    venv.create(tmp_path, symlinks=True)
    (site_packages,) = tmp_path.glob("lib/python3*/site-packages")
    packages = {
        "torch": "Requires-Dist: Nvidia_cuBLAS (>=13) ; platform_system == 'Linux'\n",
        "nvidia_cublas": "",
        "nvidia_cufft": "",
    }
    for name, requires in packages.items():
        info = site_packages / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{requires}"
        )

    (site_packages / "~orch-1.0.dist-info").mkdir()  # a removed package may leave it

    listed = subprocess.run(
        listing_of(tmp_path / "bin/python"), capture_output=True, text=True, check=True
    )

    assert listed.stdout == "nvidia-cufft\n"
    assert sys.prefix != str(tmp_path)
