"""The report of the process that loads PyTorch, and what becomes of it if that process fails."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from impasto_daemon.commands.doctor import machine
from impasto_daemon.commands.doctor.finding import Finding, State
from impasto_daemon.setup.environment import how_to_repair, this_environment
from impasto_daemon.system import process_memory
from impasto_shared.installation.environment import Environment

REPORT = {
    "torch": "2.9.0",
    "torchvision": "0.24.0",
    "cuda": "12.8",
    "hip": None,
    "gpu": "NVIDIA H100",
}


def painting_check(folder: Path, script: str) -> dict[str, Finding]:
    """Returns the findings by topic, if the process is the shell script."""
    python = folder / "python"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    return {finding.topic: finding for finding in machine.check_painting(str(python))}


def with_networks(*networks: dict[str, str], **values: str | None) -> str:
    return f"echo '{json.dumps({**REPORT, **values, 'networks': networks})}'"


def test_versions_gpu_and_complete_networks_are_listed(tmp_path: Path) -> None:
    network = {"model": "vgg19", "path": "/weights.bin"}

    findings = painting_check(tmp_path, with_networks(network))

    assert {finding.state for finding in findings.values()} == {State.OK}
    assert findings["GPU"].text == "NVIDIA H100"
    assert "/weights.bin" in findings["network vgg19"].text


def test_damaged_network_is_a_problem(tmp_path: Path) -> None:
    network = {"model": "vgg16", "problem": "The weights are damaged. Fetch them again."}

    findings = painting_check(tmp_path, with_networks(network))

    assert findings["network vgg16"].state is State.PROBLEM
    assert findings["network vgg16"].text == "The weights are damaged. Fetch them again."


def test_damaged_network_that_comes_with_impasto_has_a_remedy(tmp_path: Path) -> None:
    network = {"model": "vgg19", "problem": "Install Impasto again: impasto doctor says how."}

    findings = painting_check(tmp_path, with_networks(network))

    assert findings["network vgg19"].remedy == how_to_repair(this_environment())


def test_only_the_network_that_comes_with_impasto_must_be_there(tmp_path: Path) -> None:
    findings = painting_check(tmp_path, with_networks({"model": "vgg19"}, {"model": "resnet50"}))

    assert findings["network vgg19"].state is State.PROBLEM
    assert findings["network vgg19"].remedy.startswith("Install Impasto again")
    assert "network resnet50" not in findings


def test_driver_without_a_usable_gpu_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/nvidia-smi")

    finding = painting_check(tmp_path, with_networks(gpu=None))["GPU"]

    assert finding.state is State.PROBLEM
    assert "nvidia-smi" in finding.remedy


def test_gpu_that_appears_later_needs_another_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_memory, "GPU_DEVICES", (tmp_path,))

    for_processor = painting_check(tmp_path, with_networks(cuda=None, gpu=None))["GPU"]
    for_amd = painting_check(tmp_path, with_networks(cuda=None, hip="7.2", gpu=None))["GPU"]
    monkeypatch.setattr(process_memory, "GPU_DEVICES", (tmp_path / "missing",))
    without = painting_check(tmp_path, with_networks(cuda=None, gpu=None))["GPU"]

    assert for_processor.state is State.PROBLEM
    assert "impasto setup --gpu" in for_processor.remedy
    assert (for_amd.state, without.state) == (State.OK, State.OK)


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("echo 'ImportError: no libcudart' >&2; exit 1", "it cannot be used: ImportError: no libc"),
        ("exit 7", "it cannot be used: status 7"),
        ("exec sleep 60", "it did not answer within 0 s"),
    ],
    ids=["raises", "crashes", "hangs"],
)
def test_broken_torch_is_one_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, text: str
) -> None:
    monkeypatch.setattr(machine, "_PAINTING_PATIENCE_S", 0.3)

    (finding,) = painting_check(tmp_path, script).values()

    assert finding.state is State.PROBLEM
    assert finding.text.startswith(text)


def test_versions_of_the_machine_are_listed() -> None:
    topics = [finding.topic for finding in machine.check_machine()]

    assert topics == ["Impasto", "Python", "system", "memory", "ZeroMQ"]


@pytest.mark.parametrize(
    ("folder", "made_from", "remedy"),
    [
        ("venv", "5f2c gpu", "./install.sh demo"),
        ("venv", "impasto==0.1.0 cpu", "press Install…"),
        ("tools/impasto", "", "uv tool upgrade --reinstall impasto"),
    ],
)
def test_remedy_suits_the_way_of_the_installation(
    folder: str, made_from: str, remedy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    environment = Environment(tmp_path / "impasto" / folder)
    environment.folder.mkdir(parents=True)
    if made_from:
        environment.finish(made_from)

    assert remedy in how_to_repair(environment)
