"""`impasto doctor` on simulated machines: each reason why the filter is not in GIMP's menu."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from impasto_daemon.commands.doctor.command import examine, fix_problems
from impasto_daemon.commands.doctor.finding import Finding, State
from impasto_shared import __version__
from integration.daemon_process import ROOT, DaemonProcess

NAME = "impasto-gimp"
GIMP = """#!/bin/sh
case "$*" in
    --version) echo "GNU Image Manipulation Program version {version}" ;;
    *--quit*) /bin/mkdir -p "$HOME/.config/GIMP/{profile}" ;;
esac
"""
FLATPAK = """#!/bin/sh
case "$*" in
    "run org.gimp.GIMP --version") echo "GNU Image Manipulation Program version 3.0.6" ;;
    "run --command=python3 org.gimp.GIMP "*) shift 3; exec "{python}" "$@" ;;
esac
"""
# -S excludes its site-packages, and so gi.
PYTHON = '#!/bin/sh\nPYTHONPATH="{modules}" exec "{python}" -S "$@"\n'


@dataclass(frozen=True)
class Machine:
    """A simulated machine: a home folder and a folder of programs."""

    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def endpoint(self) -> str:
        return f"ipc://{self.folder}/run/impasto/daemon.sock"

    def set_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Makes it the machine of this process, with a python3."""
        self.home.mkdir()
        for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HOME", str(self.home))
        monkeypatch.setenv("PATH", f"{self.folder}/bin:{self.folder}/other")
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(self.folder / "run"))
        self.provide_python("gi")

    def provide(self, name: str, script: str, folder: str = "bin") -> Path:
        program = self.folder / folder / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(script)
        program.chmod(0o755)
        return program

    def provide_python(self, *modules: str, folder: str = "bin") -> Path:
        """Installs a python3 that has, besides the standard library, only these modules."""
        path = self.folder / folder / "modules"
        for module in modules:
            (path / module).mkdir(parents=True, exist_ok=True)
            (path / module / "__init__.py").touch()
        python = Path(sys.executable).resolve()
        return self.provide("python3", PYTHON.format(modules=path, python=python), folder)

    def provide_gimp(self, version: str = "3.0.4", *, was_started: bool = True) -> Path:
        """Installs a GIMP of that version; returns the folder of its profile."""
        profile = version.rpartition(".")[0]
        self.provide(f"gimp-{profile}", GIMP.format(version=version, profile=profile))
        folder = self.home / ".config/GIMP" / profile
        if was_started:
            folder.mkdir(parents=True)
        return folder

    def problems(self) -> list[str]:
        return [
            finding.text for finding in examine(self.endpoint) if finding.state is State.PROBLEM
        ]

    def remaining_problems(self) -> list[str]:
        """Repairs what can be repaired; returns the texts of the other problems."""
        return [
            finding.text
            for finding in fix_problems(self.endpoint)
            if finding.state is State.PROBLEM
        ]


