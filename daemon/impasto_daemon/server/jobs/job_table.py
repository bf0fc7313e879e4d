"""The jobs of the daemon: queued, running and ended, with their results.

Plain Python: no sockets, no processes, no tensors; the clocks are passed in. Detached jobs, and the
finished pictures of all jobs, are also in the journal: a detached job is accepted, and a job is
done, when the journal has it.
"""

from __future__ import annotations

import logging
import math
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from heapq import heapify, heapreplace
from itertools import count

from impasto_daemon.server.jobs.durations import Durations
from impasto_daemon.server.jobs.job import Job, Origin, new_job
from impasto_daemon.server.jobs.loss_curve import LossCurve
from impasto_daemon.server.jobs.results import Picture, Results
from impasto_daemon.server.jobs.round_robin import RoundRobin
from impasto_daemon.server.jobs.stored_jobs import lost, record_of, restored_job
from impasto_daemon.server.jobs.time_estimate import ThroughputHistory
from impasto_daemon.server.journal.journal import Journal
from impasto_daemon.server.journal.pixel_files import remove_file
from impasto_daemon.server.journal.records import InputFile, PictureFile, Record
from impasto_shared.configuration.options import DaemonOptions
from impasto_shared.errors import DaemonError, ErrorCode
from impasto_shared.image import Image
from impasto_shared.protocol.messages import Segment, Submit
from impasto_shared.protocol.reports import CurvePoint, JobReport, JobState, Problem
from impasto_shared.text.sentences import sentence

logger = logging.getLogger(__name__)

MAX_QUEUED_JOBS = 128
# Of all connections with one key, or of all programs on this machine.
MAX_QUEUED_JOBS_OF_USER = 96
# Of one connection; all detached jobs count as one.
MAX_QUEUED_JOBS_OF_ONE = 48
MAX_QUEUED_BYTES = 2 * 2**30
# Changes of jobs that the disk is behind with; each takes some memory.
MAX_UNWRITTEN = 512
MAX_ENDED_REPORTS = 100
"""Reports of ended jobs without a picture."""
MAX_KEPT_PICTURES = 1000
# Pictures of jobs that are not detached are synced later: most are fetched and forgotten by then.
SYNC_DELAY_S = 2.0
# The disk may have room again.
STORE_AGAIN_S = 60.0
_SHUTDOWN_S = 5.0
# Of the pictures that could not be written to the disk; the newest is kept whatever its size.
MAX_MEMORY_BYTES = 256 * 2**20


@dataclass(frozen=True)
class Retention:
    """Limits on finished pictures: the time for which they are kept, and their total size."""

    seconds: float = DaemonOptions.keep_minutes * 60
    size_bytes: int = DaemonOptions.keep_mb * 2**20


