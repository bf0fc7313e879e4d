import os
import signal
from pathlib import Path

import pytest

from impasto_daemon.server.single_instance import (
    AlreadyRunning,
    StopSignals,
    UnsafeEndpoint,
    check_endpoint,
    exclusive_lock,
)
from impasto_shared.errors import ImpastoError
from impasto_shared.paths import UnsafeDirectory


def test_lock_is_held_by_one_and_names_its_holder(tmp_path: Path) -> None:
    lock = tmp_path / "runtime" / "daemon.lock"

    with exclusive_lock(lock):
        assert lock.read_text() == f"{os.getpid()}\n"
        with (
            pytest.raises(AlreadyRunning, match=rf"\(pid {os.getpid()}\)"),
            exclusive_lock(lock),
        ):
            pass
    with exclusive_lock(lock):
        pass


def test_released_lock_names_nobody(tmp_path: Path) -> None:
    lock = tmp_path / "runtime" / "daemon.lock"

    with exclusive_lock(lock):
        pass

    assert lock.read_text() == ""


def test_folder_of_the_lock_is_private(tmp_path: Path) -> None:
    with exclusive_lock(tmp_path / "runtime" / "daemon.lock"):
        assert (tmp_path / "runtime").stat().st_mode & 0o777 == 0o700


def test_folder_that_others_can_enter_is_refused_with_the_remedy(tmp_path: Path) -> None:
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    runtime.chmod(0o750)

    with pytest.raises(UnsafeDirectory, match="chmod 700"), exclusive_lock(runtime / "lock"):
        pass


def test_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "runtime").symlink_to(tmp_path / "elsewhere")

    with (
        pytest.raises(UnsafeDirectory, match="not a folder of yours"),
        exclusive_lock(tmp_path / "runtime" / "lock"),
    ):
        pass


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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signal_asks_to_stop_and_wakes_the_reader(number: signal.Signals) -> None:
    with StopSignals() as signals:
        assert not signals.stop_requested
        signal.raise_signal(number)

        assert signals.stop_requested
        signals.clear()
        with pytest.raises(BlockingIOError):
            signals.clear()


def test_dead_child_wakes_the_reader_only() -> None:
    with StopSignals() as signals:
        signal.raise_signal(signal.SIGCHLD)

        signals.clear()
        assert not signals.stop_requested
