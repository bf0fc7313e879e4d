"""The state machine of the one job in the worker: starting, stopping, failing and retrying it.

Plain Python: no sockets; the worker stands behind a protocol, and the clock is passed in.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from impasto_daemon.server.jobs.job import Job
from impasto_daemon.server.jobs.job_table import JobTable
from impasto_daemon.server.jobs.results import ResultFile
from impasto_daemon.server.jobs.time_estimate import longest_step_share
from impasto_daemon.server.stall_watch import StallWatch
from impasto_daemon.server.start_timer import StartTimer
from impasto_daemon.style_transfer.planning.work import Work
from impasto_daemon.system.host import is_killed, processor_ticks
from impasto_daemon.system.malloc import release_freed_memory
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
    Split,
    Stepped,
    Stop,
    Stopped,
    WorkerMessage,
    Written,
)
from impasto_daemon.worker.process import WORKER_ERRORS
from impasto_shared.errors import DaemonError, ErrorCode
from impasto_shared.protocol.messages import Preview, PreviewOptions, Segment, Submit
from impasto_shared.protocol.reports import Problem
from impasto_shared.running_clock import RunningClock
from impasto_shared.text.sentences import sentence

logger = logging.getLogger(__name__)

STOP_GRACE_S = 1.2
"""The time in which a worker must stop; with the time between updates less than two seconds."""


class Worker(Protocol):
    """The worker as the dispatcher knows it: `worker.process.WorkerProcess`."""

    device: str | None
    model: str | None
    ready: Ready | None

    @property
    def pid(self) -> int | None:
        """The worker's process id; None if there is no worker."""

    @property
    def has_gpu(self) -> bool:
        """True if it paints on a GPU, as far as is known."""

    @property
    def is_ending(self) -> bool:
        """True if a worker that was killed may still hold memory."""

    def ensure_started(self) -> bool:
        """Starts a worker if there is none; returns whether it did. Raises WORKER_ERRORS."""

    def send(self, message: ServerMessage) -> bool:
        """Sends a message; returns False if the worker has no room for it. Never waits."""

    def receive(self) -> Iterable[WorkerMessage]:
        """Yields the messages received since the last call. Raises WORKER_ERRORS."""

    def exit_status(self) -> int | None:
        """Returns the status of a worker that has exited by itself, else None."""

    def end(self) -> None:
        """Kills the worker; returns at once."""

    def reap(self) -> None:
        """Collects the exit statuses of killed workers."""


@dataclass(eq=False)
class _Assignment:
    """The job in the worker, and the messages about it that the worker has no room for yet.

    is_first: whether the worker was started for it.
    is_retry: whether it was given to a worker before.
    result_file: the file for its picture; None if none could be created.
    watch: notices that the worker hangs.
    run, stop, show: the last message of each kind that is still to be sent.
    stop_deadline_s: time at which the worker is killed; None unless the job was cancelled.
    """

    job: Job
    is_first: bool
    is_retry: bool
    result_file: ResultFile | None
    watch: StallWatch
    run: Run | Split | None = None
    stop: Stop | None = None
    show: Show | None = None
    stop_deadline_s: float | None = None
    keep_sent: bool = False