@dataclass
class JobTable:
    """All jobs by name, oldest first.

    clock: monotonic, in seconds; with a journal, its clock.
    journal: stores jobs on the disk; None: there is none, for the reason `results.problem`.
    wall_clock: the time of day in seconds.
    """

    clock: Callable[[], float]
    results: Results
    retention: Retention = field(default_factory=Retention)
    throughput: ThroughputHistory = field(default_factory=ThroughputHistory)
    journal: Journal | None = None
    wall_clock: Callable[[], float] = time.time
    workers: int = 1
    """The number of jobs that can run at the same time."""
    outcomes: Counter[JobState] = field(default_factory=Counter)
    waited_s: float = 0.0
    painted_s: float = 0.0
    _jobs: dict[str, Job] = field(default_factory=dict)
    _round_robin: RoundRobin[Job] = field(default_factory=RoundRobin)
    _queue: list[Job] | None = None
    _numbers: count[int] = field(default_factory=count)
    # The bytes of the jobs on their way to the disk: those cancelled meanwhile take memory, too.
    _unstored: dict[Job, int] = field(default_factory=dict)
    _is_shut_down: bool = False

    def __post_init__(self) -> None:
        """Takes up the jobs in the journal."""
        self._durations = Durations(self.throughput)
        if self.journal is None:
            return
        now_s, wall_s = self.clock(), self.wall_clock()
        for entry in self.journal.entries:
            job = restored_job(entry, self.journal.folder, now_s, wall_s, self.journal.boot)
            self._jobs[job.name] = job
            logger.info("job %s is taken up from the journal: %s", job.name, job.state.value)
            if job.problem is not None:
                logger.warning("job %s: %s", job.name, job.problem.message)
            if isinstance(entry, Record) and job.state is not entry.state and job.state.is_final:
                self._store(job)  # it stays lost, and its input is of no use
        self._numbers = count(1 + max((job.number for job in self._jobs.values()), default=0))

    def submit(self, submission: Submit | Segment, origin: Origin) -> Job:
        """Queues a new job; one that exists already now belongs to this connection of its user.

        A client whose connection was lost cannot know whether its job has arrived, and sends it
        again. A detached job is accepted when `collect` has learnt that it is stored.

        Raises:
            DaemonError: queue-full, also if a detached job cannot be stored.
        """
        if job := self._jobs.get(submission.job):
            if job.origin.user == origin.user:
                job.origin = origin
                self._queue = None
            return job
        job = new_job(submission, origin, self.clock(), next(self._numbers))
        self._check_room(job)
        self._jobs[job.name] = job
        self._queue = None
        if isinstance(submission, Submit) and job.is_detached and self.journal is not None:
            job.is_accepted = False
            self._unstored[job] = job.input_bytes
            self.journal.accept(self._record(job), submission, partial(self._accept, job))
        return job

    def find(self, name: str) -> Job:
        """Returns the job of that name; raises DaemonError unknown-job."""
        if name not in self._jobs:
            notice = None if self.journal is None else self.journal.notice
            if notice is not None:
                text = sentence("job-unknown-after-damage", job=name, notice=notice)
            else:
                text = sentence("job-unknown", job=name)
            raise DaemonError(text, ErrorCode.UNKNOWN_JOB)
        return self._jobs[name]

    @property
    def all(self) -> list[Job]:
        """All jobs, oldest first."""
        return list(self._jobs.values())

    @property
    def running(self) -> list[Job]:
        """The running jobs, oldest first."""
        return [
            job
            for job in self._jobs.values()
            if job.state is JobState.RUNNING and not job.is_storing
        ]

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
        """The queued job whose turn is next, if any; one that is not stored yet is passed over."""
        return next((job for job in self.queue if job.is_accepted), None)

    def prepare(self, job: Job) -> bool:
        """Returns whether the input of a queued job is in memory; if not, starts reading it."""
        if job.submission is not None:
            return True
        if not job.is_loading and job.input_file is not None and self.journal is not None:
            job.is_loading = True
            self.journal.load(job.input_file, partial(self._load, job))
        return False

    def start(self, job: Job) -> Submit | Segment:
        """Marks a job as running and returns its input; may be repeated until its first step."""
        if job.submission is None:
            raise ValueError(f"job {job.name} can no longer be started")
        if job.state is JobState.QUEUED:
            job.state = JobState.RUNNING
            job.started_s = self.clock()
            job.starts += 1
            self._store(job)
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
        """Ends a job with its picture, once that is stored; a cancelled job stays cancelled."""
        picture = Picture.in_memory(result) if isinstance(result, Image) else result
        if job.state.is_final or job.started_s is None:
            self._drop_files(_files_of(picture))
            picture.drop()
            return
        job.picture = picture
        job.ended_s = self.clock()
        if self.journal is None:
            self._complete(job)
        else:
            self._store_picture(self.journal, job, picture)

    def fail(self, job: Job, problem: Problem) -> None:
        """Ends a job with the reason for its failure."""
        if not job.state.is_final:
            job.problem = problem
            self._end(job, JobState.FAILED)

    def cancel(self, job: Job, problem: Problem | None = None) -> None:
        """Ends a job without a picture, for the reason `problem`; one that has ended is left."""
        if not job.state.is_final:
            job.problem = problem
            self._end(job, JobState.CANCELLED)

    def fetch(self, name: str) -> Image:
        """Returns the picture of a job; raises DaemonError if it has none, or no longer."""
        return self.picture_of(name).read()

    def picture_of(self, name: str) -> Picture:
        """Returns where the picture of a job is; raises DaemonError like `fetch`."""
        job = self.find(name)
        if job.picture is not None and not job.is_storing:
            return job.picture
        if job.state is JobState.DONE:
            raise DaemonError(job.removal_reason, ErrorCode.UNKNOWN_JOB)
        raise DaemonError(_without_picture(job), ErrorCode.NOT_DONE)

    def forget(self, job: Job) -> None:
        """Frees the picture of an ended job; its report is kept for a while."""
        if job.picture is not None and not job.is_storing:
            self._remove_picture(job)

    def detach(self, job: Job) -> None:
        """Has a job continue without its client.

        Its input is not stored: the next daemon knows its name, and why it was lost.
        """
        if job.is_detached:
            return
        job.is_detached = True
        self._queue = None
        if not (job.state.is_final or job.is_storing):
            job.is_stored = self.journal is not None
            self._store(job)

    def expire(self, watched: Collection[str] = ()) -> None:
        """Frees pictures that are too old or too large in total, and the oldest reports.

        watched: the names of jobs with subscribers, whose reports are kept.
        """
        if self.journal is not None:
            self.journal.keep_time()
            self._sync_pictures(self.journal)
        ended = sorted(
            (job for job in self._jobs.values() if job.state.is_final), key=_ended_s, reverse=True
        )
        self._expire_pictures([job for job in ended if job.picture is not None])
        without = [job for job in ended if job.picture is None]
        for job in without[MAX_ENDED_REPORTS:]:
            if job.name not in watched:
                self._remove(job)
        # A curve takes more memory than the rest of a report.
        for job in ended[MAX_ENDED_REPORTS:]:
            job.curve = LossCurve()

    def collect(self) -> None:
        """Takes note of what the journal has stored; does not wait."""
        if self.journal is not None:
            self.journal.collect()

    def shut_down(self, problem: Problem, stored_problem: Problem) -> None:
        """Ends all jobs; those in the journal are stored, to be queued again by the next daemon.

        problem, stored_problem: the reasons that subscribers of the former and the latter are told.
        """
        if self.journal is not None:
            self._store_again(self.journal, math.inf)
            self.journal.wait(_SHUTDOWN_S)
        self._is_shut_down = True
        for job in self.all:
            if job.state.is_final:
                continue
            if job.is_stored and (job.is_storing or job.input_file is not None):
                if not job.is_storing:  # else its last record, with its picture, is on its way
                    job.starts -= job.state is JobState.RUNNING
                    self._store(job)
                job.state, job.problem = JobState.FAILED, stored_problem
            else:
                self.fail(job, problem)
        self._queue = None

    def close(self) -> None:
        """Writes what is to be stored; the table cannot be used afterwards."""
        if self.journal is not None:
            self.journal.close()

    def report(self, job: Job) -> JobReport:
        """Returns the report of a job, as the protocol defines it."""
        ahead = 0
        if job.state is JobState.QUEUED:
            ahead = self.queue.index(job) + len(self.running)
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
            painted_px=job.painted_px,
        )

    def waiting_s(self) -> float | None:
        """Returns how long a job that is queued now will wait; None if that cannot be estimated."""
        return self._waiting_s(self.queue)

    def _expire_pictures(self, newest_first: list[Job]) -> None:
        total_bytes = memory_bytes = 0
        for number, job in enumerate(newest_first):
            picture = job.picture
            if picture is None:
                continue
            # The newest is kept whatever its size: its client is about to fetch it.
            is_newest = number == 0
            total_bytes += picture.size_bytes
            memory_bytes += picture.size_bytes if picture.is_in_memory else 0
            is_too_much = total_bytes > self.retention.size_bytes or number >= MAX_KEPT_PICTURES
            fills_memory = memory_bytes > MAX_MEMORY_BYTES and not is_newest
            if self._kept_s(job) < 0:
                self._remove_picture(job)
            elif is_too_much and not is_newest:
                job.removal_reason = sentence("picture-removed")
                self._remove_picture(job)
            elif fills_memory and (problem := self.results.problem):
                job.removal_reason = sentence("picture-not-written", reason=problem)
                self._remove_picture(job)

    # The journal

    def _record(self, job: Job) -> Record:
        boot = None if self.journal is None or job.is_synced else self.journal.boot
        return record_of(job, self.clock(), self.wall_clock(), boot)

    def _accept(self, job: Job, outcome: object) -> None:
        self._unstored.pop(job, None)
        if isinstance(outcome, InputFile):
            job.is_accepted = job.is_stored = True
            job.input_file = outcome
            if job.state.is_final:
                self._store(job)
            return
        logger.error("job %s cannot be stored: %s", job.name, outcome)
        text = sentence("job-not-storable", reason=_reason(outcome)[:300])
        job.refusal = Problem.saying(ErrorCode.QUEUE_FULL, text)
        self._jobs.pop(job.name, None)
        self._durations.forget(job)
        self._queue = None

    def _load(self, job: Job, outcome: Submit | Exception) -> None:
        job.is_loading = False
        if isinstance(outcome, Submit):
            job.paintings, job.is_warm = len(outcome.styles), outcome.warm_start
            self._durations.forget(job)
            job.submission = None if job.state.is_final else outcome
        else:
            self.fail(job, lost(f"its pictures cannot be read: {outcome}"))

    def _store(self, job: Job) -> None:
        """Stores the state of a job in the journal, if it has a record there."""
        if self.journal is None or not job.is_stored:
            return
        drops = []
        if job.state.is_final and job.input_file is not None:
            drops, job.input_file = [job.input_file.name], None
        self.journal.put(self._record(job), drops=drops)

    def _store_picture(self, journal: Journal, job: Job, picture: Picture) -> None:
        name = picture.file_name or journal.new_picture_name(job.name)
        boot = None if job.is_detached else journal.boot
        file = PictureFile(name, picture.width, picture.height, picture.format, boot)
        drops = [] if job.input_file is None else [job.input_file.name]
        journal.store_picture(
            replace(self._record(job), picture=file, input=None),
            picture.pixels_in_memory,
            partial(self._finish_storing, job, name, is_synced=job.is_detached),
            drops=drops,
        )

    def _finish_storing(
        self, job: Job, file: str, outcome: Exception | None, *, is_synced: bool
    ) -> None:
        if self.journal is None or self._is_shut_down:
            return
        self.results.problem = None if outcome is None else _reason(outcome)
        if outcome is None:
            job.input_file, job.is_stored, job.is_synced = None, True, is_synced
            if job.picture is not None:
                job.picture.move_to(self.journal.folder / file)
        else:
            job.store_again_s = self.clock() + STORE_AGAIN_S
            logger.warning("job %s: its picture cannot be stored: %s", job.name, outcome)
        if not job.state.is_final:
            self._complete(job)
        elif job.picture is None:  # forgotten meanwhile
            self._unstore(job, [file])
        elif job.state is not JobState.DONE:  # cancelled meanwhile
            self._remove_picture(job)

    def _sync_pictures(self, journal: Journal) -> None:
        """Syncs pictures that have not been fetched for a while; stores what could not be."""
        now_s = self.clock()
        self._store_again(journal, now_s)
        for job in self._jobs.values():
            if job.picture is None or not job.state.is_final:
                continue
            if job.store_again_s is not None or job.is_synced or job.picture.is_in_memory:
                continue
            if now_s >= _ended_s(job) + SYNC_DELAY_S:
                job.is_synced = True
                journal.store_picture(self._record(job), None, _log_unsynced)

    def _store_again(self, journal: Journal, now_s: float) -> None:
        """Stores pictures that could not be stored before, if it is time to try that again."""
        for job in self._jobs.values():
            is_due = job.store_again_s is not None and now_s >= job.store_again_s
            if is_due and job.picture is not None and job.state.is_final:
                job.store_again_s = None
                self._store_picture(journal, job, job.picture)

    def _remove_picture(self, job: Job) -> None:
        picture, job.picture = job.picture, None
        if picture is not None:
            self._unstore(job, _files_of(picture))
            picture.drop()

    def _unstore(self, job: Job, drops: list[str]) -> None:
        """Removes files of an ended job; of a detached one, the record remains."""
        if job.input_file is not None:
            drops, job.input_file = [*drops, job.input_file.name], None
        if self.journal is None or not job.is_stored:
            self._drop_files(drops)
        elif job.is_detached:
            self.journal.put(self._record(job), drops=drops)
        else:
            job.is_stored = False
            self.journal.delete(job.name, drops=drops)

    def _remove(self, job: Job) -> None:
        if job.is_stored and self.journal is not None:
            self.journal.delete(job.name)
        del self._jobs[job.name]

    def _drop_files(self, names: list[str]) -> None:
        for name in names:
            if self.results.folder is not None:
                remove_file(self.results.folder / name)

    def _check_room(self, job: Job) -> None:
        """Raises DaemonError queue-full if the queue has no room for `job`."""
        if job.is_detached and self.journal is None and self.results.problem is not None:
            raise DaemonError(
                sentence("jobs-not-storable", reason=self.results.problem[:300]),
                ErrorCode.QUEUE_FULL,
            )
        cancelled = [each for each in self._unstored if each.state.is_final]
        queue, user = [*self.queue, *cancelled], job.origin.user
        if self.journal is not None and self.journal.unwritten >= MAX_UNWRITTEN:
            full = sentence("disk-behind", limit=MAX_UNWRITTEN)
        elif len(queue) >= MAX_QUEUED_JOBS:
            full = sentence("queue-full", limit=MAX_QUEUED_JOBS)
        elif [other.origin.user for other in queue].count(user) >= MAX_QUEUED_JOBS_OF_USER:
            full = sentence("queue-of-user-full", limit=MAX_QUEUED_JOBS_OF_USER)
        elif sum(queued.turn_key == job.turn_key for queued in queue) >= MAX_QUEUED_JOBS_OF_ONE:
            code = "queue-of-detached-full" if job.is_detached else "queue-of-program-full"
            full = sentence(code, limit=MAX_QUEUED_JOBS_OF_ONE)
        elif queue and sum(map(self._bytes_of, [*queue, job])) > MAX_QUEUED_BYTES:
            full = sentence("queue-memory-full", limit=f"{MAX_QUEUED_BYTES / 2**30:.0f}")
        else:
            return
        raise DaemonError(full, ErrorCode.QUEUE_FULL)

    def _bytes_of(self, job: Job) -> int:
        return max(job.input_bytes, self._unstored.get(job, 0))

    def _eta_s(self, job: Job) -> float | None:
        """Returns the estimated time to completion; None if there is no estimate."""
        if job.state is JobState.QUEUED:
            ahead = self.queue[: self.queue.index(job)]
            return _sum([self._waiting_s(ahead), self._durations.of(job)])
        if job.state is not JobState.RUNNING:
            return None
        if job.first_step_s is None or job.step < 2 or job.done <= job.first_done:
            return self._durations.of(job)
        # The throughput so far, without the first step, which includes loading the network.
        spent_s = self.clock() - job.first_step_s
        return max(0.0, spent_s / (job.done - job.first_done) * (1 - job.done))

    def _waiting_s(self, ahead: Sequence[Job]) -> float | None:
        """Returns when a worker is free after the running jobs and those `ahead` of the queue."""
        running_s = [self._eta_s(job) for job in self.running]
        durations_s = [self._durations.of(job) for job in ahead]
        if None in running_s or None in durations_s:
            return None
        free_s = [time_s for time_s in running_s if time_s is not None]
        free_s += [0.0] * (self.workers - len(free_s))
        heapify(free_s)
        for duration_s in durations_s:
            heapreplace(free_s, free_s[0] + (duration_s or 0.0))
        return free_s[0]

    def _painted_s(self, job: Job) -> float | None:
        if job.started_s is None:
            return None
        return (self.clock() if job.ended_s is None else job.ended_s) - job.started_s

    def _kept_s(self, job: Job) -> float:
        return self.retention.seconds - (self.clock() - _ended_s(job))

    def _complete(self, job: Job) -> None:
        """Ends a painted job; its picture is stored, as far as it can be."""
        ended_s = job.ended_s
        self._end(job, JobState.DONE)
        job.ended_s = ended_s
        if job.started_s is not None and ended_s is not None:
            self.waited_s += job.started_s - job.submitted_s
            self.painted_s += ended_s - job.started_s

    def _end(self, job: Job, state: JobState) -> None:
        job.state = state
        job.ended_s = self.clock()
        job.submission = None
        if state is not JobState.FAILED and not job.is_warm:
            self.throughput.record(job.work, job.curve.points)
        self.outcomes[state] += 1
        self._durations.forget(job)
        self._queue = None
        if state is not JobState.DONE:
            self._store(job)


def _files_of(picture: Picture) -> list[str]:
    return [] if picture.file_name is None else [picture.file_name]


def _log_unsynced(outcome: Exception | None) -> None:
    if outcome is not None:
        logger.warning("a picture cannot be synced to the disk: %s", outcome)


def _without_picture(job: Job) -> str:
    """Returns the reason why a job that is not done has no picture."""
    match job.state:
        case JobState.FAILED:
            return sentence("job-failed")
        case JobState.CANCELLED:
            return sentence("job-cancelled")
    code = "job-waiting" if job.state is JobState.QUEUED else "job-running"
    return sentence(code, job=job.name[:8])


def _sum(times_s: list[float | None]) -> float | None:
    """Returns their sum; None if one of them is None."""
    known = [time_s for time_s in times_s if time_s is not None]
    return sum(known) if len(known) == len(times_s) else None


def _reason(error: object) -> str:
    """Returns the text of an error for a person: without its number."""
    if not isinstance(error, OSError) or not error.strerror:
        return str(error)
    return error.strerror if error.filename is None else f"{error.strerror}: {error.filename}"


def _ended_s(job: Job) -> float:
    return job.ended_s if job.ended_s is not None else 0.0
