"""Who is told of which job, and when."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from impasto_daemon.server.jobs import Job, JobTable
from impasto_daemon.server.outbox import Delivery, Outbox
from impasto_shared.messages import Preview, Update
from impasto_shared.reports import JobState

# A watcher hears of every step, but not more often than this ...
STEP_INTERVAL_S = 0.1
# ... and of a job without news this often: sending is how the server notices that it has gone.
UPDATE_INTERVAL_S = 0.5


@dataclass(eq=False)
class _Watch:
    """What one connection was told of a job last."""

    wants_previews: bool
    told_s: float
    told_step: int = 0
    told_state: JobState = JobState.QUEUED

    def is_due(self, job: Job, now_s: float) -> bool:
        """Whether it is time to tell of the job."""
        # Of the end as well it may have to be told again: it must not miss that.
        if job.state.is_final and self.told_state is not job.state:
            return True
        interval_s = UPDATE_INTERVAL_S if job.step == self.told_step else STEP_INTERVAL_S
        return now_s - self.told_s >= interval_s


class Watches:
    """The connections that watch jobs. `clock` gives seconds."""

    def __init__(self, outbox: Outbox, clock: Callable[[], float]) -> None:
        self._outbox = outbox
        self._clock = clock
        self._of_job: dict[str, dict[bytes, _Watch]] = {}

    @property
    def jobs(self) -> Collection[str]:
        """The names of the jobs that somebody watches."""
        return self._of_job.keys()

    def add(self, job: Job, address: bytes, *, wants_previews: bool) -> None:
        """From now on `address` is told of `job`, up to its end."""
        watch = _Watch(wants_previews, self._clock())
        self._of_job.setdefault(job.name, {})[address] = watch

    def tell(self, table: JobTable) -> list[Job]:
        """Sends the updates that are due; the jobs whose own client was found to have gone."""
        abandoned = []
        for name, watches in list(self._of_job.items()):
            job = table.find(name)
            for address, watch in list(watches.items()):
                if not watch.is_due(job, self._clock()):
                    continue
                watch.told_s, watch.told_step = self._clock(), job.step
                watch.told_state = job.state
                delivery = self._outbox.tell(address, Update(table.report(job)))
                if delivery is Delivery.GONE and job.belongs_to(address):
                    abandoned.append(job)
                if delivery is Delivery.GONE or (job.state.is_final and delivery is Delivery.SENT):
                    del watches[address]
            if not watches:
                del self._of_job[name]
        return abandoned

    def show(self, preview: Preview) -> None:
        """Sends a preview to those who wish for some."""
        for address, watch in self._of_job.get(preview.job, {}).items():
            if watch.wants_previews:
                self._outbox.tell(address, preview)
