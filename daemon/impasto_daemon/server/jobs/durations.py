"""The estimated durations of queued and running jobs, calculated once for many reports.

Each report of a job adds up the durations of all jobs ahead of it.
"""

from __future__ import annotations

from impasto_daemon.server.jobs.job import Job
from impasto_daemon.server.jobs.time_estimate import ThroughputHistory

MAX_REMEMBERED = 256
"""More than can be queued and running at the same time."""


class Durations:
    """The seconds that jobs take by `throughput`, as long as that has learnt nothing new."""

    def __init__(self, throughput: ThroughputHistory) -> None:
        self._throughput = throughput
        self._version: object = None
        self._of: dict[Job, float | None] = {}

    def refresh(self) -> None:
        """Forgets the durations that are no longer true, and those of jobs that have ended."""
        version = self._throughput.version
        if version != self._version or len(self._of) > MAX_REMEMBERED:
            self._version = version
            self._of.clear()

    def of(self, job: Job) -> float | None:
        """Returns the duration of a job as it was at the last refresh; None without an estimate."""
        if job not in self._of:
            self._of[job] = (
                self._throughput.segmentation_s
                if job.segments
                else self._throughput.estimate_s(job.work)
            )
        return self._of[job]

    def forget(self, job: Job) -> None:
        """Has the duration of a job calculated again: more is known of its work."""
        self._of.pop(job, None)
