"""Requests, replies and updates, over a connection that may be lost and replaced in between."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from itertools import count
from typing import Any, TypeVar

from impasto_shared.connection.lasting_connection import LastingConnection
from impasto_shared.connection.patience import patience_s, tolerated_silence_s
from impasto_shared.connection.watched_jobs import WatchedJobs
from impasto_shared.errors import AccessDenied, DaemonUnavailable, ErrorCode, ImpastoError
from impasto_shared.protocol.messages import (
    Accepted,
    Cancel,
    CurveReport,
    DaemonMessage,
    ErrorReply,
    Fetch,
    ForecastReport,
    Preview,
    Result,
    Segment,
    StatusReport,
    Submit,
    Update,
    Watch,
)
from impasto_shared.protocol.reports import Problem
from impasto_shared.text.sentences import sentence

# The time that a request waits for the next daemon if that has nothing to do with it.
_SHORT_PATIENCE_S = 2.0
# A request is sent through at most as many connections: one that ends them all would do so forever.
_MOST_CONNECTIONS = 8
# Messages received in a row before the caller regains control.
_MAX_PENDING = 1000

Reply = TypeVar("Reply", Accepted, StatusReport, ForecastReport, CurveReport, Result)


class Conversation:
    """The conversation of a client with the daemon, about `jobs` among other things.

    is_network: whether the connection can be lost while the daemon lives. On the daemon's own
        machine it ends only with the daemon, and attached jobs end with it as well.
    """

    def __init__(self, connection: LastingConnection, *, is_network: bool) -> None:
        self.connection = connection
        self.jobs = WatchedJobs()
        self._is_network = is_network
        self._ids = count(1)
        # The number of the connection through which the jobs are watched.
        self._watched_through = connection.number
        self._watching_again: dict[str, str] = {}

    def next_id(self) -> str:
        """Returns an id for a request."""
        return str(next(self._ids))

    @property
    def patience_s(self) -> float:
        """The silence after which the daemon is given up, in seconds."""
        return patience_s(self.connection.welcome.limits.lease_s)

    def watch(self, request: Submit | Segment | Watch, timeout_s: float) -> Accepted:
        """Has the daemon accept a job, or a subscription to one, and returns its reply."""
        is_attached = isinstance(request, Submit | Segment) and not request.detached
        if not self.jobs:
            self.connection.expect_messages()
        self.jobs.add(request.job, request.previews, is_own=is_attached)
        try:
            accepted = self.request(request, Accepted, timeout_s)
        except BaseException:
            self.jobs.remove(request.job)
            raise
        self.jobs.accept(accepted.report, self.connection.welcome.boot)
        return accepted

    def request(self, request: Any, kind: type[Reply], timeout_s: float) -> Reply:
        """Sends a request, again through each new connection, and returns its reply.

        timeout_s: the time for all of that. Updates that arrive before the reply stay unread.

        Raises DaemonUnavailable, too, if the connections end one after the other.
        """
        connection = self.connection
        started_s = connection.now_s
        patience_s = self.patience_s if self._outlasts_daemon(request) else _SHORT_PATIENCE_S
        has_pictures = isinstance(request, Submit | Segment | Fetch)
        sent_through = times_sent = 0
        self._advance(0, may_be_silent=has_pictures)  # notices a loss
        while (remaining_s := started_s + timeout_s - connection.now_s) > 0:
            if sent_through != connection.number:
                if times_sent == _MOST_CONNECTIONS:
                    raise DaemonUnavailable(sentence("request-interrupted", count=times_sent))
                if connection.send(request):
                    sent_through = connection.number
                    times_sent += 1
            message = self._advance(remaining_s, may_be_silent=has_pictures)
            if isinstance(message, ErrorReply) and message.re in (request.id, None):
                problem = message.problem
                raise problem.error
            if isinstance(message, kind) and message.re == request.id:
                return message
            if min(connection.lost_s, connection.now_s - started_s) > patience_s:
                break
        error = connection.unavailable()
        if self._is_network and connection.silent_s >= connection.now_s - started_s:
            connection.drop()  # the next request goes through another one
        raise error

    def listen(self, timeout_s: float) -> None:
        """Receives all pending messages, waiting up to `timeout_s` for the first.

        Raises:
            DaemonUnavailable: if the daemon is given up, or attached jobs have ended with it.
        """
        deadline_s = time.monotonic() + timeout_s
        message = self._advance(timeout_s)
        while message is None and (remaining_s := deadline_s - time.monotonic()) > 0:
            message = self._advance(remaining_s)
        for _ in range(_MAX_PENDING):
            if self._advance(0) is None:
                break
        if self.jobs and self.connection.silent_s > self.patience_s:
            raise self._given_up()

    def take_leave(self) -> bool:
        """Cancels this client's unfinished jobs if the daemon would not notice its exit at once.

        Returns whether there are requests on their way.
        """
        unfinished = self.jobs.take_own() if self._is_network else set()
        sent = [self.connection.send(Cancel(self.next_id(), job)) for job in unfinished]
        return any(sent)

    def _outlasts_daemon(self, request: Any) -> bool:
        """Returns whether a request may wait for the next daemon, which can answer it as well.

        A network may have been lost without the daemon.
        """
        is_detached = isinstance(request, Submit) and request.detached
        return self._is_network or is_detached or isinstance(request, Watch | Fetch)

    def _advance(self, timeout_s: float, *, may_be_silent: bool = False) -> DaemonMessage | None:
        """Returns the next message, having sorted it in; connects again if necessary.

        may_be_silent: whether a picture may be on its way, behind which updates wait.
        """
        limit_s = math.inf
        if self._is_network and self.jobs and not may_be_silent:
            limit_s = tolerated_silence_s(self.connection.welcome.limits.lease_s)
        message = self.connection.receive(timeout_s, limit_s)
        if not self._is_network and not self.connection.is_connected:
            self._end_attached_jobs()
        if self.connection.number != self._watched_through:
            self._watch_again()
        self._sort_in(message)
        return message

    def _sort_in(self, message: DaemonMessage | None) -> None:
        match message:
            case Update() | Preview():
                self.jobs.note(message)
            case Accepted() if message.re in self._watching_again:
                del self._watching_again[message.re]
                self.jobs.accept(message.report, self.connection.welcome.boot)
            case ErrorReply() if message.re in self._watching_again:
                job = self._watching_again.pop(message.re)
                self.jobs.refuse(job, message.problem, self.connection.welcome.boot)

    def _watch_again(self) -> None:
        """Watches the jobs of the last connection through a new one.

        Those that the daemon has forgotten end, and the others continue.
        """
        self._watched_through = self.connection.number
        self._watching_again.clear()
        for name, job in self.jobs.accepted:
            request = Watch(self.next_id(), name, job.previews)
            self._watching_again[request.id] = name
            self.connection.send(request)

    def _end_attached_jobs(self) -> None:
        """Ends the jobs that have ended with the daemon; raises DaemonUnavailable if all have."""
        lost = self.jobs.attached
        if not lost:
            return
        error = self._given_up()
        if len(lost) == len(self.jobs):
            for job in lost:
                self.jobs.remove(job)
            raise error
        # It may be painted again by the next daemon, unlike one that could not be painted.
        problem = replace(Problem.of(error), code=ErrorCode.SHUTTING_DOWN)
        for job in lost:
            self.jobs.fail(job, problem)

    def _given_up(self) -> ImpastoError:
        """Returns the error for a daemon that has not answered for too long during a job."""
        problem = self.connection.unavailable()
        if isinstance(problem, AccessDenied):
            return problem
        code = "daemon-or-network-lost" if self._is_network else "daemon-lost"
        return DaemonUnavailable(sentence(code if self.jobs.attached else f"{code}-of-detached"))
