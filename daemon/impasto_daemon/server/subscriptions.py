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
class _Subscription:
    """What one connection was told of a job last."""

    wants_previews: bool
    sent_s: float
    sent_step: int = 0
    sent_state: JobState = JobState.QUEUED

    def is_due(self, job: Job, now_s: float) -> bool:
        """Whether it is time to tell of the job."""
        # Of the end as well it may have to be told again: it must not miss that.
        if job.state.is_final and self.sent_state is not job.state:
            return True
        interval_s = UPDATE_INTERVAL_S if job.step == self.sent_step else STEP_INTERVAL_S
        return now_s - self.sent_s >= interval_s


class Subscriptions:
    """The connections that watch jobs. `clock` gives seconds."""

    def __init__(self, outbox: Outbox, clock: Callable[[], float]) -> None:
        self._outbox = outbox
        self._clock = clock
        self._of_job: dict[str, dict[bytes, _Subscription]] = {}

    @property
    def job_names(self) -> Collection[str]:
        """The names of the jobs with a subscription."""
        return self._of_job.keys()

    def add(self, job: Job, address: bytes, *, wants_previews: bool) -> None:
        """From now on `address` is told of `job`, up to its end."""
        subscription = _Subscription(wants_previews, self._clock())
        self._of_job.setdefault(job.name, {})[address] = subscription

    def send_updates(self, table: JobTable) -> list[Job]:
        """Sends the updates that are due; the jobs whose own client was found to have gone."""
        abandoned = []
        for name, subscriptions in list(self._of_job.items()):
            job = table.find(name)
            for address, subscription in list(subscriptions.items()):
                if not subscription.is_due(job, self._clock()):
                    continue
                subscription.sent_s, subscription.sent_step = self._clock(), job.step
                subscription.sent_state = job.state
                delivery = self._outbox.try_send(address, Update(table.report(job)))
                if delivery is Delivery.DISCONNECTED and job.belongs_to(address):
                    abandoned.append(job)
                if delivery is Delivery.DISCONNECTED or (
                    job.state.is_final and delivery is Delivery.SENT
                ):
                    del subscriptions[address]
            if not subscriptions:
                del self._of_job[name]
        return abandoned

    def send_preview(self, preview: Preview) -> None:
        """Sends a preview to those who wish for some."""
        for address, subscription in self._of_job.get(preview.job, {}).items():
            if subscription.wants_previews:
                self._outbox.try_send(address, preview)
