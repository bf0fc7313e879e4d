from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon.server.fake_clock import FakeClock
from impasto_daemon.server.dispatcher import STOP_GRACE_S, Dispatcher
from impasto_daemon.server.jobs.job import Job, Origin
from impasto_daemon.server.jobs.job_table import JobTable
from impasto_daemon.server.stall_watch import (
    IDLE_STALL_S,
    RECEIPT_LIMIT_S,
    SHORTEST_STALL_S,
    SLOWEST,
    START_LIMIT_S,
)
from impasto_daemon.style_transfer.planning.work import Work
from impasto_daemon.worker.messages import (
    Begun,
    Failed,
    Loaded,
    Measure,
    Measured,
    Painted,
    Previewed,
    Ready,
    Run,
    ServerMessage,
    Show,
    Stepped,
    Stop,
    Stopped,
    WorkerMessage,
    Written,
)
from impasto_daemon.worker.result_file import write_result_file
from impasto_shared.beginning import Beginning
from impasto_shared.errors import DaemonError, ErrorCode, ProtocolError
from impasto_shared.image import Image, PixelFormat
from impasto_shared.protocol.messages import Preview, PreviewOptions, Submit
from impasto_shared.protocol.reports import CurvePoint, JobState, Problem
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style

PIXEL = Image(1, 1, PixelFormat.RGB_U8, bytes(3))
IDLE_S = 60.0
SIGKILLED = -9


class FakeWorker:
    """A worker without a process: the test writes its messages and decides when it exits."""

    def __init__(self) -> None:
        self.device: str | None = None
        self.model: str | None = None
        self.ready: Ready | None = None
        self.pid: int | None = None
        self.has_gpu = False
        self.is_ending = False
        self.sent: list[Any] = []
        self.inbox: list[WorkerMessage] = []
        self.exited_with: int | None = None
        self.start_error: Exception | None = None
        self.receive_error: Exception | None = None
        self.starts = 0
        self.room = 1000
        self.ticks = 0

    def ensure_started(self) -> bool:
        if self.pid is not None:
            return False
        if self.start_error is not None:
            raise self.start_error
        self.starts += 1
        self.pid = self.starts
        return True

    def send(self, message: ServerMessage) -> bool:
        assert self.pid is not None, "nothing can be sent to a worker that does not run"
        if self.room == 0:
            return False
        self.room -= 1
        self.sent.append(message)
        return True

    def receive(self) -> Iterator[WorkerMessage]:
        received, self.inbox = self.inbox, []
        yield from received
        if self.receive_error is not None:
            raise self.receive_error

    def exit_status(self) -> int | None:
        return self.exited_with

    def end(self) -> None:
        self.is_ending = self.pid is not None and self.exited_with is None
        self.pid = self.exited_with = None

    def reap(self) -> None:
        self.is_ending = False


@pytest.fixture
def worker() -> FakeWorker:
    return FakeWorker()


@pytest.fixture
def dispatcher(worker: FakeWorker, table: JobTable, clock: FakeClock) -> Dispatcher:
    return Dispatcher(worker, table, idle_s=IDLE_S, clock=clock, ticks_of=lambda _: worker.ticks)


def queue_job(table: JobTable, begin_from: Beginning | None = None) -> Job:
    settings = StyleSettings(iterations=11, size=64)
    name = secrets.token_hex(16)
    submission = Submit("1", name, settings, PIXEL, (Style(PIXEL),), None, begin_from=begin_from)
    return table.submit(submission, Origin(b"client"))


def start_job(table: JobTable, dispatcher: Dispatcher) -> Job:
    job = queue_job(table)
    dispatcher.start_next()
    return job


def deliver(worker: FakeWorker, dispatcher: Dispatcher, *messages: WorkerMessage) -> list[Preview]:
    """Returns the previews."""
    worker.inbox += messages
    return dispatcher.receive()


def step(job: Job, number: int = 1) -> Stepped:
    return Stepped(job.name, number, 11, 5.0, number / 11)


