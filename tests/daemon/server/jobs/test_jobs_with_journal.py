"""The job table with its journal, restarted at any point: nothing is lost without a reason."""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from daemon.server.fake_clock import FakeClock
from impasto_daemon.server.jobs import job_table as jobs_module
from impasto_daemon.server.jobs.job import Job, Origin
from impasto_daemon.server.jobs.job_table import (
    MAX_QUEUED_JOBS_OF_ONE,
    STORE_AGAIN_S,
    SYNC_DELAY_S,
    JobTable,
    Retention,
)
from impasto_daemon.server.jobs.results import Results
from impasto_daemon.server.jobs.stored_jobs import MAX_STARTS
from impasto_daemon.server.journal import journal as journal_module
from impasto_daemon.server.journal.background import Background
from impasto_daemon.server.journal.journal import CLOCK, Journal
from impasto_daemon.server.journal.lasting_clock import SAVED_EVERY_S
from impasto_daemon.server.journal.pixel_files import write_frames
from impasto_shared.errors import DaemonError, ErrorCode
from impasto_shared.image import Image, PixelFormat
from impasto_shared.protocol.messages import Submit
from impasto_shared.protocol.reports import JobState, Problem
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style

T = TypeVar("T")

KEPT_S = 86_400.0
CLIENT = Origin(b"client", "script")
BROKEN = Problem(ErrorCode.INTERNAL, "It broke.")
SHUT_DOWN = Problem(ErrorCode.SHUTTING_DOWN, "The daemon was shut down.")


def picture(number: int) -> Image:
    return Image(1, 1, PixelFormat.RGB_U8, number.to_bytes(3))


def submission(number: int, *, detached: bool) -> Submit:
    style = (Style(picture(0)),)
    job = secrets.token_hex(16)
    return Submit("1", job, StyleSettings(iterations=5), picture(number), style, None, detached)


class Daemon:
    """A table and its journal in `folder`, which can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock, self.wall_clock = FakeClock(), FakeClock(1.7e9)
        self.start()

    def start(self) -> None:
        self.journal = Journal(self.folder, self.clock)
        self.table = JobTable(
            self.journal.clock,
            Results(self.journal.folder),
            Retention(KEPT_S),
            journal=self.journal,
            wall_clock=self.wall_clock,
        )
        self.journal.wait(60)

    def pass_time(self, seconds: float) -> None:
        self.clock.now_s += seconds
        self.wall_clock.now_s += seconds

    def boot(self, monkeypatch: pytest.MonkeyPatch, now_s: float = 3.0) -> None:
        """Starts it after a power cut: in another boot, whose monotonic clock begins again."""
        self.kill()
        monkeypatch.setattr(journal_module, "_boot", lambda: "the next one")
        self.clock.now_s = now_s
        self.start()

    def settle(self) -> None:
        self.journal.wait(60)

    def kill(self) -> None:
        """Ends it in the middle of what the journal is doing; the rest is never done."""
        for background in (self.journal._writer, self.journal._reader):
            background._executor.shutdown(wait=True, cancel_futures=True)
            os.close(background._wakeup.fileno())
        self.journal._database.close()

    def shut_down(self) -> None:
        self.table.shut_down(SHUT_DOWN, SHUT_DOWN)
        self.table.close()

    @property
    def files(self) -> list[Path]:
        return [path for path in self.folder.iterdir() if path.suffix in (".input", ".picture")]

    def run_next(self) -> Job | None:
        job = self.table.next_queued
        if job is None:
            return None
        while not self.table.prepare(job):
            self.settle()
            if job.state.is_final:
                return None
        self.table.start(job)
        return job


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path / "jobs" / "0123")
    yield daemon
    daemon.table.close()


def accept(daemon: Daemon, number: int = 1, *, detached: bool = True) -> Job:
    job = daemon.table.submit(submission(number, detached=detached), CLIENT)
    daemon.settle()
    return job


def done(daemon: Daemon, number: int = 1, *, detached: bool = True) -> Job:
    job = accept(daemon, number, detached=detached)
    assert daemon.run_next() is job
    daemon.table.finish(job, picture(number))
    daemon.settle()
    assert job.state is JobState.DONE
    return job


def test_detached_job_is_accepted_when_it_is_stored(daemon: Daemon) -> None:
    job = daemon.table.submit(submission(1, detached=True), CLIENT)

    assert (job.is_accepted, daemon.table.next_queued) == (False, None)
    daemon.settle()

    assert (job.is_accepted, daemon.table.next_queued) == (True, job)


def test_detached_job_that_cannot_be_stored_is_refused_and_unknown(daemon: Daemon) -> None:
    with full_disk():
        job = accept(daemon)

    assert job.refusal is not None
    assert job.refusal.code is ErrorCode.QUEUE_FULL
    assert "No space left" in job.refusal.message
    assert daemon.table.all == []


def test_cancelled_jobs_take_room_until_the_disk_has_them(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_room = threading.Event()

    def write_slowly(*arguments: Any) -> int:
        has_room.wait(60)
        return write_frames(*arguments)

    monkeypatch.setattr(journal_module, "write_frames", write_slowly)
    for number in range(MAX_QUEUED_JOBS_OF_ONE):
        daemon.table.cancel(daemon.table.submit(submission(number, detached=True), CLIENT))
    with pytest.raises(DaemonError, match="48 detached jobs"):
        daemon.table.submit(submission(0, detached=True), CLIENT)
    monkeypatch.setattr(jobs_module, "MAX_QUEUED_BYTES", 2 * 48 * 3)
    with pytest.raises(DaemonError, match="Pictures of"):
        daemon.table.submit(submission(0, detached=False), CLIENT)

    has_room.set()
    daemon.settle()
    accept(daemon)


def test_changes_wait_for_a_slow_disk_in_limited_number(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_room = threading.Event()
    daemon.journal._writer.run(lambda: has_room.wait(60), lambda _: None)
    monkeypatch.setattr(jobs_module, "MAX_UNWRITTEN", 20)
    while daemon.journal.unwritten < 20:
        job = daemon.table.submit(submission(0, detached=False), CLIENT)
        daemon.table.detach(job)
        daemon.table.cancel(job)
    with pytest.raises(DaemonError, match="20 changes of jobs wait"):
        daemon.table.submit(submission(0, detached=False), CLIENT)

    has_room.set()
    daemon.settle()
    accept(daemon)


def test_detached_job_without_a_journal_is_refused_with_the_reason() -> None:
    table = JobTable(FakeClock(), Results(None, "Read-only file system"))

    with pytest.raises(DaemonError, match="Read-only file system"):
        table.submit(submission(1, detached=True), CLIENT)
    table.submit(submission(1, detached=False), CLIENT)


def test_picture_that_is_being_stored_at_the_end_is_not_lost(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs_module, "_SHUTDOWN_S", 0.01)
    job = accept(daemon, 7)
    assert daemon.run_next() is job
    daemon.settle()
    slow_disk = threading.Event()
    daemon.journal._writer.run(slow_disk.wait, lambda _: None)

    daemon.table.finish(job, picture(7))
    daemon.table.shut_down(SHUT_DOWN, SHUT_DOWN)
    slow_disk.set()
    daemon.table.close()
    daemon.start()

    assert bytes(daemon.table.fetch(job.name).pixels) == picture(7).pixels
    assert [path.suffix for path in daemon.files] == [".picture"]


def test_job_that_is_given_up_stays_lost_and_leaves_no_file(daemon: Daemon) -> None:
    job = accept(daemon)
    for _ in range(MAX_STARTS):
        assert daemon.run_next() is not None
        daemon.settle()
        daemon.kill()
        daemon.start()
    daemon.settle()

    lost = daemon.table.find(job.name)
    daemon.pass_time(60)
    daemon.kill()
    daemon.start()

    again = daemon.table.find(job.name)
    assert (lost.state, again.state) == (JobState.FAILED, JobState.FAILED)
    assert again.problem == lost.problem
    assert daemon.clock() - (again.ended_s or 0) == pytest.approx(60)
    assert daemon.files == []


@contextmanager
def full_disk() -> Iterator[None]:
    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with patch.object(os, "write", refuse):
        yield


End = Callable[[Daemon], None]


@pytest.mark.parametrize("end", [Daemon.kill, Daemon.shut_down])
def test_unfinished_jobs_are_queued_again_in_their_order(daemon: Daemon, end: End) -> None:
    jobs = [accept(daemon, number) for number in range(4)]
    ordinary = accept(daemon, detached=False)
    running = daemon.run_next()
    assert running is jobs[0]
    daemon.table.advance(running, 3, 5, 0.5, 0.5)
    daemon.table.cancel(jobs[2])
    daemon.settle()

    end(daemon)
    daemon.start()

    names = [job.name for job in daemon.table.queue]
    assert names == [jobs[number].name for number in (0, 1, 3)]
    assert daemon.table.find(jobs[2].name).state is JobState.CANCELLED
    with pytest.raises(DaemonError, match="not detached and ended with an earlier daemon"):
        daemon.table.find(ordinary.name)
    for number in (0, 1, 3):
        job = daemon.run_next()
        assert job is not None
        assert job.submission is not None
        assert bytes(job.submission.content.pixels) == picture(number).pixels
        daemon.table.finish(job, picture(100 + number))
        daemon.settle()
        assert bytes(daemon.table.fetch(job.name).pixels) == picture(100 + number).pixels


@pytest.mark.parametrize("end", [Daemon.kill, Daemon.shut_down])
def test_150_finished_pictures_are_kept_for_their_time(daemon: Daemon, end: End) -> None:
    jobs = [done(daemon, number, detached=number % 2 == 0) for number in range(150)]

    end(daemon)
    daemon.pass_time(KEPT_S - 1)
    daemon.start()
    daemon.table.expire()

    for number, job in enumerate(jobs):
        assert bytes(daemon.table.fetch(job.name).pixels) == picture(number).pixels
    daemon.pass_time(2)
    daemon.table.expire()
    daemon.settle()
    assert all(job.picture is None for job in daemon.table.all)
    assert daemon.files == []


def test_subscribers_are_told_of_the_end_and_nothing_is_stored_of_it(daemon: Daemon) -> None:
    job = accept(daemon)
    running = daemon.run_next()

    daemon.shut_down()
    assert (job.state, job.problem) == (JobState.FAILED, SHUT_DOWN)
    daemon.start()

    again = daemon.table.find(job.name)
    assert (running, again.state, again.problem) == (job, JobState.QUEUED, None)


def test_shutting_down_is_no_sign_that_the_job_kills_the_daemon(daemon: Daemon) -> None:
    job = accept(daemon)
    for _ in range(10):
        assert daemon.run_next() is not None
        daemon.shut_down()
        daemon.start()

    assert daemon.table.find(job.name).state is JobState.QUEUED


def test_job_during_which_the_daemon_is_killed_again_and_again_is_given_up(daemon: Daemon) -> None:
    job, other = accept(daemon), accept(daemon)
    for _ in range(3):
        running = daemon.run_next()
        assert running is not None
        assert running.name == job.name
        daemon.settle()
        daemon.kill()
        daemon.start()

    lost = daemon.table.find(job.name)
    assert lost.problem is not None
    assert "killed 3 times" in lost.problem.message
    assert daemon.table.next_queued is daemon.table.find(other.name)


def test_forgotten_picture_leaves_no_file(daemon: Daemon) -> None:
    detached, ordinary = done(daemon), done(daemon, detached=False)

    for job in (detached, ordinary):
        daemon.table.forget(job)
    daemon.settle()
    assert daemon.files == []
    daemon.kill()
    daemon.start()

    assert [job.name for job in daemon.table.all] == [detached.name]
    with pytest.raises(DaemonError, match="expired"):
        daemon.table.fetch(detached.name)


def test_picture_of_an_ordinary_job_is_synced_when_it_has_not_been_fetched(daemon: Daemon) -> None:
    job = done(daemon, detached=False)
    assert not job.is_synced

    daemon.pass_time(SYNC_DELAY_S)
    daemon.table.expire()
    daemon.settle()
    daemon.kill()
    daemon.start()

    assert daemon.table.find(job.name).is_synced


@pytest.mark.parametrize("detached", [True, False])
def test_picture_of_a_detached_job_alone_survives_the_machine_at_once(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch, detached: bool
) -> None:
    job = done(daemon, detached=detached)

    daemon.kill()
    monkeypatch.setattr(journal_module, "_boot", lambda: "the next one")
    daemon.start()

    assert (daemon.table.find(job.name).picture is not None) is detached


def test_picture_that_cannot_be_stored_is_kept_in_memory_and_painted_again_later(
    daemon: Daemon,
) -> None:
    job = accept(daemon)
    assert daemon.run_next() is job
    with full_disk():
        daemon.table.finish(job, picture(7))
        daemon.settle()

    assert bytes(daemon.table.fetch(job.name).pixels) == picture(7).pixels
    assert re.match("No space left on device", str(daemon.table.results.problem))
    daemon.table.expire()
    daemon.kill()
    daemon.start()
    assert daemon.table.find(job.name).state is JobState.QUEUED


@pytest.mark.parametrize("detached", [True, False])
def test_picture_is_stored_when_the_disk_has_room_again(daemon: Daemon, *, detached: bool) -> None:
    job = accept(daemon, detached=detached)
    assert daemon.run_next() is job
    with full_disk():
        daemon.table.finish(job, picture(7))
        daemon.settle()
    daemon.pass_time(STORE_AGAIN_S)
    for _ in range(2):
        daemon.table.expire()
        daemon.settle()
    daemon.kill()
    daemon.start()

    assert bytes(daemon.table.fetch(job.name).pixels) == picture(7).pixels
    assert [path.suffix for path in daemon.files] == [".picture"]


@pytest.mark.parametrize("detached", [False, True])
def test_picture_that_could_not_be_stored_before_is_stored_at_the_end(
    daemon: Daemon, *, detached: bool
) -> None:
    job = accept(daemon, detached=detached)
    daemon.run_next()
    with full_disk():
        daemon.table.finish(job, picture(7))
        daemon.settle()

    daemon.shut_down()
    daemon.start()

    assert bytes(daemon.table.fetch(job.name).pixels) == picture(7).pixels
    assert [path.suffix for path in daemon.files] == [".picture"]


def test_job_that_is_cancelled_while_it_is_stored_stays_cancelled(daemon: Daemon) -> None:
    for forgets in (False, True):
        for detached in (False, True):
            job = accept(daemon, detached=detached)
            daemon.run_next()
            daemon.table.finish(job, picture(1))
            daemon.table.cancel(job)
            if forgets:
                daemon.table.forget(job)
            daemon.settle()
            assert (job.state, job.picture) == (JobState.CANCELLED, None)

    assert daemon.files == []
    daemon.kill()
    daemon.start()
    assert [job.state for job in daemon.table.all] == [JobState.CANCELLED] * 2


@pytest.mark.parametrize("end", [Daemon.kill, Daemon.shut_down])
def test_job_that_was_detached_later_is_lost_with_the_reason(daemon: Daemon, end: End) -> None:
    job = accept(daemon, detached=False)
    daemon.run_next()
    daemon.table.detach(job)
    daemon.settle()

    end(daemon)
    daemon.start()

    (lost,) = daemon.table.all
    assert (lost.name, lost.state, daemon.table.next_queued) == (job.name, JobState.FAILED, None)
    assert lost.problem is not None
    assert "detached after" in lost.problem.message or lost.problem == SHUT_DOWN


def test_picture_of_a_job_that_is_detached_while_it_is_stored_is_synced_later(
    daemon: Daemon,
) -> None:
    job = accept(daemon, detached=False)
    daemon.run_next()
    daemon.table.finish(job, picture(1))
    daemon.table.detach(job)
    daemon.settle()
    assert (job.state, job.is_synced) == (JobState.DONE, False)

    daemon.pass_time(SYNC_DELAY_S)
    daemon.table.expire()
    daemon.settle()
    daemon.kill()
    daemon.start()

    assert daemon.table.find(job.name).is_synced
    assert bytes(daemon.table.fetch(job.name).pixels) == picture(1).pixels


class Gate:
    """A gate before each piece of work of a thread: how much of it is done is not left to chance.

    A state machine must do the same each time, and the thread would have done more or less of its
    work when it is killed.
    """

    def __init__(self, background: Background) -> None:
        self._executor = background._executor
        self._submit = self._executor.submit
        self._permits = threading.Semaphore(0)
        self._work: list[Future[Any]] = []
        self._is_open = self._is_ended = False
        patch.object(self._executor, "submit", self._hold).start()

    def _hold(self, work: Callable[[], T]) -> Future[T]:
        future = self._submit(self._run, work)
        self._work.append(future)
        return future

    def _run(self, work: Callable[[], T]) -> T:
        if not self._is_open:
            self._permits.acquire()
        if self._is_ended:
            raise RuntimeError("the thread was killed")
        return work()

    def admit(self, number: int) -> None:
        """Has the thread do the next pieces of its work, or as much as there is."""
        waiting = [future for future in self._work if not future.done()][:number]
        for _ in waiting:
            self._permits.release()
        wait(waiting)

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Holds nothing back in the block, in which the work is finished."""
        self._is_open = True
        self._permits.release()  # to the piece that waits
        yield
        wait(self._work)
        self._permits = threading.Semaphore(0)
        self._work.clear()
        self._is_open = False

    def end(self) -> None:
        """Has the thread do no more, as if it were killed."""
        self._is_open = self._is_ended = True
        self._permits.release()


class HeldDaemon(Daemon):
    """A daemon that stores nothing until it is waited for, or killed after some of its work."""

    def start(self) -> None:
        super().start()
        self.gates = [Gate(each) for each in (self.journal._writer, self.journal._reader)]

    def settle(self) -> None:
        with self.gates[0].opened(), self.gates[1].opened():
            super().settle()

    def shut_down(self) -> None:
        with self.gates[0].opened(), self.gates[1].opened():
            super().shut_down()

    def kill_after(self, number: int) -> None:
        """Ends it when it has done some pieces of what is waiting to be stored."""
        self.gates[0].admit(number)
        for gate in self.gates:
            gate.end()
        self.kill()


@dataclass
class Promise:
    """A debt of the daemon: the job or, once it is done, its picture."""

    number: int
    is_done: bool = False
    is_damaged: bool = False


class Durability(RuleBasedStateMachine):
    """A daemon that is killed, restarted and damaged at any point."""

    @initialize()
    def begin(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="impasto-test-"))
        self.daemon = HeldDaemon(self.root / "jobs" / "0123")
        self.promises: dict[str, Promise] = {}
        self.unsettled: dict[str, int] = {}
        self.count = 0

    @property
    def table(self) -> JobTable:
        return self.daemon.table

    @rule(detached=st.booleans(), settles=st.booleans(), full=st.booleans())
    def submit(self, *, detached: bool, settles: bool, full: bool) -> None:
        self.count += 1
        request = submission(self.count, detached=detached)
        try:
            if full and settles:
                with full_disk():
                    self.table.submit(request, CLIENT)
                    self.daemon.settle()
            else:
                self.table.submit(request, CLIENT)
        except DaemonError:  # the queue is full
            return
        self.unsettled[request.job] = self.count
        if settles:
            self.settle()

    @rule()
    def settle(self) -> None:
        self.daemon.settle()
        for name, number in self.unsettled.items():
            job = next((job for job in self.table.all if job.name == name), None)
            is_owed = job is not None and job.is_detached and job.is_accepted
            if job is not None and is_owed and not job.state.is_final:
                self.promises.setdefault(name, Promise(number))
        self.note_done()

    def note_done(self) -> None:
        for job in self.table.all:
            if job.state is JobState.DONE and job.picture is not None and job.is_stored:
                number = self.unsettled.get(job.name, 0)
                self.promises.setdefault(job.name, Promise(number)).is_done = True

    @precondition(lambda self: not self.table.running)
    @rule()
    def start(self) -> None:
        self.daemon.run_next()

    @precondition(lambda self: self.table.running)
    @rule(outcome=st.sampled_from(["step", "done", "done", "failed", "cancelled"]))
    def go_on(self, outcome: str) -> None:
        (job,) = self.table.running
        if outcome == "step":
            self.table.advance(job, min(job.step + 1, 5), 5, 0.5, 0.1)
        elif outcome == "done":
            assert job.state is JobState.RUNNING
            number = self.unsettled.get(job.name, 0)
            self.table.finish(job, picture(number))
        else:
            if outcome == "failed":
                self.table.fail(job, BROKEN)
            else:
                self.table.cancel(job)
            self.promises.pop(job.name, None)

    @rule(data=st.data())
    def forget(self, data: st.DataObject) -> None:
        pictures = [job for job in self.table.all if job.picture and job.state.is_final]
        if pictures:
            job = data.draw(st.sampled_from(pictures), label="job")
            self.table.forget(job)
            self.promises.pop(job.name, None)

    @rule(data=st.data(), remaining=st.sampled_from([None, 0, 2]))
    def damage(self, data: st.DataObject, remaining: int | None) -> None:
        self.settle()
        kept = [
            job
            for job in self.table.all
            if job.picture is not None and job.picture.file_name and job.state is JobState.DONE
        ]
        if not kept:
            return
        job = data.draw(st.sampled_from(kept), label="job")
        assert job.picture is not None
        assert job.picture.file_name is not None
        path = self.daemon.folder / job.picture.file_name
        if remaining is None:
            path.unlink(missing_ok=True)
        elif path.exists():
            os.truncate(path, remaining)
        self.promises[job.name].is_damaged = True

    @rule(seconds=st.sampled_from([0.1, 5.0, 100.0]))
    def pass_time(self, seconds: float) -> None:
        self.daemon.pass_time(seconds)
        self.table.expire()

    @rule()
    def restart(self) -> None:
        self.daemon.shut_down()
        self.daemon.start()

    @rule(stored=st.integers(0, 5))
    def kill(self, stored: int) -> None:
        self.daemon.kill_after(stored)
        self.daemon.start()

    @invariant()
    def promises_are_kept(self) -> None:
        for name, promise in self.promises.items():
            job = self.table.find(name)
            if job.state is JobState.FAILED:
                assert job.problem is not None
                assert "was lost because" in job.problem.message
            elif promise.is_damaged:
                self.assert_lost_with_a_reason(name)
            elif promise.is_done:
                assert job.state is JobState.DONE
                assert bytes(self.table.fetch(name).pixels) == picture(promise.number).pixels
            else:
                assert job.state is not JobState.CANCELLED

    def assert_lost_with_a_reason(self, name: str) -> None:
        with pytest.raises((OSError, DaemonError), match=r"\w+"):
            self.table.fetch(name)

    def teardown(self) -> None:
        if hasattr(self, "daemon"):
            self.daemon.shut_down()
            assert not [
                path
                for path in self.daemon.files
                if not any(path.name.startswith(job.name) for job in self.table.all)
            ]
            shutil.rmtree(self.root)