def install(profile: Path) -> Path:
    """Installs the plug-in into a profile as install.sh does; returns its folder."""
    folder = profile / "plug-ins" / NAME
    folder.mkdir(parents=True)
    shutil.copy2(ROOT / "gimp_plugin/impasto-gimp.py", folder)
    for package in ("gimp_plugin/impasto_gimp", "shared/impasto_shared", "assets/styles"):
        shutil.copytree(
            ROOT / package,
            folder / Path(package).name,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
    return folder


def findings_about(topic: str, endpoint: str) -> list[Finding]:
    return [finding for finding in examine(endpoint) if finding.topic == topic]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    # Not pytest's own folder: the path of a socket must be short.
    with tempfile.TemporaryDirectory(prefix="impasto-test-") as folder:
        machine = Machine(Path(folder))
        machine.set_up(monkeypatch)
        yield machine


def test_sound_installation_has_no_problem(machine: Machine) -> None:
    install(machine.provide_gimp())

    findings = examine(machine.endpoint)

    assert not machine.problems()
    topics = {finding.topic for finding in findings if finding.state is State.OK}
    assert {"GIMP 3.0.4", "Python of GIMP 3.0"} < topics


def rename_folder(plugin: Path) -> None:
    plugin.rename(plugin.with_name("impasto"))


def put_checkout_there(plugin: Path) -> None:
    plugin.rename(plugin.with_name("main"))
    plugin.mkdir()
    plugin.with_name("main").rename(plugin / "gimp_plugin")


def move_out_of_folder(plugin: Path) -> None:
    for part in list(plugin.iterdir()):
        part.rename(plugin.parent / part.name)
    plugin.rmdir()


def make_not_executable(plugin: Path) -> None:
    (plugin / f"{NAME}.py").chmod(0o644)


def remove_plugin(plugin: Path) -> None:
    shutil.rmtree(plugin)


def replace_by_broken_link(plugin: Path) -> None:
    shutil.rmtree(plugin)
    plugin.symlink_to("/nowhere/impasto-gimp")


def break_link_of_package(plugin: Path) -> None:
    shutil.rmtree(plugin / "impasto_gimp")
    (plugin / "impasto_gimp").symlink_to("/nowhere/gimp_plugin/impasto_gimp")


def replace_by_older_version(plugin: Path) -> None:
    (plugin / "impasto_shared/__init__.py").write_text('__version__ = "0.0.1"\n')


def damage_a_module(plugin: Path) -> None:
    (plugin / "impasto_gimp/procedures/plugin.py").write_text("")


def remove_a_package(plugin: Path) -> None:
    shutil.rmtree(plugin / "impasto_shared")


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (rename_folder, "in a folder where GIMP does not look"),
        (put_checkout_there, "in a folder where GIMP does not look"),
        (move_out_of_folder, "lies directly in"),
        (make_not_executable, "not executable"),
        (remove_plugin, "not installed"),
        (replace_by_broken_link, "is a link to /nowhere/impasto-gimp, which does not exist"),
        (break_link_of_package, "impasto_gimp is a link to /nowhere"),
        (replace_by_older_version, f"its version is 0.0.1, not {__version__}"),
        (damage_a_module, "its impasto_gimp differs from this version's"),
        (remove_a_package, "its impasto_shared is missing"),
    ],
)
def test_plugin_that_gimp_would_not_show_is_repaired(
    machine: Machine, spoil: Callable[[Path], None], text: str
) -> None:
    plugin = install(machine.provide_gimp())
    spoil(plugin)

    assert any(text in problem for problem in machine.problems())
    assert machine.remaining_problems() == []
    assert os.access(plugin / f"{NAME}.py", os.X_OK)
    assert (plugin / "impasto_gimp/procedures/plugin.py").read_bytes() == (
        ROOT / "gimp_plugin/impasto_gimp/procedures/plugin.py"
    ).read_bytes()
    assert not (plugin.parent / f"{NAME}.py").exists()