def exit_with(status: int, worker: FakeWorker, dispatcher: Dispatcher) -> None:
    worker.exited_with = status
    dispatcher.supervise()


# Starting


def test_without_a_job_no_worker_is_started(dispatcher: Dispatcher, worker: FakeWorker) -> None:
    dispatcher.start_next()

    assert (worker.starts, dispatcher.workers_started, dispatcher.is_busy) == (0, 0, False)


def test_job_is_sent_to_a_worker_started_for_it(
    table: JobTable, dispatcher: Dispatcher, worker: FakeWorker
) -> None:
    job = start_job(table, dispatcher)

    (run,) = worker.sent
    assert isinstance(run, Run)
    assert (run.job, run.content) == (job.name, PIXEL)
    assert run.result_file is not None
    assert Path(run.result_file).exists()
    assert (job.state, dispatcher.is_busy) == (JobState.RUNNING, True)
    assert dispatcher.workers_started == 1


def test_picture_to_begin_from_is_sent_to_the_worker(
    table: JobTable, dispatcher: Dispatcher, worker: FakeWorker
) -> None:
    earlier = Beginning(PIXEL, 40)

    job = queue_job(table, earlier)
    assert job.input_bytes == 3 * len(PIXEL.pixels)
    dispatcher.start_next()

    (run,) = worker.sent
    assert isinstance(run, Run)
    assert run.begin_from == earlier
    assert job.begun_px == 40


def test_second_job_waits_for_the_first_and_has_the_same_worker(
    table: JobTable, dispatcher: Dispatcher, worker: FakeWorker
) -> None:
    first, second = start_job(table, dispatcher), start_job(table, dispatcher)
    assert len(worker.sent) == 1

    deliver(worker, dispatcher, Painted(first.name, PIXEL))
    dispatcher.start_next()

    assert [message.job for message in worker.sent] == [first.name, second.name]
    assert worker.starts == 1


def test_job_waits_until_a_killed_worker_has_exited(
    table: JobTable, dispatcher: Dispatcher, worker: FakeWorker
) -> None:
    worker.is_ending = True
    job = start_job(table, dispatcher)
    assert (job.state, dispatcher.is_busy) == (JobState.QUEUED, True)

    dispatcher.supervise()
    dispatcher.start_next()

    assert job.state is JobState.RUNNING


def test_job_fails_if_its_share_of_memory_cannot_be_found_out(
    table: JobTable, worker: FakeWorker, clock: FakeClock
) -> None:
    errors = [OSError(24, "Too many open files")]

    def memory() -> None:
        if errors:
            raise errors.pop()

    dispatcher = Dispatcher(
        worker,
        table,
        idle_s=IDLE_S,
        memory=memory,
        clock=clock,
    )
    job = start_job(table, dispatcher)

    assert job.state is JobState.FAILED
    worker.exited_with = SIGKILLED
    dispatcher.supervise()
    assert start_job(table, dispatcher).state is JobState.RUNNING


def test_job_fails_if_its_worker_cannot_be_started(
    table: JobTable, dispatcher: Dispatcher, worker: FakeWorker
) -> None:
    worker.start_error = OSError("Cannot allocate memory")
    job = start_job(table, dispatcher)

    assert job.problem is not None
    assert job.problem.code is ErrorCode.WORKER_DIED
    assert "Cannot allocate memory" in job.problem.message
    worker.start_error = None
    assert start_job(table, dispatcher).state is JobState.RUNNING


def test_job_without_a_result_file_runs_all_the_same(
    table: JobTable, dispatcher: Dispatcher, worker: FakeWorker, tmp_path: Path
) -> None:
    (tmp_path / "results").write_text("a file where the folder should be")
    job = start_job(table, dispatcher)

    (run,) = worker.sent
    assert isinstance(run, Run)
    assert run.result_file is None
    deliver(worker, dispatcher, Painted(job.name, PIXEL))
    assert job.state is JobState.DONE


# Progress and results