@pytest.mark.timeout(3600)
def test_any_order_of_requests_and_restarts_loses_nothing(is_thorough: bool) -> None:
    run_state_machine_as_test(
        Durability,
        settings=settings(
            max_examples=2000 if is_thorough else 40,
            stateful_step_count=30,
            derandomize=not is_thorough,
        ),
    )


def is_kept(daemon: Daemon, job: Job) -> bool:
    daemon.table.expire()
    return daemon.table.find(job.name).picture is not None


@pytest.mark.parametrize("jump_s", [10 * 365 * 86_400.0, -1.7e9], ids=["forward", "to 1970"])
def test_time_of_day_that_is_set_while_no_daemon_runs_ages_no_picture(
    daemon: Daemon, jump_s: float
) -> None:
    job = done(daemon)
    daemon.pass_time(KEPT_S / 2)

    daemon.kill()
    daemon.wall_clock.now_s += jump_s
    daemon.start()

    assert is_kept(daemon, job)
    daemon.pass_time(KEPT_S / 2 - 1)
    assert is_kept(daemon, job)
    daemon.pass_time(2)
    assert not is_kept(daemon, job)


@pytest.mark.parametrize("off_s", [10 * 365 * 86_400.0, -1.7e9], ids=["years", "to 1970"])
def test_picture_ages_neither_while_the_machine_is_off_nor_by_its_clock(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch, off_s: float
) -> None:
    job = done(daemon)
    daemon.pass_time(KEPT_S / 2)
    daemon.table.expire()
    daemon.settle()

    daemon.wall_clock.now_s += off_s
    daemon.boot(monkeypatch)

    daemon.pass_time(KEPT_S / 2 - 1)
    assert is_kept(daemon, job)
    daemon.pass_time(2)
    assert not is_kept(daemon, job)


