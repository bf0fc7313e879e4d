"""The state machine of the one job in the worker: starting, stopping, failing and retrying it.

Plain Python: no sockets; the worker stands behind a protocol, and the clock is passed in.
"""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from impasto_daemon.server.jobs import Job, JobTable
from impasto_daemon.server.results import ResultFile
from impasto_daemon.system.malloc import release_freed_memory
from impasto_daemon.worker.messages import (
    Failed,
    Loaded,
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
from impasto_shared.errors import DaemonError, ErrorCode
from impasto_shared.messages import Preview, PreviewOptions, Submit
from impasto_shared.reports import Problem

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
        """Starts a worker if there is none; returns whether it did. Raises OSError."""

    def send(self, message: ServerMessage) -> None:
        """Sends a message to the worker."""

    def receive(self) -> list[WorkerMessage]:
        """Returns the messages received since the last call."""

    def exit_status(self) -> int | None:
        """Returns the status of a worker that has exited by itself, else None."""

    def end(self) -> None:
        """Kills the worker; returns at once."""

    def reap(self) -> None:
        """Collects the exit statuses of killed workers."""


@dataclass(eq=False)
class _Assignment:
    """The job in the worker.

    is_first: whether the worker was started for it.
    result_file: the file for its picture; None if none could be created.
    stop_deadline_s: time at which the worker is killed; None unless the job was cancelled.
    """

    job: Job
    is_first: bool
    result_file: ResultFile | None
    stop_deadline_s: float | None = None


class Dispatcher:
    """Gives the jobs of a table to a worker, one at a time, and records the outcome.

    A worker that has been idle for `idle_s` seconds is ended. `clock` is monotonic, in seconds.
    """

    def __init__(
        self,
        worker: Worker,
        jobs: JobTable,
        *,
        idle_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._worker = worker
        self._jobs = jobs
        self._idle_s = idle_s
        self._clock = clock
        self._current: _Assignment | None = None
        self._retry: Job | None = None
        self._idle_since_s = clock()
        self.workers_started = 0

    @property
    def is_busy(self) -> bool:
        """True if a job is in the worker, or a killed worker has not yet exited."""
        return self._current is not None or self._worker.is_ending

    def start_next(self) -> None:
        """Gives the next job to the worker, which is started if necessary, unless it has one."""
        job = self._next_job()
        # A killed worker holds its memory until it has exited.
        if job is None or self.is_busy:
            return
        submission = self._jobs.start(job)
        self._retry = None
        try:
            is_first = self._ensure_worker()
        except OSError as error:
            logger.exception("the worker cannot be started")
            self._worker.end()
            self._jobs.fail(job, _not_started(error))
            self._release()
            return
        self._current = _Assignment(job, is_first, self._jobs.results.new_file())
        logger.info("job %s starts: %d × %d pixels", job.name, job.width, job.height)
        self._worker.send(_run_message(submission, self._current))

    def cancel(self, job: Job) -> None:
        """Cancels a job; the worker is told to stop, and killed if it does not."""
        self._jobs.cancel(job)
        current = self._assignment_of(job)
        if current is not None and current.stop_deadline_s is None:
            self._worker.send(Stop(job.name))
            current.stop_deadline_s = self._clock() + STOP_GRACE_S

    def keep(self, job: Job) -> None:
        """Ends a running job with its best picture so far; does nothing if it has ended.

        Raises:
            DaemonError: not-done, if there is no picture yet.
        """
        if not (job.state.is_final or self._jobs.report(job).can_keep):
            raise DaemonError(
                "There is no picture to keep yet. Wait a moment, or cancel the job.",
                ErrorCode.NOT_DONE,
            )
        current = self._assignment_of(job)
        if current is not None and current.stop_deadline_s is None:
            # No deadline: the picture is worth waiting for.
            self._worker.send(Stop(job.name, keeps_result=True))

    def set_previews(self, job: Job, previews: PreviewOptions) -> None:
        """Sets the previews that a job sends from now on."""
        if previews == job.previews:
            return
        job.previews = previews
        if self._assignment_of(job) is not None:
            self._worker.send(Show(job.name, previews))

    def probe_gpu(self) -> None:
        """Starts the first worker if there may be a GPU: only a worker can tell its memory."""
        if not self._worker.has_gpu or self.workers_started:
            return
        try:
            self._ensure_worker()
        except OSError as error:  # the next job reports it
            logger.warning("the worker cannot be started: %s", error)
            self._worker.end()

    def receive(self) -> list[Preview]:
        """Records the worker's progress and results; returns the previews for the clients."""
        previews = []
        for message in self._worker.receive():
            match message:
                case Ready():
                    self._worker.ready = message
                case Loaded():
                    self._worker.device, self._worker.model = message.device, message.model
                case Previewed():
                    job = self._assignment_for(message).job
                    previews.append(Preview(job.name, message.step, message.image))
                case Stepped():
                    job = self._assignment_for(message).job
                    self._jobs.advance(job, message.step, message.steps, message.loss, message.done)
                case _:
                    self._complete(self._assignment_for(message), message)
        return previews

    def supervise(self) -> None:
        """Notices the death of the worker, and ends one that is overdue to stop, or idle."""
        self._worker.reap()
        exit_status = self._worker.exit_status()
        if exit_status is not None:
            logger.error("the worker exited with status %d", exit_status)
            self._worker.end()
            if self._current is not None:
                self._record_death(self._current, exit_status)
                self._release()
        elif self._is_stop_overdue:
            logger.info("the worker did not stop in time and is killed")
            self._worker.end()
            self._release()
        elif self._is_idle_too_long:
            logger.info("the worker has been idle: it is ended to free its memory")
            self._worker.end()

    # Transitions

    def _next_job(self) -> Job | None:
        if self._retry is not None and self._retry.state.is_final:
            self._retry = None
        return self._retry or self._jobs.next_queued

    def _ensure_worker(self) -> bool:
        is_new = self._worker.ensure_started()
        self.workers_started += is_new
        self._idle_since_s = self._clock()
        return is_new

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
                picture = self._jobs.results.take(current.result_file, *size, message.format)
                self._jobs.finish(job, picture)
            case Failed():
                self._jobs.fail(job, message.problem)
            case Stopped():
                self._jobs.cancel(job)
        logger.info("job %s is %s", job.name, job.state.value)
        self._release()

    def _record_death(self, current: _Assignment, exit_status: int) -> None:
        """Fails the job, or retries it once: an older worker's death may not be its fault."""
        has_begun = current.job.submission is None
        if has_begun or current.is_first:
            self._jobs.fail(current.job, _died(exit_status))
        else:
            self._retry = current.job

    def _release(self) -> None:
        if self._current is not None and self._current.result_file is not None:
            self._current.result_file.drop()
        self._current = None
        self._idle_since_s = self._clock()
        release_freed_memory()

    # State

    def _assignment_of(self, job: Job) -> _Assignment | None:
        return self._current if self._current is not None and self._current.job is job else None

    def _assignment_for(
        self, message: Stepped | Previewed | Painted | Written | Failed | Stopped
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


def _run_message(submission: Submit, assignment: _Assignment) -> Run:
    job, result_file = assignment.job, assignment.result_file
    return Run(
        job.name,
        submission.settings,
        submission.content,
        submission.styles,
        job.previews,
        None if result_file is None else result_file.path,
    )


def _not_started(error: OSError) -> Problem:
    return Problem(
        ErrorCode.WORKER_DIED,
        f"The painting process could not be started: {error}. Close other programs and try again; "
        "if that does not help, run ./install.sh demo in the Impasto folder.",
    )


def _died(exit_status: int) -> Problem:
    if exit_status == -signal.SIGKILL:
        return Problem(
            ErrorCode.WORKER_DIED,
            "The painting process was killed, as the system does when memory runs out. Choose a "
            "smaller size or close other programs, and run the job again.",
        )
    return Problem(
        ErrorCode.WORKER_DIED,
        f"The painting process ended unexpectedly (status {exit_status}). Run the job again; if it "
        "fails again, see the daemon's log (impasto doctor says where it is).",
    )
