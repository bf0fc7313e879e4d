"""The systemd unit."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from impasto_daemon.commands.doctor.finding import State
from impasto_daemon.commands.doctor.service import check_service
from impasto_daemon.setup.service import service_unit, socket_text, socket_unit


@pytest.fixture
def unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of the unit, which is not written yet."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    systemctl(tmp_path, "exit 1")
    service_unit().parent.mkdir(parents=True)
    socket_unit().write_text(socket_text())
    return service_unit()


def systemctl(folder: Path, script: str) -> None:
    """Provides the machine with a systemctl."""
    (folder / "systemctl").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "systemctl").chmod(0o755)


@pytest.mark.usefixtures("unit")
def test_missing_service_is_only_noted() -> None:
    assert [finding.state for finding in check_service()] == [State.NOTE]


@pytest.mark.parametrize(
    ("line", "state"),
    [
        (f'ExecStart="{sys.executable}" serve', State.OK),
        (f"ExecStart={sys.executable} serve", State.OK),
        ('ExecStart="/nowhere/impasto" serve', State.PROBLEM),
        ("ExecStart=/bin/true", State.PROBLEM),
    ],
    ids=["quoted", "unquoted", "missing-program", "other-program"],
)
def test_program_of_the_service_must_exist(unit: Path, line: str, state: State) -> None:
    unit.write_text(f"[Service]\n{line}\n")

    assert next(check_service()).state is state


PROGRAM = f'ExecStart="{sys.executable}" serve\n'


def test_socket_of_the_setup_is_well(unit: Path) -> None:
    unit.write_text(PROGRAM)

    assert [finding.state for finding in check_service()] == [State.OK, State.OK]


@pytest.mark.parametrize("text", [None, "[Socket]\nListenStream=/elsewhere\n"])
def test_socket_that_is_missing_or_another_is_noted(unit: Path, text: str | None) -> None:
    unit.write_text(PROGRAM)
    socket_unit().unlink() if text is None else socket_unit().write_text(text)

    _, finding = check_service()

    assert finding.state is State.NOTE
    assert finding.remedy == "Run: impasto setup --service"


def test_socket_at_which_systemd_does_not_listen_is_a_problem(unit: Path, tmp_path: Path) -> None:
    unit.write_text(PROGRAM)
    systemctl(tmp_path, 'case "$*" in *is-active*) exit 3 ;; esac')

    _, finding = check_service()

    assert finding.state is State.PROBLEM
    assert "enable --now impasto.socket" in finding.remedy
