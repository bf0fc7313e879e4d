"""Repairing problems in rounds, and the output for programs."""

from __future__ import annotations

import argparse
import json

import pytest

from impasto_daemon.commands.doctor import command
from impasto_daemon.commands.doctor.finding import Finding, FixFailed, note, ok, problem


class Machine:
    """A machine with `defects` problems, each visible only once the one before is repaired."""

    def __init__(self, defects: int) -> None:
        self.defects = defects

    def fix(self) -> None:
        self.defects -= 1

    def examine(self, _: str) -> list[Finding]:
        if self.defects:
            return [problem("plug-in", f"{self.defects} to repair", fix=self.fix)]
        return [ok("plug-in", "installed")]


def test_problems_that_others_hid_are_repaired_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(3)
    monkeypatch.setattr(command, "examine", machine.examine)

    assert command.fix_problems("ipc:///nowhere") == [ok("plug-in", "installed")]


def test_repairs_end_even_if_a_problem_always_returns(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(1_000)
    monkeypatch.setattr(command, "examine", machine.examine)

    (finding,) = command.fix_problems("ipc:///nowhere")

    assert finding.fix is not None
    assert machine.defects > 900


def test_failed_repair_is_reported_and_the_next_one_tried(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = Machine(1)

    def refuse() -> None:
        raise FixFailed("the disk is full")

    def examine(endpoint: str) -> list[Finding]:
        return [problem("GIMP", "never started", fix=refuse), *machine.examine(endpoint)]

    monkeypatch.setattr(command, "examine", examine)

    command.fix_problems("ipc:///nowhere")

    assert machine.defects == 0
    assert "not fixed: GIMP: the disk is full" in capsys.readouterr().err


@pytest.fixture
def findings(monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    """The findings of `impasto doctor`, to be filled in."""
    findings: list[Finding] = []
    monkeypatch.setattr(command, "check_machine", lambda: findings)
    monkeypatch.setattr(command, "check_painting", list)
    monkeypatch.setattr(command, "check_config", lambda: (ok("configuration", ""), ""))
    monkeypatch.setattr(command, "examine", lambda _: [])
    return findings


@pytest.mark.parametrize(
    ("finding", "status"),
    [(ok("GPU", ""), 0), (note("GPU", "none"), 0), (problem("GPU", "none"), 1)],
    ids=["ok", "note", "problem"],
)
def test_only_a_problem_gives_a_failing_exit_status(
    findings: list[Finding], finding: Finding, status: int
) -> None:
    findings.append(finding)

    assert command.run(argparse.Namespace(fix=False, json=False)) == status


def test_programs_read_whether_it_can_be_fixed_by_both_names(
    findings: list[Finding], capsys: pytest.CaptureFixture[str]
) -> None:
    findings.extend([problem("a", "", fix=lambda: None), problem("b", "")])

    command.run(argparse.Namespace(fix=False, json=True))

    by_topic = {entry["topic"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert by_topic["a"]["can_fix"] is by_topic["a"]["can_mend"] is True
    assert by_topic["b"]["can_fix"] is by_topic["b"]["can_mend"] is False
