"""The end of a running daemon: a process that holds the lock."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from impasto_daemon.server.process import ending
from impasto_daemon.server.process.ending import end_daemon

_HOLDER = """
import signal, sys, time
from pathlib import Path
from impasto_daemon.server.process.single_instance import InstanceLock
if sys.argv[2] == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
with InstanceLock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "runtime/daemon.lock"
    monkeypatch.setattr(ending, "lock_path", lambda: path)
    return path


@contextmanager
def holder(lock: Path, kind: str = "") -> Iterator[subprocess.Popen[str]]:
    """Starts a process that holds the lock."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(lock), kind],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_holder_of_the_lock_ends(lock: Path) -> None:
    with holder(lock) as daemon:
        assert end_daemon(daemon.pid)
        daemon.wait(60)


def test_holder_that_does_not_end_is_told(lock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending, "PATIENCE_S", 0.2)
    with holder(lock, "deaf") as daemon:
        assert not end_daemon(daemon.pid)
        assert daemon.poll() is None


def test_holder_that_has_ended_by_itself_is_no_failure(lock: Path) -> None:
    with holder(lock) as daemon:
        daemon.kill()
        daemon.wait()

        assert end_daemon(daemon.pid)
