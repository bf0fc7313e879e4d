"""The systemd unit."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from impasto_daemon.commands.doctor.finding import State
from impasto_daemon.commands.doctor.service import check_service
from impasto_daemon.setup.service import service_unit


@pytest.fixture
def unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of the unit, which is not written yet."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    service_unit().parent.mkdir(parents=True)
    return service_unit()


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

    assert [finding.state for finding in check_service()] == [state]
