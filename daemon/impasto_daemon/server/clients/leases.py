"""Leases: jobs that have lost their clients continue for a while, since the client may return."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection

from impasto_daemon.server.clients.authorized_clients import AuthorizedClients
from impasto_daemon.server.jobs.job import Job
from impasto_shared.errors import ErrorCode
from impasto_shared.protocol.reports import Problem
from impasto_shared.running_clock import RunningClock
from impasto_shared.text.sentences import sentence

logger = logging.getLogger(__name__)

CHECK_S = 1.0
"""The interval at which the authorised keys are read again."""


class Leases:
    """The jobs whose connections were lost.

    lease_s: the time for which such a job continues while no client watches it. Time in which the
        server is stopped does not count: no client can return then.
    authorized: the clients on other machines that may return; None: all.
    clock: in seconds.
    """

    def __init__(
        self, lease_s: float, clock: Callable[[], float], authorized: AuthorizedClients | None
    ) -> None:
        self._lease_s = lease_s
        self._clock = RunningClock(clock)
        self._authorized = authorized
        self._users = set() if authorized is None else set(authorized.known)
        self._read_s = -CHECK_S
        self._lost_s: dict[Job, float] = {}

    @property
    def is_running(self) -> bool:
        """True if any job has lost its client."""
        return bool(self._lost_s)

    def begin(self, job: Job) -> None:
        """Starts the lease of a job that has just lost its client."""
        if job not in self._lost_s:
            logger.info("job %s has lost its client: it continues for a while", job.name)
            self._read_s = -CHECK_S
        self._lost_s[job] = self._clock.now_s

    def take_ended(self, watched: Collection[str]) -> dict[Job, Problem]:
        """Returns, once, the jobs whose lease has ended, with the reasons.

        watched: the names of the jobs that clients watch. The client of such a job may be the one
            that was lost.
        """
        now_s = self._clock.look()
        self._lost_s = {
            job: now_s if job.name in watched else lost_s
            for job, lost_s in self._lost_s.items()
            if not (job.state.is_final or job.is_detached)
        }
        ended = {
            job: _too_long(self._lease_s)
            for job, lost_s in self._lost_s.items()
            if now_s - lost_s > self._lease_s
        } | dict.fromkeys(self._without_key(now_s), _KEY_REMOVED)
        for job in ended:
            del self._lost_s[job]
        return ended

    def _without_key(self, now_s: float) -> list[Job]:
        """Returns the jobs whose clients cannot return, since their keys were removed."""
        if self._authorized is None:
            return []
        if now_s - self._read_s >= CHECK_S:  # also without jobs: the file may be damaged later
            self._read_s = now_s
            self._users = set(self._authorized.known)
        return [
            job for job in self._lost_s if job.origin.user and job.origin.user not in self._users
        ]


def _too_long(lease_s: float) -> Problem:
    return Problem.saying(ErrorCode.NOT_DONE, sentence("lease-over", time=lease_s))


_KEY_REMOVED = Problem.saying(ErrorCode.NOT_DONE, sentence("key-removed"))
