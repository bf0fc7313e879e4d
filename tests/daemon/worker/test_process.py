import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from impasto_daemon.worker import process as worker_process
from impasto_daemon.worker.messages import Show, Stop
from impasto_daemon.worker.process import (
    SENT_MESSAGES,
    WORKER_ERRORS,
    WorkerProcess,
    worker_environment,
)
from impasto_shared.protocol.messages import PreviewOptions
from integration.daemon_process import is_alive, wait_for

SLEEPER = (sys.executable, "-c", "import time; time.sleep(60)")


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[WorkerProcess]:
    worker = WorkerProcess(tmp_path, SLEEPER)
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


def test_message_is_refused_rather_than_waited_for(worker: WorkerProcess) -> None:
    worker.ensure_started()
    show = Show("0" * 32, PreviewOptions())

    sent = [worker.send(show) for _ in range(2 * SENT_MESSAGES)]

    assert sent == [True] * SENT_MESSAGES + [False] * SENT_MESSAGES


def test_each_worker_has_an_address_of_its_own(tmp_path: Path) -> None:
    echo = "import sys; open('addresses', 'a').write(sys.argv[1] + chr(10))"
    program = f"import os; os.chdir({str(tmp_path)!r}); {echo}"
    worker = WorkerProcess(tmp_path, (sys.executable, "-c", program))
    for _ in range(2):
        worker.ensure_started()
        wait_for(lambda: worker.exit_status() is not None, "its end")
        worker.end()

    first, second = (tmp_path / "addresses").read_text().split()
    assert first != second
    assert Path(first.removeprefix("ipc://")).parent == tmp_path


def test_socket_of_a_server_that_was_killed_is_removed_and_no_other(tmp_path: Path) -> None:
    stale = tmp_path / f"worker-{2**22 + 1}-01234567.sock"
    others = [tmp_path / f"worker-{os.getpid()}-01234567.sock", tmp_path / "worker-notes.sock"]
    for path in (stale, *others):
        path.touch()

    WorkerProcess(tmp_path, SLEEPER)

    assert set(tmp_path.iterdir()) == set(others)


def test_refusals_of_the_system_do_not_keep_a_worker_from_being_ended(
    worker: WorkerProcess, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    worker.ensure_started()
    pid = worker.pid
    assert pid is not None
    with monkeypatch.context() as patch:
        patch.setattr(subprocess.Popen, "kill", refuse)
        patch.setattr(Path, "unlink", refuse)
        worker.end()

    assert (worker.pid, worker.socket, worker.is_ending) == (None, None, True)
    assert caplog.text.count("Operation not permitted") == 2
    os.kill(pid, signal.SIGKILL)


def test_folder_with_a_long_name_is_an_error_of_the_worker(tmp_path: Path) -> None:
    worker = WorkerProcess(tmp_path / ("x" * 120), SLEEPER)

    with pytest.raises(WORKER_ERRORS, match="too long"):
        worker.ensure_started()
    worker.end()

    with pytest.raises(WORKER_ERRORS):
        worker.send(Stop("0" * 32))
