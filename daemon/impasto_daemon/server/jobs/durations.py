"""The estimated durations of queued and running jobs, calculated once for many reports.

Each report of a job adds up the durations of all jobs ahead of it.
"""

from __future__ import annotations

from impasto_daemon.server.jobs.job import Job
from impasto_daemon.server.jobs.time_estimate import ThroughputHistory


class Durations:
    """The seconds that jobs take by `throughput`, as long as that has learnt nothing new."""

    def __init__(self, throughput: ThroughputHistory) -> None:
        self._throughput = throughput
        self._version: object = None
        self._of: dict[Job, float | None] = {}

    @property
    def remembered(self) -> int:
        """The number of jobs whose duration is known."""
        return len(self._of)

    def of(self, job: Job) -> float | None:
        """Returns the duration of a job; None without an estimate."""
        version = self._throughput.version
        if version != self._version:
            self._version = version
            self._of.clear()
        if job not in self._of:
            self._of[job] = (
                self._throughput.segmentation_s
                if job.segments
                else self._throughput.estimate_s(job.work)
            )
        return self._of[job]

    def forget(self, job: Job) -> None:
        """Drops the duration of a job: it has ended, or more is known of its work."""
        self._of.pop(job, None)
