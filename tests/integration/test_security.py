"""The promises of docs/security.md for a running daemon that other tests leave out."""

from __future__ import annotations

import json
import os
import re
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from impasto_daemon.server.clients.authentication import HANDSHAKE_MS
from impasto_shared.client import Client
from impasto_shared.connection.keys import Role, ensure_keys
from impasto_shared.errors import DaemonUnavailable
from impasto_shared.files.paths import UnsafeDirectory
from impasto_shared.image import MAX_FRAME_BYTES
from impasto_shared.protocol.codec import MAGIC
from impasto_shared.protocol.messages import Accepted, ErrorReply
from impasto_shared.protocol.reports import JobState
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style
from integration.daemon_process import (
    ROOT,
    DaemonProcess,
    RawConnection,
    free_address,
    picture,
    wait_for,
)

OTHER_USER = 65534
LONG_MESSAGE, LONG_COMMAND = 0x02, 0x06


def connected(endpoint: str) -> socket.socket:
    """Opens a plain socket at an endpoint, without ZeroMQ."""
    if path := endpoint.removeprefix("ipc://") if endpoint.startswith("ipc:") else "":
        plain = socket.socket(socket.AF_UNIX)
        plain.connect(path)
    else:
        host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
        plain = socket.create_connection((host, int(port)))
    plain.settimeout(20)
    return plain


def greeting(mechanism: bytes) -> bytes:
    """Returns the greeting of a ZMTP 3.0 connection (RFC 23)."""
    return b"\xff" + bytes(8) + b"\x7f\x03\x00" + mechanism.ljust(20, b"\0") + bytes(32)


def is_closed_by_peer(plain: socket.socket) -> bool:
    """Waits for the peer to close the connection; bytes before that are ignored."""
    with suppress(ConnectionResetError):
        while plain.recv(4096):
            pass
    return True


# Access


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_other_users_cannot_reach_the_socket(shared_daemon: DaemonProcess) -> None:
    program = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
    path = shared_daemon.endpoint.removeprefix("ipc://")
    shared_daemon.folder.chmod(0o755)  # others may enter it, but not the folder of the socket

    def connect(user: int) -> str:
        command = ["/usr/bin/python3", "-c", program, path]
        return subprocess.run(command, user=user, capture_output=True, text=True).stderr

    try:
        assert connect(0) == ""
        assert "PermissionError" in connect(OTHER_USER)
    finally:
        shared_daemon.folder.chmod(0o700)


def test_no_tcp_port_is_open_by_default(shared_daemon: DaemonProcess) -> None:
    with DaemonProcess(free_address()) as asked:
        assert listening_ports(asked.pid)
    assert not listening_ports(shared_daemon.pid)


def listening_ports(pid: int) -> list[str]:
    """Returns the lines of /proc/net/tcp and tcp6 for the ports at which a process listens."""
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            inodes.update(re.findall(r"socket:\[(\d+)\]", str(descriptor.readlink())))
    lines = [
        line.split()
        for table in ("tcp", "tcp6")
        if (path := Path(f"/proc/{pid}/net/{table}")).exists()
        for line in path.read_text().splitlines()[1:]
    ]
    return [" ".join(line) for line in lines if line[3] == "0A" and line[9] in inodes]


def test_client_sends_no_picture_to_a_socket_that_other_users_could_have_made(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "impasto"
    folder.mkdir()
    folder.chmod(0o777)
    (folder / "daemon.sock").touch()

    with pytest.raises(UnsafeDirectory, match="chmod 700"):
        Client.connect(f"ipc://{folder}/daemon.sock", name="test")


@contextmanager
def eavesdropper(endpoint: str) -> Iterator[tuple[str, bytearray]]:
    """Puts a relay between client and daemon; yields its address and the traffic."""
    heard = bytearray()
    with socket.create_server(("127.0.0.1", 0)) as server, connected(endpoint) as daemon:
        daemon.settimeout(None)

        def pass_on(source: socket.socket, target: socket.socket) -> None:
            with suppress(OSError):
                while words := source.recv(65536):
                    heard.extend(words)
                    target.sendall(words)
            with suppress(OSError):
                target.shutdown(socket.SHUT_RDWR)

        def serve() -> None:
            client, _ = server.accept()
            with client:
                back = threading.Thread(target=pass_on, args=(daemon, client))
                back.start()
                pass_on(client, daemon)
                back.join()

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}", heard
        thread.join()


