import os
import shutil
import socket as sockets
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from impasto_daemon.server.process.endpoint import (
    Address,
    CannotServe,
    UnsafeEndpoint,
    check_endpoint,
    listening_socket,
    listening_unix_socket,
    loopback_socket,
)
from impasto_daemon.server.process.single_instance import AlreadyRunning
from impasto_shared.connection.loopback import LoopbackAddress
from impasto_shared.errors import ImpastoError


@pytest.mark.parametrize("endpoint", ["tcp://127.0.0.1:5555", "tcp://[::1]:5555"])
def test_loopback_is_a_safe_endpoint(endpoint: str) -> None:
    check_endpoint(endpoint)


@pytest.mark.parametrize(
    "endpoint",
    [
        "tcp://*:5555",
        "tcp://0.0.0.0:5555",
        "tcp://192.168.1.2:5555",
        "tcp://eth0:5555",
        "tcp://127.0.0.1.example.org:5555",
        "tcp://127.0.0.1:0;203.0.113.9:5570",
        "tcp://user@127.0.0.1:5555",
        "inproc://daemon",
        "ipc://daemon.sock",
        "daemon.sock",
    ],
)
def test_endpoint_that_others_could_reach_is_refused(endpoint: str) -> None:
    with pytest.raises(UnsafeEndpoint):
        check_endpoint(endpoint)


def test_socket_path_longer_than_the_system_allows_is_refused() -> None:
    with pytest.raises(ImpastoError, match="longer than 107 bytes"):
        check_endpoint(f"ipc:///tmp/{'x' * 120}")


def test_folder_of_the_socket_is_made_private(tmp_path: Path) -> None:
    check_endpoint(f"ipc://{tmp_path}/runtime/daemon.sock")

    assert (tmp_path / "runtime").stat().st_mode & 0o777 == 0o700


@pytest.fixture
def on() -> Iterator[ExitStack]:
    """The sockets that are open until the end of a test."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of a socket, in another folder than the lock of the user's daemon."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    folder = tmp_path / "sockets"
    folder.mkdir(mode=0o700)
    return folder / "daemon.sock"


def bind(on: ExitStack, path: Path, address: Address) -> None:
    on.enter_context(listening_unix_socket(path))
    address.remember_file()


def test_socket_file_is_accessible_to_this_user_alone_and_removed_at_the_end(
    path: Path, on: ExitStack
) -> None:
    with Address(f"ipc://{path}") as address:
        bind(on, path, address)
        assert path.stat().st_mode & 0o077 == 0
        assert address.is_ours

    assert not path.exists()


@pytest.mark.parametrize("replacement", ["file", "socket"])
def test_file_that_has_replaced_the_socket_stays(
    path: Path, on: ExitStack, replacement: str
) -> None:
    with sockets.socket(sockets.AF_UNIX) as other:
        with Address(f"ipc://{path}") as address:
            bind(on, path, address)
            path.unlink()
            assert not address.is_ours
            path.touch() if replacement == "file" else other.bind(str(path))
            assert not address.is_ours

        assert path.exists()


def test_address_is_locked_whatever_the_runtime_folder(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Address(f"ipc://{path}"):
        (tmp_path / "other").mkdir()
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "other"))
        with pytest.raises(AlreadyRunning, match=str(os.getpid())), Address(f"ipc://{path}"):
            pass
        with Address(f"ipc://{path}.2"):
            pass


def test_removed_folder_is_made_and_locked_again(path: Path, on: ExitStack) -> None:
    with Address(f"ipc://{path}") as address:
        bind(on, path, address)
        shutil.rmtree(path.parent)
        address.lock_again()
        bind(on, path, address)

        assert address.is_ours
        assert path.parent.stat().st_mode & 0o777 == 0o700
        assert (path.parent / "daemon.sock.lock").read_text() == f"{os.getpid()}\n"


def test_secret_of_a_port_is_new_each_time_and_this_users_alone(path: Path, on: ExitStack) -> None:
    path.write_text("an earlier one")
    path.chmod(0o644)
    secrets = set()
    for _ in range(2):
        listener, secret = loopback_socket(path)
        on.enter_context(listener)
        secrets.add(secret)

        assert path.stat().st_mode & 0o777 == 0o600
        assert LoopbackAddress.read(path).secret == secret
    assert len(secrets) == 2


@pytest.mark.parametrize("kind", ["file", "folder", "link", "pipe"])
def test_what_is_not_a_socket_is_refused_and_stays(path: Path, on: ExitStack, kind: str) -> None:
    match kind:
        case "file":
            path.write_text("precious")
        case "folder":
            path.mkdir()
        case "link":
            path.symlink_to("/dev/null")
        case "pipe":
            os.mkfifo(path)
    before = path.lstat()

    with pytest.raises(CannotServe, match="not a socket"):
        on.enter_context(listening_unix_socket(path))

    assert os.path.samestat(path.lstat(), before)


@pytest.mark.parametrize("kind", [sockets.SOCK_STREAM, sockets.SOCK_DGRAM])
def test_socket_of_another_program_is_refused_and_stays(
    path: Path, on: ExitStack, kind: sockets.SocketKind
) -> None:
    with sockets.socket(sockets.AF_UNIX, kind) as other:
        other.bind(str(path))
        if kind is sockets.SOCK_STREAM:
            other.listen()
        with pytest.raises(CannotServe, match="Another program"):
            on.enter_context(listening_unix_socket(path))

        assert path.is_socket()


def test_socket_of_a_crashed_daemon_is_replaced(path: Path, on: ExitStack) -> None:
    with sockets.socket(sockets.AF_UNIX) as crashed:
        crashed.bind(str(path))

    on.enter_context(listening_unix_socket(path))

    assert path.is_socket()


def test_tcp_address_has_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))

    with Address("tcp://127.0.0.1:5555") as address:
        assert address.is_ours


def test_address_that_is_in_use_is_refused_with_the_remedy() -> None:
    _, listener = listening_socket("tcp://127.0.0.1:0")
    with listener, pytest.raises(CannotServe, match="Choose another address"):
        listening_socket(f"tcp://127.0.0.1:{listener.getsockname()[1]}")
