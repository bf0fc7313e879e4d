import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from impasto_daemon.worker import process as worker_process
from impasto_daemon.worker.messages import (
    Loaded,
    Painted,
    Run,
    Show,
    Stop,
    WorkerMessage,
)
from impasto_daemon.worker.process import WORKER_ERRORS, WorkerProcess, worker_environment
from impasto_shared.image import Image, PixelFormat
from impasto_shared.protocol.messages import PreviewOptions
from impasto_shared.settings import StyleSettings
from integration.daemon_process import PATIENCE_S, is_alive, wait_for

SLEEPER = (sys.executable, "-c", "import time; time.sleep(60)")

OPEN_CHANNEL = """
import hashlib, os, socket, sys
from impasto_daemon.worker.channel import Channel
from impasto_daemon.worker.messages import Loaded, Painted
from impasto_daemon.worker.pipe import MessagePipe, PipeEnded
channel = Channel(MessagePipe(socket.socket(fileno=int(sys.argv[1]))))
"""
READ_PIPE = f"""{OPEN_CHANNEL}
try:
    outcome = type(channel.receive()).__name__
except PipeEnded:
    outcome = "ended"
"""
ECHO = f"""{OPEN_CHANNEL}
pictures = []
for _ in range(COUNT):
    message = channel.receive()
    picture = getattr(message, "content", None)
    digest = "" if picture is None else hashlib.sha256(picture.pixels).hexdigest()
    channel.send(Loaded(type(message).__name__, digest))
    pictures += [] if picture is None else [picture]
for picture in pictures:
    channel.send(Painted("a" * 32, picture))
if not pictures:
    channel.receive()
    channel.send(Loaded("exits", ""))
"""


def echo(count: int) -> Sequence[str]:
    """Returns a worker that answers `count` messages, sends their pictures back, and exits."""
    return (sys.executable, "-c", ECHO.replace("COUNT", str(count)))


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has a killed worker waited for on a machine that does other work, too."""
    monkeypatch.setattr(worker_process, "KILL_TIMEOUT_S", PATIENCE_S)


@pytest.fixture
def worker() -> Iterator[WorkerProcess]:
    worker = WorkerProcess(SLEEPER)
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


def test_worker_keeps_little_of_what_onednn_has_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY", raising=False)

    assert worker_environment()["ONEDNN_PRIMITIVE_CACHE_CAPACITY"] == "64"


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

    assert worker.send(show)
    assert not worker.send(show)
    assert list(worker.receive()) == []


def test_long_message_is_sent_part_by_part_and_others_follow_it() -> None:
    worker = WorkerProcess(echo(2))
    worker.ensure_started()
    picture = Image(4000, 4000, PixelFormat.RGB_U8, os.urandom(48_000_000))
    assert worker.send(Run("a" * 32, StyleSettings(), picture, ()))
    stop, refusals, messages = Stop("a" * 32), 0, []
    while not worker.send(stop):
        refusals += 1
        messages += worker.receive()

    def receive_all() -> bool:
        messages.extend(worker.receive())
        return len(messages) == 3

    wait_for(receive_all, "the answers")
    worker.end()
    worker.wait_ended()

    first, second, third = messages
    assert refusals > 1
    assert first == Loaded("Run", hashlib.sha256(picture.pixels).hexdigest())
    assert second == Loaded("Stop", "")
    assert isinstance(third, Painted)
    assert bytes(third.image.pixels) == picture.pixels


def test_message_that_is_given_up_is_not_sent_and_leaves_no_descriptor() -> None:
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    worker = WorkerProcess(SLEEPER)
    worker.ensure_started()
    picture = Image(4000, 4000, PixelFormat.RGB_U8, bytes(48_000_000))
    assert worker.send(Run("a" * 32, StyleSettings(), picture, ()))
    assert not worker.send(Stop("a" * 32))

    worker.end()
    worker.wait_ended()

    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors


def test_worker_that_was_given_up_gets_nothing_that_is_for_the_next_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A worker of an earlier server ends late in the same way."""
    said = tmp_path / "said"
    program = f"{READ_PIPE}\nopen({str(said)!r}, 'a').write(f'{{os.getpid()}} {{outcome}}\\n')"
    worker = WorkerProcess((sys.executable, "-c", program))
    with monkeypatch.context() as patch:
        patch.setattr(subprocess.Popen, "kill", lambda _: None)
        worker.ensure_started()
        first = worker.pid
        worker.end()
    worker.ensure_started()
    second = worker.pid
    assert worker.send(Stop("a" * 32))

    def both_have_ended() -> bool:
        assert list(worker.receive()) == []
        return said.exists() and len(said.read_text().splitlines()) == 2

    wait_for(both_have_ended, "both")
    worker.end()
    worker.wait_ended()
    assert sorted(said.read_text().splitlines()) == sorted([f"{first} ended", f"{second} Stop"])


def test_worker_that_exits_is_no_error_and_its_last_words_are_heard() -> None:
    worker = WorkerProcess(echo(0))
    worker.ensure_started()
    assert worker.send(Stop("a" * 32))
    heard: list[WorkerMessage] = []

    def has_hung_up() -> bool:
        heard.extend(worker.receive())
        return worker.pipe is None  # a closed one would be ready at once, for ever

    wait_for(has_hung_up, "its end")
    assert heard == [Loaded("exits", "")]
    wait_for(lambda: worker.exit_status() == 0, "its status")
    assert not [worker.send(Stop("a" * 32)) for _ in range(2)][-1]
    assert list(worker.receive()) == []
    worker.end()
    worker.wait_ended()


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
        worker.end()

    assert (worker.pid, worker.pipe, worker.is_ending) == (None, None, True)
    assert "Operation not permitted" in caplog.text
    os.kill(pid, signal.SIGKILL)


def test_worker_that_cannot_be_executed_is_an_error_of_the_worker(tmp_path: Path) -> None:
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    worker = WorkerProcess([str(tmp_path / "missing")])

    with pytest.raises(WORKER_ERRORS):
        worker.ensure_started()
    worker.end()

    with pytest.raises(WORKER_ERRORS):
        worker.send(Stop("0" * 32))
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors
