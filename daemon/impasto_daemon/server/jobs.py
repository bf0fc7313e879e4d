"""The jobs the daemon knows of: who waits, who runs, what has become of the rest.

Plain Python: no sockets, no processes, no tensors; the clock is passed in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from impasto_daemon.server.loss_curve import LossCurve
from impasto_daemon.server.results import Picture, Results
from impasto_daemon.server.round_robin import RoundRobin
from impasto_daemon.server.time_estimate import ThroughputHistory
from impasto_shared.configuration.options import DaemonOptions
from impasto_shared.errors import DaemonError, ErrorCode
from impasto_shared.image import Image
from impasto_shared.messages import PreviewOptions, Submit
from impasto_shared.reports import CurvePoint, JobReport, JobState, Problem
from impasto_shared.settings import StyleSettings

MAX_QUEUED_JOBS = 64
MAX_QUEUED_JOBS_OF_ONE = 48
MAX_QUEUED_BYTES = 2 * 2**30
KEPT_REPORTS = 100
# Of the pictures that could not be written to the disk; the newest is kept whatever its size.
KEPT_IN_MEMORY_BYTES = 256 * 2**20

# All detached jobs have their turns together: a picture that somebody waits for does not wait
# behind a folder full of them.
_DETACHED = b""


@dataclass(frozen=True)
class Retention:
    """How long, and how much of, finished pictures is kept."""

    seconds: float = DaemonOptions.keep_minutes * 60
    size_bytes: int = DaemonOptions.keep_mb * 2**20


@dataclass(frozen=True)
class Origin:
    """Where a job comes from: the connection, and the name of the program."""

    address: bytes
    client: str = ""


@dataclass(eq=False)
class Job:
    """One request and what has become of it; what it came with is dropped at its first step."""

    name: str
    submission: Submit | None
    origin: Origin
    settings: StyleSettings
    width: int
    height: int
    is_detached: bool
    previews: PreviewOptions | None
    submitted_s: float
    state: JobState = JobState.QUEUED
    step: int = 0
    steps: int = 0
    done: float = 0.0
    loss: float | None = None
    started_s: float | None = None
    first_step_s: float | None = None
    first_done: float = 0.0
    curve: LossCurve = field(default_factory=LossCurve)
    ended_s: float | None = None
    problem: Problem | None = None
    picture: Picture | None = None
    lost_because: str = "The picture was kept for a while and is gone now."

    @property
    def turn_key(self) -> bytes:
        """Whose turn it needs."""
        return _DETACHED if self.is_detached else self.origin.address

    def belongs_to(self, address: bytes) -> bool:
        """Whether it ends with this connection."""
        return not self.is_detached and self.origin.address == address


@dataclass
class JobTable:
    """All jobs by name, the oldest first. `clock` gives seconds that never run backwards."""

    clock: Callable[[], float]
    results: Results
    retention: Retention = field(default_factory=Retention)
    throughput: ThroughputHistory = field(default_factory=ThroughputHistory)
    outcomes: Counter[JobState] = field(default_factory=Counter)
    waited_s: float = 0.0
    painted_s: float = 0.0
    _jobs: dict[str, Job] = field(default_factory=dict)
    _round_robin: RoundRobin[Job] = field(default_factory=RoundRobin)
    _queue: list[Job] | None = None

    def submit(self, submission: Submit, origin: Origin) -> Job:
        """Takes in a new job; one that is known already is now this connection's.

        Raises:
            DaemonError: queue-full.
        """
        if known := self._jobs.get(submission.job):
            known.origin = origin
            self._queue = None
            return known
        content = submission.content
        job = Job(
            submission.job,
            submission,
            origin,
            submission.settings,
            content.width,
            content.height,
            submission.detached,
            submission.previews,
            self.clock(),
        )
        self._check_room(job)
        self._jobs[job.name] = job
        self._queue = None
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
        return next((job for job in self.all if job.state is JobState.RUNNING), None)

    @property
    def queue(self) -> list[Job]:
        """The jobs that wait, as their turns come: clients take turns."""
        if self._queue is None:
            self._queue = self._round_robin.in_order(
                (job.turn_key, job) for job in self.all if job.state is JobState.QUEUED
            )
        return self._queue

    @property
    def next_queued(self) -> Job | None:
        """The job whose turn is next, if any waits."""
        return next(iter(self.queue), None)

    def start(self, job: Job) -> Submit:
        """Marks a job as running and gives what is to be run; possible until its first step."""
        if job.submission is None:
            raise ValueError(f"job {job.name} cannot start any more")
        if job.state is JobState.QUEUED:
            job.state = JobState.RUNNING
            job.started_s = self.clock()
            self._round_robin.record_turn(job.turn_key)
            self._queue = None
        return job.submission

    def advance(self, job: Job, step: int, steps: int, loss: float, done: float) -> None:
        """Notes that `step` of `steps` evaluations are done, which are `done` of the work."""
        job.submission = None
        now_s = self.clock()
        if job.first_step_s is None:
            job.first_step_s, job.first_done = now_s, done
        job.step, job.steps, job.loss, job.done = step, steps, loss, done
        job.curve.add(CurvePoint(step, now_s - job.first_step_s, loss))

    def finish(self, job: Job, result: Image | Picture) -> None:
        """Ends a job with its picture, kept already or not; one cancelled meanwhile stays so."""
        picture = self.results.keep(result) if isinstance(result, Image) else result
        if job.state.is_final or job.started_s is None:
            picture.drop()
            return
        job.picture = picture
        self._end(job, JobState.DONE)
        painted_s = self.clock() - job.started_s
        self.waited_s += job.started_s - job.submitted_s
        self.painted_s += painted_s
        # One that was kept early, or had hardly begun at its first step, says little.
        if job.step == job.steps and job.first_done < 0.5:
            self.throughput.record(job.settings, job.width, job.height, self._whole_s(job))

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
        if job.picture is not None:
            return job.picture.image
        if job.state is JobState.DONE:
            raise DaemonError(f"{job.lost_because} Run the job again.", ErrorCode.UNKNOWN_JOB)
        raise DaemonError(f"Job {name} is {job.state.value}: no picture.", ErrorCode.NOT_DONE)

    def forget(self, job: Job) -> None:
        """Frees a finished job's picture; its report stays for a while."""
        if job.picture is not None:
            job.picture.drop()
            job.picture = None

    def expire(self, watched: Collection[str] = ()) -> None:
        """Frees pictures that are old or too many, and the reports of jobs long ended.

        watched: the names of jobs whose reports are still to be told.
        """
        ended = sorted((job for job in self.all if job.state.is_final), key=_ended_s, reverse=True)
        kept_bytes = memory_bytes = 0
        for job in ended:
            if job.picture is None:
                continue
            kept_bytes += job.picture.size_bytes
            memory_bytes += job.picture.size_bytes if job.picture.is_in_memory else 0
            # The newest is kept whatever its size: its client is about to fetch it.
            is_newest = kept_bytes == job.picture.size_bytes
            if self._kept_s(job) < 0 or (kept_bytes > self.retention.size_bytes and not is_newest):
                self.forget(job)
            elif (
                memory_bytes > KEPT_IN_MEMORY_BYTES
                and not is_newest
                and (problem := self.results.problem)
            ):
                job.lost_because = f"The picture could not be kept on the disk ({problem})."
                self.forget(job)
        for job in ended[KEPT_REPORTS:]:
            if job.name not in watched:
                self.forget(job)
                del self._jobs[job.name]

    def report(self, job: Job) -> JobReport:
        """How far a job has come, as the protocol says it."""
        ahead = 0
        if job.state is JobState.QUEUED:
            ahead = self.queue.index(job) + (self.running is not None)
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
            client=job.origin.client,
            detached=job.is_detached,
            submitted_s=self.clock() - job.submitted_s,
            painted_s=self._painted_s(job),
            kept_s=None if job.picture is None else max(0.0, self._kept_s(job)),
        )

    def waiting_s(self) -> float | None:
        """How long until a job that came now could begin; None where that is not known."""
        running = [] if self.running is None else [self._eta_s(self.running)]
        return _sum([*running, *map(self._duration_s, self.queue)])

    def _check_room(self, job: Job) -> None:
        """Raises DaemonError queue-full where `job` may not wait as well."""
        queue = self.queue
        if len(queue) >= MAX_QUEUED_JOBS:
            full = f"{MAX_QUEUED_JOBS} jobs are waiting"
        elif sum(other.turn_key == job.turn_key for other in queue) >= MAX_QUEUED_JOBS_OF_ONE:
            whose = "detached jobs" if job.is_detached else "jobs of this program"
            full = f"{MAX_QUEUED_JOBS_OF_ONE} {whose} are waiting"
        elif queue and sum(map(_input_bytes, [*queue, job])) > MAX_QUEUED_BYTES:
            full = f"Pictures of {MAX_QUEUED_BYTES / 2**30:.0f} GiB are waiting to be painted"
        else:
            return
        raise DaemonError(f"{full} already. Try again when some are done.", ErrorCode.QUEUE_FULL)

    def _eta_s(self, job: Job) -> float | None:
        """The time left in seconds, as far as it can be told."""
        if job.state is JobState.QUEUED:
            before = self.queue[: self.queue.index(job)]
            running = [] if self.running is None else [self._eta_s(self.running)]
            return _sum([*running, *map(self._duration_s, before), self._duration_s(job)])
        # At the pace so far; the first step counts the start, not the pace.
        if job.state is not JobState.RUNNING:
            return None
        if job.first_step_s is None or job.step < 2 or job.done <= job.first_done:
            return self._duration_s(job)
        spent_s = self.clock() - job.first_step_s
        return max(0.0, spent_s / (job.done - job.first_done) * (1 - job.done))

    def _whole_s(self, job: Job) -> float:
        """How long a job that is done would have taken without its start: the network is loaded."""
        first_step_s = job.first_step_s if job.first_step_s is not None else job.submitted_s
        return (self.clock() - first_step_s) / max(1 - job.first_done, 0.01)

    def _duration_s(self, job: Job) -> float | None:
        return self.throughput.estimate_s(job.settings, job.width, job.height)

    def _painted_s(self, job: Job) -> float | None:
        if job.started_s is None:
            return None
        return (self.clock() if job.ended_s is None else job.ended_s) - job.started_s

    def _kept_s(self, job: Job) -> float:
        return self.retention.seconds - (self.clock() - _ended_s(job))

    def _end(self, job: Job, state: JobState) -> None:
        job.state = state
        job.ended_s = self.clock()
        job.submission = None
        self.outcomes[state] += 1
        self._queue = None


def _sum(times_s: list[float | None]) -> float | None:
    """Their sum; None where one of them is not known."""
    known = [time_s for time_s in times_s if time_s is not None]
    return sum(known) if len(known) == len(times_s) else None


def _ended_s(job: Job) -> float:
    return job.ended_s if job.ended_s is not None else 0.0


def _input_bytes(job: Job) -> int:
    """What a job that waits holds in memory."""
    if job.submission is None:
        return 0
    submission = job.submission
    images = [submission.content, *(image for style in submission.styles for image in style.images)]
    return sum(memoryview(image.pixels).nbytes for image in images)
