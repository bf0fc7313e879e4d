"""Tests of install.sh from the outside, in a temporary home folder."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from impasto_daemon.commands.doctor.finding import State
from impasto_daemon.commands.doctor.plugin import NAME, plugin_source
from impasto_daemon.commands.doctor.service import check_service
from impasto_shared.paths import runtime_dir
from install_machine import CHECKOUT, Machine, make_machine

COMMANDS = ("demo", "plugin", "service", "test", "uninstall", "--help")
OLD_PYTHON = """#!/bin/sh
[ "$1" = --version ] && echo Python 3.9.2 || echo 3.9
"""
PYTHON_WITHOUT_VENV = """#!/bin/sh
case "$*" in *"import ensurepip"*) exit 1 ;; esac
exec "{python}" "$@"
"""
GIMP = """#!/bin/sh
case "$*" in
    --version) echo "GNU Image Manipulation Program version 3.4.1" ;;
    *--quit*) mkdir -p "$HOME/.config/GIMP/3.4" && touch "$HOME/.config/GIMP/3.4/gimprc" ;;
esac
"""
FULL_DISK = """#!/bin/sh
echo "Filesystem 1048576-blocks Used Available Capacity Mounted on"
echo "/dev/sda 100000 99900 100 100% /"
"""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return make_machine(tmp_path)


@pytest.mark.parametrize("arguments", [(), ("--help",)], ids=["no argument", "--help"])
def test_help_lists_every_command(machine: Machine, arguments: tuple[str, ...]) -> None:
    result = machine.install(*arguments)

    assert result.returncode == 0
    assert re.findall(r"^  (\S+) .*  \w", result.stdout, re.MULTILINE) == list(COMMANDS)


def test_unknown_command_is_refused_with_the_help(machine: Machine) -> None:
    result = machine.install("paint")

    assert result.returncode == 2
    assert "'paint'" in result.stderr
    assert "Usage:" in result.stderr


def test_unknown_option_of_plugin_is_refused(machine: Machine) -> None:
    result = machine.install("plugin", "--fast")

    assert result.returncode == 1
    assert "'--fast'" in result.stderr
    assert not machine.environment.exists()


@pytest.mark.parametrize("command", ["demo", "plugin", "service", "test"])
def test_missing_prerequisites_are_named_all_at_once(machine: Machine, command: str) -> None:
    machine.provide("python3", OLD_PYTHON)
    (machine.folder / "bin/uv").unlink()

    result = machine.install(command)

    assert result.returncode == 1
    assert "Python 3.11 or newer (found: Python 3.9.2)" in result.stderr
    assert "venv" in result.stderr
    assert re.search(r"apt install|dnf install|pacman -S|zypper install|the package", result.stderr)
    assert machine.contents() == {}


def test_python_without_venv_is_named_only_if_uv_is_missing(machine: Machine) -> None:
    machine.provide("python3", PYTHON_WITHOUT_VENV.format(python=Path(sys.executable).resolve()))

    with_uv = machine.install("plugin")
    (machine.folder / "bin/uv").unlink()
    shutil.rmtree(machine.environment)
    without_uv = machine.install("plugin")

    assert with_uv.returncode == 0
    assert without_uv.returncode == 1
    assert "Python's venv module" in without_uv.stderr
    assert "Python 3.11 or newer" not in without_uv.stderr


def test_python_to_use_can_be_named(machine: Machine) -> None:
    machine.provide("python3", OLD_PYTHON)

    result = machine.install("plugin", IMPASTO_PYTHON=sys.executable)

    assert result.returncode == 0, result.stderr


def test_full_disk_is_refused_before_anything_is_created(machine: Machine) -> None:
    machine.provide("df", FULL_DISK)

    result = machine.install("plugin")

    assert result.returncode == 1
    assert "100 MB free" in result.stderr
    assert not machine.environment.exists()
    assert machine.uv_calls() == []


def test_plugin_goes_into_every_profile_of_gimp_3(machine: Machine) -> None:
    profiles = [
        machine.profile(path)
        for path in (
            ".config/GIMP/3.0",
            ".config/GIMP/3.2",
            ".var/app/org.gimp.GIMP/config/GIMP/3.0",
            "snap/gimp/current/.config/GIMP/3.0",
        )
    ]
    old_profile = machine.profile(".config/GIMP/2.10")
    (machine.checkout / "shared/impasto_shared/__pycache__").mkdir(exist_ok=True)

    result = machine.install("plugin")

    assert result.returncode == 0, result.stderr
    for profile in profiles:
        _assert_is_installed(machine, profile)
    assert [path.name for path in old_profile.iterdir()] == ["gimprc"]


def _assert_is_installed(machine: Machine, profile: Path) -> None:
    plugin = profile / "plug-ins/impasto-gimp"
    assert os.access(plugin / "impasto-gimp.py", os.X_OK)
    for package in ("gimp_plugin/impasto_gimp", "shared/impasto_shared"):
        source = machine.checkout / package
        for module in source.rglob("*.py"):
            copy = plugin / module.relative_to(source.parent)
            assert copy.read_bytes() == module.read_bytes()
        assert not (plugin / source.name).is_symlink()
    assert (plugin / "styles/auvers.jpg").is_file()
    assert not list(plugin.rglob("__pycache__"))


def test_second_run_changes_nothing(machine: Machine) -> None:
    machine.profile(".config/GIMP/3.0")
    machine.install("plugin")
    after_first_run = machine.contents()
    calls = machine.uv_calls()

    result = machine.install("plugin")

    assert result.stdout.count("up to date") == 2
    assert machine.contents() == after_first_run
    assert machine.uv_calls() == calls


def test_damaged_plugin_is_repaired(machine: Machine) -> None:
    profile = machine.profile(".config/GIMP/3.0")
    machine.install("plugin")
    plugin = profile / "plug-ins/impasto-gimp"
    (plugin / "impasto_shared/settings.py").write_text("broken")
    (plugin / "impasto_shared/left_over.py").touch()

    machine.install("plugin")

    _assert_is_installed(machine, profile)
    assert not (plugin / "impasto_shared/left_over.py").exists()


def test_dev_plugin_follows_the_checkout(machine: Machine) -> None:
    plugin = machine.profile(".config/GIMP/3.0") / "plug-ins/impasto-gimp"
    machine.install("plugin")

    result = machine.install("plugin", "--dev")

    assert result.returncode == 0, result.stderr
    assert (plugin / "impasto_gimp").readlink() == machine.checkout / "gimp_plugin/impasto_gimp"
    assert (plugin / "styles").readlink() == machine.checkout / "assets/styles"
    assert (plugin / "impasto_shared").readlink() == machine.checkout / "shared/impasto_shared"
    assert not (plugin / "impasto-gimp.py").is_symlink()


def test_gimp_that_never_ran_creates_its_profile_first(machine: Machine) -> None:
    machine.provide("gimp", GIMP)

    machine.install("plugin")

    profile = machine.home / ".config/GIMP/3.4"
    assert (profile / "gimprc").exists()
    _assert_is_installed(machine, profile)


def test_gimp_creates_its_profile_without_a_display(machine: Machine) -> None:
    machine.provide("gimp-console", GIMP)
    machine.provide("gimp", '#!/bin/sh\n[ "$1" = --version ] && exec gimp-console "$1"\nexit 1\n')

    machine.install("plugin")

    assert (machine.home / ".config/GIMP/3.4/gimprc").exists()


def test_missing_gimp_is_reported_without_an_error(machine: Machine) -> None:
    result = machine.install("plugin")

    assert result.returncode == 0
    assert "no GIMP 3 found" in result.stdout


def test_plugin_gets_pyzmq_if_its_python_has_none(machine: Machine) -> None:
    plugin = machine.profile(".config/GIMP/3.0") / "plug-ins/impasto-gimp"

    machine.install("plugin")

    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert f"--python-version {version} --only-binary pyzmq" in machine.uv_calls()[-1]
    assert f"--target {plugin}/vendor pyzmq>=" in machine.uv_calls()[-1]
    assert (plugin / "vendor/zmq/__init__.py").exists()


def test_plugin_gets_no_pyzmq_if_its_python_has_it(machine: Machine) -> None:
    plugin = machine.profile(".config/GIMP/3.0") / "plug-ins/impasto-gimp"
    machine.provide("python3", f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')

    machine.install("plugin")

    assert (plugin / "impasto-gimp.py").exists()
    assert not (plugin / "vendor").exists()


def test_interrupted_environment_is_made_from_scratch(machine: Machine) -> None:
    machine.uv_is_broken.touch()
    interrupted = machine.install("plugin")
    left_over = machine.environment / "left-over"
    left_over.touch()
    machine.uv_is_broken.unlink()

    result = machine.install("plugin")

    assert interrupted.returncode != 0
    assert result.returncode == 0, result.stderr
    assert not left_over.exists()
    assert (machine.environment / "bin/impasto").exists()


def test_changed_source_brings_the_environment_up_to_date(machine: Machine) -> None:
    machine.install("plugin")
    calls = len(machine.uv_calls())
    with (machine.checkout / "shared/impasto_shared/settings.py").open("a") as source:
        source.write("# changed\n")

    result = machine.install("plugin")

    assert "bringing" in result.stdout
    assert f"--reinstall-package impasto {machine.checkout}" in machine.uv_calls()[calls]


def test_daemon_of_an_older_install_is_stopped(machine: Machine) -> None:
    machine.install("plugin")
    (machine.checkout / "shared/impasto_shared/new.py").touch()
    with machine.daemon(machine.environment / "bin/python") as daemon:
        machine.install("plugin")

        assert daemon.wait(timeout=10) == -signal.SIGTERM


def test_process_that_is_not_our_daemon_keeps_running(machine: Machine) -> None:
    machine.install("plugin")
    with machine.daemon(Path(sys.executable)) as stranger:
        machine.install("uninstall")

        assert stranger.poll() is None


def test_service_runs_the_daemon_of_the_environment(machine: Machine) -> None:
    result = machine.install("service")

    unit = (machine.home / ".config/systemd/user/impasto.service").read_text()
    assert f'ExecStart="{machine.environment}/bin/impasto" serve\n' in unit
    assert "systemctl --user enable --now impasto.service" in result.stdout


def test_demo_paints_once_and_names_the_next_step(machine: Machine) -> None:
    machine.profile(".config/GIMP/3.0")
    first = machine.install("demo")
    picture = machine.folder / "impasto-demo.png"
    painted = picture.stat().st_mtime_ns

    second = machine.install("demo")

    assert first.returncode == 0, first.stderr
    assert str(picture) in first.stdout
    assert "Filters > Artistic > Neural Style" in first.stdout
    assert f"up to date in {picture}" in second.stdout
    assert picture.stat().st_mtime_ns == painted


def test_demo_without_gimp_does_not_say_to_restart_it(machine: Machine) -> None:
    result = machine.install("demo")

    assert result.returncode == 0, result.stderr
    assert "no GIMP 3 found" in result.stdout
    assert "restart GIMP" not in result.stdout


def test_uninstall_leaves_the_home_folder_as_it_was(machine: Machine) -> None:
    profile = machine.profile(".config/GIMP/3.0")
    other_plugin = profile / "plug-ins/other"
    other_plugin.mkdir(parents=True)
    bystander = machine.home / ".config/systemd/user/other.service"
    bystander.parent.mkdir(parents=True)
    bystander.touch()
    (machine.home / ".local/share").mkdir(parents=True)
    before = set(machine.contents())
    machine.install("service")
    machine.install("plugin")
    installed = set(machine.contents())

    with machine.daemon(machine.environment / "bin/python") as daemon:
        result = machine.install("uninstall")

        assert daemon.wait(timeout=10) == -signal.SIGTERM
    assert result.returncode == 0, result.stderr
    assert installed > before
    assert set(machine.contents()) == before


@pytest.mark.parametrize("folder", ["/run/lock", "/nowhere", "relative", "", None])
def test_installer_looks_for_the_lock_where_the_daemon_holds_it(
    monkeypatch: pytest.MonkeyPatch, folder: str | None
) -> None:
    script = f". {CHECKOUT}/daemon/install_service.sh && runtime_folder"
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    if folder is not None:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)

    printed = subprocess.run(
        ["bash", "-c", script], env=dict(os.environ), capture_output=True, text=True, check=True
    ).stdout

    assert printed == f"{runtime_dir()}\n"


def test_doctor_finds_what_was_installed(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(machine.home))
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)

    machine.install("service")
    machine.install("plugin")

    source = plugin_source()
    assert source is not None
    assert source[f"{NAME}.py"].is_relative_to(machine.home)
    assert all(path.exists() for path in source.values())
    assert [finding.state for finding in check_service()] == [State.OK]
