"""The program uv, of the machine or put into the environment."""

from __future__ import annotations

import venv
from pathlib import Path

import pytest

from impasto_daemon.setup.failure import SetupFailed
from impasto_daemon.setup.uv import provided_uv, working_uv
from impasto_shared.installation.environment import Environment
from impasto_shared.installation.pins import pin_of
from release.stub_wheels import write_stub


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    """An environment on a machine without uv, where pip has a folder of wheels and no index."""
    folder = tmp_path / "venv"
    venv.create(folder, symlinks=True)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    return Environment(folder)


def test_uv_of_the_machine_is_preferred(environment: Environment, tmp_path: Path) -> None:
    assert working_uv(environment) is None
    program = tmp_path / "uv"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)

    assert provided_uv(environment) == str(program)


def test_uv_with_another_hash_than_the_pinned_one_is_refused(
    environment: Environment, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_stub(tmp_path, "uv", pin_of("uv").version)

    with pytest.raises(SetupFailed):
        provided_uv(environment)

    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in capfd.readouterr().err
    assert working_uv(environment) is None
