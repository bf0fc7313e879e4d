"""The single daemon of an address: its lock, its socket, and other files at the path."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from impasto_shared.protocol.reports import JobState
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style
from integration.daemon_process import PATIENCE_S, DaemonProcess, free_address, picture, wait_for


@pytest.fixture
def folder() -> Iterator[Path]:
    """A private folder with a short path, for sockets that two daemons have in common."""
    with tempfile.TemporaryDirectory(prefix="impasto-test-") as folder:
        yield Path(folder)


@pytest.fixture
def daemon() -> Iterator[DaemonProcess]:
    with DaemonProcess(is_scripted=True) as daemon:
        yield daemon


def test_second_daemon_at_an_address_is_refused_whatever_its_runtime_folder(folder: Path) -> None:
    endpoint = f"ipc://{folder}/shared.sock"
    second = DaemonProcess(endpoint, is_scripted=True)
    with DaemonProcess(endpoint, is_scripted=True) as first:
        refused = second.run("serve")
        with first.client() as client:
            pid = client.status().pid

        assert f"running already (pid {first.pid})" in refused.stderr
        assert refused.returncode == 0
        assert pid == first.pid
    with second, second.client() as client:
        assert client.status().pid == second.pid


def in_sandbox(daemon: DaemonProcess, *command: str) -> subprocess.CompletedProcess[str]:
    """Runs a command with what Flatpak leaves it: the home folder, and other XDG folders."""
    app = daemon.folder / ".var/app/org.gimp.GIMP"
    names = ("RUNTIME_DIR", "CACHE_HOME", "DATA_HOME", "STATE_HOME", "CONFIG_HOME")
    variables = {f"XDG_{name}": str(app / name.lower()) for name in names}
    environment = daemon.environment | variables | {"FLATPAK_ID": "org.gimp.GIMP"}
    del environment["IMPASTO_ENDPOINT"]
    return subprocess.run(
        [sys.executable, "-m", "impasto_daemon", *command],
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def pid_in_sandbox(daemon: DaemonProcess) -> int:
    result = in_sandbox(daemon, "status", "--json")
    assert result.returncode == 0, result.stderr
    return int(json.loads(result.stdout)["pid"])


def test_sandboxed_program_reaches_the_daemon_without_a_permission(daemon: DaemonProcess) -> None:
    assert pid_in_sandbox(daemon) == daemon.pid

    (socket,) = (daemon.folder / ".cache/impasto/sandbox").glob("*.sock")
    assert socket.stat().st_mode & 0o077 == 0
    assert socket.parent.stat().st_mode & 0o077 == 0
    socket.unlink()
    wait_for(socket.exists, "the socket for sandboxes")
    assert pid_in_sandbox(daemon) == daemon.pid
    daemon.signal(signal.SIGTERM)
    assert not socket.exists()


def test_home_folder_of_two_daemons_has_the_socket_of_the_first(daemon: DaemonProcess) -> None:
    with DaemonProcess(is_scripted=True, variables={"HOME": str(daemon.folder)}) as second:
        assert pid_in_sandbox(daemon) == daemon.pid
        assert second.answers()
    assert pid_in_sandbox(daemon) == daemon.pid


def test_daemon_whose_home_has_no_room_for_a_socket_serves_the_others(
    daemon: DaemonProcess,
) -> None:
    home = daemon.folder / ("long" * 30)
    with DaemonProcess(is_scripted=True, variables={"HOME": str(home)}) as other:
        assert other.answers()
        assert "programs in a sandbox" in other.log
        assert "longer than" in other.log


def test_socket_that_is_bound_again_asks_for_no_key() -> None:
    with DaemonProcess(options=["--listen", free_address()], is_scripted=True) as daemon:
        (daemon.runtime / "daemon.sock").unlink()
        wait_for((daemon.runtime / "daemon.sock").exists, "the socket")

        assert daemon.answers()


@pytest.mark.parametrize("removal", ["socket", "folder"])
def test_removed_socket_is_bound_again_while_the_job_continues(
    daemon: DaemonProcess, removal: str
) -> None:
    with daemon.client() as client:
        settings = StyleSettings(size=64, iterations=100)
        job = client.submit(picture(), [Style(picture())], settings)
        next(report for report in client.updates(job) if report.step)
        path = daemon.runtime / "daemon.sock"
        path.unlink() if removal == "socket" else shutil.rmtree(daemon.runtime)
        wait_for(path.exists, "the socket")
        wait_for(daemon.answers, "an answer")
        second = daemon.run("serve")
        *_, final = client.updates(job)

    assert "was removed; it is bound again" in daemon.log
    assert f"running already (pid {daemon.pid})" in second.stderr
    assert final.state is JobState.DONE


@contextmanager
def second_at_the_address_of(daemon: DaemonProcess) -> Iterator[subprocess.Popen[bytes]]:
    """Starts another daemon, which answers within the context; ends it, whatever happens there."""
    with subprocess.Popen(daemon.serve_command, env=daemon.environment) as second:
        try:
            wait_for(daemon.answers, "an answer of the second daemon")
            yield second
        finally:
            second.terminate()


def test_daemon_whose_address_another_took_ends_and_leaves_it_alone(daemon: DaemonProcess) -> None:
    assert daemon.process is not None
    daemon.process.send_signal(signal.SIGSTOP)
    shutil.rmtree(daemon.runtime)
    with second_at_the_address_of(daemon) as second:
        daemon.process.send_signal(signal.SIGCONT)

        assert daemon.process.wait(PATIENCE_S) == 0
        assert f"running already (pid {second.pid})" in daemon.log
        with daemon.client() as client:
            assert client.status().pid == second.pid
    assert not (daemon.runtime / "daemon.sock").exists()


def test_daemon_whose_address_another_took_finishes_its_jobs() -> None:
    with DaemonProcess(is_scripted=True) as daemon, daemon.client() as client:
        assert daemon.process is not None
        job = client.submit(picture(), [Style(picture())], StyleSettings(size=64, iterations=100))
        next(report for report in client.updates(job) if report.step)
        daemon.process.send_signal(signal.SIGSTOP)
        shutil.rmtree(daemon.runtime)
        with second_at_the_address_of(daemon) as second:
            daemon.process.send_signal(signal.SIGCONT)
            *_, final = client.updates(job)

            assert final.state is JobState.DONE, final.problem
            assert daemon.process.wait(PATIENCE_S) == 0
            assert f"running already (pid {second.pid})" in daemon.log


def test_file_at_the_path_of_the_socket_is_not_removed(folder: Path) -> None:
    daemon = DaemonProcess(f"ipc://{folder}/thesis.txt", is_scripted=True)
    (folder / "thesis.txt").write_text("three years")

    refused = daemon.run("serve")

    daemon.end()
    assert refused.returncode == 1
    assert "is not a socket" in refused.stderr
    assert (folder / "thesis.txt").read_text() == "three years"


def test_daemon_with_a_short_address_paints_whatever_the_length_of_the_runtime_folder() -> None:
    daemon = DaemonProcess(is_scripted=True)
    runtime = daemon.folder / ("long" * 25)
    runtime.mkdir()
    variables = {"XDG_RUNTIME_DIR": str(runtime)}
    endpoint = f"ipc://{daemon.folder}/impasto/s"
    with (
        DaemonProcess(endpoint, is_scripted=True, variables=variables) as other,
        other.client() as client,
    ):
        job = client.submit(picture(), [Style(picture())], StyleSettings(size=64, iterations=1))
        *_, final = client.updates(job)
    daemon.end()

    assert final.state is JobState.DONE
