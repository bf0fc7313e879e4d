"""What the service manager hears, at a real socket such as systemd's."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from daemon.server.fake_clock import FakeClock
from impasto_daemon.server.systemd import SystemdNotifier


@pytest.fixture
def heard(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.setblocking(False)
        yield listener


def news(listener: socket.socket) -> list[str]:
    """What was said since it was looked at last."""
    found = []
    while True:
        try:
            found.append(listener.recv(4096).decode())
        except BlockingIOError:
            return found


def variables(listener: socket.socket, **more: str) -> dict[str, str]:
    return {"NOTIFY_SOCKET": str(listener.getsockname()), **more}


def test_manager_is_told_of_beginning_and_end(heard: socket.socket) -> None:
    notifier = SystemdNotifier(variables(heard))

    notifier.notify_ready("Serving at ipc:///run/x")
    notifier.notify_watchdog()
    notifier.notify_stopping()

    assert news(heard) == ["READY=1\nSTATUS=Serving at ipc:///run/x", "STOPPING=1"]


def test_abstract_socket_is_told_too() -> None:
    name = f"impasto-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0" + name)
        SystemdNotifier({"NOTIFY_SOCKET": "@" + name}).notify_stopping()

        assert listener.recv(100) == b"STOPPING=1"


def test_watchdog_hears_in_time_and_no_more_than_it_needs(heard: socket.socket) -> None:
    clock = FakeClock(100.0)
    notifier = SystemdNotifier(
        variables(heard, WATCHDOG_USEC="20000000", WATCHDOG_PID=str(os.getpid())), clock
    )
    assert notifier.interval_ms == 10_000

    said_s = []
    for _ in range(400):
        notifier.notify_watchdog()
        said_s += [clock.now_s] * len(news(heard))
        clock.now_s += 0.1

    gaps = [after - before for before, after in pairwise(said_s)]
    assert said_s[0] == 100.0
    assert max(gaps) < 10
    assert len(said_s) < 12


@pytest.mark.parametrize("watchdog", [{}, {"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}])
def test_watchdog_of_nobody_or_of_another_process_hears_nothing(
    heard: socket.socket, watchdog: dict[str, str]
) -> None:
    notifier = SystemdNotifier(variables(heard, **watchdog))

    notifier.notify_watchdog()

    assert news(heard) == []
    assert notifier.interval_ms > 1e9


def test_worker_does_not_inherit_the_socket(heard: socket.socket) -> None:
    environment = variables(heard, WATCHDOG_USEC="1000", WATCHDOG_PID="1", HOME="/home/ada")

    SystemdNotifier(environment)

    assert environment == {"HOME": "/home/ada"}


def test_manager_that_does_not_listen_is_no_reason_to_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    SystemdNotifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).notify_ready("")
    SystemdNotifier({}).notify_ready("")

    assert caplog.text.count("could not be notified") == 1
