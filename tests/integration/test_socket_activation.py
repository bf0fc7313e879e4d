"""The daemon that systemd starts for the first program that connects to its sockets."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from impasto_daemon.commands.doctor import connection
from impasto_daemon.commands.doctor.connection import connect_patiently
from impasto_shared.client import Client
from impasto_shared.protocol.reports import JobState
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style
from integration.daemon_process import DaemonProcess, picture, wait_for

# Listens at the addresses of its first argument, and becomes the program with these sockets.
HAND_OVER = """
import os, socket, sys
addresses, pid, *command = sys.argv[1:]
listeners = []
for address in addresses.split():
    is_path = address.startswith("/")
    listener = socket.socket(socket.AF_UNIX if is_path else socket.AF_INET)
    listener.bind(address if is_path else ("127.0.0.1", 0))
    listener.listen()
    listeners.append(listener)
for number, listener in enumerate(listeners, 3):
    os.dup2(listener.fileno(), number)
    os.set_inheritable(number, True)
os.environ |= {"LISTEN_FDS": str(len(listeners)), "LISTEN_PID": pid or str(os.getpid())}
os.execv(command[0], command)
"""


class ActivatedDaemon(DaemonProcess):
    """A daemon to which sockets are handed over.

    pid: that of the program for which they are; "" for the daemon itself. more: addresses of
    sockets that it does not expect.
    """

    def __init__(self, *, pid: str = "", more: tuple[str, ...] = ()) -> None:
        super().__init__(is_scripted=True)
        self._pid, self._more = pid, more
        name = socket.gethostname()
        self.sandbox = self.folder / ".cache/impasto/sandbox" / f"{name}.sock"
        for path in (self.usual, self.sandbox):
            path.parent.mkdir(parents=True, mode=0o700)

    @property
    def usual(self) -> Path:
        return self.runtime / "daemon.sock"

    @property
    def addresses(self) -> list[str]:
        return [str(self.usual), str(self.sandbox), *self._more]

    @property
    def serve_command(self) -> list[str]:
        hand_over = [sys.executable, "-c", HAND_OVER, " ".join(self.addresses), self._pid]
        return [*hand_over, *self.program]

    @property
    def program(self) -> list[str]:
        """The command line of the daemon itself."""
        return super().serve_command

    def __enter__(self) -> Self:
        super().__enter__()
        return self


@pytest.fixture
def daemon() -> Iterator[ActivatedDaemon]:
    with ActivatedDaemon() as daemon:
        yield daemon


def pid_at(path: Path) -> int:
    """Returns the process id of the daemon that answers at a path."""
    with Client.connect(f"ipc://{path}", name="test") as client:
        return client.status().pid


def test_sockets_of_systemd_are_served_and_stay(daemon: ActivatedDaemon) -> None:
    assert pid_at(daemon.usual) == daemon.pid
    assert pid_at(daemon.sandbox) == daemon.pid

    assert daemon.signal(signal.SIGTERM) == 0
    # systemd listens there still, and starts the next daemon.
    assert daemon.usual.is_socket()
    assert daemon.sandbox.is_socket()
    assert "WARNING" not in daemon.log


def test_socket_of_systemd_that_is_removed_is_bound_again(daemon: ActivatedDaemon) -> None:
    daemon.usual.unlink()
    wait_for(daemon.usual.exists, "the socket")

    assert pid_at(daemon.usual) == daemon.pid
    assert daemon.signal(signal.SIGTERM) == 0
    assert not daemon.usual.exists()


def test_worker_gets_neither_the_sockets_nor_their_variables(daemon: ActivatedDaemon) -> None:
    with daemon.client() as client:
        job = client.submit(picture(), [Style(picture())], StyleSettings(size=64, iterations=2))
        assert [*client.updates(job)][-1].state is JobState.DONE
        worker = Path(f"/proc/{client.status().worker.pid}")

    assert b"HOME=" in (worker / "environ").read_bytes()
    assert b"LISTEN_" not in (worker / "environ").read_bytes()
    of_daemon = {str(Path(f"/proc/{daemon.pid}/fd/{number}").readlink()) for number in (3, 4)}
    of_worker = {str(each.readlink()) for each in (worker / "fd").iterdir()}
    assert all(name.startswith("socket:") for name in of_daemon)
    assert not of_daemon & of_worker


def test_socket_at_another_place_is_not_served() -> None:
    elsewhere = ActivatedDaemon().folder / "elsewhere.sock"
    with ActivatedDaemon(more=(str(elsewhere), "tcp")) as daemon:
        assert daemon.answers()
        assert f"systemd listens at {elsewhere}, where this daemon does not serve" in daemon.log
        assert "is no Unix socket" in daemon.log
    shutil.rmtree(elsewhere.parent)


def test_sockets_for_another_program_are_left_alone() -> None:
    daemon = ActivatedDaemon(pid="1")

    refused = subprocess.run(
        daemon.serve_command, env=daemon.environment, capture_output=True, text=True
    )

    daemon.end()
    assert refused.returncode == 1
    assert "Another program serves at" in refused.stderr


@pytest.mark.skipif(not shutil.which("systemd-socket-activate"), reason="systemd is not installed")
def test_first_program_that_connects_starts_the_daemon() -> None:
    class Activated(ActivatedDaemon):
        @property
        def serve_command(self) -> list[str]:
            listen = [f"--listen={path}" for path in self.addresses]
            variables = [f"{name}={value}" for name, value in self.environment.items()]
            # It hands no environment over but its own.
            return ["systemd-socket-activate", *listen, "env", *variables, *self.program]

    with Activated() as daemon:
        assert pid_at(daemon.sandbox) == daemon.pid
        assert pid_at(daemon.usual) == daemon.pid


class LateDaemon(ActivatedDaemon):
    """A daemon for which its sockets wait longer than clients wait for its first answer."""

    @property
    def program(self) -> list[str]:
        return ["/bin/sh", "-c", 'sleep 3; exec "$@"', "sh", *super().program]

    def start(self) -> None:
        """Starts it, and waits for nothing but its sockets."""
        self.process = subprocess.Popen(self.serve_command, env=self.environment, text=True)
        wait_for(self.sandbox.is_socket, "the sockets")


def test_doctor_waits_for_a_daemon_that_systemd_starts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(connection, "_TRY_S", 0.5)
    with LateDaemon() as daemon, connect_patiently(daemon.endpoint) as client:
        assert client.status().pid == daemon.pid
    assert "no answer from the daemon yet" in capsys.readouterr().err
