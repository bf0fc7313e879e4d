"""The jobs of the daemon: queued, running and ended, with their results.

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
MAX_ENDED_REPORTS = 100
# Of the pictures that could not be written to the disk; the newest is kept whatever its size.
MAX_MEMORY_BYTES = 256 * 2**20

# All detached jobs share their turns, so that a picture that a user waits for does not queue behind
# a folder full of them.
_DETACHED = b""


@dataclass(frozen=True)
class Retention:
    """Limits on finished pictures: the time for which they are kept, and their total size."""

    seconds: float = DaemonOptions.keep_minutes * 60
    size_bytes: int = DaemonOptions.keep_mb * 2**20


@dataclass(frozen=True)
class Origin:
    """The origin of a job: the connection, and the name of the program."""

    address: bytes
    client: str = ""


@dataclass(eq=False)
class Job:
    """A request and its progress; `submission`, its input, is dropped at the first step."""

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
    stalled_s: float | None = None
    picture: Picture | None = None
    removal_reason: str = "The picture has expired."

    @property
    def turn_key(self) -> bytes:
        """The client in whose turn it runs."""
        return _DETACHED if self.is_detached else self.origin.address

    def belongs_to(self, address: bytes) -> bool:
        """Returns whether it is cancelled when this connection breaks."""
        return not self.is_detached and self.origin.address == address


@dataclass
class JobTable:
    """All jobs by name, oldest first. `clock` is monotonic, in seconds."""

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
        """Queues a new job; one that exists already now belongs to this connection.

        Raises:
            DaemonError: queue-full.
        """
        if job := self._jobs.get(submission.job):
            job.origin = origin
            self._queue = None
            return job
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
        """Returns the job of that name; raises DaemonError unknown-job."""
        if name not in self._jobs:
            raise DaemonError(
                f"The daemon knows no job {name}: it has expired, or the daemon has been "
                "restarted. Run the job again.",
                ErrorCode.UNKNOWN_JOB,
            )
        return self._jobs[name]

    @property
    def all(self) -> list[Job]:
        """All jobs, oldest first."""
        return list(self._jobs.values())

    @property
    def running(self) -> Job | None:
        """The running job, if any."""
        return next((job for job in self.all if job.state is JobState.RUNNING), None)

    @property
    def queue(self) -> list[Job]:
        """The queued jobs in the order in which they will run: clients take turns."""
        if self._queue is None:
            self._queue = self._round_robin.in_order(
                (job.turn_key, job) for job in self.all if job.state is JobState.QUEUED
            )
        return self._queue

    @property
    def next_queued(self) -> Job | None:
        """The queued job whose turn is next, if any."""
        return next(iter(self.queue), None)

    def start(self, job: Job) -> Submit:
        """Marks a job as running and returns its input; may be repeated until its first step."""
        if job.submission is None:
            raise ValueError(f"job {job.name} can no longer be started")
        if job.state is JobState.QUEUED:
            job.state = JobState.RUNNING
            job.started_s = self.clock()
            self._round_robin.record_turn(job.turn_key)
            self._queue = None
        return job.submission

    def advance(self, job: Job, step: int, steps: int, loss: float, done: float) -> None:
        """Records that `step` of `steps` evaluations are done, a fraction `done` of the work."""
        job.submission = None
        now_s = self.clock()
        if job.first_step_s is None:
            job.first_step_s, job.first_done = now_s, done
        job.step, job.steps, job.loss, job.done = step, steps, loss, done
        job.curve.add(CurvePoint(step, now_s - job.first_step_s, loss))

    def finish(self, job: Job, result: Image | Picture) -> None:
        """Ends a job with its picture, stored or not; a cancelled job stays cancelled."""
        picture = self.results.keep(result) if isinstance(result, Image) else result
        if job.state.is_final or job.started_s is None:
            picture.drop()
            return
        job.picture = picture
        self._end(job, JobState.DONE)
        painted_s = self.clock() - job.started_s
        self.waited_s += job.started_s - job.submitted_s
        self.painted_s += painted_s
        # A job that was ended early, or whose first step came late, says little about others.
        if job.step == job.steps and job.first_done < 0.5:
            self.throughput.record(job.settings, job.width, job.height, self._painting_s(job))

    def fail(self, job: Job, problem: Problem) -> None:
        """Ends a job with the reason for its failure."""
        if not job.state.is_final:
            job.problem = problem
            self._end(job, JobState.FAILED)

    def cancel(self, job: Job) -> None:
        """Ends a job without a picture; a job that has ended does not change."""
        if not job.state.is_final:
            self._end(job, JobState.CANCELLED)

    def fetch(self, name: str) -> Image:
        """Returns the picture of a job; raises DaemonError if it has none, or no longer."""
        job = self.find(name)
        if job.picture is not None:
            return job.picture.image
        if job.state is JobState.DONE:
            raise DaemonError(f"{job.removal_reason} Run the job again.", ErrorCode.UNKNOWN_JOB)
        raise DaemonError(_without_picture(job), ErrorCode.NOT_DONE)

    def forget(self, job: Job) -> None:
        """Frees the picture of an ended job; its report is kept for a while."""
        if job.picture is not None:
            job.picture.drop()
            job.picture = None

    def expire(self, watched: Collection[str] = ()) -> None:
        """Frees pictures that are too old or too large in total, and the oldest reports.

        watched: the names of jobs with subscribers, whose reports are kept.
        """
        ended = sorted((job for job in self.all if job.state.is_final), key=_ended_s, reverse=True)
        self._expire_pictures([job for job in ended if job.picture is not None])
        for job in ended[MAX_ENDED_REPORTS:]:
            if job.name not in watched:
                self.forget(job)
                del self._jobs[job.name]

    def report(self, job: Job) -> JobReport:
        """Returns the report of a job, as the protocol defines it."""
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
            stalled_s=job.stalled_s,
        )

    def waiting_s(self) -> float | None:
        """Returns how long a job that is queued now will wait; None if that cannot be estimated."""
        running = [] if self.running is None else [self._eta_s(self.running)]
        return _sum([*running, *map(self._duration_s, self.queue)])

    def _expire_pictures(self, newest_first: list[Job]) -> None:
        total_bytes = memory_bytes = 0
        for job in newest_first:
            picture = job.picture
            if picture is None:
                continue
            # The newest is kept whatever its size: its client is about to fetch it.
            is_newest = total_bytes == 0
            total_bytes += picture.size_bytes
            memory_bytes += picture.size_bytes if picture.is_in_memory else 0
            is_too_much = total_bytes > self.retention.size_bytes and not is_newest
            fills_memory = memory_bytes > MAX_MEMORY_BYTES and not is_newest
            if self._kept_s(job) < 0 or is_too_much:
                self.forget(job)
            elif fills_memory and (problem := self.results.problem):
                job.removal_reason = f"The picture could not be written to the disk ({problem})."
                self.forget(job)

    def _check_room(self, job: Job) -> None:
        """Raises DaemonError queue-full if the queue has no room for `job`."""
        queue = self.queue
        if len(queue) >= MAX_QUEUED_JOBS:
            full = f"{MAX_QUEUED_JOBS} jobs are waiting"
        elif sum(queued.turn_key == job.turn_key for queued in queue) >= MAX_QUEUED_JOBS_OF_ONE:
            whose = "detached jobs" if job.is_detached else "jobs of this program"
            full = f"{MAX_QUEUED_JOBS_OF_ONE} {whose} are waiting"
        elif queue and sum(map(_input_bytes, [*queue, job])) > MAX_QUEUED_BYTES:
            full = f"Pictures of {MAX_QUEUED_BYTES / 2**30:.0f} GiB are waiting to be painted"
        else:
            return
        raise DaemonError(f"{full} already. Try again when some are done.", ErrorCode.QUEUE_FULL)

    def _eta_s(self, job: Job) -> float | None:
        """Returns the estimated time to completion; None if there is no estimate."""
        if job.state is JobState.QUEUED:
            ahead = self.queue[: self.queue.index(job)]
            running = [] if self.running is None else [self._eta_s(self.running)]
            return _sum([*running, *map(self._duration_s, ahead), self._duration_s(job)])
        if job.state is not JobState.RUNNING:
            return None
        if job.first_step_s is None or job.step < 2 or job.done <= job.first_done:
            return self._duration_s(job)
        # The throughput so far, without the first step, which includes loading the network.
        spent_s = self.clock() - job.first_step_s
        return max(0.0, spent_s / (job.done - job.first_done) * (1 - job.done))

    def _painting_s(self, job: Job) -> float:
        """Returns the duration of a finished job, less that of loading the network."""
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


def _without_picture(job: Job) -> str:
    """Returns the reason why a job that is not done has no picture."""
    match job.state:
        case JobState.FAILED:
            return "The job failed, so there is no picture."
        case JobState.CANCELLED:
            return "The job was cancelled, so there is no picture."
    activity = "still waiting" if job.state is JobState.QUEUED else "not finished"
    return (
        f"The job is {activity} and has no picture yet. To wait for it: "
        f"impasto fetch {job.name[:8]} --wait -o OUT.png"
    )


def _sum(times_s: list[float | None]) -> float | None:
    """Returns their sum; None if one of them is None."""
    known = [time_s for time_s in times_s if time_s is not None]
    return sum(known) if len(known) == len(times_s) else None


def _ended_s(job: Job) -> float:
    return job.ended_s if job.ended_s is not None else 0.0


def _input_bytes(job: Job) -> int:
    """Returns the size of the images that a queued job holds in memory."""
    if job.submission is None:
        return 0
    submission = job.submission
    images = [submission.content, *(image for style in submission.styles for image in style.images)]
    return sum(memoryview(image.pixels).nbytes for image in images)
