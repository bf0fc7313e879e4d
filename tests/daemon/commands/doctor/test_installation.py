"""The check of the environments and of the program that GIMP starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from impasto_daemon.commands.doctor.installation import check_installation
from impasto_shared.installation.environment import (
    Environment,
    installed_program,
    own_environment,
    program_record,
)


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    """A complete environment in the user's data folder."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    environment = own_environment()
    environment.program.parent.mkdir(parents=True)
    environment.program.touch()
    environment.begin()
    environment.finish("made from this")
    return environment


def problems() -> str:
    return " ".join(finding.text for finding in check_installation())


def test_complete_environment_is_found_and_no_problem(environment: Environment) -> None:
    assert problems() == ""
    assert installed_program() == environment.program


def test_interrupted_installation_is_a_problem_and_not_used(environment: Environment) -> None:
    environment.begin()

    assert f"{environment.folder} is not complete" in problems()
    assert installed_program() is None


def test_recorded_program_is_used_if_it_exists(environment: Environment, tmp_path: Path) -> None:
    other = tmp_path / "impasto-of-uv"
    other.touch()
    program_record().write_text(f"{other}\n")

    assert problems() == ""
    assert installed_program() == other

    other.unlink()
    assert "names a program that does not exist" in problems()
    assert installed_program() == environment.program
