"""Subscriptions: the clients that are notified of a job's progress, and when."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from impasto_daemon.server.clients.leases import Leases
from impasto_daemon.server.clients.outbox import Outbox
from impasto_daemon.server.front.delivery import Delivery
from impasto_daemon.server.jobs.job import Job
from impasto_daemon.server.jobs.job_table import JobTable
from impasto_shared.protocol.messages import Preview, Update
from impasto_shared.protocol.reports import JobState, Problem

# A subscriber is notified of every step, but not more often than this ...
STEP_INTERVAL_S = 0.1
# ... and at this interval without news: only by sending is a disconnected client noticed.
UPDATE_INTERVAL_S = 0.5
# The last update of a job is dropped when its client has not read for this long: its job would be
# remembered for ever. The client can still ask for it.
UNREAD_S = 60.0


@dataclass(eq=False)
class _Subscription:
    """A client's subscription to a job, with the last update that was sent."""

    wants_previews: bool
    sent_s: float
    sent_step: int = 0
    sent_state: JobState = JobState.QUEUED
    refused_since_s: float | None = None

    def is_due(self, job: Job, now_s: float) -> bool:
        """Returns whether it is time for an update."""
        if job.state.is_final and self.sent_state is not job.state:
            return True
        # Also for a final state, which is sent again until it is delivered.
        interval_s = UPDATE_INTERVAL_S if job.step == self.sent_step else STEP_INTERVAL_S
        return now_s - self.sent_s >= interval_s

    def is_over(self, job: Job, delivery: Delivery, now_s: float) -> bool:
        """Returns whether there is nothing more to send, given the outcome of the last update."""
        if delivery is not Delivery.REFUSED:
            self.refused_since_s = None
            return delivery is not Delivery.SENT or job.state.is_final
        if self.refused_since_s is None:
            self.refused_since_s = now_s
        return job.state.is_final and now_s - self.refused_since_s > UNREAD_S


class Subscriptions:
    """The clients that watch jobs. `clock` is in seconds; `leases` are those of lost clients."""

    def __init__(self, outbox: Outbox, leases: Leases, clock: Callable[[], float]) -> None:
        self._outbox = outbox
        self._leases = leases
        self._clock = clock
        self._by_job: dict[str, dict[bytes, _Subscription]] = {}
        # Those not returned yet: a call that fails must not lose them.
        self._abandoned: dict[Job, Problem | None] = {}

    @property
    def job_names(self) -> Collection[str]:
        """The names of the jobs that are watched."""
        return self._by_job.keys()

    def add(self, job: Job, address: bytes, *, wants_previews: bool) -> None:
        """Subscribes `address` to updates of `job` until it ends."""
        subscription = _Subscription(wants_previews, self._clock())
        self._by_job.setdefault(job.name, {})[address] = subscription

    def send_updates(self, table: JobTable) -> dict[Job, Problem | None]:
        """Sends the updates that are due; returns the jobs whose client has left them.

        With the reason if it was lost and has not returned in time; None if it has disconnected.
        """
        self._abandoned.update(self._leases.take_ended(self._by_job.keys()))
        for name, by_address in list(self._by_job.items()):
            job = table.find(name)
            for address, subscription in list(by_address.items()):
                if not subscription.is_due(job, self._clock()):
                    continue
                delivery = self._send_update(table, job, address, subscription)
                if delivery is Delivery.DISCONNECTED and job.belongs_to(address):
                    self._abandoned.setdefault(job, None)
                if delivery is Delivery.LOST and job.belongs_to(address):
                    self._leases.begin(job)
                if subscription.is_over(job, delivery, self._clock()):
                    del by_address[address]
            if not by_address:
                del self._by_job[name]
        abandoned, self._abandoned = self._abandoned, {}
        return abandoned

    def send_preview(self, preview: Preview) -> None:
        """Sends a preview to the subscribers who requested previews."""
        for address, subscription in self._by_job.get(preview.job, {}).items():
            if subscription.wants_previews:
                self._outbox.try_send(address, preview)

    def _send_update(
        self, table: JobTable, job: Job, address: bytes, subscription: _Subscription
    ) -> Delivery:
        subscription.sent_s, subscription.sent_step = self._clock(), job.step
        subscription.sent_state = job.state
        return self._outbox.try_send(address, Update(table.report(job)))
