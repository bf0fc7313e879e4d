"""`impasto setup --gpu` and `--cpu`: PyTorch replaced by another build, or known as unfinished."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from impasto_daemon.commands.doctor.installation import check_installation
from impasto_daemon.setup import installed
from impasto_daemon.setup.failure import SetupFailed
from impasto_daemon.setup.installed import Wish, remove, set_up
from impasto_shared.installation.environment import Environment, own_environment, program_record
from impasto_shared.installation.torch_build import Build

_UV = """#!/bin/sh
case "$*" in
    --version) exit ;;
    *--dry-run*) [ -e "{folder}/silent" ] || echo " + torch==2.15.0" ;;
esac
case "$*" in
    *--dry-run*--torch-backend=cpu*) [ ! -e "{folder}/unreachable" ]; exit ;;
    *--dry-run*) echo " + nvidia-cublas==13.0"; exit ;;
esac
echo "$*" >>"{folder}/uv.log"
[ ! -e "{folder}/broken" ]
"""
_PYTHON = """#!/bin/sh
cat "{folder}/unneeded"
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with uv that notes its arguments, and an environment for processors."""
    for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/bin:/usr/bin")
    monkeypatch.setattr(installed, "check_disk_space", lambda *_: None)
    provide(tmp_path / "bin/uv", _UV.format(folder=tmp_path))
    (tmp_path / "unneeded").touch()
    return tmp_path


def provide(program: Path, script: str) -> None:
    program.parent.mkdir(parents=True)
    program.write_text(script)
    program.chmod(0o755)


@pytest.fixture
def environment(machine: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    environment = Environment(machine / "environment")
    provide(environment.python, _PYTHON.format(folder=machine))
    environment.begin()
    environment.finish("impasto==1.0 cpu")
    for module in (installed, sys.modules[check_installation.__module__]):
        monkeypatch.setattr(module, "this_environment", lambda: environment)
    return environment


def test_other_build_of_the_same_version_is_installed(
    machine: Path, environment: Environment
) -> None:
    set_up(Wish(gpu=True))

    (call,) = (machine / "uv.log").read_text().splitlines()
    assert f"--python {environment.python}" in call
    assert "--reinstall-package torch --reinstall-package torchvision" in call
    assert f"torch=={version('torch').partition('+')[0]}" in call
    assert environment.build is Build.GPU
    assert environment.stamp.read_text() == "impasto==1.0 gpu\n"


def test_libraries_that_the_small_build_does_not_need_are_removed(
    machine: Path, environment: Environment
) -> None:
    environment.finish("impasto==1.0 gpu")
    (machine / "unneeded").write_text("nvidia-cublas\ntriton\n")

    set_up(Wish(cpu=True))

    _, removal = (machine / "uv.log").read_text().splitlines()
    assert removal == f"pip uninstall --python {environment.python} nvidia-cublas triton"
    assert environment.build is Build.CPU


def test_libraries_of_the_user_stay_in_an_environment_of_the_user(
    machine: Path, environment: Environment
) -> None:
    environment.stamp.unlink()  # it was not made by the setup
    environment.python.write_text(
        f'#!/bin/sh\necho cuda-python\n[ ! -e "{machine}/uv.log" ] || echo nvidia-cublas\n'
    )

    set_up(Wish(cpu=True))

    _, removal = (machine / "uv.log").read_text().splitlines()
    assert removal == f"pip uninstall --python {environment.python} nvidia-cublas"


def test_small_build_that_cannot_be_reached_changes_nothing(
    machine: Path, environment: Environment
) -> None:
    environment.finish("impasto==1.0 gpu")
    (machine / "unreachable").touch()

    with pytest.raises(SetupFailed, match="for a CPU cannot be reached from here"):
        set_up(Wish(cpu=True))

    assert not (machine / "uv.log").exists()
    assert environment.build is Build.GPU


def test_build_that_uv_does_not_name_changes_nothing(
    machine: Path, environment: Environment
) -> None:
    (machine / "silent").touch()
    environment.finish("impasto==1.0 gpu")

    with pytest.raises(SetupFailed, match="uv does not say whether it would install"):
        set_up(Wish(cpu=True))

    assert not (machine / "uv.log").exists()


def test_exchange_that_fails_is_known_and_repeated(machine: Path, environment: Environment) -> None:
    (machine / "broken").touch()
    with pytest.raises(SetupFailed):
        set_up(Wish(gpu=True))
    interrupted = [finding.text for finding in check_installation()]
    (machine / "broken").unlink()

    set_up(Wish(gpu=True))

    assert any("is not complete" in text for text in interrupted)
    assert not environment.unfinished.exists()
    assert environment.stamp.read_text() == "impasto==1.0 gpu\n"
    assert [finding.text for finding in check_installation() if "complete" in finding.text] == []


def test_environment_of_the_user_is_never_removed(machine: Path, environment: Environment) -> None:
    environment.stamp.unlink()  # it was not made by the setup
    thesis = environment.folder / "thesis.txt"
    thesis.touch()
    (machine / "broken").touch()
    with pytest.raises(SetupFailed):
        set_up(Wish(gpu=True))

    remove()

    assert thesis.exists()


def test_own_environment_is_removed_by_its_own_program(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = own_environment()
    own.folder.mkdir(parents=True)
    own.begin()
    monkeypatch.setattr(installed, "this_environment", lambda: own)

    remove()

    assert not own.folder.exists()
    assert machine.exists()


@pytest.mark.usefixtures("machine")
def test_own_environment_that_was_never_complete_is_not_declared_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = own_environment()
    own.folder.mkdir(parents=True)
    own.begin()
    monkeypatch.setattr(installed, "this_environment", lambda: own)

    with pytest.raises(SetupFailed, match="not complete"):
        set_up(Wish(cpu=True))

    assert own.unfinished.exists()


@pytest.mark.usefixtures("machine")
def test_program_of_another_environment_is_recorded(environment: Environment) -> None:
    set_up(Wish())

    assert program_record().read_text() == f"{environment.program}\n"


def test_program_that_gimp_finds_anyway_is_not_recorded(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = own_environment()
    own.folder.mkdir(parents=True)
    program_record().write_text(f"{machine}/older\n")
    monkeypatch.setattr(installed, "this_environment", lambda: own)

    set_up(Wish())

    assert not program_record().exists()