class Dispatcher:
    """Gives the jobs of a table to a worker, one at a time, and records the outcome.

    An error of the worker, or of the system when it is started, addressed or ended, fails its job
    and nothing else. Nothing waits for the worker. One that has been idle for `idle_s` seconds is
    ended. `memory` returns the bytes of the machine's memory that a job may take, None for all;
    `clock` is monotonic, in seconds; `ticks_of` returns the processor time of a process.
    """

    def __init__(
        self,
        worker: Worker,
        jobs: JobTable,
        *,
        idle_s: float,
        memory: Callable[[], int | None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        ticks_of: Callable[[int], int | None] = processor_ticks,
    ) -> None:
        self._worker = worker
        self._jobs = jobs
        self._idle_s = idle_s
        self._memory = memory
        self._clock = clock
        self._ticks_of = ticks_of
        self._running_clock = RunningClock(clock)
        self._current: _Assignment | None = None
        self._retry: Job | None = None
        self._is_ready = False
        self._start_timer: StartTimer | None = None
        self._idle_since_s = clock()
        self.workers_started = 0

    @property
    def is_busy(self) -> bool:
        """True if a job is in the worker, or a killed worker has not yet exited."""
        return self._current is not None or self._worker.is_ending

    @property
    def job_name(self) -> str | None:
        """The name of the job in the worker; None if there is none."""
        return None if self._current is None else self._current.job.name

    def start_next(self) -> None:
        """Gives the next job to the worker, which is started if necessary, unless it has one."""
        # A killed worker holds its memory until it has exited.
        job = None if self.is_busy else self._next_job()
        if job is None:
            return
        submission = self._jobs.start(job)
        is_retry, self._retry = job is self._retry, None
        try:
            is_first = self._ensure_worker()
            watch = self._watch(job)
            result_file = self._jobs.results.new_file(job.name)
            current = _Assignment(job, is_first, is_retry, result_file, watch)
            current.run = _run_message(submission, current, self._memory())
        except WORKER_ERRORS as error:
            logger.exception("the worker cannot be started")
            self._worker.end()
            self._jobs.fail(job, _not_started(error))
            self._release()
            return
        self._current = current
        logger.info("job %s starts: %d × %d pixels", job.name, job.width, job.height)
        self._send_pending()

    def cancel(self, job: Job, problem: Problem | None = None) -> None:
        """Cancels a job; the worker is told to stop, and killed if it does not.

        problem: the reason; None if its client wishes it.
        """
        self._jobs.cancel(job, problem)
        current = self._assignment_of(job)
        if current is not None and current.stop_deadline_s is None:
            current.stop = Stop(job.name)
            current.stop_deadline_s = self._clock() + STOP_GRACE_S
            self._send_pending()

    def keep(self, job: Job) -> None:
        """Ends a running job with its best picture so far; does nothing if it has ended.

        Raises:
            DaemonError: not-done, if there is no picture yet.
        """
        if not (job.state.is_final or self._jobs.report(job).can_keep):
            raise DaemonError(
                sentence("nothing-to-keep"),
                ErrorCode.NOT_DONE,
            )
        current = self._assignment_of(job)
        # It is told once: a worker that does not read would be sent more than it has room for.
        if current is not None and current.stop_deadline_s is None and not current.keep_sent:
            # No deadline: the picture is worth waiting for.
            current.stop, current.keep_sent = Stop(job.name, keeps_result=True), True
            self._send_pending()

    def set_previews(self, job: Job, previews: PreviewOptions) -> None:
        """Sets the previews that a job sends from now on."""
        if previews == job.previews:
            return
        job.previews = previews
        current = self._assignment_of(job)
        if current is not None:
            current.show = Show(job.name, previews)
            self._send_pending()

    def probe_gpu(self) -> None:
        """Starts the first worker if there may be a GPU: only a worker can tell its memory."""
        if self._worker.has_gpu and not self.workers_started:
            self._start_without_job()

    def measure_pace(self) -> None:
        """Has a worker measure how fast this machine paints, unless that is known.

        A job does not wait for it: then the job itself tells, as far as it gets.
        """
        if not self._jobs.throughput.is_known:
            self._start_without_job(Measure())

    def receive(self) -> list[Preview]:
        """Records the worker's progress and results; returns the previews for the clients."""
        previews: list[Preview] = []
        with self._contained():
            for message in self._worker.receive():
                self._record(message, previews)
        return previews

    def supervise(self) -> None:
        """Notices that the worker has died or hangs, and ends one that is overdue, or idle."""
        self._running_clock.look()
        with self._contained():
            self._worker.reap()
            exit_status = self._worker.exit_status()
            if exit_status is not None:
                self._record_exit(exit_status)
            elif self._is_stop_overdue:
                logger.info("the worker did not stop in time and is killed")
                self._worker.end()
                self._release()
            elif self._is_idle_too_long:
                logger.info("the worker has been idle: it is ended to free its memory")
                self._worker.end()
            elif self._current is not None:
                self._look_after(self._current)
        self._send_pending()

    # Transitions

    def _next_job(self) -> Job | None:
        if self._retry is not None and self._retry.state.is_final:
            self._retry = None
        job = self._retry or self._jobs.next_queued
        return job if job is not None and self._jobs.prepare(job) else None

    def _ensure_worker(self) -> bool:
        is_new = self._worker.ensure_started()
        self.workers_started += is_new
        if is_new:
            self._is_ready, self._start_timer = False, StartTimer(self._clock)
        if self._start_timer is not None:
            self._start_timer.record_work()
        self._idle_since_s = self._clock()
        return is_new

    def _start_without_job(self, task: Measure | None = None) -> None:
        try:
            self._ensure_worker()
            if task is not None:
                self._worker.send(task)
        except WORKER_ERRORS as error:  # the next job reports it
            logger.warning("the worker cannot be started: %s", error)
            self._worker.end()

    def _watch(self, job: Job) -> StallWatch:
        pid = self._worker.pid
        return StallWatch(
            self._running_clock,
            lambda: None if pid is None else self._ticks_of(pid),
            longest_step=longest_step_share(job.work),
            expected_s=self._jobs.throughput.estimate_s(job.work),
        )

    def _send_pending(self) -> None:
        """Sends what the worker has room for; the rest is sent in a later round."""
        current = self._current
        if current is None:
            return
        with self._contained():
            if current.run is not None and self._worker.send(current.run):
                current.run = None
            if current.run is not None:
                return
            if current.stop is not None and self._worker.send(current.stop):
                current.stop = None
            if current.show is not None and self._worker.send(current.show):
                current.show = None

    def _record(self, message: WorkerMessage, previews: list[Preview]) -> None:
        match message:
            case Ready():
                self._worker.ready, self._is_ready = message, True
                if self._start_timer is not None:
                    self._start_timer.record_ready()
                if self._current is not None:
                    self._current.watch.record_ready()
            case Loaded():
                self._worker.device, self._worker.model = message.device, message.model
                if self._current is not None:
                    self._current.watch.record_sign()
                self._record_start(str(message.model))
            case Measured():
                work = Work(message.settings, message.width, message.height)
                self._jobs.throughput.record(work, message.points)
            case Begun():
                self._assignment_for(message).watch.record_sign()
            case Previewed():
                job = self._assignment_for(message).job
                previews.append(Preview(job.name, message.step, message.image))
            case Stepped():
                current = self._assignment_for(message)
                current.watch.record_step(message.done)
                job = current.job
                self._jobs.advance(job, message.step, message.steps, message.loss, message.done)
                job.painted_px = message.side_px
            case _:
                self._complete(self._assignment_for(message), message)

    def _record_start(self, model: str) -> None:
        """Records how long the worker took to start, with the first network that it loads."""
        timer, self._start_timer = self._start_timer, None
        seconds = None if timer is None else timer.duration_s(model)
        if seconds is not None:
            self._jobs.throughput.record_start(seconds)

    def _complete(
        self, current: _Assignment, message: Painted | Written | Failed | Stopped
    ) -> None:
        job = current.job
        match message:
            case Painted():
                self._jobs.finish(job, message.image)
            case Written():
                if current.result_file is None:
                    raise RuntimeError(f"the worker wrote job {job.name} to a file it did not have")
                size = message.width, message.height
                self._jobs.finish(job, current.result_file.take(*size, message.format))
            case Failed():
                self._jobs.fail(job, message.problem)
            case Stopped():
                self._jobs.cancel(job)
        logger.info("job %s is %s", job.name, job.state.value)
        self._release()

    def _record_exit(self, exit_status: int) -> None:
        """Fails the job, or retries it once: an older worker's death may not be its fault."""
        logger.error("the worker exited with status %d", exit_status)
        self._worker.end()
        current = self._current
        if current is None:
            return
        has_begun = current.job.submission is None
        if has_begun or current.is_first:
            self._jobs.fail(current.job, _died(exit_status))
        else:
            self._retry = current.job
        self._release()

    def _look_after(self, current: _Assignment) -> None:
        """Ends a worker that has not received its job, or hangs; reports one that may hang."""
        watch, job = current.watch, current.job
        watch.look()
        if not watch.is_received:
            if watch.is_unreached(is_ready=self._is_ready):
                self._give_again(current)
            return
        job.stalled_s = watch.stalled_s
        if watch.is_hopeless:
            problem = _hung(watch)
            logger.error("job %s: %s", job.name, problem.message)
            self._worker.end()
            self._jobs.fail(job, problem)
            self._release()

    def _give_again(self, current: _Assignment) -> None:
        """Gives a job that its worker has not received to another worker, once."""
        logger.error("the worker has not received job %s and is killed", current.job.name)
        self._worker.end()
        if current.is_retry:
            self._jobs.fail(current.job, _UNREACHED)
        else:
            self._retry = current.job
        self._release()

    @contextmanager
    def _contained(self) -> Iterator[None]:
        """Ends the worker, and fails its job, if the block raises an error of the worker."""
        try:
            yield
        except (*WORKER_ERRORS, ValueError) as error:
            logger.exception("the worker cannot be used any more and is killed")
            self._worker.end()
            if self._current is not None:
                self._jobs.fail(self._current.job, _unusable(error))
            self._release()

    def _release(self) -> None:
        if self._current is not None:
            self._current.job.stalled_s = None
            if self._current.result_file is not None:
                self._current.result_file.drop()
        self._current = None
        self._idle_since_s = self._clock()
        try:
            release_freed_memory()
        except (OSError, ImportError) as error:  # it imports ctypes the first time
            logger.warning("freed memory cannot be returned to the system: %s", error)

    # State

    def _assignment_of(self, job: Job) -> _Assignment | None:
        return self._current if self._current is not None and self._current.job is job else None

    def _assignment_for(
        self, message: Begun | Stepped | Previewed | Painted | Written | Failed | Stopped
    ) -> _Assignment:
        if self._current is None or self._current.job.name != message.job:
            raise RuntimeError(f"the worker reports on job {message.job}, which it does not have")
        return self._current

    @property
    def _is_stop_overdue(self) -> bool:
        deadline_s = None if self._current is None else self._current.stop_deadline_s
        return deadline_s is not None and self._clock() > deadline_s

    @property
    def _is_idle_too_long(self) -> bool:
        is_idle = self._current is None and self._worker.pid is not None
        return is_idle and self._clock() - self._idle_since_s > self._idle_s


def _run_message(
    submission: Submit | Segment, assignment: _Assignment, memory_bytes: int | None
) -> Run | Split:
    job, result_file = assignment.job, assignment.result_file
    path = None if result_file is None else result_file.path
    if isinstance(submission, Segment):
        return Split(job.name, submission.content, submission.regions, path)
    return Run(
        job.name,
        submission.settings,
        submission.content,
        submission.styles,
        job.previews,
        path,
        submission.warm_start,
        submission.begin_from,
        memory_bytes,
    )


_UNREACHED = Problem.saying(ErrorCode.WORKER_DIED, sentence("worker-unreached"))


def _not_started(error: BaseException) -> Problem:
    return Problem.saying(ErrorCode.WORKER_DIED, sentence("worker-not-started", reason=error))


def _unusable(error: BaseException) -> Problem:
    text = sentence("worker-connection-failed", reason=str(error)[:500])
    return Problem.saying(ErrorCode.WORKER_DIED, text)


def _hung(watch: StallWatch) -> Problem:
    stalled_s = watch.stalled_s or 0.0
    if watch.step_s is None:
        text = sentence("worker-hung", time=stalled_s)
    elif watch.step_s < 1:
        text = sentence("worker-hung-in-short-step", time=stalled_s)
    else:
        text = sentence("worker-hung-in-step", time=stalled_s, step_time=watch.step_s)
    return Problem.saying(ErrorCode.WORKER_DIED, text)


def _died(exit_status: int) -> Problem:
    if is_killed(exit_status):
        return Problem.saying(ErrorCode.WORKER_DIED, sentence("worker-killed"))
    return Problem.saying(ErrorCode.WORKER_DIED, sentence("worker-ended", status=exit_status))
