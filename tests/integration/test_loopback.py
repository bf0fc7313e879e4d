"""A daemon on loopback TCP, as on systems without Unix sockets: who gets in, and who does not."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from impasto_shared.client import Client
from impasto_shared.connection.local_socket import LocalSocket
from impasto_shared.connection.loopback import HOST, LoopbackAddress
from impasto_shared.errors import DaemonUnavailable
from impasto_shared.files.paths import UnsafeDirectory
from impasto_shared.protocol.reports import JobState
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style
from integration.daemon_process import PATIENCE_S, DaemonProcess, picture, wait_for

OTHER_USER = 65534
CHALLENGE_BYTES, ANSWER_BYTES = 40, 76


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="impasto-loopback-") as path:
        yield Path(path) / "private"


@pytest.fixture(scope="module")
def daemon(folder: Path) -> Iterator[DaemonProcess]:
    with DaemonProcess(f"loopback://{folder}/daemon.json", is_scripted=True) as daemon:
        yield daemon


@pytest.fixture
def address(daemon: DaemonProcess, folder: Path) -> LoopbackAddress:
    assert daemon.process is not None
    return LoopbackAddress.read(folder / "daemon.json")


def connected(address: LoopbackAddress) -> socket.socket:
    plain = socket.create_connection((HOST, address.port))
    plain.settimeout(PATIENCE_S)
    return plain


def heard_from(plain: socket.socket) -> bytes:
    """Returns all that the other end sends until it closes the connection."""
    heard = b""
    with suppress(ConnectionResetError):
        while part := plain.recv(4096):
            heard += part
    return heard


@contextmanager
def squatter(script: bytes, folder: Path) -> Iterator[tuple[str, list[bytes]]]:
    """Gives the address of a daemon that has died, on whose port another program waits.

    That sends a challenge and a script, and notes all that it hears.
    """
    heard: list[bytes] = []

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection, suppress(OSError):
                    connection.sendall(b"IMPASTO\x01" + os.urandom(32))
                    connection.settimeout(1)
                    if first := connection.recv(4096):
                        heard.append(first)
                    connection.sendall(script)
                    while part := connection.recv(4096):
                        heard.append(part)

    with socket.create_server((HOST, 0)) as listener:
        folder.mkdir(mode=0o700)
        port = listener.getsockname()[1]
        LoopbackAddress(port, secrets.token_bytes(32), 1).write(folder / "daemon.json")
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"loopback://{folder}/daemon.json", heard
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_picture_is_painted(daemon: DaemonProcess) -> None:
    with Client.connect(daemon.endpoint, name="test") as client:
        content = picture(900, 700)
        job = client.submit(content, [Style(picture())], StyleSettings(iterations=2))
        last = [report.state for report in client.updates(job)][-1]

        assert last is JobState.DONE
        assert client.fetch(job).width == content.width


def test_command_line_finds_it(daemon: DaemonProcess) -> None:
    status = daemon.run("status")

    assert status.returncode == 0, status.stderr
    assert "idle" in status.stdout.lower() or "job" in status.stdout.lower()


def test_second_daemon_is_refused(daemon: DaemonProcess, address: LoopbackAddress) -> None:
    second = daemon.run("serve")

    assert second.returncode == 0
    assert f"is running already (pid {address.pid})" in second.stderr
    assert wait_for(lambda: daemon.run("status").returncode == 0, "an answer")


def test_its_file_is_this_users_alone(folder: Path, address: LoopbackAddress) -> None:
    file = folder / "daemon.json"
    contents = json.loads(file.read_text())

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(bytes.fromhex(contents["secret"])) == 32
    assert contents["pid"] == address.pid
    assert contents["version"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_cannot_read_the_secret(daemon: DaemonProcess, folder: Path) -> None:
    folder.parent.chmod(0o755)  # others may enter it, but not the folder of the file
    assert daemon.process is not None
    program = f"open({str(folder / 'daemon.json')!r})"

    def opens(user: int) -> str:
        command = ["/usr/bin/python3", "-c", program]
        return subprocess.run(command, user=user, capture_output=True, text=True).stderr

    assert opens(os.geteuid()) == ""
    assert "PermissionError" in opens(OTHER_USER)


@pytest.mark.parametrize(
    "first",
    [
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nSec-WebSocket-Version: 13\r\n\r\n",
        b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(48),
        b"IMPASTO\x01" + bytes(68),
        b"IMPASTO\x01" + os.urandom(3000),
    ],
    ids=["browser", "ZeroMQ", "zeros", "noise"],
)
def test_stranger_on_the_port_gets_nothing(address: LoopbackAddress, first: bytes) -> None:
    with connected(address) as plain:
        plain.sendall(first)

        assert len(heard_from(plain)) == CHALLENGE_BYTES


def test_silent_stranger_is_cut_off(address: LoopbackAddress) -> None:
    with connected(address) as plain:
        assert len(heard_from(plain)) == CHALLENGE_BYTES


def test_program_without_the_secret_gets_no_answer(folder: Path, address: LoopbackAddress) -> None:
    wrong = replace(address, secret=bytes(32))
    client = LocalSocket(folder / "daemon.json", wrong)
    client.send([b"hello"])

    assert not client.wait(PATIENCE_S)
    assert not client.is_connected


@pytest.mark.parametrize(
    "script", [b"", os.urandom(32), os.urandom(5000)], ids=["silent", "guess", "noise"]
)
def test_squatter_on_a_dead_daemons_port_gets_no_message(tmp_path: Path, script: bytes) -> None:
    with squatter(script, tmp_path / "private") as (endpoint, heard):
        with pytest.raises(DaemonUnavailable):
            Client.connect(endpoint, name="a name that it must not hear", timeout_s=3)
        wait_for(lambda: heard, "the client's proof")

    assert {len(part) for part in heard} == {ANSWER_BYTES}


def test_daemon_is_started_in_spite_of_a_squatter(tmp_path: Path) -> None:
    with squatter(os.urandom(32), tmp_path / "private") as (endpoint, _):
        daemon = DaemonProcess(endpoint, is_scripted=True)
        before = LoopbackAddress.read(tmp_path / "private/daemon.json")
        with daemon, Client.connect(endpoint, name="test") as client:
            after = LoopbackAddress.read(tmp_path / "private/daemon.json")

            assert client.status() is not None
            assert after.port != before.port
            assert after.secret != before.secret
            daemon.signal(signal.SIGTERM)
    assert not (tmp_path / "private/daemon.json").exists()


def test_removed_file_is_written_again(tmp_path: Path) -> None:
    file = tmp_path / "private/daemon.json"
    with DaemonProcess(f"loopback://{file}", is_scripted=True) as daemon:
        file.unlink()
        wait_for(file.exists, "the file")
        with Client.connect(daemon.endpoint, name="test") as client:
            assert client.status() is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"endpoint": "tcp://203.0.113.9:5570", "secret": "' + "00" * 32 + '", "pid": 1}',
        '{"endpoint": "tcp://127.0.0.1:5570", "secret": "00", "pid": 1}',
        '{"endpoint": "tcp://127.0.0.1:99999", "secret": "' + "00" * 32 + '", "pid": 1}',
        '{"endpoint": "tcp://127.0.0.1:5570", "secret": "' + "00" * 32 + '", "pid": Infinity}',
    ],
)
def test_damaged_file_is_refused(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    (folder / "daemon.json").write_text(text)

    with pytest.raises(DaemonUnavailable, match="is damaged"):
        Client.connect(f"loopback://{folder}/daemon.json", name="test", timeout_s=1)


def test_file_in_a_folder_of_others_is_not_believed(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir(mode=0o700)
    LoopbackAddress(1, bytes(32), 1).write(folder / "daemon.json")
    folder.chmod(0o777)

    with pytest.raises(UnsafeDirectory):
        Client.connect(f"loopback://{folder}/daemon.json", name="test", timeout_s=1)


def test_clients_start_it(tmp_path: Path) -> None:
    endpoint = f"loopback://{tmp_path}/private/daemon.json"
    daemon = DaemonProcess(endpoint)
    program = (
        "from impasto_shared.launcher import connect_or_start; import sys, os, signal\n"
        f"command = lambda: [{sys.executable!r}, '-m', 'impasto_daemon']\n"
        f"with connect_or_start({endpoint!r}, name='test', command=command) as client:\n"
        "    print(client.welcome.version)\n"
    )
    started = subprocess.run(
        [sys.executable, "-c", program],
        env=daemon.environment | {"PYTHONPATH": daemon.environment["PYTHONPATH"]},
        capture_output=True,
        text=True,
    )
    address = LoopbackAddress.read(tmp_path / "private/daemon.json")
    os.kill(address.pid, 15)

    assert started.returncode == 0, started.stderr
    assert wait_for(lambda: not (tmp_path / "private/daemon.json").exists(), "the end")
