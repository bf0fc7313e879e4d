"""Replies that wait for the disk: `accepted` of a detached job, and `result`."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from impasto_daemon.server.jobs.job import Job
from impasto_daemon.server.jobs.job_table import JobTable
from impasto_daemon.server.jobs.results import Picture
from impasto_shared.errors import DaemonError, ErrorCode
from impasto_shared.image import Image
from impasto_shared.protocol.messages import (
    Accepted,
    ErrorReply,
    Fetch,
    Result,
    Segment,
    Submit,
    Watch,
)
from impasto_shared.protocol.reports import Problem
from impasto_shared.text.sentences import sentence

MAX_UNREAD_BYTES = 256 * 2**20
"""Pictures in memory that a client has asked for and not received; one may be larger."""
MAX_WAITING_FETCHES = 256
"""Further requests of the same client are refused."""

Reply = Callable[[Any], object]


@dataclass(frozen=True)
class _Submission:
    job: Job
    request_id: str
    accept: Callable[[], object]
    reply: Reply


@dataclass(frozen=True)
class _Fetch:
    request: Fetch
    picture: Picture
    address: bytes
    reply: Reply


@dataclass(eq=False)
class _Unread:
    """A picture in memory for a client, until libzmq has sent it; `pixels` is None before."""

    size_bytes: int
    pixels: weakref.ref[Any] | None = None

    @property
    def is_sent(self) -> bool:
        return self.pixels is not None and self.pixels() is None


class DeferredReplies:
    """Sends replies when the journal has done its part; nothing waits for it."""

    def __init__(self, jobs: JobTable) -> None:
        self._jobs = jobs
        self._submissions: list[_Submission] = []
        self._fetches: list[_Fetch] = []
        self._unread: dict[bytes, list[_Unread]] = {}

    def submit(
        self,
        request: Submit | Segment | Watch,
        job: Job,
        accept: Callable[[], object],
        reply: Reply,
    ) -> None:
        """Passes `accepted`, or the reason of a refusal, to `reply` when the job is stored.

        request: a submission, or a subscription to a job that is not stored yet.
        accept: called when the job is accepted, before the reply.
        """
        self._submissions.append(_Submission(job, request.id, accept, reply))

    def fetch(self, request: Fetch, address: bytes, reply: Reply) -> Result | None:
        """Returns the result, if it is in memory; else passes it to `reply` when it is read.

        A picture that cannot be read is an error for its client alone. The next pictures of a
        client that does not read are not read either.

        Raises:
            DaemonError: if there is no picture, or the client asks for too many at a time.
        """
        picture = self._jobs.picture_of(request.job)
        if picture.is_in_memory or self._jobs.journal is None:
            return Result(request.id, request.job, picture.read())
        if sum(fetch.address == address for fetch in self._fetches) >= MAX_WAITING_FETCHES:
            raise DaemonError(
                sentence("too-many-fetches", limit=MAX_WAITING_FETCHES),
                ErrorCode.QUEUE_FULL,
            )
        self._fetches.append(_Fetch(request, picture, address, reply))
        self._read_due()
        return None

    @property
    def is_waiting(self) -> bool:
        """True if a picture waits until its client has read earlier ones."""
        return bool(self._fetches)

    def send_due(self) -> None:
        """Sends the replies to submissions that are stored, or refused; reads further pictures."""
        waiting, self._submissions = self._submissions, []
        for submission in waiting:
            if submission.job.refusal is not None:
                submission.reply(ErrorReply(submission.request_id, submission.job.refusal))
            elif submission.job.is_accepted:
                submission.accept()
                report = self._jobs.report(submission.job)
                submission.reply(Accepted(submission.request_id, report))
            else:
                self._submissions.append(submission)
        self._read_due()

    def _read_due(self) -> None:
        """Begins to read the pictures whose clients have room for them."""
        for address, unread in list(self._unread.items()):
            self._unread[address] = [each for each in unread if not each.is_sent]
            if not self._unread[address]:
                del self._unread[address]
        waiting, self._fetches = self._fetches, []
        for fetch in waiting:
            unread = self._unread.get(fetch.address, [])
            total_bytes = sum(each.size_bytes for each in unread) + fetch.picture.size_bytes
            if unread and total_bytes > MAX_UNREAD_BYTES:
                self._fetches.append(fetch)
            else:
                self._read(fetch)

    def _read(self, fetch: _Fetch) -> None:
        entry = _Unread(fetch.picture.size_bytes)
        self._unread.setdefault(fetch.address, []).append(entry)
        if self._jobs.journal is not None:
            self._jobs.journal.read(fetch.picture.read, partial(self._send_result, fetch, entry))

    def _send_result(self, fetch: _Fetch, entry: _Unread, outcome: object) -> None:
        if isinstance(outcome, Image):
            entry.pixels = weakref.ref(outcome.pixels)
            fetch.reply(Result(fetch.request.id, fetch.request.job, outcome))
            return
        self._unread.get(fetch.address, []).remove(entry)
        text = sentence("picture-unreadable", reason=str(outcome)[:500])
        fetch.reply(ErrorReply(fetch.request.id, Problem.saying(ErrorCode.UNKNOWN_JOB, text)))
