"""The report on PyTorch and the networks."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch

from impasto_daemon.commands.doctor import torch_probe
from impasto_daemon.models.weights import WeightsDamaged
from integration.daemon_process import ROOT


def network(report: dict[str, object], model: str) -> dict[str, str]:
    networks = report["networks"]
    assert isinstance(networks, list)
    (entry,) = (entry for entry in networks if entry["model"] == model)
    return entry


def test_report_is_printed_as_json() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "impasto_daemon.commands.doctor.torch_probe"],
        env={"PYTHONPATH": f"{ROOT}/shared:{ROOT}/daemon", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        check=True,
    ).stdout

    report = json.loads(printed)

    assert report["torch"] == torch.__version__
    assert network(report, "vgg19")["path"].endswith(".bin")


def test_damaged_weights_are_a_problem_of_their_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: str) -> None:
        raise WeightsDamaged("They are damaged.")

    monkeypatch.setattr(torch_probe, "verify", refuse)

    entry = network(torch_probe.report(), "vgg19")

    assert entry == {"model": "vgg19", "problem": "They are damaged."}
