"""Tests of install.sh from the outside, in a temporary home folder."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
from pathlib import Path

import pytest

from impasto_daemon.commands.doctor.finding import State
from impasto_daemon.commands.doctor.installation import check_installation
from impasto_daemon.commands.doctor.plugin import check_plugin
from impasto_daemon.commands.doctor.service import check_service
from impasto_daemon.setup.plugin_files import PARTS
from integration.install_machine import CHECKOUT, Machine, make_machine

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
    machine.has_free(100)

    result = machine.install("plugin")

    assert result.returncode == 1
    assert "100 MB free" in result.stderr
    assert not machine.environment.exists()
    assert machine.uv_calls() == []


def test_gimp_of_flatpak_needs_the_service(machine: Machine) -> None:
    machine.profile(".config/GIMP/3.2")
    assert "Flatpak" not in machine.install("plugin").stdout

    (machine.home / ".local/share/flatpak/app/org.gimp.GIMP").mkdir(parents=True)

    assert "Run ./install.sh service" in machine.install("plugin").stdout
    machine.install("service")
    assert "Flatpak" not in machine.install("plugin").stdout


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


def test_pyzmq_of_an_earlier_plugin_is_removed(machine: Machine) -> None:
    plugin = machine.profile(".config/GIMP/3.0") / "plug-ins/impasto-gimp"
    machine.install("plugin")
    (plugin / "vendor/zmq").mkdir(parents=True)

    result = machine.install("plugin")

    assert f"installed in {plugin}" in result.stdout
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


@pytest.mark.parametrize("command", ["plugin", "uninstall"])
def test_update_that_failed_can_be_repeated_and_removed(machine: Machine, command: str) -> None:
    machine.install("plugin")
    with (machine.checkout / "shared/impasto_shared/settings.py").open("a") as source:
        source.write("# changed\n")
    machine.uv_is_broken.touch()
    failed = machine.install("plugin")
    machine.uv_is_broken.unlink()

    result = machine.install(command)

    assert failed.returncode != 0
    assert result.returncode == 0, result.stderr
    assert (machine.environment / "bin/impasto").exists() == (command == "plugin")
    assert not (machine.environment / "impasto-unfinished").exists()


def torch_backends(machine: Machine) -> list[str]:
    """Returns the build of PyTorch that each call of uv installs; "" is the general one."""
    calls = [re.search(r"--torch-backend=(\w+)", call) for call in machine.uv_calls()]
    return [match[1] if match else "" for match in calls]


@pytest.mark.parametrize(
    ("has_gpu", "options", "backend", "said"),
    [
        (False, (), "cpu", "400 MB"),
        (True, (), "auto", "3 GB"),
        (False, ("--gpu",), "", "3 GB"),  # uv's choice would be the small one
        (True, ("--cpu",), "cpu", "400 MB"),
    ],
)
@pytest.mark.parametrize("command", ["demo", "plugin", "service"])
def test_build_of_pytorch_fits_the_machine_or_the_option(
    machine: Machine, command: str, has_gpu: bool, options: tuple[str, ...], backend: str, said: str
) -> None:
    if has_gpu:
        machine.gpu.touch()

    result = machine.install(command, *options)
    again = machine.install(command)

    assert result.returncode == 0, result.stderr
    assert torch_backends(machine)[:1] == [backend]
    before, _, _ = result.stdout.partition("Plug-in:")
    assert f"About {said} are downloaded" in before
    if not (has_gpu and options):  # the option was for a machine that has none
        assert "Environment: up to date" in again.stdout


def test_general_build_is_installed_where_pytorchs_index_cannot_be_reached(
    machine: Machine,
) -> None:
    machine.torch_index.unlink()

    result = machine.install("plugin")
    again = machine.install("plugin")

    assert result.returncode == 0, result.stderr
    assert torch_backends(machine) == [""]
    assert "the smaller one cannot be reached" in result.stdout
    assert "About 3 GB are downloaded" in result.stdout
    assert "Environment: up to date" in again.stdout


def test_general_build_needs_more_room(machine: Machine) -> None:
    machine.has_free(3000)

    small = machine.install("plugin")
    machine.install("uninstall")
    machine.torch_index.unlink()
    large = machine.install("plugin")

    assert small.returncode == 0, small.stderr
    assert large.returncode == 1
    assert "3000 MB free, but the environment needs 8000 MB" in large.stderr


def test_gpu_that_appears_later_gets_its_build_from_scratch(machine: Machine) -> None:
    machine.install("plugin")
    (machine.environment / "left-over").touch()
    machine.gpu.touch()

    machine.install("plugin")

    assert torch_backends(machine) == ["cpu", "auto"]
    # uv would keep a PyTorch of the same version.
    assert not (machine.environment / "left-over").exists()


def test_environment_for_a_gpu_stays_when_the_gpu_is_away(machine: Machine) -> None:
    machine.gpu.touch()
    machine.install("plugin")
    machine.gpu.unlink()

    result = machine.install("plugin")

    assert "Environment: up to date" in result.stdout


def test_environment_of_an_earlier_version_keeps_its_build(machine: Machine) -> None:
    machine.install("plugin", "--gpu")
    stamp = machine.environment / "impasto-stamp"
    stamp.write_text(stamp.read_text().removesuffix(" gpu\n") + "\n")

    result = machine.install("plugin")

    assert "bringing" in result.stdout
    assert torch_backends(machine) == ["", ""]


@pytest.mark.parametrize(
    "arguments",
    [("demo", "--gpus"), ("demo", "--cpu", "--gpu"), ("service", "now"), ("plugin", "--cpus")],
)
def test_other_options_are_refused(machine: Machine, arguments: tuple[str, ...]) -> None:
    result = machine.install(*arguments)

    assert result.returncode == 1
    assert "--cpu" in result.stderr
    assert machine.uv_calls() == []
    assert machine.contents() == {}


def test_daemon_of_an_older_install_is_stopped(machine: Machine) -> None:
    machine.install("plugin")
    (machine.checkout / "shared/impasto_shared/new.py").touch()
    with machine.daemon(machine.environment / "bin/python") as daemon:
        machine.install("plugin")

        assert daemon.wait(timeout=10) == -signal.SIGTERM


def test_line_that_undoes_it_can_be_pasted(machine: Machine) -> None:
    folder = machine.checkout.rename(machine.folder / "my downloads")

    result = machine.install("plugin", program=(str(folder / "install.sh"),))

    (line,) = re.findall(r"To undo all of this: (.*)", result.stdout)
    undone = machine.install(program=("sh", "-c", line))
    assert undone.returncode == 0, undone.stderr
    assert not machine.environment.exists()


def test_process_that_is_not_our_daemon_keeps_running(machine: Machine) -> None:
    machine.install("plugin")
    with machine.daemon(Path(sys.executable)) as stranger:
        machine.install("uninstall")

        assert stranger.poll() is None


def test_service_runs_the_daemon_of_the_environment(machine: Machine) -> None:
    result = machine.install("service")

    unit = (machine.home / ".config/systemd/user/impasto.service").read_text()
    assert f'ExecStart="{machine.environment}/bin/impasto" serve\n' in unit
    assert "systemctl --user enable --now impasto.socket impasto.service" in result.stdout


def test_systemd_listens_and_starts_the_daemon_but_not_during_an_update(machine: Machine) -> None:
    log = machine.folder / "systemctl.log"
    machine.provide("systemctl", f'#!/bin/sh\necho "$@" >>"{log}"\n')
    both = "impasto.socket impasto.service"

    machine.install("service")
    of_service = log.read_text().splitlines()
    log.unlink()
    (machine.checkout / "shared/impasto_shared/new.py").touch()
    machine.install("plugin")
    of_update = log.read_text().splitlines()
    log.unlink()
    machine.install("uninstall")

    def calls(lines: list[str]) -> list[str]:
        asked = ("show-environment", "is-enabled")
        return [line.removeprefix("--user ") for line in lines if line.split()[1] not in asked]

    assert calls(of_service) == ["daemon-reload", f"stop {both}", f"enable --now {both}"]
    assert calls(of_update) == [f"stop {both}", f"start {both}"]
    assert calls(log.read_text().splitlines()) == [f"disable --now {both}"]
    assert not (machine.home / ".config/systemd/user/impasto.socket").exists()


def test_service_that_the_user_has_disabled_is_not_started_by_an_update(machine: Machine) -> None:
    log = machine.folder / "systemctl.log"
    is_disabled = 'case "$2" in is-enabled) exit 1 ;; esac'
    machine.provide("systemctl", f'#!/bin/sh\necho "$@" >>"{log}"\n{is_disabled}\n')
    machine.install("service")
    log.unlink()
    (machine.checkout / "shared/impasto_shared/new.py").touch()

    machine.install("plugin")

    assert "--user stop" in log.read_text()
    assert "--user start" not in log.read_text()


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


# What is not Impasto's


@pytest.mark.parametrize("command", ["plugin", "uninstall"])
def test_working_copy_behind_a_link_survives(machine: Machine, command: str) -> None:
    profile = machine.profile(".config/GIMP/3.0")
    copy = machine.folder / "my-working-copy"
    shutil.copytree(CHECKOUT / "gimp_plugin", copy)
    (copy / "impasto_gimp/uncommitted.py").write_text("work = 1\n")
    (profile / "plug-ins").mkdir()
    (profile / "plug-ins/impasto-gimp").symlink_to(copy)

    result = machine.install(command)

    assert (copy / "impasto_gimp/uncommitted.py").read_text() == "work = 1\n"
    assert (profile / "plug-ins/impasto-gimp").readlink() == copy
    assert "is a link" in result.stdout + result.stderr
    assert result.returncode == (1 if command == "plugin" else 0)


@pytest.mark.parametrize("command", ["plugin", "uninstall"])
def test_folder_that_is_not_impastos_survives(machine: Machine, command: str) -> None:
    folder = machine.profile(".config/GIMP/3.0") / "plug-ins/impasto-gimp"
    folder.mkdir(parents=True)
    (folder / "thesis.txt").write_text("three years")

    result = machine.install(command)

    assert (folder / "thesis.txt").read_text() == "three years"
    assert str(folder) in result.stdout + result.stderr
    assert result.returncode == (1 if command == "plugin" else 0)


def test_files_of_the_user_survive_an_update_and_the_removal(machine: Machine) -> None:
    plugin = machine.profile(".config/GIMP/3.0") / "plug-ins/impasto-gimp"
    machine.install("plugin")
    files = [plugin / "notes.txt", plugin / "styles/mine.jpg"]
    for file in files:
        file.write_text("mine")
    (machine.checkout / "shared/impasto_shared/new.py").touch()
    (machine.checkout / "assets/styles/auvers.jpg").unlink()

    updated = machine.install("plugin")

    assert updated.returncode == 0, updated.stderr
    assert (plugin / "impasto_shared/new.py").exists()
    assert not (plugin / "styles/auvers.jpg").exists()
    removed = machine.install("uninstall")
    assert f"Kept {plugin}" in removed.stdout
    assert sorted(path for path in plugin.rglob("*") if path.is_file()) == sorted(files)


def test_style_folder_that_became_a_link_is_not_emptied(machine: Machine) -> None:
    plugin = machine.profile(".config/GIMP/3.0") / "plug-ins/impasto-gimp"
    machine.install("plugin")
    mine = machine.folder / "paintings"
    (plugin / "styles").rename(mine)
    (plugin / "styles").symlink_to(mine)

    machine.install("uninstall")

    assert (mine / "auvers.jpg").exists()


@pytest.mark.parametrize("kind", ["folder", "link"])
def test_environment_that_is_not_impastos_survives(machine: Machine, kind: str) -> None:
    machine.environment.parent.mkdir(parents=True)
    other = machine.folder / "other-environment"
    target = machine.environment if kind == "folder" else other
    target.mkdir()
    (target / "pyvenv.cfg").write_text("mine")
    if kind == "link":
        machine.environment.symlink_to(other)

    installed = machine.install("plugin")
    removed = machine.install("uninstall")

    assert installed.returncode == 1
    assert str(machine.environment) in installed.stderr
    assert f"Kept {machine.environment}" in removed.stdout
    assert (target / "pyvenv.cfg").read_text() == "mine"


def test_what_stays_is_named(machine: Machine) -> None:
    machine.install("plugin")
    keys = machine.home / ".config/impasto/keys"
    keys.mkdir(parents=True)

    removed = machine.install("uninstall")

    assert f"{keys.parent}: settings, keys and authorised clients" in removed.stdout
    assert keys.exists()


# The caller's shell


def test_cdpath_does_not_lead_to_another_folder(machine: Machine) -> None:
    decoy = machine.folder / "decoy/checkout"
    decoy.mkdir(parents=True)

    result = machine.install(
        "plugin", CDPATH=str(decoy.parent), program=("bash", "checkout/install.sh")
    )

    assert result.returncode == 0, result.stderr
    assert machine.environment.exists()


def test_temporary_folder_with_an_apostrophe_is_left_empty(machine: Machine) -> None:
    folder = machine.folder / "it's here"
    folder.mkdir()

    result = machine.install("plugin", TMPDIR=str(folder))

    assert result.returncode == 0, result.stderr
    assert list(folder.iterdir()) == []


def test_nothing_installed_is_writable_for_others(machine: Machine) -> None:
    machine.profile(".config/GIMP/3.0")
    previous = os.umask(0)
    try:
        result = machine.install("plugin")
    finally:
        os.umask(previous)

    assert result.returncode == 0, result.stderr
    installed = [
        *machine.environment.parent.rglob("*"),
        *machine.home.glob(".config/**/plug-ins/**/*"),
    ]
    assert len(installed) > 50
    assert [
        path for path in installed if not path.is_symlink() and path.stat().st_mode & 0o022
    ] == []


def test_unit_names_a_home_with_any_characters(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = machine.folder / '100% "$HOME" \\ &'
    home.mkdir()
    machine.provide("uv", "#!/bin/sh\n")

    result = machine.install("service", HOME=str(home))

    assert result.returncode == 0, result.stderr
    unit = (home / ".config/systemd/user/impasto.service").read_text()
    escaped = str(home).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    escaped = escaped.replace("$", "$$")
    assert f'ExecStart="{escaped}/.local/share/impasto/venv/bin/impasto" serve\n' in unit
    program = home / ".local/share/impasto/venv/bin/impasto"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.touch()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    assert next(check_service()).state is State.OK


@pytest.mark.parametrize("name", ["impasto.service", "impasto.socket"])
def test_unit_that_is_a_link_is_not_written_through(machine: Machine, name: str) -> None:
    unit = machine.home / ".config/systemd/user" / name
    unit.parent.mkdir(parents=True)
    (machine.folder / "mine.service").write_text("mine")
    unit.symlink_to(machine.folder / "mine.service")

    result = machine.install("service")

    assert result.returncode == 1
    assert (machine.folder / "mine.service").read_text() == "mine"


def test_doctor_finds_what_was_installed(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(machine.home))
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)

    folders = ("gimp_plugin", "gimp_plugin", "shared", "assets")
    source = {part: machine.checkout / top / part for part, top in zip(PARTS, folders, strict=True)}
    monkeypatch.setattr("impasto_daemon.commands.doctor.plugin.packaged_plugin", lambda: source)
    profile = machine.profile(".config/GIMP/3.0")
    machine.install("service")
    machine.install("plugin")

    assert [finding.state for finding in check_service()] == [State.OK, State.OK]
    assert [finding.state for finding in check_plugin(profile)] == [State.OK]
    assert list(check_installation()) == []
