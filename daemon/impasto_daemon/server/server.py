"""The loop between the clients and the worker: frames in, replies out, and it never waits.

One ROUTER socket serves all clients, one PAIR socket the worker. The server knows jobs, not
tensors: pixels pass through it as they came.
"""

from __future__ import annotations

import logging
import math
import os
import signal
import time
from collections.abc import Callable
from typing import Any

import zmq

from impasto_daemon.malloc import give_memory_back
from impasto_daemon.models.cache import cached_models
from impasto_daemon.process_memory import resident_bytes
from impasto_daemon.server.authentication import Authenticator
from impasto_daemon.server.endpoint import remove_socket_file
from impasto_daemon.server.jobs import (
    MAX_QUEUED_JOBS,
    MAX_QUEUED_JOBS_OF_ONE,
    Job,
    JobTable,
    Origin,
)
from impasto_daemon.server.memory_estimate import estimate_memory
from impasto_daemon.server.outbox import QUEUED_MESSAGES, Outbox
from impasto_daemon.server.results import ResultFile
from impasto_daemon.server.signals import StopSignals
from impasto_daemon.server.subscriptions import Subscriptions
from impasto_daemon.server.systemd import SystemdNotifier
from impasto_daemon.worker.messages import (
    Failed,
    Loaded,
    Painted,
    Previewed,
    Ready,
    Run,
    Show,
    Stepped,
    Stop,
    Stopped,
    WorkerMessage,
    Written,
)
from impasto_daemon.worker.process import WorkerProcess
from impasto_shared import __version__
from impasto_shared.codec import MAX_HEADER_BYTES, Frame, decode, decode_header, header_bytes
from impasto_shared.errors import DaemonError, ErrorCode, ImpastoError, ProtocolError
from impasto_shared.image import MAX_PIXELS, PixelFormat
from impasto_shared.liveness import notice_lost_peers
from impasto_shared.messages import (
    Accepted,
    Cancel,
    ClientMessage,
    Curve,
    CurveReport,
    ErrorReply,
    Fetch,
    Forecast,
    ForecastReport,
    Forget,
    Hello,
    Keep,
    Preview,
    PreviewOptions,
    Result,
    Status,
    StatusReport,
    Submit,
    Watch,
    Welcome,
)
from impasto_shared.reports import (
    MAX_NAME_CHARACTERS,
    JobReport,
    JobState,
    Limits,
    Metrics,
    Problem,
    WorkerReport,
)

logger = logging.getLogger(__name__)

MAX_FRAME_BYTES = MAX_PIXELS * max(form.bytes_per_pixel for form in PixelFormat)
BUSY_POLL_MS = 100
# Where replies wait for a client to read, nothing tells when it does.
STALLED_POLL_MS = 20
IDLE_POLL_MS = 5000
# How long a worker may take to stop; with the time between updates less than two seconds.
STOP_GRACE_S = 1.2
FAREWELL_S = 0.5
_REMEMBERED_CLIENTS = 256
# The rest of a status report has a thousand bytes, and its models three thousand at most.
_REPORTS_BYTES = MAX_HEADER_BYTES - 8192


