"""The jobs the daemon knows of: who waits, who runs, what has become of the rest.

Plain Python: no sockets, no processes, no tensors; the clock is passed in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from impasto_shared.errors import DaemonError, ErrorCode
from impasto_shared.image import Image
from impasto_shared.messages import JobReport, JobState, Problem, Submit
from impasto_shared.options import DaemonOptions

MAX_QUEUED_JOBS = 32
KEPT_RESULT_BYTES = DaemonOptions.keep_mb * 2**20
KEPT_RESULT_S = DaemonOptions.keep_minutes * 60
KEPT_REPORTS = 100


@dataclass(eq=False)
class Job:
    """One request and what has become of it; its pixels are dropped when it ends."""

    name: str
    submission: Submit | None
    width: int
    height: int
    state: JobState = JobState.QUEUED
    step: int = 0
    steps: int = 0
    done: float = 0.0
    loss: float | None = None
    started_s: float | None = None
    first_step_s: float | None = None
    first_done: float = 0.0
    ended_s: float | None = None
    problem: Problem | None = None
    result: Image | None = None


@dataclass
class JobTable:
    """All jobs by name, the oldest first. `clock` gives seconds that never run backwards.

    kept_bytes, kept_s: how much of finished pictures is kept, and how long.
    """

    clock: Callable[[], float]
    kept_bytes: int = KEPT_RESULT_BYTES
    kept_s: float = KEPT_RESULT_S
    _jobs: dict[str, Job] = field(default_factory=dict)

    def submit(self, submission: Submit) -> Job:
        """Takes in a new job; one that is known already is returned as it stands.

        Raises:
            DaemonError: queue-full.
        """
        if submission.job in self._jobs:
            return self._jobs[submission.job]
        if len(self._in_state(JobState.QUEUED)) >= MAX_QUEUED_JOBS:
            raise DaemonError(
                f"{MAX_QUEUED_JOBS} jobs are waiting already. Try again when some are done.",
                ErrorCode.QUEUE_FULL,
            )
        content = submission.content
        job = Job(
            submission.job,
            submission,
            content.width,
            content.height,
        )
        self._jobs[job.name] = job
        return job

    def find(self, name: str) -> Job:
        """The job of that name; raises DaemonError unknown-job."""
        if name not in self._jobs:
            raise DaemonError(
                f"The daemon knows no job {name}: it has been forgotten, or the daemon was "
                "started anew since.",
                ErrorCode.UNKNOWN_JOB,
            )
        return self._jobs[name]

    @property
    def all(self) -> list[Job]:
        """Every job, the oldest first."""
        return list(self._jobs.values())

    @property
    def running(self) -> Job | None:
        """The job that the worker has, if any."""
        return next(iter(self._in_state(JobState.RUNNING)), None)

    @property
    def next_queued(self) -> Job | None:
        """The job whose turn is next, if any waits."""
        return next(iter(self._in_state(JobState.QUEUED)), None)

    def start(self, job: Job) -> Submit:
        """Marks a queued job as running and gives what is to be run."""
        if job.state is not JobState.QUEUED or job.submission is None:
            raise ValueError(f"job {job.name} is {job.state}, not queued")
        job.state = JobState.RUNNING
        job.started_s = self.clock()
        return job.submission

    def advance(self, job: Job, step: int, steps: int, loss: float, done: float) -> None:
        """Notes that `step` of `steps` evaluations are done, which are `done` of the work."""
        if job.first_step_s is None:
            job.first_step_s, job.first_done = self.clock(), done
        job.step, job.steps, job.loss, job.done = step, steps, loss, done

    def finish(self, job: Job, result: Image) -> None:
        """Ends a job with its picture; one that was cancelled meanwhile stays so."""
        if not job.state.is_final:
            job.result = result
            self._end(job, JobState.DONE)

    def fail(self, job: Job, problem: Problem) -> None:
        """Ends a job with the reason it failed for."""
        if not job.state.is_final:
            job.problem = problem
            self._end(job, JobState.FAILED)

    def cancel(self, job: Job) -> None:
        """Ends a job without a picture; one that has ended stays as it is."""
        if not job.state.is_final:
            self._end(job, JobState.CANCELLED)

    def fetch(self, name: str) -> Image:
        """The picture of a job; raises DaemonError where it has none (any more)."""
        job = self.find(name)
        if job.result is not None:
            return job.result
        if job.state is JobState.DONE:
            raise DaemonError(
                "The picture was kept for a while and is gone now. Run the job again.",
                ErrorCode.UNKNOWN_JOB,
            )
        raise DaemonError(f"Job {name} is {job.state.value}: no picture.", ErrorCode.NOT_DONE)

    def forget(self, job: Job) -> None:
        """Frees a finished job's picture; its report stays for a while."""
        job.result = None

    def expire(self, watched: Collection[str] = ()) -> None:
        """Frees pictures that are old or too many, and the reports of jobs long ended.

        watched: the names of jobs whose reports are still to be told.
        """
        ended = sorted((job for job in self.all if job.state.is_final), key=_ended_s, reverse=True)
        kept_bytes = 0
        for job in ended:
            if job.result is None:
                continue
            result_bytes = memoryview(job.result.pixels).nbytes
            too_old = self.clock() - _ended_s(job) > self.kept_s
            # The newest is kept whatever its size: its client is about to fetch it.
            if too_old or (kept_bytes and kept_bytes + result_bytes > self.kept_bytes):
                job.result = None
            else:
                kept_bytes += result_bytes
        for job in ended[KEPT_REPORTS:]:
            if job.name in watched:
                continue
            del self._jobs[job.name]

    def report(self, job: Job) -> JobReport:
        """How far a job has come, as the protocol says it."""
        queued = self._in_state(JobState.QUEUED)
        ahead = queued.index(job) + (self.running is not None) if job in queued else 0
        return JobReport(
            job=job.name,
            state=job.state,
            position=ahead,
            step=job.step,
            steps=job.steps,
            done=job.done,
            loss=job.loss,
            eta_s=self._eta_s(job),
            width=job.width,
            height=job.height,
            problem=job.problem,
        )

    def _eta_s(self, job: Job) -> float | None:
        """The time left at the pace so far; the first step counts the start, not the pace."""
        if job.state is not JobState.RUNNING or job.first_step_s is None or job.step < 2:
            return None
        spent_s = self.clock() - job.first_step_s
        return max(0.0, spent_s / (job.done - job.first_done) * (1 - job.done))

    def _in_state(self, state: JobState) -> list[Job]:
        return [job for job in self._jobs.values() if job.state is state]

    def _end(self, job: Job, state: JobState) -> None:
        job.state = state
        job.ended_s = self.clock()
        job.submission = None


def _ended_s(job: Job) -> float:
    return job.ended_s if job.ended_s is not None else 0.0