def test_folder_with_files_of_the_users_is_not_removed(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    plugin = install(machine.provide_gimp())
    copy = plugin.with_name("impasto")
    shutil.copytree(plugin, copy)
    (copy / "my notes.txt").write_text("dear")

    (problem,) = machine.remaining_problems()

    assert "where GIMP does not look" in problem
    assert (copy / "my notes.txt").read_text() == "dear"
    assert "also holds other files (my notes.txt)" in capsys.readouterr().err


def test_plugin_missing_in_a_newer_gimps_profile_is_installed(machine: Machine) -> None:
    install(machine.provide_gimp("3.0.4"))
    newer = machine.provide_gimp("3.2.6")

    assert machine.problems() == ["not installed"]
    assert machine.remaining_problems() == []
    assert os.access(newer / "plug-ins" / NAME / f"{NAME}.py", os.X_OK)


def test_gimp_that_was_never_started_is_started_and_gets_the_plugin(machine: Machine) -> None:
    profile = machine.provide_gimp(was_started=False)

    assert "has never been started" in machine.problems()[0]
    assert machine.remaining_problems() == []
    assert os.access(profile / "plug-ins" / NAME / f"{NAME}.py", os.X_OK)


def test_gimp_is_started_without_a_screen(machine: Machine) -> None:
    profile = machine.provide_gimp(was_started=False)
    version = (machine.folder / "bin/gimp-3.0").rename(machine.folder / "bin/gimp-console-3.0")
    machine.provide("gimp-3.0", f'#!/bin/sh\n[ "$1" = --version ] && exec {version} "$1"\nexit 1\n')

    assert machine.remaining_problems() == []
    assert os.access(profile / "plug-ins" / NAME / f"{NAME}.py", os.X_OK)


def test_missing_gimp_is_noted_with_a_remedy(machine: Machine) -> None:
    (finding,) = findings_about("GIMP", machine.endpoint)

    assert finding.state is State.NOTE
    assert "impasto doctor --fix" in finding.remedy


def test_gimp_that_is_too_old_is_named(machine: Machine) -> None:
    machine.provide("gimp", GIMP.format(version="2.10.34", profile="2.10"))

    assert machine.problems() == ["only an older version is installed"]


def test_search_path_without_the_folder_is_reported(machine: Machine) -> None:
    profile = machine.provide_gimp()
    install(profile)
    (profile / "gimprc").write_text('(plug-in-path "/opt/plug-ins:${gimp_dir}/mine")\n')

    (text,) = machine.problems()
    (profile / "gimprc").write_text('(plug-in-path "/opt/plug-ins:${gimp_dir}/plug-ins")\n')

    assert "/opt/plug-ins" in text
    assert machine.problems() == []


def test_first_python_without_gi_is_replaced_by_another(machine: Machine) -> None:
    plugin = install(machine.provide_gimp())
    machine.provide_python()
    shutil.rmtree(machine.folder / "bin/modules/gi")
    able = machine.provide_python("gi", folder="other")

    (text,) = machine.problems()

    assert "has no gi" in text
    assert machine.remaining_problems() == []
    assert (plugin / f"{NAME}.py").read_text().startswith(f'#!{able}\n"""')


def test_lack_of_any_python_with_gi_is_reported(machine: Machine) -> None:
    install(machine.provide_gimp())
    shutil.rmtree(machine.folder / "bin/modules/gi")

    assert "has no gi" in machine.remaining_problems()[0]


def test_lack_of_any_python_is_reported(machine: Machine) -> None:
    install(machine.provide_gimp())
    (machine.folder / "bin/python3").unlink()

    assert machine.remaining_problems() == ["no working python3 was found"]


def provide_flatpak(machine: Machine) -> None:
    python = machine.provide_python("gi", folder="flatpak")
    machine.provide("flatpak", FLATPAK.format(python=python))
    (machine.home / ".local/share/flatpak/app/org.gimp.GIMP").mkdir(parents=True)


@pytest.mark.parametrize("has_usual_profile", [False, True])
def test_flatpak_gets_the_plugin_and_reaches_the_daemon(
    machine: Machine, has_usual_profile: bool
) -> None:
    provide_flatpak(machine)
    usual = machine.home / ".config/GIMP/3.0"
    sandboxed = machine.home / ".var/app/org.gimp.GIMP/config/GIMP/3.0"
    profile = usual if has_usual_profile else sandboxed
    profile.mkdir(parents=True)

    problems = machine.problems()

    assert "not installed" in problems
    assert machine.remaining_problems() == []
    assert os.access(profile / "plug-ins" / NAME / f"{NAME}.py", os.X_OK)


def test_flatpak_that_does_not_see_the_socket_is_reported(machine: Machine) -> None:
    provide_flatpak(machine)
    (machine.home / ".config/GIMP/3.0").mkdir(parents=True)
    machine.remaining_problems()
    folder = machine.home / ".cache/impasto/sandbox"
    folder.mkdir(parents=True)
    folder.chmod(0o755)

    (problem,) = machine.problems()
    assert "the GIMP in Flatpak cannot reach the daemon" in problem
    assert str(folder) in problem

    folder.chmod(0o700)
    assert machine.problems() == []
    texts = [finding.text for finding in examine("ipc:///srv/d.sock") if finding.topic == "sandbox"]
    assert texts[0] == "the GIMP in Flatpak does not see the daemon's socket /srv/d.sock"


def test_folder_that_others_can_enter_is_made_private(machine: Machine) -> None:
    folder = machine.folder / "run/impasto"
    folder.mkdir(parents=True)
    folder.chmod(0o755)

    assert "other users can enter" in machine.problems()[0]
    assert machine.remaining_problems() == []
    assert folder.stat().st_mode & 0o777 == 0o700


def test_service_whose_program_does_not_exist_is_reported(machine: Machine) -> None:
    unit = machine.home / ".config/systemd/user/impasto.service"
    unit.parent.mkdir(parents=True)
    unit.write_text('[Service]\nExecStart="/nowhere/bin/impasto" serve\n')

    assert "starts /nowhere/bin/impasto, which does not exist" in machine.problems()[0]


@pytest.mark.parametrize(
    ("known", "state", "text"),
    [
        (None, State.NOTE, "no client is authorised to connect to tcp://0.0.0.0:5570"),
        (f"{'0' * 64} laptop\n", State.OK, "served at tcp://0.0.0.0:5570: laptop"),
        ("nonsense\n", State.PROBLEM, "known_clients, line 1 is not a key followed by a name"),
    ],
)
def test_clients_on_other_machines_are_named(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, known: str | None, state: State, text: str
) -> None:
    monkeypatch.setenv("IMPASTO_LISTEN", "tcp://0.0.0.0:5570")
    if known is not None:
        keys = machine.home / ".config/impasto/keys"
        keys.mkdir(parents=True)
        (keys / "known_clients").write_text(known)

    (finding,) = findings_about("other machines", machine.endpoint)

    assert finding.state is state
    assert text in finding.text


@pytest.mark.usefixtures("machine")
def test_missing_daemon_on_another_machine_is_a_problem() -> None:
    (finding,) = findings_about("daemon", "tcp://127.0.0.1:9")

    assert finding.state is State.PROBLEM
    assert finding.text == "no daemon answers at tcp://127.0.0.1:9"
    assert finding.remedy == "Start it on that machine: impasto serve."


@pytest.mark.usefixtures("machine")
def test_missing_key_for_a_daemon_on_another_machine_is_a_problem(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("IMPASTO_SERVER_KEY", "0" * 64)

    (finding,) = findings_about("daemon", "tcp://127.0.0.1:9")

    assert "This machine has no client key yet" in finding.text
    assert finding.state is State.PROBLEM


def test_running_daemon_is_described(shared_daemon: DaemonProcess) -> None:
    texts = [finding.text for finding in examine(shared_daemon.endpoint)]

    assert f"{__version__}, pid {shared_daemon.pid}, at {shared_daemon.endpoint}" in texts


def test_command_reports_versions_networks_and_daemon_as_json(machine: Machine) -> None:
    install(machine.provide_gimp())

    completed = doctor(machine, "--json")

    report = json.loads(completed.stdout)
    findings = {entry["topic"]: (entry["state"], entry["text"]) for entry in report}
    assert completed.returncode == 0, completed.stdout
    assert findings["Impasto"][1].startswith(__version__)
    assert findings["PyTorch"][0] == "ok"
    assert findings["network vgg19"][0] == "ok"
    assert {"Python", "ZeroMQ", "GPU", "daemon", "service", "memory"} < set(findings)


@pytest.mark.parametrize(
    ("torch", "text"),
    [
        ("raise ImportError('libcudart is gone')", "libcudart is gone"),
        ("import os; os.abort()", ""),
    ],
)
def test_broken_torch_does_not_hide_other_problems(machine: Machine, torch: str, text: str) -> None:
    machine.provide_gimp()
    (machine.folder / "torch.py").write_text(torch)

    completed = doctor(machine, PYTHONPATH=str(machine.folder))

    assert completed.returncode == 1
    assert "problem  PyTorch: it cannot be used: " in completed.stdout
    assert text in completed.stdout
    assert "not installed" in completed.stdout
    assert "impasto doctor --fix" in completed.stdout
    assert "Traceback" not in completed.stdout + completed.stderr


@pytest.mark.parametrize("option", ["--fix", "--mend"])
def test_command_repairs_by_either_name_of_the_option(machine: Machine, option: str) -> None:
    profile = machine.provide_gimp()

    completed = doctor(machine, option)

    assert completed.returncode == 0, completed.stdout
    assert f"fixed: plug-in in {profile}: not installed" in completed.stderr
    assert "All is well." in completed.stdout


def test_help_shows_only_the_current_name_of_the_option(machine: Machine) -> None:
    shown = doctor(machine, "--help").stdout

    assert "--fix" in shown
    assert "--mend" not in shown


def doctor(machine: Machine, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    python_path = f"{variables.get('PYTHONPATH', '')}:{ROOT / 'shared'}:{ROOT / 'daemon'}"
    return subprocess.run(
        [sys.executable, "-m", "impasto_daemon", "doctor", *options],
        env={**os.environ, "PYTHONPATH": python_path, "OMP_NUM_THREADS": "1"},
        cwd=machine.home,
        capture_output=True,
        text=True,
        check=False,
    )
