"""The loop between clients and worker: receives requests, sends replies, and never blocks.

The server knows jobs, not tensors: pixels pass through it unchanged.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from impasto_daemon.server.clients.authorized_clients import AuthorizedClients
from impasto_daemon.server.clients.clients import Clients
from impasto_daemon.server.clients.deferred_replies import DeferredReplies
from impasto_daemon.server.clients.leases import Leases
from impasto_daemon.server.clients.outbox import Outbox
from impasto_daemon.server.clients.subscriptions import Subscriptions
from impasto_daemon.server.containment import Containment
from impasto_daemon.server.front.delivery import Received
from impasto_daemon.server.jobs.job import Job, Origin
from impasto_daemon.server.jobs.job_table import MAX_QUEUED_JOBS, MAX_QUEUED_JOBS_OF_ONE, JobTable
from impasto_daemon.server.process.address_watch import AddressWatch
from impasto_daemon.server.process.endpoint import Address
from impasto_daemon.server.process.signals import StopSignals
from impasto_daemon.server.process.systemd import SystemdNotifier
from impasto_daemon.server.status import StatusReporter, forecast
from impasto_daemon.server.workers import Workers
from impasto_daemon.system.polling import READ, new_poller
from impasto_shared import __version__
from impasto_shared.errors import ErrorCode, ImpastoError, ProtocolError
from impasto_shared.image import MAX_FRAME_BYTES, MAX_PIXELS
from impasto_shared.protocol.codec import Frame, decode, decode_header
from impasto_shared.protocol.messages import (
    Accepted,
    Cancel,
    ClientMessage,
    Curve,
    CurveReport,
    Detach,
    ErrorReply,
    Fetch,
    Forecast,
    Forget,
    Hello,
    Keep,
    PreviewOptions,
    Segment,
    Status,
    Submit,
    Watch,
    Welcome,
)
from impasto_shared.protocol.reports import MAX_NAME_CHARACTERS, Limits, Problem
from impasto_shared.text.sentences import sentence

logger = logging.getLogger(__name__)

BUSY_POLL_MS = 100
# No event says when a client with waiting replies reads again.
STALLED_POLL_MS = 20
IDLE_POLL_MS = 5000
# Requests are answered for at most this long, and then it is the turn of the worker, the updates
# and the watchdog, however many more requests there are.
REQUESTS_S = 0.02
_REMEMBERED_CLIENTS = 256


class Server:
    """Serves clients at `address` until `signals` request a stop.

    `clients` are those to serve; `notifier` reports to systemd. A job whose client was lost
    continues for `lease_s` seconds. `sandbox_address` is served in addition, if it can be. `clock`
    is monotonic, in seconds.
    """

    def __init__(
        self,
        address: Address,
        workers: Workers,
        signals: StopSignals,
        jobs: JobTable,
        clients: Clients,
        notifier: SystemdNotifier,
        *,
        lease_s: float,
        sandbox_address: Address | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._address = address
        self._sandbox_address = sandbox_address
        self._workers = workers
        self._signals = signals
        self._clock = clock
        self._jobs = jobs
        self._clients = clients
        self._notifier = notifier
        self._client_names: dict[bytes, str] = {}
        self._boot = os.urandom(8).hex()
        self._outbox = Outbox(self._clients)
        self._lease_s = lease_s
        self._leases = Leases(lease_s, clock, AuthorizedClients.of_user())
        self._subscriptions = Subscriptions(self._outbox, self._leases, clock)
        self._address_watch = self._watch_over(address)
        self._sandbox_watch = self._watch_over(sandbox_address) if sandbox_address else None
        self._status = StatusReporter(jobs, workers, clock)
        self._deferred = DeferredReplies(jobs)
        self._containment = Containment(clock)

    def run(self) -> None:
        """Serves until stopped; then notifies the clients, ends the worker, closes the socket."""
        try:
            self._clients.serve(self._address.endpoint, self._address.listener)
            self._address.remember_file()
            self._serve_sandboxes()
            self._notifier.notify_ready(f"Serving at {self._address.endpoint}")
            self._workers.measure_pace()
            while not self._signals.stop_requested:
                self._notifier.notify_watchdog()
                self._containment.run(
                    self._wait,
                    self._clients.supervise,
                    self._outbox.flush,
                    self._answer_clients,
                    self._collect_stored,
                    self._dispatch,
                    self._notify_subscribers,
                    self._expire,
                    self._watch_address,
                )
        finally:
            self._shut_down()

    def _serve_sandboxes(self) -> None:
        if self._sandbox_address is None:
            return
        try:
            self._clients.bind(self._sandbox_address.endpoint, self._sandbox_address.listener)
            self._sandbox_address.remember_file()
        except (ImpastoError, OSError) as error:
            logger.warning("programs in a sandbox cannot connect: %s", error)
            self._sandbox_watch = None

    def _wait(self) -> None:
        """Returns on a message from a client or the worker, on a signal, or after a timeout."""
        poller = new_poller()
        self._clients.register(poller)
        poller.register(self._signals, READ)
        if self._jobs.journal is not None:
            for fileno in self._jobs.journal.filenos():
                poller.register(fileno, READ)
        for pipe in self._workers.pipes:
            poller.register(pipe, pipe.events)
        timeouts_ms = [
            *(self._timeout_ms(), self._notifier.interval_ms, self._clients.timeout_ms),
            *(0 for pipe in self._workers.pipes if pipe.has_messages),
        ]
        ready = dict(poller.poll(int(min(timeouts_ms))))
        if self._signals.fileno() in ready:
            self._signals.clear()

    def _timeout_ms(self) -> int:
        if self._outbox.has_waiting:
            return STALLED_POLL_MS
        is_busy = (
            self._subscriptions.job_names
            or self._leases.is_running
            or self._workers.is_busy
            or self._deferred.is_waiting
        )
        return BUSY_POLL_MS if is_busy else IDLE_POLL_MS

    def _collect_stored(self) -> None:
        self._jobs.collect()
        self._deferred.send_due()

    def _dispatch(self) -> None:
        for preview in self._workers.receive():
            self._subscriptions.send_preview(preview)
        self._workers.supervise()
        self._workers.start_next()

    def _notify_subscribers(self) -> None:
        for job, problem in self._subscriptions.send_updates(self._jobs).items():
            reason = "its client disconnected" if problem is None else problem.message
            logger.info("job %s is cancelled: %s", job.name, reason)
            self._workers.cancel(job, problem)

    def _expire(self) -> None:
        self._jobs.expire(watched=self._subscriptions.job_names)

    def _watch_address(self) -> None:
        """Stops, once its jobs have ended, a daemon that clients cannot reach any more."""
        if self._sandbox_watch is not None:
            self._sandbox_watch.check()
        is_lost = not self._address_watch.check()
        if is_lost and all(job.state.is_final for job in self._jobs.all):
            self._signals.request_stop()

    def _watch_over(self, address: Address) -> AddressWatch:
        return AddressWatch(address, partial(self._clients.bind, address.endpoint), self._clock)

    def _shut_down(self) -> None:
        self._containment.run(
            self._notifier.notify_stopping,
            self._workers.end,
            self._end_all_jobs,
            self._workers.wait_ended,
            self._clients.close,
            self._jobs.close,
        )
        logger.info("stopped")

    def _end_all_jobs(self) -> None:
        self._jobs.shut_down(
            Problem.saying(ErrorCode.SHUTTING_DOWN, sentence("shut-down")),
            Problem.saying(ErrorCode.SHUTTING_DOWN, sentence("shut-down-stored")),
        )
        self._deferred.send_due()
        self._notify_subscribers()

    # Requests of clients

    def _answer_clients(self) -> None:
        deadline_s = time.monotonic() + REQUESTS_S
        while not self._signals.stop_requested and time.monotonic() < deadline_s:
            messages = self._clients.receive()
            for received in messages:
                self._answer(received)
            if not messages and not self._clients.is_receiving:
                return

    def _answer(self, received: Received) -> None:
        address, frames = received.address, received.frames
        try:
            reply = self._reply_to(address, received.user, decode(frames, ClientMessage))
        except ImpastoError as error:
            reply = ErrorReply(_request_id(frames), Problem.of(error))
        except Exception:
            logger.exception("a message of %d frames could not be handled", len(frames))
            problem = Problem.saying(ErrorCode.INTERNAL, sentence("internal"))
            reply = ErrorReply(_request_id(frames), problem)
        if reply is not None:
            self._outbox.reply(address, reply)

    def _reply_to(  # noqa: C901, PLR0911 - one case for each request
        self, address: bytes, user: str, message: ClientMessage
    ) -> Any:
        """Returns the reply to a request; None if it is sent later, by `_deferred`."""
        match message:
            case Hello():
                return self._welcome(address, message)
            case Submit() | Segment():
                origin = Origin(address, self._client_names.get(address, ""), user)
                return self._follow(self._jobs.submit(message, origin), address, message)
            case Watch():
                return self._follow(self._jobs.find(message.job), address, message)
            case Cancel():
                job = self._jobs.find(message.job)
                self._workers.cancel(job)
            case Keep():
                job = self._jobs.find(message.job)
                self._workers.keep(job)
            case Detach():
                job = self._jobs.find(message.job)
                self._jobs.detach(job)
            case Forget():
                job = self._jobs.find(message.job)
                self._jobs.forget(job)
            case Fetch():
                reply = partial(self._outbox.reply, address)
                return self._deferred.fetch(message, address, reply)
            case Curve():
                points = self._jobs.find(message.job).curve.points
                return CurveReport(message.id, message.job, points)
            case Status():
                return self._status.report(message)
            case Forecast():
                self._workers.probe_gpu()
                return forecast(message, self._jobs, self._workers)
        return Accepted(message.id, self._jobs.report(job))

    def _welcome(self, address: bytes, request: Hello) -> Welcome:
        self._client_names[address] = request.client
        if len(self._client_names) > _REMEMBERED_CLIENTS:
            del self._client_names[next(iter(self._client_names))]
        limits = Limits(
            MAX_FRAME_BYTES,
            MAX_PIXELS,
            MAX_QUEUED_JOBS,
            queue_of_one=MAX_QUEUED_JOBS_OF_ONE,
            lease_s=self._lease_s,
        )
        return Welcome(request.id, self._boot, __version__, limits)

    def _follow(
        self, job: Job, address: bytes, request: Submit | Segment | Watch
    ) -> Accepted | None:
        """Subscribes a client to a job, once that is accepted; returns the reply, like `_reply_to`.

        A subscription to a job that is then refused would never end.
        """
        subscribe = partial(self._subscribe, job, address, request.previews)
        if not job.is_accepted:
            reply = partial(self._outbox.reply, address)
            self._deferred.submit(request, job, subscribe, reply)
            return None
        subscribe()
        return Accepted(request.id, self._jobs.report(job))

    def _subscribe(self, job: Job, address: bytes, previews: PreviewOptions | None) -> None:
        self._subscriptions.add(job, address, wants_previews=previews is not None)
        if previews is not None:
            self._workers.set_previews(job, previews)


def _request_id(frames: list[Frame]) -> str | None:
    """Returns the id of a request that may otherwise be malformed; None if it has no valid one."""
    try:
        request_id = decode_header(frames).get("id")
    except ProtocolError:
        return None
    is_valid = isinstance(request_id, str) and 1 <= len(request_id) <= MAX_NAME_CHARACTERS
    return request_id if is_valid else None