def test_steps_are_recorded_and_previews_returned(
    table: JobTable, dispatcher: Dispatcher, worker: FakeWorker
) -> None:
    job = start_job(table, dispatcher)

    previews = deliver(worker, dispatcher, step(job, 3), Previewed(job.name, 3, PIXEL))

    assert (job.step, job.loss) == (3, 5.0)
    assert previews == [Preview(job.name, 3, PIXEL)]
    assert dispatcher.is_busy


def test_device_model_and_readiness_are_those_of_the_last_messages(
    dispatcher: Dispatcher, worker: FakeWorker
) -> None:
    ready = Ready(gpu_bytes=5, bfloat16=True)

    deliver(worker, dispatcher, ready, Loaded("CPU", "vgg19"))

    assert (worker.ready, worker.device, worker.model) == (ready, "CPU", "vgg19")


def test_painted_picture_ends_the_job(
    table: JobTable, dispatcher: Dispatcher, worker: FakeWorker
) -> None:
    job = start_job(table, dispatcher)

    deliver(worker, dispatcher, step(job), Painted(job.name, PIXEL))

    assert (job.state, dispatcher.is_busy) == (JobState.DONE, False)
    assert bytes(table.fetch(job.name).pixels) == PIXEL.pixels


def test_picture_in_the_result_file_ends_the_job_and_stays_after_the_next_one(
    table: JobTable, dispatcher: Dispatcher, worker: FakeWorker
) -> None:
    job = start_job(table, dispatcher)
    (run,) = worker.sent
    assert isinstance(run, Run)
    assert run.result_file is not None
    write_result_file(run.result_file, b"abc")

    deliver(worker, dispatcher, Written(job.name, 1, 1, PixelFormat.RGB_U8))
    start_job(table, dispatcher)

    assert job.state is JobState.DONE
    assert bytes(table.fetch(job.name).pixels) == b"abc"


def test_unused_result_file_is_closed_when_the_job_ends(
    table: JobTable, dispatcher: Dispatcher, worker: FakeWorker
) -> None:
    job = start_job(table, dispatcher)
    (run,) = worker.sent
    assert isinstance(run, Run)
    assert run.result_file is not None

    deliver(worker, dispatcher, Painted(job.name, PIXEL))

    assert not Path(run.result_file).exists()


def test_failure_ends_the_job_with_its_problem_and_keeps_the_worker(
    table: JobTable, dispatcher: Dispatcher, worker: FakeWorker
) -> None:
    job = start_job(table, dispatcher)
    problem = Problem(ErrorCode.OUT_OF_MEMORY, "Choose a smaller size.")

    deliver(worker, dispatcher, Failed(job.name, problem))

    assert (job.state, job.problem) == (JobState.FAILED, problem)
    assert (worker.pid, dispatcher.is_busy) == (1, False)


def test_worker_that_reports_on_another_job_is_ended_and_fails_its_own(
    table: JobTable, dispatcher: Dispatcher, worker: FakeWorker
) -> None:
    first = start_job(table, dispatcher)
    deliver(worker, dispatcher, Painted(first.name, PIXEL))

    deliver(worker, dispatcher, step(first))
    assert worker.pid is None
    dispatcher.supervise()
    second = start_job(table, dispatcher)
    deliver(worker, dispatcher, step(first))

    assert (first.state, worker.pid) == (JobState.DONE, None)
    assert second.problem is not None
    assert "which it does not have" in second.problem.message


@pytest.mark.parametrize(
    "error",
    [
        OSError(24, "Too many open files"),
        MemoryError(),
        RuntimeError("can't start new thread"),
        ProtocolError("no message"),
    ],
)
def test_error_of_the_worker_fails_its_job_and_the_next_one_runs(
    table: JobTable, dispatcher: Dispatcher, worker: FakeWorker, error: Exception
) -> None:
    worker.start_error = error
    unstarted = start_job(table, dispatcher)
    worker.start_error = None
    interrupted = start_job(table, dispatcher)
    worker.receive_error = error
    deliver(worker, dispatcher, step(interrupted))
    worker.receive_error = None
    dispatcher.supervise()
    after = start_job(table, dispatcher)
    deliver(worker, dispatcher, Painted(after.name, PIXEL))

    for job in (unstarted, interrupted):
        assert job.problem is not None
        assert job.problem.code is ErrorCode.WORKER_DIED
    assert interrupted.step == 1  # what arrived before the error counts
    assert after.state is JobState.DONE