class Server:
    """Serves clients at `endpoint` until `signals` ask it to stop.

    `authenticator` authorises clients; `notifier` reports to systemd. A worker without a job for
    `idle_s` seconds is ended. `clock` gives seconds that never run backwards, whatever is done to
    the time of day.
    """

    def __init__(
        self,
        endpoint: str,
        worker: WorkerProcess,
        signals: StopSignals,
        jobs: JobTable,
        authenticator: Authenticator,
        notifier: SystemdNotifier,
        *,
        idle_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._endpoint = endpoint
        self._worker = worker
        self._signals = signals
        self._clock = clock
        self._idle_s = idle_s
        self._jobs = jobs
        self._authenticator = authenticator
        self._notifier = notifier
        self._in_worker: Job | None = None
        self._interrupted: Job | None = None
        self._is_worker_new = False
        self._result_file: ResultFile | None = None
        self._worker_free_s = clock()
        self._workers = 0
        self._client_names: dict[bytes, str] = {}
        self._stop_deadline_s: float | None = None
        self._boot = os.urandom(8).hex()
        self._started_s = clock()
        self._socket = _router_socket()
        self._outbox = Outbox(self._socket)
        self._subscriptions = Subscriptions(self._outbox, clock)

    def run(self) -> None:
        """Serves until stopped; then tells the clients, ends the worker and closes the socket."""
        try:
            self._authenticator.open(self._socket, self._endpoint)
            self._notifier.notify_ready(f"Serving at {self._endpoint}")
            while not self._signals.stop_requested:
                self._notifier.notify_watchdog()
                self._wait()
                self._authenticator.answer()
                self._outbox.flush()
                self._answer_clients()
                self._hear_worker()
                self._supervise_worker()
                self._start_next_job()
                self._tell_watchers()
                self._jobs.results.write_some()
                self._jobs.expire(watched=self._subscriptions.job_names)
        finally:
            self._notifier.notify_stopping()
            self._worker.end()
            self._say_farewell()
            self._worker.wait_ended()
            self._authenticator.close()
            self._socket.close(linger=int(FAREWELL_S * 1000))
            # Returns when the last updates are out: the process must not end before that.
            zmq.Context.instance().term()
            remove_socket_file(self._endpoint)
            logger.info("stopped")

    def _wait(self) -> None:
        """Returns when a client, the worker or a signal wants attention, or it is time to look."""
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        poller.register(self._signals.fileno(), zmq.POLLIN)
        poller.register(self._authenticator.socket, zmq.POLLIN)
        if self._worker.socket is not None:
            poller.register(self._worker.socket, zmq.POLLIN)
        ready = dict(poller.poll(min(self._patience_ms(), self._notifier.interval_ms)))
        if self._signals.fileno() in ready:
            self._signals.clear()

    def _patience_ms(self) -> int:
        if self._jobs.results.is_writing:
            return 0
        if self._outbox.has_waiting:
            return STALLED_POLL_MS
        busy = self._subscriptions.job_names or self._in_worker or self._worker.is_ending
        return BUSY_POLL_MS if busy else IDLE_POLL_MS

    # Clients

    def _answer_clients(self) -> None:
        while not self._signals.stop_requested and self._socket.poll(0):
            address, *frames = self._socket.recv_multipart(copy=False)
            self._answer(address.bytes, [frame.buffer for frame in frames])

    def _answer(self, address: bytes, frames: list[Frame]) -> None:
        try:
            reply = self._reply_to(address, decode(frames, ClientMessage))
        except ImpastoError as error:
            reply = ErrorReply(_request_id(frames), Problem.of(error))
        except Exception:
            logger.exception("a message of %d frames was not handled", len(frames))
            reply = ErrorReply(
                _request_id(frames),
                Problem(ErrorCode.INTERNAL, "The daemon has made a mistake; its log says more."),
            )
        self._outbox.reply(address, reply)

    def _reply_to(self, address: bytes, message: ClientMessage) -> Any:
        match message:
            case Hello():
                return self._welcome(address, message)
            case Submit():
                origin = Origin(address, self._client_names.get(address, ""))
                job = self._jobs.submit(message, origin)
                self._watch(job, address, message.previews)
            case Watch():
                job = self._jobs.find(message.job)
                self._watch(job, address, message.previews)
            case Cancel():
                job = self._jobs.find(message.job)
                self._cancel(job)
            case Keep():
                job = self._jobs.find(message.job)
                self._keep(job)
            case Forget():
                job = self._jobs.find(message.job)
                self._jobs.forget(job)
            case Fetch():
                return Result(message.id, message.job, self._jobs.fetch(message.job))
            case Curve():
                points = self._jobs.find(message.job).curve.points
                return CurveReport(message.id, message.job, points)
            case Status():
                return self._status(message)
            case Forecast():
                return self._forecast(message)
        return Accepted(message.id, self._jobs.report(job))

    def _welcome(self, address: bytes, request: Hello) -> Welcome:
        self._client_names[address] = request.client
        if len(self._client_names) > _REMEMBERED_CLIENTS:
            del self._client_names[next(iter(self._client_names))]
        limits = Limits(
            MAX_FRAME_BYTES, MAX_PIXELS, MAX_QUEUED_JOBS, queue_of_one=MAX_QUEUED_JOBS_OF_ONE
        )
        return Welcome(request.id, self._boot, __version__, limits)

    def _status(self, request: Status) -> StatusReport:
        return StatusReport(
            re=request.id,
            pid=os.getpid(),
            version=__version__,
            uptime_s=self._clock() - self._started_s,
            worker=WorkerReport(self._worker.pid, self._worker.device, self._worker.model),
            jobs=tuple(self._reports()),
            metrics=self._metrics(),
            models=tuple(cached_models()),
        )

    def _reports(self) -> list[JobReport]:
        """The jobs, the oldest first; of those ended the newest that the header has room for."""
        jobs = self._jobs.all
        reports: dict[str, JobReport] = {}
        room_bytes = _REPORTS_BYTES
        for job in sorted(jobs, key=lambda job: (job.state.is_final, -(job.ended_s or 0))):
            report = self._jobs.report(job)
            room_bytes -= header_bytes(report)
            if room_bytes < 0:
                break
            reports[job.name] = report
        return [reports[job.name] for job in jobs if job.name in reports]

    def _metrics(self) -> Metrics:
        jobs, worker = self._jobs, self._worker.pid
        done = jobs.outcomes[JobState.DONE]
        pictures = [job.picture for job in jobs.all if job.picture is not None]
        return Metrics(
            done=done,
            failed=jobs.outcomes[JobState.FAILED],
            cancelled=jobs.outcomes[JobState.CANCELLED],
            waited_s=jobs.waited_s / done if done else None,
            painted_s=jobs.painted_s / done if done else None,
            queued=len(jobs.queue),
            workers=self._workers,
            server_bytes=resident_bytes(os.getpid()),
            worker_bytes=None if worker is None else resident_bytes(worker),
            pictures=len(pictures),
            picture_bytes=sum(picture.size_bytes for picture in pictures),
            picture_problem=self._jobs.results.problem,
        )

    def _forecast(self, request: Forecast) -> ForecastReport:
        asked = request.settings, request.width, request.height
        if self._worker.has_gpu and not self._workers:
            # Only it can tell how much memory a GPU has, and whoever asks will paint soon.
            try:
                self._start_worker()
            except OSError as error:  # whoever sends a job will hear of it
                logger.warning("the worker cannot be started: %s", error)
                self._worker.end()
        ready, available_bytes = self._worker.ready, self._worker.available_bytes()
        memory = estimate_memory(
            *asked,
            available_bytes,
            on_gpu=self._worker.has_gpu,
            auto_bfloat16=self._worker.has_gpu if ready is None else ready.bfloat16,
        )
        return ForecastReport(
            request.id,
            self._jobs.throughput.estimate_s(*asked),
            self._jobs.waiting_s(),
            memory.needed_bytes,
            None if math.isinf(available_bytes) else round(available_bytes),
            memory.tiles,
        )

    def _watch(self, job: Job, address: bytes, previews: PreviewOptions | None) -> None:
        self._subscriptions.add(job, address, wants_previews=previews is not None)
        if previews is None or previews == job.previews:
            return
        job.previews = previews
        if job is self._in_worker:
            self._worker.send(Show(job.name, previews))

    def _tell_watchers(self) -> None:
        for job in self._subscriptions.send_updates(self._jobs):
            logger.info("job %s: its client has gone", job.name)
            self._cancel(job)

    def _say_farewell(self) -> None:
        problem = Problem(
            ErrorCode.SHUTTING_DOWN, "The Impasto daemon was shut down before the job was done."
        )
        for job in self._jobs.all:
            self._jobs.fail(job, problem)
        self._tell_watchers()

    # The worker

    def _start_worker(self) -> bool:
        """Starts one where there is none; whether it did. Raises OSError where it cannot be."""
        is_new = self._worker.ensure_started()
        self._workers += is_new
        self._worker_free_s = self._clock()
        return is_new

    def _start_next_job(self) -> None:
        if self._interrupted is not None and self._interrupted.state.is_final:
            self._interrupted = None
        job = self._interrupted or self._jobs.next_queued
        # A worker that is still ending still has its memory.
        if job is None or self._in_worker is not None or self._worker.is_ending:
            return
        submission = self._jobs.start(job)
        self._in_worker, self._interrupted = job, None
        try:
            self._is_worker_new = self._start_worker()
        except OSError as error:
            logger.exception("the worker cannot be started")
            self._worker.end()
            self._jobs.fail(job, _not_started(error))
            self._release_worker()
            return
        self._result_file = self._jobs.results.new_file()
        logger.info("job %s starts: %d × %d pixels", job.name, job.width, job.height)
        self._worker.send(
            Run(
                job.name,
                submission.settings,
                submission.content,
                submission.styles,
                job.previews,
                self._result_file.path if self._result_file is not None else None,
            )
        )

    def _cancel(self, job: Job) -> None:
        self._jobs.cancel(job)
        if job is self._in_worker and self._stop_deadline_s is None:
            self._worker.send(Stop(job.name))
            self._stop_deadline_s = self._clock() + STOP_GRACE_S

    def _keep(self, job: Job) -> None:
        if not (job.state.is_final or self._jobs.report(job).can_keep):
            raise DaemonError(
                "Nothing has been painted yet that could be kept. Wait a moment, or cancel it.",
                ErrorCode.NOT_DONE,
            )
        if job is self._in_worker and self._stop_deadline_s is None:
            # No deadline: what has been painted is worth waiting for.
            self._worker.send(Stop(job.name, keeps_result=True))

    def _hear_worker(self) -> None:
        for message in self._worker.receive():
            self._hear(message)

    def _hear(self, message: WorkerMessage) -> None:
        if isinstance(message, Ready):
            self._worker.ready = message
            return
        if isinstance(message, Loaded):
            self._worker.device, self._worker.model = message.device, message.model
            return
        job = self._in_worker
        if job is None or job.name != message.job:
            raise RuntimeError(f"the worker reports on job {message.job}, which it was not given")
        match message:
            case Stepped():
                self._jobs.advance(job, message.step, message.steps, message.loss, message.done)
                return
            case Previewed():
                self._subscriptions.send_preview(Preview(job.name, message.step, message.image))
                return
            case Painted():
                self._jobs.finish(job, message.image)
            case Written() if self._result_file is not None:
                size = message.width, message.height
                self._jobs.finish(
                    job, self._jobs.results.take(self._result_file, *size, message.format)
                )
            case Failed():
                self._jobs.fail(job, message.problem)
            case Stopped():
                self._jobs.cancel(job)
        logger.info("job %s is %s", job.name, job.state.value)
        self._release_worker()

    def _supervise_worker(self) -> None:
        """Clears away a worker that has died, and ends one that does not stop when told."""
        self._worker.reap()
        exit_status = self._worker.exit_status()
        if exit_status is not None:
            logger.error("the worker ended with status %d", exit_status)
            self._worker.end()
            if self._in_worker is not None:
                self._note_death(self._in_worker, exit_status)
                self._release_worker()
        elif self._stop_deadline_s is not None and self._clock() > self._stop_deadline_s:
            logger.info("the worker did not stop in time")
            self._worker.end()
            self._release_worker()
        elif (
            self._in_worker is None
            and self._worker.pid is not None
            and self._clock() - self._worker_free_s > self._idle_s
        ):
            logger.info("the worker has had nothing to do: its memory is freed")
            self._worker.end()

    def _note_death(self, job: Job, exit_status: int) -> None:
        """Fails the job; one that the worker may have died before is given to the next worker."""
        if job.submission is not None and not self._is_worker_new:
            self._interrupted = job
        else:
            self._jobs.fail(job, _died(exit_status))

    def _release_worker(self) -> None:
        if self._result_file is not None:
            self._result_file.drop()
        self._in_worker = self._result_file = None
        self._stop_deadline_s = None
        self._worker_free_s = self._clock()
        give_memory_back()


def _router_socket() -> zmq.Socket[bytes]:
    socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.ROUTER)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
    socket.setsockopt(zmq.SNDHWM, QUEUED_MESSAGES)
    socket.setsockopt(zmq.MAXMSGSIZE, MAX_FRAME_BYTES)
    notice_lost_peers(socket)
    return socket


def _request_id(frames: list[Frame]) -> str | None:
    """The id of a request that may be malformed in every other way."""
    try:
        request_id = decode_header(frames).get("id")
    except ProtocolError:
        return None
    is_one = isinstance(request_id, str) and 1 <= len(request_id) <= MAX_NAME_CHARACTERS
    return request_id if is_one else None


def _not_started(error: OSError) -> Problem:
    return Problem(
        ErrorCode.WORKER_DIED,
        f"The painting process could not be started: {error}. Close other programs and try again; "
        "if that does not help, run ./install.sh demo in the Impasto folder.",
    )


def _died(exit_status: int) -> Problem:
    if exit_status == -signal.SIGKILL:
        return Problem(
            ErrorCode.WORKER_DIED,
            "The painting process was killed, as the system does when memory runs out. Choose a "
            "smaller size or close other programs; the next job starts it anew.",
        )
    return Problem(
        ErrorCode.WORKER_DIED,
        f"The painting process ended unexpectedly (status {exit_status}); the daemon's log says "
        "more. The next job starts it anew.",
    )
