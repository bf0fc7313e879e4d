from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.server.fake_clock import FakeClock
from impasto_daemon.server.process.address_watch import RETRY_S, AddressWatch
from impasto_daemon.server.process.endpoint import Address, listening_unix_socket
from impasto_daemon.server.process.single_instance import InstanceLock


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path / "impasto/daemon.sock"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(100.0)


@pytest.fixture
def watch(path: Path, clock: FakeClock) -> Iterator[AddressWatch]:
    """The watch over a bound address."""
    listeners: list[socket.socket] = []
    with Address(f"ipc://{path}") as address:
        listeners.append(listening_unix_socket(path))
        address.remember_file()
        yield AddressWatch(address, lambda: listeners.append(listening_unix_socket(path)), clock)
        for listener in listeners:
            listener.close()


def test_removed_socket_is_bound_again_and_reported(
    watch: AddressWatch, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert watch.check()
    assert caplog.text == ""
    path.unlink()

    assert watch.check()

    assert path.is_socket()
    assert "bound again" in caplog.text


def test_socket_that_cannot_be_examined_is_not_given_up(
    watch: AddressWatch, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failing = [2]  # the second look at a disk that fails in turn

    def fail_at_times(path: Path) -> os.stat_result:
        failing[0] += 1
        if failing[0] % 3 == 0:
            raise OSError(errno.EIO, "Input/output error")
        return path.stat(follow_symlinks=False)

    monkeypatch.setattr(Path, "lstat", fail_at_times)

    assert all(watch.check() for _ in range(12))
    assert caplog.text == ""


def test_other_file_is_reported_once_until_it_can_be_replaced(
    watch: AddressWatch, path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    path.unlink()
    path.touch()
    for _ in range(3):
        assert watch.check()
        clock.now_s += RETRY_S
    assert caplog.text.count("no client can connect to it") == 1
    path.unlink()

    assert watch.check()

    assert path.is_socket()


def test_address_of_another_daemon_is_left_to_it(
    watch: AddressWatch, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.unlink()
    lock = path.with_name("daemon.sock.lock")
    lock.unlink()
    with InstanceLock(lock):
        assert not watch.check()

    assert not path.exists()
    assert "running already" in caplog.text


def test_folder_that_cannot_be_read_for_a_while_is_reported(
    watch: AddressWatch,
    path: Path,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(file: Path) -> os.stat_result:
        if file == path.parent:
            raise OSError(errno.EIO, "Input/output error")
        return file.stat(follow_symlinks=False)

    path.unlink()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "lstat", refuse)
        assert watch.check()
    clock.now_s += RETRY_S
    assert watch.check()

    assert "Input/output error" in caplog.text
    assert path.is_socket()