def test_incomplete_picture_in_the_result_file_fails_the_job(
    table: JobTable, dispatcher: Dispatcher, worker: FakeWorker
) -> None:
    job = start_job(table, dispatcher)

    deliver(worker, dispatcher, Written(job.name, 64, 64, PixelFormat.RGB_U8))

    assert job.problem is not None
    assert job.problem.code is ErrorCode.WORKER_DIED


# Stopping


def test_cancelled_job_is_stopped_once_and_frees_the_worker(
    table: JobTable, dispatcher: Dispatcher, worker: FakeWorker, clock: FakeClock
) -> None:
    job = start_job(table, dispatcher)

    dispatcher.cancel(job)
    dispatcher.cancel(job)
    assert worker.sent[1:] == [Stop(job.name)]
    assert (job.state, dispatcher.is_busy) == (JobState.CANCELLED, True)
    deliver(worker, dispatcher, step(job), Stopped(job.name))

    assert not dispatcher.is_busy
    clock.now_s += 2 * STOP_GRACE_S
    dispatcher.supervise()
    assert worker.pid == 1


def test_reason_of_a_cancellation_is_that_of_a_job_that_has_not_ended(
    table: JobTable, dispatcher: Dispatcher, worker: FakeWorker
) -> None:
    lost = Problem(ErrorCode.NOT_DONE, "Its client was lost.")
    job = start_job(table, dispatcher)
    dispatcher.cancel(job, lost)
    assert (job.state, job.problem) == (JobState.CANCELLED, lost)
    deliver(worker, dispatcher, Stopped(job.name))
    done = start_job(table, dispatcher)
    deliver(worker, dispatcher, Painted(done.name, PIXEL))

    dispatcher.cancel(done, lost)

    assert (done.state, done.problem) == (JobState.DONE, None)


def test_job_that_the_worker_stopped_by_itself_is_cancelled(
    table: JobTable, dispatcher: Dispatcher, worker: FakeWorker
) -> None:
    job = start_job(table, dispatcher)

    deliver(worker, dispatcher, Stopped(job.name))

    assert job.state is JobState.CANCELLED


def test_worker_that_does_not_stop_in_time_is_killed(
    table: JobTable, dispatcher: Dispatcher, worker: FakeWorker, clock: FakeClock
) -> None:
    job = start_job(table, dispatcher)
    dispatcher.cancel(job)

    clock.now_s += STOP_GRACE_S
    dispatcher.supervise()
    assert worker.pid == 1
    clock.now_s += 0.01
    dispatcher.supervise()

    assert (worker.pid, job.state) == (None, JobState.CANCELLED)  # type: ignore[comparison-overlap] # it has changed
    dispatcher.supervise()
    assert start_job(table, dispatcher).state is JobState.RUNNING
    clock.now_s += 2 * STOP_GRACE_S  # the deadline was the last job's
    dispatcher.supervise()
    assert worker.pid == 2


def test_job_cancelled_in_the_queue_never_reaches_the_worker(
    table: JobTable, dispatcher: Dispatcher, worker: FakeWorker
) -> None:
    running = start_job(table, dispatcher)
    waiting = start_job(table, dispatcher)

    dispatcher.cancel(waiting)
    deliver(worker, dispatcher, Painted(running.name, PIXEL))
    dispatcher.start_next()

    assert waiting.state is JobState.CANCELLED
    assert [message.job for message in worker.sent] == [running.name]