@pytest.mark.parametrize("is_encrypted", [False, True])
def test_traffic_to_another_machine_is_encrypted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_encrypted: bool
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    address = free_address()
    options = ["--listen", address] if is_encrypted else []
    daemon = DaemonProcess(None if is_encrypted else address, options, is_scripted=True)
    server_key = ""
    if is_encrypted:
        daemon.run("keys", "add", "laptop", ensure_keys(Role.CLIENT).public.hex())
        (server_key,) = re.findall(r"Daemon's key .*: +(\w+)", daemon.run("keys").stdout)
    photo = picture()

    with (
        daemon,
        eavesdropper(address) as (between, heard),
        Client.connect(between, name="a secret name", server_key=server_key) as client,
    ):
        job = client.submit(photo, [Style(photo)], StyleSettings(size=64, iterations=1))
        assert [*client.updates(job)][-1].state is JobState.DONE

    assert len(heard) > 2 * len(photo.pixels)
    for secret in (b"a secret name", MAGIC, bytes(photo.pixels)[:64]):
        assert (secret in heard) is not is_encrypted


# Unauthenticated clients


@pytest.fixture(scope="module")
def remote() -> Iterator[tuple[DaemonProcess, str]]:
    """A daemon that also serves other machines, and its address for them."""
    address = free_address()
    with DaemonProcess(options=["--listen", address], is_scripted=True) as daemon:
        yield daemon, address


@pytest.mark.parametrize(
    "words",
    [
        b"",
        b"\xff",
        greeting(b"CURVE"),
        greeting(b"CURVE") + struct.pack(">BQ", LONG_COMMAND, MAX_FRAME_BYTES) + bytes(2**20),
        greeting(b"CURVE") + struct.pack(">BQ", LONG_MESSAGE, MAX_FRAME_BYTES) + bytes(2**20),
    ],
    ids=["silence", "one byte", "a greeting", "a huge command", "a huge message"],
)
def test_client_that_does_not_authenticate_is_dropped_soon(
    remote: tuple[DaemonProcess, str], words: bytes
) -> None:
    daemon, address = remote
    with connected(address) as stranger:
        stranger.sendall(words)
        started_s = time.monotonic()
        assert is_closed_by_peer(stranger)
        # Long after the timeout, and long before libzmq's own of half a minute.
        assert time.monotonic() - started_s < 5 * HANDSHAKE_MS / 1000

    assert daemon.answers()


@pytest.mark.parametrize("mechanism", [b"NULL", b"PLAIN", b"GSSAPI"])
def test_client_without_encryption_is_refused(
    remote: tuple[DaemonProcess, str], mechanism: bytes
) -> None:
    _, address = remote
    with connected(address) as stranger:
        stranger.sendall(greeting(mechanism))

        assert is_closed_by_peer(stranger)


# Authenticated clients


def test_frame_beyond_the_limit_ends_its_connection_alone(shared_daemon: DaemonProcess) -> None:
    ready = b"\x05READY\x0bSocket-Type" + struct.pack(">I", 6) + b"DEALER"
    begin = greeting(b"NULL") + struct.pack(">BB", 0x04, len(ready)) + ready
    with connected(shared_daemon.endpoint) as client, connected(shared_daemon.endpoint) as other:
        client.sendall(begin + struct.pack(">BQ", LONG_MESSAGE, MAX_FRAME_BYTES + 1))
        other.sendall(begin + struct.pack(">BQ", LONG_MESSAGE, MAX_FRAME_BYTES))

        assert is_closed_by_peer(client)
        other.settimeout(0.5)
        with pytest.raises(TimeoutError):  # the daemon waits for the rest
            is_closed_by_peer(other)

    assert shared_daemon.answers()


# The daemon's handling of their messages

