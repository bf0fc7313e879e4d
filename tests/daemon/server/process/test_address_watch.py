from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from daemon.server.fake_clock import FakeClock
from impasto_daemon.server.process.address_watch import RETRY_S, AddressWatch
from impasto_daemon.server.process.endpoint import Address, bind_privately
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
    with zmq.Context.instance().socket(zmq.ROUTER) as router, Address(f"ipc://{path}") as address:
        bind_privately(router, address.endpoint)
        address.remember_file()
        yield AddressWatch(address, lambda: bind_privately(router, address.endpoint), clock)


def test_removed_socket_is_bound_again_and_reported(
    watch: AddressWatch, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert watch.check()
    assert caplog.text == ""
    path.unlink()

    assert watch.check()

    assert path.is_socket()
    assert "bound again" in caplog.text


def test_other_file_is_reported_once_until_it_can_be_replaced(
    watch: AddressWatch, path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    path.unlink()
    path.touch()
    for _ in range(3):
        assert watch.check()
        clock.now_s += RETRY_S
    assert caplog.text.count("no client can connect any more") == 1
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
    def refuse(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "lstat", refuse)
        patch.setattr(Path, "stat", refuse)
        assert watch.check()
    clock.now_s += RETRY_S
    assert watch.check()

    assert "Input/output error" in caplog.text
    assert path.is_socket()
