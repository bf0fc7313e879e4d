"""Files in the folder where Impasto is started are never executed, and the folder stays free."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from impasto_shared.protocol.reports import JobState
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style
from integration.booby_traps import BoobyTraps
from integration.daemon_process import PATIENCE_S, ROOT, SMALL, DaemonProcess, is_alive, picture
from integration.daemon_process import wait_for as wait
from integration.install_machine import make_machine

PHOTO = ROOT / "assets/photos/chelsea.jpg"
PAINTING = ROOT / "assets/styles/auvers.jpg"
QUICK = ("--iterations", "2", "--size", "64")
SCRIPT = f"""#!{sys.executable}
from impasto_daemon.commands.main import main
main()
"""


@pytest.fixture
def machine() -> Iterator[DaemonProcess]:
    """A machine without a daemon; one that a command starts is stopped at the end."""
    machine = DaemonProcess()
    yield machine
    if machine.answers():
        with machine.client() as client:
            daemon = client.status().pid
        os.kill(daemon, 15)
        wait(lambda: not is_alive(daemon), "the daemon's exit")
    machine.end()


@pytest.fixture
def traps(machine: DaemonProcess) -> BoobyTraps:
    return BoobyTraps(machine.folder)


def script(machine: DaemonProcess) -> str:
    """Returns the path of a program like the one that pip installs."""
    program = machine.folder / "impasto-script"
    program.write_text(SCRIPT)
    program.chmod(0o755)
    return str(program)


def run(
    machine: DaemonProcess, folder: Path, *command: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env=machine.environment | variables,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE_S,
    )


def test_client_daemon_and_worker_execute_nothing_in_the_current_folder(
    machine: DaemonProcess, traps: BoobyTraps
) -> None:
    shutil.copy(PHOTO, traps.folder / "photo.jpg")
    arguments = ("stylize", "photo.jpg", str(PAINTING), "-o", "out.png", *QUICK)

    completed = run(machine, traps.folder, script(machine), *arguments)

    assert traps.executed == ""
    assert completed.returncode == 0, completed.stderr
    assert (traps.folder / "out.png").exists()
    with machine.client() as client:
        status = client.status()
    for pid in (status.pid, status.worker.pid):
        assert Path(f"/proc/{pid}/cwd").readlink() == Path("/")


def test_worker_of_a_daemon_started_there_executes_nothing(
    machine: DaemonProcess, traps: BoobyTraps
) -> None:
    with (
        subprocess.Popen(
            [script(machine), "serve"], env=machine.environment, cwd=traps.folder
        ) as daemon,
    ):
        wait(machine.answers, "an answer of the daemon")
        with machine.client() as client:
            job = client.submit(picture(), [Style(picture())], StyleSettings(**SMALL))
            states = [report.state for report in client.updates(job)]
        daemon.terminate()

    assert traps.executed == ""
    assert states[-1] is JobState.DONE


def test_daemon_survives_the_removal_of_the_folder_it_was_started_in(
    machine: DaemonProcess,
) -> None:
    folder = machine.folder / "stick"
    folder.mkdir()
    arguments = ("stylize", str(PHOTO), str(PAINTING), "-o", "out.png", *QUICK)
    first = run(machine, folder, script(machine), *arguments)
    shutil.rmtree(folder)
    with machine.client() as client:
        worker = client.status().worker.pid
        assert worker is not None
        os.kill(worker, 9)
        wait(lambda: client.status().worker.pid != worker, "the end of the worker")

    second = run(machine, machine.folder, script(machine), *arguments)

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr


def test_doctor_executes_nothing_in_the_current_folder(
    machine: DaemonProcess, traps: BoobyTraps
) -> None:
    completed = run(machine, traps.folder, script(machine), "doctor", PATH="/nowhere")

    assert traps.executed == ""
    assert "PyTorch: " in completed.stdout


def test_module_executes_nothing_once_it_runs(machine: DaemonProcess, traps: BoobyTraps) -> None:
    # Python itself imports parts of its library, and the package, from the current folder.
    for path in traps.folder.iterdir():
        if path.stem not in ("queue", "torch", "zmq"):
            path.unlink()

    completed = run(machine, traps.folder, sys.executable, "-m", "impasto_daemon", "status")

    assert traps.executed == ""
    assert "No Impasto daemon is running" in completed.stderr


@pytest.mark.parametrize("command", ["plugin", "service", "demo", "uninstall"])
def test_installer_executes_nothing_in_the_current_folder(tmp_path: Path, command: str) -> None:
    machine = make_machine(tmp_path)
    machine.profile(".config/GIMP/3.0")
    traps = BoobyTraps(tmp_path / "here")

    completed = machine.install(command, folder=traps.folder)

    assert completed.returncode == 0, completed.stderr
    assert traps.executed == ""