def test_kept_job_has_no_deadline_and_ends_with_its_picture(
    table: JobTable, dispatcher: Dispatcher, worker: FakeWorker, clock: FakeClock
) -> None:
    job = start_job(table, dispatcher)
    deliver(worker, dispatcher, step(job, 1), step(job, 2))

    dispatcher.keep(job)
    clock.now_s += 100 * STOP_GRACE_S
    dispatcher.supervise()
    assert worker.sent[1:] == [Stop(job.name, keeps_result=True)]
    assert worker.pid == 1
    deliver(worker, dispatcher, Painted(job.name, PIXEL))

    assert job.state is JobState.DONE


def test_kept_job_can_still_be_cancelled(
    table: JobTable, dispatcher: Dispatcher, worker: FakeWorker
) -> None:
    job = start_job(table, dispatcher)
    deliver(worker, dispatcher, step(job, 1), step(job, 2))

    dispatcher.keep(job)
    dispatcher.cancel(job)

    assert worker.sent[-1] == Stop(job.name)
    deliver(worker, dispatcher, Painted(job.name, PIXEL))
    assert (job.state, job.picture) == (JobState.CANCELLED, None)


def test_job_without_a_picture_cannot_be_kept(
    table: JobTable, dispatcher: Dispatcher, worker: FakeWorker
) -> None:
    job = start_job(table, dispatcher)

    with pytest.raises(DaemonError, match="no picture to keep yet") as caught:
        dispatcher.keep(job)

    assert caught.value.code is ErrorCode.NOT_DONE
    assert len(worker.sent) == 1


def test_job_that_has_ended_is_neither_stopped_nor_kept_again(
    table: JobTable, dispatcher: Dispatcher, worker: FakeWorker
) -> None:
    job = start_job(table, dispatcher)
    deliver(worker, dispatcher, Painted(job.name, PIXEL))

    dispatcher.keep(job)
    dispatcher.cancel(job)

    assert job.state is JobState.DONE
    assert len(worker.sent) == 1


# Previews


def test_changed_previews_are_sent_to_the_worker_of_a_running_job_only(
    table: JobTable, dispatcher: Dispatcher, worker: FakeWorker
) -> None:
    running = start_job(table, dispatcher)
    waiting = start_job(table, dispatcher)
    options = PreviewOptions(64, 0.5)

    for job in (running, running, waiting):
        dispatcher.set_previews(job, options)

    assert worker.sent[1:] == [Show(running.name, options)]
    deliver(worker, dispatcher, Painted(running.name, PIXEL))
    dispatcher.start_next()
    run = worker.sent[-1]
    assert isinstance(run, Run)
    assert (run.job, run.previews) == (waiting.name, options)


# Death


def test_death_of_a_new_worker_before_the_first_step_fails_the_job(
    table: JobTable, dispatcher: Dispatcher, worker: FakeWorker
) -> None:
    job = start_job(table, dispatcher)

    exit_with(SIGKILLED, worker, dispatcher)

    assert job.problem is not None
    assert job.problem.code is ErrorCode.WORKER_DIED
    assert "memory runs out" in job.problem.message
    assert not dispatcher.is_busy


def test_death_of_an_older_worker_before_the_first_step_retries_the_job_once(
    table: JobTable, dispatcher: Dispatcher, worker: FakeWorker
) -> None:
    first = start_job(table, dispatcher)
    deliver(worker, dispatcher, Painted(first.name, PIXEL))
    job, after = start_job(table, dispatcher), queue_job(table)

    exit_with(SIGKILLED, worker, dispatcher)
    assert job.state is JobState.RUNNING
    dispatcher.start_next()
    assert [message.job for message in worker.sent] == [first.name, job.name, job.name]
    assert worker.starts == 2
    exit_with(SIGKILLED, worker, dispatcher)
    dispatcher.start_next()

    assert job.state is JobState.FAILED  # type: ignore[comparison-overlap] # it has changed
    assert (worker.sent[-1].job, worker.starts) == (after.name, 3)


def test_death_after_the_first_step_fails_the_job(
    table: JobTable, dispatcher: Dispatcher, worker: FakeWorker
) -> None:
    first = start_job(table, dispatcher)
    deliver(worker, dispatcher, Painted(first.name, PIXEL))
    job = start_job(table, dispatcher)
    deliver(worker, dispatcher, step(job))

    exit_with(3, worker, dispatcher)

    assert job.problem is not None
    assert "status 3" in job.problem.message