# Every Python imports it at its start.
SITECUSTOMIZE = """
import json, os, sys
log = os.open({log!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
EVENTS = ("open", "os.", "subprocess.Popen", "shutil.", "ctypes.dlopen", "socket.connect")
def note(event, arguments):
    if event.startswith(EVENTS):
        os.write(log, json.dumps([os.getpid(), event, repr(arguments)]).encode() + b"\\n")
sys.addaudithook(note)
"""


class WatchedDaemon(DaemonProcess):
    """A daemon whose server and worker record the files they open and the programs they start."""

    def __init__(self) -> None:
        super().__init__()
        script = SITECUSTOMIZE.format(log=str(self.folder / "events"))
        (self.folder / "sitecustomize.py").write_text(script)

    @property
    def environment(self) -> dict[str, str]:
        variables = super().environment
        return variables | {"PYTHONPATH": f"{self.folder}:{variables['PYTHONPATH']}"}

    @property
    def events(self) -> list[tuple[int, str, str]]:
        """Process, event and arguments."""
        lines = (self.folder / "events").read_text().splitlines()
        return [tuple(json.loads(line)) for line in lines]


def test_no_text_of_a_client_is_opened_loaded_or_run(tmp_path: Path) -> None:
    bait = tmp_path / "bait"
    bait.write_bytes(b"")
    words = [str(bait), f"$(touch {bait})", f"`{bait}`", f"; {bait}", f"file://{bait}"]
    with WatchedDaemon() as daemon, RawConnection(daemon.endpoint) as connection:
        for number, text in enumerate(words):
            for answer in send_everywhere(connection, text, job=f"{number:032x}"):
                assert isinstance(answer, ErrorReply | Accepted) or answer.type == "welcome"
        wait_for(lambda: all_ended(daemon), "the end of the jobs")
        events = daemon.events
        pid = daemon.pid

    # The hooks do record opened files: the lock, and the network.
    opened = [(process == pid, what) for process, event, what in events if event == "open"]
    assert any(is_server and "daemon.lock" in what for is_server, what in opened)
    assert any(not is_server and "vgg19_weights" in what for is_server, what in opened)
    assert [event for event in events if "bait" in event[2]] == []
    started = [what for process, event, what in events if (process, event) == (pid, "os.system")]
    assert started == []
    (worker,) = [
        what for process, event, what in events if (process, event) == (pid, "subprocess.Popen")
    ]
    assert "impasto_daemon.worker.main" in worker


def send_everywhere(connection: RawConnection, text: str, job: str) -> Iterator[Any]:
    """Returns the replies to messages with `text` in every field, valid or not."""
    image = {"width": 1, "height": 1, "format": "R'G'B' u8"}
    submit = {"type": "submit", "id": text, "job": job, "content": image}
    quick = {"iterations": 1, "size": 32}
    styles = [{"image": image, "path": text}]
    for header, pixels in (
        ({"type": "hello", "id": text, "client": text, "path": text}, 0),
        ({"type": text, "id": text}, 0),
        ({"type": "fetch", "id": text, "job": text}, 0),
        (submit | {"settings": quick | {"model": text}, "styles": styles}, 2),
        (submit | {"settings": quick | {"content_layers": text}, "styles": styles}, 2),
        (submit | {"settings": quick, "content": image | {"format": text}, "styles": styles}, 2),
        (submit | {"settings": quick, "styles": styles, "output": text}, 2),
    ):
        yield connection.ask(MAGIC, json.dumps(header).encode(), *[bytes(3)] * pixels)


def all_ended(daemon: DaemonProcess) -> bool:
    with suppress(DaemonUnavailable), daemon.client() as client:
        jobs = client.status().jobs
        return bool(jobs) and all(job.state.is_final for job in jobs)
    return False


def test_log_holds_no_pictures_and_no_keys(remote: tuple[DaemonProcess, str]) -> None:
    daemon, _ = remote
    with daemon.client() as client:
        job = client.submit(picture(), [Style(picture())], StyleSettings(size=64, iterations=1))
        assert [*client.updates(job)][-1].state is JobState.DONE

    log = daemon.log
    secret = (daemon.folder / ".config/impasto/keys/daemon.secret").read_text().strip()
    assert job in log
    assert secret not in log
    assert len(log) < 5000
    assert str(ROOT / "assets") not in log
