from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from impasto_daemon.worker import device_check
from impasto_daemon.worker.device_check import difference, main, trusted

CPU, CUDA, MPS = (torch.device(name) for name in ("cpu", "cuda", "mps"))


@pytest.fixture
def with_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that seems to have every GPU."""
    monkeypatch.setattr(device_check, "is_missing", lambda _: False)


def python(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    """Has a script take the place of the process that tries the device."""
    program = folder / "python"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))


def test_devices_that_were_tried_are_trusted_unseen() -> None:
    assert trusted(CPU) == (CPU, "")
    assert trusted(CUDA) == (CUDA, "")


@pytest.mark.skipif(torch.backends.mps.is_available(), reason="this machine has an Apple GPU")
def test_missing_device_is_left_to_the_job_to_report() -> None:
    assert trusted(MPS) == (MPS, "")


@pytest.mark.usefixtures("with_gpu")
@pytest.mark.skipif(torch.backends.mps.is_available(), reason="this machine has an Apple GPU")
def test_device_that_fails_is_replaced_by_the_processor() -> None:
    device, name = trusted(MPS)

    assert device == CPU
    assert name.startswith("CPU, instead of mps: ")
    assert "mps" in name.removeprefix("CPU, instead of mps: ").lower()


@pytest.mark.usefixtures("with_gpu")
@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("kill -ABRT $$", "painting a tiny picture ended its process (signal 6)"),
        ("echo its picture differs >&2; exit 1", "its picture differs"),
        ("exit 1", "painting a tiny picture failed"),
        ("sleep 100", "it did not paint a tiny picture within 0 s"),
    ],
)
def test_reason_is_in_the_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, reason: str
) -> None:
    python(monkeypatch, tmp_path, script)
    if "sleep" in script:
        monkeypatch.setattr(device_check, "_TIMEOUT_S", 0.1)

    assert trusted(MPS) == (CPU, f"CPU, instead of mps: {reason}")


@pytest.mark.usefixtures("with_gpu")
def test_device_that_paints_as_it_should_is_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    python(monkeypatch, tmp_path, "exit 0")

    assert trusted(MPS) == (MPS, "")


def test_picture_of_the_processor_is_that_of_the_processor() -> None:
    assert difference(CPU) == 0


@pytest.mark.parametrize("distance", [2.5, float("nan")])
def test_other_picture_is_refused(monkeypatch: pytest.MonkeyPatch, distance: float) -> None:
    monkeypatch.setattr(device_check, "difference", lambda _: distance)
    monkeypatch.setattr(sys, "argv", ["device_check", "cpu"])

    with pytest.raises(SystemExit, match="differs from the processor's"):
        main()
