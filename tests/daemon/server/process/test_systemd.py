"""The notifications on a real socket like systemd's."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from daemon.server.fake_clock import FakeClock
from impasto_daemon.server.process.systemd import SystemdNotifier


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.setblocking(False)
        yield listener


def news(listener: socket.socket) -> list[str]:
    """Returns the notifications since the last call."""
    received = []
    while True:
        try:
            received.append(listener.recv(4096).decode())
        except BlockingIOError:
            return received


def variables(listener: socket.socket, **more: str) -> dict[str, str]:
    return {"NOTIFY_SOCKET": str(listener.getsockname()), **more}


def test_start_and_stop_are_notified(listener: socket.socket) -> None:
    notifier = SystemdNotifier(variables(listener))

    notifier.notify_ready("Serving at ipc:///run/x")
    notifier.notify_watchdog()
    notifier.notify_stopping()

    assert news(listener) == ["READY=1\nSTATUS=Serving at ipc:///run/x", "STOPPING=1"]


def test_abstract_socket_is_notified_too() -> None:
    name = f"impasto-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0" + name)
        SystemdNotifier({"NOTIFY_SOCKET": "@" + name}).notify_stopping()

        assert listener.recv(100) == b"STOPPING=1"


def test_watchdog_is_notified_in_time_but_not_too_often(listener: socket.socket) -> None:
    clock = FakeClock(100.0)
    notifier = SystemdNotifier(
        variables(listener, WATCHDOG_USEC="20000000", WATCHDOG_PID=str(os.getpid())), clock
    )
    assert notifier.interval_ms == 10_000

    sent_s = []
    for _ in range(400):
        notifier.notify_watchdog()
        sent_s += [clock.now_s] * len(news(listener))
        clock.now_s += 0.1

    gaps = [after - before for before, after in pairwise(sent_s)]
    assert sent_s[0] == 100.0
    assert max(gaps) < 10
    assert len(sent_s) < 12


@pytest.mark.parametrize("watchdog", [{}, {"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}])
def test_without_a_watchdog_of_this_process_nothing_is_sent(
    listener: socket.socket, watchdog: dict[str, str]
) -> None:
    notifier = SystemdNotifier(variables(listener, **watchdog))

    notifier.notify_watchdog()

    assert news(listener) == []
    assert notifier.interval_ms > 1e9


def test_worker_does_not_inherit_the_socket(listener: socket.socket) -> None:
    environment = variables(listener, WATCHDOG_USEC="1000", WATCHDOG_PID="1", HOME="/home/ada")

    SystemdNotifier(environment)

    assert environment == {"HOME": "/home/ada"}


def test_socket_that_cannot_be_reached_is_only_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    SystemdNotifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).notify_ready("")
    SystemdNotifier({}).notify_ready("")

    assert caplog.text.count("could not be notified") == 1