def test_picture_of_the_last_minutes_before_a_power_cut_is_not_kept_for_longer(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon.table.expire()
    daemon.settle()
    daemon.pass_time(SAVED_EVERY_S - 1)  # they are not counted
    job = done(daemon)

    daemon.boot(monkeypatch)

    daemon.pass_time(KEPT_S - 1)
    assert is_kept(daemon, job)
    daemon.pass_time(2)
    assert not is_kept(daemon, job)


def test_time_of_day_that_jumps_while_the_daemon_runs_changes_nothing(daemon: Daemon) -> None:
    job = done(daemon)
    before = daemon.table.report(job)

    for jump_s in (1e9, -2e9, 1e9):
        daemon.wall_clock.now_s += jump_s
        assert is_kept(daemon, job)

    assert daemon.table.report(job) == before


@pytest.mark.parametrize("contents", [None, "damaged"])
def test_picture_does_not_expire_because_the_time_is_lost(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch, contents: str | None
) -> None:
    job = done(daemon)
    file = daemon.folder / CLOCK
    file.unlink(missing_ok=True)
    if contents is not None:
        file.write_text(contents)

    daemon.boot(monkeypatch, now_s=2 * KEPT_S)

    assert (daemon.journal.notice is None) == (contents is None)
    daemon.pass_time(KEPT_S - 1)
    assert is_kept(daemon, job)
    daemon.pass_time(2)
    assert not is_kept(daemon, job)
