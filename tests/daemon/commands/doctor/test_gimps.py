"""Finding the GIMPs of a machine, and their profiles."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from impasto_daemon.commands.doctor.finding import State
from impasto_daemon.commands.doctor.gimps import check_gimps, check_sandbox
from impasto_daemon.setup.gimps import FLATPAK, Gimp, installed_gimps, profiles
from impasto_shared.files.paths import socket_path, usual_endpoint


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder of which `bin` is the only folder on the PATH."""
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "bin").mkdir()
    return tmp_path


def provide(home: Path, name: str, version: str) -> Path:
    program = home / "bin" / name
    program.write_text(f'#!/bin/sh\necho "GNU Image Manipulation Program version {version}"\n')
    program.chmod(0o755)
    return program


def test_each_version_is_listed_once(home: Path) -> None:
    for name in ("gimp", "gimp-3.2", "gimp-console-3.2"):
        provide(home, name, "3.2.6")
    provide(home, "gimp-3.0", "3.0.4")
    provide(home, "gimptool", "3.0.4")

    assert [gimp.exact_version for gimp in installed_gimps()] == ["3.0.4", "3.2.6"]


def test_flatpak_uses_the_usual_profile_if_it_exists(home: Path) -> None:
    gimp = Gimp("3.0", "3.0.6", ("flatpak", "run", FLATPAK), is_flatpak=True)
    sandboxed = gimp.profile
    (home / ".config/GIMP/3.0").mkdir(parents=True)

    assert sandboxed == home / f".var/app/{FLATPAK}/config/GIMP/3.0"
    assert gimp.profile == home / ".config/GIMP/3.0"


def test_profiles_of_every_packaging_are_listed(home: Path) -> None:
    for folder in (".config", f".var/app/{FLATPAK}/config", "snap/gimp/current/.config"):
        (home / folder / "GIMP/3.0").mkdir(parents=True)
        (home / folder / "GIMP/2.10").mkdir()

    assert len(profiles()) == 3
    assert {profile.name for profile in profiles()} == {"3.0"}


def test_profile_is_made_by_starting_gimp(home: Path) -> None:
    program = provide(home, "gimp-3.0", "3.0.4")
    gimp = Gimp("3.0", "3.0.4", (str(program),))
    (finding,) = check_gimps([gimp])

    assert finding.state is State.PROBLEM
    assert finding.fix is not None
    finding.fix()
    assert [finding.state for finding in check_gimps([gimp])] == [State.OK]


@pytest.mark.usefixtures("home")
def test_only_an_older_gimp_is_a_problem() -> None:
    gimp = Gimp("2.10", "2.10.34", ("/usr/bin/gimp",))

    assert [finding.state for finding in check_gimps([gimp])] == [State.NOTE, State.PROBLEM]


def test_home_whose_socket_for_sandboxes_would_have_too_long_a_path_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / ("long" * 30)))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    gimp = Gimp("3.0", "3.0.6", ("flatpak", "run", FLATPAK), is_flatpak=True)

    finding, *_ = check_sandbox([gimp], usual_endpoint(), tmp_path / "impasto.service")

    assert finding.state is State.PROBLEM
    assert "longer than" in finding.text


def test_daemon_without_its_socket_for_sandboxes_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    path = socket_path(usual_endpoint())
    assert path is not None
    path.parent.mkdir(mode=0o700)
    gimp = Gimp("3.0", "3.0.6", ("flatpak", "run", FLATPAK), is_flatpak=True)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        finding, *_ = check_sandbox([gimp], usual_endpoint(), tmp_path / "impasto.service")

    assert finding.state is State.PROBLEM
    assert "has no socket for the GIMP in Flatpak" in finding.text
