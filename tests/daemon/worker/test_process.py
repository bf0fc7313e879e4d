import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from impasto_daemon.worker import process as worker_process
from impasto_daemon.worker.process import WorkerProcess, worker_environment
from integration.daemon_process import is_alive, wait_for

SLEEPER = (sys.executable, "-c", "import time; time.sleep(60)")


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[WorkerProcess]:
    worker = WorkerProcess(tmp_path / "w", SLEEPER)
    yield worker
    worker.end()
    worker.wait_ended()


def test_worker_has_the_daemons_own_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPASTO_TRIED", str(Path.home()))

    assert worker_environment()["IMPASTO_TRIED"] == str(Path.home())


def test_worker_keeps_freed_memory_unless_the_user_sets_the_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MALLOC_MMAP_MAX_", raising=False)
    default = worker_environment()["MALLOC_MMAP_MAX_"]
    monkeypatch.setenv("MALLOC_MMAP_MAX_", "7")

    assert (default, worker_environment()["MALLOC_MMAP_MAX_"]) == ("0", "7")


def test_worker_is_killed_and_reaped_without_waiting_for_it(worker: WorkerProcess) -> None:
    worker.ensure_started()
    pid = worker.pid
    assert pid is not None

    worker.end()

    assert worker.pid is None
    assert worker.is_ending
    wait_for(lambda: not is_alive(pid), "the worker's end")
    worker.reap()
    assert not worker.is_ending
    with pytest.raises(ProcessLookupError):  # not even a zombie
        os.kill(pid, 0)


def test_worker_that_does_not_exit_is_given_up(
    worker: WorkerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_process, "KILL_TIMEOUT_S", 0.1)
    monkeypatch.setattr(subprocess.Popen, "kill", lambda _: None)
    worker.ensure_started()
    pid = worker.pid
    assert pid is not None

    worker.end()
    time.sleep(0.15)

    assert not worker.is_ending
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not is_alive(pid), "its end after all")
    worker.reap()
