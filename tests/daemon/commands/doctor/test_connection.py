"""A daemon that does not answer is recognised for what it is.

tests/integration/test_socket_activation.py tests one that answers late.
"""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from impasto_daemon.commands.doctor import connection
from impasto_daemon.commands.doctor.connection import Condition, NoAnswer, connect_patiently
from impasto_daemon.commands.doctor.finding import State
from impasto_daemon.commands.doctor.job import check_job
from impasto_daemon.server.process.endpoint import lock_of
from impasto_daemon.server.process.single_instance import lock_holder
from impasto_shared.client import Client
from impasto_shared.errors import DaemonUnavailable, ImpastoError
from integration.daemon_process import ROOT, wait_for

# A process that has the locks of a daemon, and listens if it is told to, but never answers.
LOCKED = """
import socket, sys, time
from pathlib import Path
from impasto_daemon.server.process.endpoint import Address
with Address(f"ipc://{sys.argv[1]}"):
    if sys.argv[2:] == ["listens"]:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(sys.argv[1])
        listener.listen()
    Path(sys.argv[1]).with_name("is locked").touch()
    sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The runtime folder, which is not there yet."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path / "impasto"


def locked(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Starts a process that has locked the address in a folder."""
    command = [sys.executable, "-c", LOCKED, str(folder / "daemon.sock"), *arguments]
    modules = f"{ROOT / 'shared'}:{ROOT / 'daemon'}"
    environment = os.environ | {"PYTHONPATH": modules}
    process = subprocess.Popen(command, stdin=subprocess.PIPE, env=environment, text=True)
    wait_for((folder / "is locked").exists, "the lock")
    return process


@pytest.fixture
def hung(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A daemon that has its locks, listens, and never answers."""
    with locked(folder, "listens") as process:
        yield process
        process.kill()


def condition_at(path: Path) -> tuple[Condition, int | None]:
    """Returns what the doctor makes of a daemon that does not answer."""
    with pytest.raises(NoAnswer) as caught:
        connect_patiently(f"ipc://{path}")
    return caught.value.condition, caught.value.pid


def test_absent_daemon_is_not_waited_for(folder: Path) -> None:
    folder.mkdir(mode=0o700)

    assert condition_at(folder / "daemon.sock") == (Condition.ABSENT, None)


def test_suspended_daemon_is_recognised_at_once(hung: subprocess.Popen[str], folder: Path) -> None:
    hung.send_signal(signal.SIGSTOP)

    assert condition_at(folder / "daemon.sock") == (Condition.SUSPENDED, hung.pid)


@pytest.mark.parametrize(
    ("seconds", "condition"), [(0, Condition.HUNG), (10, Condition.BUSY)], ids=["hung", "busy"]
)
def test_daemon_that_never_answers_is_hung_or_busy(
    monkeypatch: pytest.MonkeyPatch,
    hung: subprocess.Popen[str],
    folder: Path,
    seconds: int,
    condition: Condition,
) -> None:
    ticks = itertools.count(1000, 100 * seconds) if seconds else itertools.repeat(1000)
    monkeypatch.setattr(connection, "processor_ticks", lambda _: next(ticks))
    monkeypatch.setattr(connection, "START_TIMEOUT_S", 1.0)
    monkeypatch.setattr(connection, "_TRY_S", 0.3)

    assert condition_at(folder / "daemon.sock") == (condition, hung.pid)


def test_program_that_is_no_daemon_is_not_taken_for_one(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.setattr(connection, "START_TIMEOUT_S", 0.1)
    monkeypatch.setattr(connection, "_TRY_S", 0.1)
    folder.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(folder / "daemon.sock"))
        other.listen()

        assert condition_at(folder / "daemon.sock") == (Condition.UNKNOWN, None)


def test_daemon_that_starts_is_not_taken_for_one_elsewhere(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    # It has locked its address, and binds it next; at the first look, it has the user's lock alone.
    monkeypatch.setattr(connection, "START_TIMEOUT_S", 2 * connection._LOOKS + 4)
    looks: list[Path] = []
    clock = SimpleNamespace(look=lambda: len(looks))
    monkeypatch.setattr(connection, "RunningClock", lambda: clock)

    def first_lock_holder(path: Path) -> int | None:
        looks.append(path)
        return None if looks == [lock_of(folder / "daemon.sock")] else lock_holder(path)

    monkeypatch.setattr(connection, "lock_holder", first_lock_holder)
    with locked(folder) as starting:
        assert condition_at(folder / "daemon.sock") == (Condition.HUNG, starting.pid)
        starting.kill()


def test_daemon_at_another_address_is_recognised(hung: subprocess.Popen[str], folder: Path) -> None:
    assert condition_at(folder / "other.sock") == (Condition.ELSEWHERE, hung.pid)


@pytest.mark.usefixtures("hung")
@pytest.mark.parametrize(
    "error", [DaemonUnavailable("It does not answer."), ImpastoError("It answers strangely.")]
)
def test_picture_that_no_daemon_painted_is_not_kept_silent(
    monkeypatch: pytest.MonkeyPatch, folder: Path, error: ImpastoError
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(Client, "connect", refuse)

    (finding,) = check_job(f"ipc://{folder}/daemon.sock")

    assert finding.state is State.PROBLEM
    assert finding.text == f"a test picture was not painted: {error}"
