"""Replies that wait for the disk: `accepted` of a detached job, and `result`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from impasto_daemon.server.job import Job
from impasto_daemon.server.jobs import JobTable
from impasto_shared.errors import ErrorCode
from impasto_shared.image import Image
from impasto_shared.messages import Accepted, ErrorReply, Fetch, Result, Submit
from impasto_shared.reports import Problem


@dataclass(frozen=True)
class _Submission:
    job: Job
    request_id: str
    accept: Callable[[], object]
    """Called when the job is accepted, before the reply."""
    reply: Callable[[Any], object]


class DeferredReplies:
    """Sends replies when the journal has done its part; nothing waits for it."""

    def __init__(self, jobs: JobTable) -> None:
        self._jobs = jobs
        self._submissions: list[_Submission] = []

    def submit(
        self,
        request: Submit,
        job: Job,
        accept: Callable[[], object],
        reply: Callable[[Any], object],
    ) -> None:
        """Passes `accepted`, or the reason of a refusal, to `reply` when the job is stored."""
        self._submissions.append(_Submission(job, request.id, accept, reply))

    def fetch(self, request: Fetch, reply: Callable[[Any], object]) -> Result | None:
        """Returns the result, if it is in memory; else passes it to `reply` when it is read.

        A picture that cannot be read is an error for its client alone. Raises DaemonError if there
        is no picture.
        """
        picture = self._jobs.picture_of(request.job)
        if picture.is_in_memory or self._jobs.journal is None:
            return Result(request.id, request.job, picture.read())
        self._jobs.journal.read(picture.read, partial(_send_result, request, reply))
        return None

    def send_due(self) -> None:
        """Sends the replies to submissions that are stored, or refused."""
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


def _send_result(request: Fetch, reply: Callable[[Any], object], outcome: object) -> None:
    if isinstance(outcome, Image):
        reply(Result(request.id, request.job, outcome))
        return
    text = f"The picture cannot be read: {str(outcome)[:500]}. Run the job again."
    reply(ErrorReply(request.id, Problem(ErrorCode.UNKNOWN_JOB, text)))
