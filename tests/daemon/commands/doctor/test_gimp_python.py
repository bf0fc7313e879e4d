"""The Python of the plug-in, and its oldest version, which pyproject.toml states as well."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest

from impasto_daemon.commands.doctor.finding import State
from impasto_daemon.commands.doctor.gimp_python import check_gimp_python
from impasto_daemon.setup.gimps import Gimp
from impasto_daemon.setup.pythons import OLDEST_PYTHON
from integration.daemon_process import ROOT


def test_oldest_python_is_the_one_that_the_plugin_is_checked_for() -> None:
    ruff = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]

    versions = ruff["per-file-target-version"]
    assert versions == {"{shared,gimp_plugin}/**": "py" + "".join(map(str, OLDEST_PYTHON))}


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The plug-in's script in the profile of a GIMP 3.0; it names `tmp_path / "python"`."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    script = tmp_path / "GIMP/3.0/plug-ins/impasto-gimp/impasto-gimp.py"
    script.parent.mkdir(parents=True)
    script.write_text(f"#!{tmp_path}/python\nprint('painting')\n")
    return script


GIMP = Gimp("3.0", "3.0.4", ("/usr/bin/gimp",))


def provide_python(path: Path, *, with_gi: bool = True) -> None:
    modules = path.parent / f"modules-{path.name}"
    if with_gi:
        (modules / "gi").mkdir(parents=True)
        (modules / "gi/__init__.py").touch()
    path.parent.mkdir(exist_ok=True)
    python = Path(sys.executable).resolve()
    path.write_text(f'#!/bin/sh\nPYTHONPATH="{modules}" exec "{python}" -S "$@"\n')
    path.chmod(0o755)


def test_python_named_by_the_plugin_is_checked(script: Path, tmp_path: Path) -> None:
    provide_python(tmp_path / "python")

    (finding,) = check_gimp_python(GIMP)

    assert script.exists()
    assert finding.state is State.OK
    assert str(tmp_path / "python") in finding.text
    assert finding.text.endswith("with gi")


def test_python_without_gi_can_be_replaced_by_one_with_it(script: Path, tmp_path: Path) -> None:
    provide_python(tmp_path / "python", with_gi=False)
    provide_python(tmp_path / "bin/python3")

    (finding,) = check_gimp_python(GIMP)

    assert "has no gi" in finding.text
    assert finding.fix is not None
    finding.fix()
    assert script.read_text() == f"#!{tmp_path}/bin/python3\nprint('painting')\n"


def test_python_that_does_not_run_is_named(script: Path, tmp_path: Path) -> None:
    (finding,) = check_gimp_python(GIMP)

    assert script.exists()
    assert finding.text == f"no working {tmp_path}/python was found"
    assert finding.fix is None


def test_profile_without_the_plugin_is_left_to_the_check_of_the_plugin(script: Path) -> None:
    script.unlink()

    assert list(check_gimp_python(GIMP)) == []