def test_job_that_is_cancelled_before_its_retry_does_not_run_again(
    table: JobTable, dispatcher: Dispatcher, worker: FakeWorker
) -> None:
    first = start_job(table, dispatcher)
    deliver(worker, dispatcher, Painted(first.name, PIXEL))
    job, after = start_job(table, dispatcher), queue_job(table)
    exit_with(SIGKILLED, worker, dispatcher)

    dispatcher.cancel(job)
    dispatcher.start_next()

    assert job.state is JobState.CANCELLED
    assert worker.sent[-1].job == after.name


def test_result_that_arrived_before_the_death_counts(
    table: JobTable, dispatcher: Dispatcher, worker: FakeWorker
) -> None:
    job = start_job(table, dispatcher)
    deliver(worker, dispatcher, Painted(job.name, PIXEL))

    exit_with(SIGKILLED, worker, dispatcher)

    assert job.state is JobState.DONE
    assert worker.pid is None


# Workers that do not read, or hang


def run_for(seconds: float, dispatcher: Dispatcher, clock: FakeClock) -> None:
    """Runs the rounds of the server's loop for a time."""
    for _ in range(round(seconds * 2)):
        clock.now_s += 0.5
        dispatcher.receive()
        dispatcher.supervise()
        dispatcher.start_next()


def test_worker_that_does_not_read_is_sent_the_last_wishes_when_it_reads(
    table: JobTable, dispatcher: Dispatcher, worker: FakeWorker
) -> None:
    job = start_job(table, dispatcher)
    deliver(worker, dispatcher, step(job, 1), step(job, 2))
    worker.room = 0

    for side_px in range(16, 500):
        dispatcher.set_previews(job, PreviewOptions(side_px, 0.5))
        dispatcher.keep(job)
    dispatcher.supervise()
    assert len(worker.sent) == 1
    worker.room = 1000
    dispatcher.supervise()
    dispatcher.supervise()

    assert worker.sent[1:] == [
        Stop(job.name, keeps_result=True),
        Show(job.name, PreviewOptions(499, 0.5)),
    ]


def test_worker_that_never_reads_cannot_keep_a_job_from_being_cancelled(
    table: JobTable, dispatcher: Dispatcher, worker: FakeWorker, clock: FakeClock
) -> None:
    worker.room = 0
    job = start_job(table, dispatcher)

    dispatcher.cancel(job)
    clock.now_s += 2 * STOP_GRACE_S
    dispatcher.supervise()

    assert (job.state, worker.pid, worker.sent) == (JobState.CANCELLED, None, [])


@pytest.mark.parametrize("is_ready", [True, False])
def test_job_that_does_not_reach_its_worker_is_given_to_another_one_once(
    table: JobTable,
    dispatcher: Dispatcher,
    worker: FakeWorker,
    clock: FakeClock,
    *,
    is_ready: bool,
) -> None:
    limit_s = RECEIPT_LIMIT_S if is_ready else START_LIMIT_S
    ready = [Ready(None, bfloat16=False)] if is_ready else []
    job = start_job(table, dispatcher)
    deliver(worker, dispatcher, *ready)

    run_for(limit_s - 1, dispatcher, clock)
    assert worker.starts == 1
    run_for(3, dispatcher, clock)
    assert (worker.starts, job.state) == (2, JobState.RUNNING)
    assert [message.job for message in worker.sent] == [job.name] * 2
    deliver(worker, dispatcher, *ready)
    run_for(limit_s + 1, dispatcher, clock)

    assert job.problem is not None
    assert "did not answer" in job.problem.message
    assert worker.starts == 2


def test_received_job_is_not_given_again(
    table: JobTable, dispatcher: Dispatcher, worker: FakeWorker, clock: FakeClock
) -> None:
    job = start_job(table, dispatcher)
    deliver(worker, dispatcher, Ready(None, bfloat16=False), Begun(job.name))

    run_for(START_LIMIT_S / 4, dispatcher, clock)

    assert worker.starts == 1


