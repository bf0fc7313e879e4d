"""Each step of the setup, killed: the same command completes it, and the removal undoes it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.setup.killing import killed_at
from impasto_daemon.commands.doctor.installation import check_installation
from impasto_daemon.commands.doctor.service import check_service
from impasto_daemon.setup import environment as environments
from impasto_daemon.setup import service
from impasto_shared.installation.environment import (
    Environment,
    installed_program,
    own_environment,
)
from impasto_shared.installation.torch_build import Build

_UV = """#!/bin/sh
case "$*" in --version | *--dry-run*) exit ;; esac
folder=${{4%/*}}
printf '#!/bin/sh\n' >"$folder/impasto"
chmod +x "$folder/impasto"
"""
_MOST_CHANGES = 500


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder on a machine with a uv that installs a program, and without systemd."""
    uv = tmp_path / "bin/uv"
    uv.parent.mkdir()
    uv.write_text(_UV.format())
    uv.chmod(0o755)
    for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    systemctl = tmp_path / "bin/systemctl"
    systemctl.write_text("#!/bin/sh\nexit 1\n")
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/bin:/usr/bin")
    monkeypatch.setattr(environments, "check_disk_space", lambda *_: None)
    monkeypatch.setattr(environments, "announce", lambda *_: None)
    return tmp_path / "home"


def made(expected: str = "new", build: Build = Build.CPU) -> Environment:
    environment = own_environment()
    environments.make(environment, expected, build, ["impasto"])
    return environment


def problems() -> list[str]:
    return [each.text for each in check_installation() if "not complete" in each.text]


def removed() -> None:
    environments.uninstall(own_environment())


@pytest.mark.parametrize(
    "before",
    [lambda: None, lambda: made("older"), lambda: made("older", Build.GPU)],
    ids=["new", "update", "another build"],
)
@pytest.mark.parametrize("ends_with", [made, removed])
def test_environment_killed_at_any_change(
    before: Callable[[], object],
    ends_with: Callable[[], object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in range(1, _MOST_CHANGES):
        before()
        was_killed = killed_at(number, monkeypatch, made)
        environment = own_environment()
        # What GIMP would start is whole, and else the doctor says what is the matter.
        assert installed_program() is None or not problems()
        assert not environment.unfinished.exists() or problems()

        ends_with()

        assert environment.folder.exists() is (ends_with is made)
        if ends_with is made:
            assert installed_program() == environment.program
            assert environment.stamp.read_text().startswith("new ")
            assert not problems()
            removed()
        if not was_killed:
            break
    assert 5 < number < _MOST_CHANGES - 1


def test_removal_of_the_environment_killed_at_any_change(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(1, _MOST_CHANGES):
        environment = made()
        was_killed = killed_at(number, monkeypatch, removed)
        assert installed_program() is None or not was_killed or number == 1

        removed()

        assert not environment.folder.exists()
        if not was_killed:
            break
    assert 5 < number < _MOST_CHANGES - 1


@pytest.mark.parametrize("is_removed", [False, True])
def test_service_killed_at_any_change(is_removed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = made()

    def install() -> None:
        service.install(environment)

    for number in range(1, _MOST_CHANGES):
        if is_removed:
            install()
        action = service.uninstall if is_removed else install
        was_killed = killed_at(number, monkeypatch, action)

        install()
        assert [finding.state.value for finding in check_service()] == ["ok", "ok"]
        service.uninstall()
        assert not service.service_unit().exists()
        assert not service.socket_unit().exists()
        if not was_killed:
            break
    assert 2 < number < _MOST_CHANGES - 1
