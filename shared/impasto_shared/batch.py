"""Painting many pictures, one after the other, through one client.

    works = [Work(name, partial(read_task, name)) for name in names]
    for event in paint_all(client, works):
        if isinstance(event, Painted):
            write(event.name, event.image)
            client.forget(event.job)
        elif isinstance(event, Failed):
            print(event.name, event.error)

As many are painted at the same time as the daemon has painting processes. The next picture is read
and sent meanwhile, so that none of them waits.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from impasto_shared.client import Client
from impasto_shared.errors import DaemonError, DaemonUnavailable, ErrorCode, ImpastoError
from impasto_shared.image import Image
from impasto_shared.protocol.reports import JobReport, JobState
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style

# One more than are painted: further pictures would only fill the memory.
_WAITING = 1
_POLL_S = 0.2

# The next daemon can paint these.
_ENDED_WITH_DAEMON = (ErrorCode.SHUTTING_DOWN, ErrorCode.UNKNOWN_JOB)
_CANCELLED = "Its job was cancelled."


@dataclass(frozen=True)
class Task:
    """A picture to paint: the arguments of `Client.submit`."""

    content: Image
    styles: Sequence[Style]
    settings: StyleSettings


@dataclass(frozen=True)
class Work:
    """A picture of a batch.

    name: told with each event.
    read: returns the task when its turn comes; an ImpastoError that it raises is the picture's own
        failure.
    """

    name: str
    read: Callable[[], Task]


@dataclass(frozen=True)
class Progress:
    """A change in the job of a picture."""

    name: str
    report: JobReport


@dataclass(frozen=True)
class Painted:
    """A finished picture, which the daemon keeps until it is told to forget the `job`."""

    name: str
    image: Image
    job: str


@dataclass(frozen=True)
class Failed:
    """A picture that is not painted, and the reason."""

    name: str
    error: ImpastoError


Event: TypeAlias = Progress | Painted | Failed


def paint_all(client: Client, works: Iterable[Work]) -> Generator[Event, None, None]:
    """Yields what happens while the pictures are painted: for each at last Painted or Failed.

    A picture that fails leaves the others alone. If the daemon's queue is full, the next picture
    waits until there is room. The jobs under way are cancelled when the generator is closed.

    Raises:
        DaemonUnavailable: if the daemon stops answering; the pictures that had no last event are
            not painted.
    """
    batch = _Batch(client, deque(works))
    try:
        while batch.is_unfinished:
            yield from batch.fill()
            yield from batch.advance()
    finally:
        batch.cancel()


@dataclass
class _Batch:
    client: Client
    waiting: deque[Work]
    jobs: dict[str, Work] = field(default_factory=dict)
    """The pictures under way, by job."""
    workers: int | None = None
    """The number of painting processes; None if it is to be asked for."""

    @property
    def is_unfinished(self) -> bool:
        """True while there is a picture without its last event."""
        return bool(self.waiting or self.jobs)

    def fill(self) -> Iterator[Event]:
        """Submits pictures until enough are under way; yields those that cannot be submitted."""
        if self.waiting and self.workers is None:
            # A daemon that says nothing of them has one.
            self.workers = max(1, len(self.client.status().workers))
        while self.waiting and len(self.jobs) < (self.workers or 1) + _WAITING:
            work = self.waiting.popleft()
            try:
                task = work.read()
                job = self.client.submit(task.content, task.styles, task.settings)
            except ImpastoError as error:
                if isinstance(error, DaemonUnavailable):
                    raise
                if error.code is ErrorCode.SHUTTING_DOWN:
                    raise DaemonUnavailable(str(error)) from error
                if error.code is ErrorCode.QUEUE_FULL:
                    self.waiting.appendleft(work)
                    return
                yield Failed(work.name, error)
            else:
                self.jobs[job] = work

    def advance(self) -> Iterator[Event]:
        """Yields what the daemon reports next, waiting a moment for it."""
        if not self.jobs:
            if self.waiting:
                time.sleep(_POLL_S)  # the queue is full of other clients' jobs
            return
        for report in self.client.poll(_POLL_S):
            if report.job not in self.jobs:
                continue
            if not report.state.is_final:
                yield Progress(self.jobs[report.job].name, report)
                continue
            work = self.jobs.pop(report.job)
            self.workers = None  # it may have been the first worker's, or the last one's
            yield from self._end(work, report)

    def _end(self, work: Work, report: JobReport) -> Iterator[Event]:
        problem = report.problem
        if problem is not None and problem.code in _ENDED_WITH_DAEMON:
            self.waiting.appendleft(work)
        elif problem is not None:
            yield Failed(work.name, problem.error)
        elif report.state is not JobState.DONE:
            yield Failed(work.name, ImpastoError(_CANCELLED))
        else:
            try:
                image = self.client.fetch(report.job)
            except DaemonError as error:
                yield Failed(work.name, error)
                return
            yield Painted(work.name, image, report.job)

    def cancel(self) -> None:
        """Cancels what is under way, if the daemon still answers."""
        for job in list(self.jobs):
            try:
                self.client.cancel(job)
            except ImpastoError:
                return
            del self.jobs[job]