def paint_steps(
    count: int, job: Job, worker: FakeWorker, dispatcher: Dispatcher, clock: FakeClock
) -> None:
    deliver(worker, dispatcher, Ready(None, bfloat16=False), Begun(job.name))
    for number in range(1, count + 1):
        run_for(1, dispatcher, clock)
        deliver(worker, dispatcher, step(job, number))


def test_worker_that_makes_no_step_is_reported_and_then_ended(
    table: JobTable, dispatcher: Dispatcher, worker: FakeWorker, clock: FakeClock
) -> None:
    job = start_job(table, dispatcher)
    paint_steps(5, job, worker, dispatcher, clock)

    run_for(SHORTEST_STALL_S - 1, dispatcher, clock)
    assert table.report(job).stalled_s is None
    run_for(2, dispatcher, clock)
    assert table.report(job).stalled_s == pytest.approx(SHORTEST_STALL_S + 1)
    assert worker.pid == 1
    run_for(SHORTEST_STALL_S, dispatcher, clock)

    assert worker.pid is None
    assert job.problem is not None
    assert job.problem.code is ErrorCode.WORKER_DIED
    assert "hung and was ended" in job.problem.message
    assert "though a step takes 1 s" in job.problem.message
    assert start_job(table, dispatcher).state is JobState.RUNNING


def test_worker_that_makes_a_step_after_all_is_no_longer_reported(
    table: JobTable, dispatcher: Dispatcher, worker: FakeWorker, clock: FakeClock
) -> None:
    job = start_job(table, dispatcher)
    paint_steps(5, job, worker, dispatcher, clock)
    run_for(SHORTEST_STALL_S + 1, dispatcher, clock)

    deliver(worker, dispatcher, step(job, 6))
    run_for(1, dispatcher, clock)

    assert (table.report(job).stalled_s, worker.pid) == (None, 1)


def test_working_process_is_given_more_time_than_an_idle_one(
    table: JobTable, dispatcher: Dispatcher, worker: FakeWorker, clock: FakeClock
) -> None:
    job = start_job(table, dispatcher)
    paint_steps(5, job, worker, dispatcher, clock)

    for _ in range(round(SLOWEST * SHORTEST_STALL_S) - 1):
        worker.ticks += 1
        run_for(1, dispatcher, clock)
    assert (worker.pid, job.stalled_s is None) == (1, False)
    run_for(2, dispatcher, clock)

    assert worker.pid is None


def test_loading_and_enlarging_may_take_any_time_while_the_process_works(
    table: JobTable, dispatcher: Dispatcher, worker: FakeWorker, clock: FakeClock
) -> None:
    def work() -> None:
        for _ in range(1000):
            worker.ticks += 1
            run_for(1, dispatcher, clock)

    job = start_job(table, dispatcher)
    deliver(worker, dispatcher, Ready(None, bfloat16=False), Begun(job.name))
    work()
    paint_steps(11, job, worker, dispatcher, clock)
    work()
    assert (job.stalled_s, worker.pid) == (None, 1)
    run_for(2 * IDLE_STALL_S - 5, dispatcher, clock)
    assert worker.pid == 1
    run_for(7, dispatcher, clock)

    assert worker.pid is None
    assert job.problem is not None


def test_time_in_which_the_server_was_stopped_does_not_count(
    table: JobTable, dispatcher: Dispatcher, worker: FakeWorker, clock: FakeClock
) -> None:
    job = start_job(table, dispatcher)
    paint_steps(5, job, worker, dispatcher, clock)

    clock.now_s += 8 * 3600
    run_for(2, dispatcher, clock)

    assert (job.stalled_s, worker.pid) == (None, 1)


# Idle workers


def test_worker_that_has_been_idle_is_ended_and_the_next_job_starts_another(
    table: JobTable, dispatcher: Dispatcher, worker: FakeWorker, clock: FakeClock
) -> None:
    job = start_job(table, dispatcher)
    clock.now_s += 10 * IDLE_S
    dispatcher.supervise()
    assert worker.pid == 1  # it stays while it works, however long that takes
    deliver(worker, dispatcher, Painted(job.name, PIXEL))

    clock.now_s += IDLE_S
    dispatcher.supervise()
    assert worker.pid == 1
    clock.now_s += 0.01
    dispatcher.supervise()

    assert worker.pid is None
    dispatcher.supervise()
    start_job(table, dispatcher)
    assert dispatcher.workers_started == 2


# The pace of the machine


STEPS = tuple(CurvePoint(step, 2.0 * step, 1.0) for step in range(1, 5))


def test_unknown_pace_is_measured_and_then_known(
    table: JobTable, dispatcher: Dispatcher, worker: FakeWorker
) -> None:
    dispatcher.measure_pace()
    assert worker.sent == [Measure()]

    deliver(worker, dispatcher, Ready(None, bfloat16=False), Loaded("CPU", "vgg19"))
    deliver(worker, dispatcher, Measured(StyleSettings(size=64), 64, 64, STEPS))

    assert table.throughput.estimate_s(Work(StyleSettings(), 512, 512)) is not None
    dispatcher.measure_pace()
    assert worker.sent == [Measure()]


def test_job_does_not_wait_for_the_measurement(
    table: JobTable, dispatcher: Dispatcher, worker: FakeWorker
) -> None:
    dispatcher.measure_pace()

    job = start_job(table, dispatcher)

    assert [type(message) for message in worker.sent] == [Measure, Run]
    deliver(worker, dispatcher, Begun(job.name), Painted(job.name, PIXEL))
    assert job.state is JobState.DONE


def test_worker_that_cannot_be_started_to_measure_fails_no_job(
    table: JobTable, dispatcher: Dispatcher, worker: FakeWorker, caplog: pytest.LogCaptureFixture
) -> None:
    worker.start_error = OSError("Cannot allocate memory")

    dispatcher.measure_pace()

    assert "Cannot allocate memory" in caplog.text
    worker.start_error = None
    assert start_job(table, dispatcher).state is JobState.RUNNING


def test_time_that_a_worker_takes_to_start_is_learnt(
    table: JobTable, dispatcher: Dispatcher, worker: FakeWorker, clock: FakeClock
) -> None:
    job = start_job(table, dispatcher)
    clock.now_s += 3
    deliver(worker, dispatcher, Ready(None, bfloat16=False), Begun(job.name))
    clock.now_s += 0.5
    deliver(worker, dispatcher, Loaded("CPU", "vgg19"))

    assert table.throughput.start_s == pytest.approx(3.5)
    clock.now_s += 100
    deliver(worker, dispatcher, Loaded("CPU", "vgg19"))  # with other pooling, for a later job
    assert table.throughput.start_s == pytest.approx(3.5)


def test_gpu_is_probed_by_one_worker_which_then_idles(
    dispatcher: Dispatcher, worker: FakeWorker, clock: FakeClock
) -> None:
    dispatcher.probe_gpu()
    assert worker.starts == 0

    clock.now_s += 2 * IDLE_S
    worker.has_gpu = True
    dispatcher.probe_gpu()
    dispatcher.supervise()
    assert worker.pid == 1
    clock.now_s += IDLE_S + 0.01
    dispatcher.supervise()
    dispatcher.probe_gpu()

    assert (worker.pid, worker.starts) == (None, 1)  # type: ignore[comparison-overlap] # it has changed


def test_gpu_that_cannot_be_probed_fails_no_job(
    table: JobTable,
    dispatcher: Dispatcher,
    worker: FakeWorker,
    caplog: pytest.LogCaptureFixture,
) -> None:
    worker.has_gpu, worker.start_error = True, OSError("Cannot allocate memory")

    dispatcher.probe_gpu()

    assert "Cannot allocate memory" in caplog.text
    worker.start_error = None
    assert start_job(table, dispatcher).state is JobState.RUNNING
