"""The client of the daemon, for the plug-in, the command line and scripts.

    with Client.connect(default_endpoint(), name="my script") as client:
        job = client.submit(content, [Style(painting)], StyleSettings(size=384))
        for report in client.updates(job):
            print(report.state, report.step, report.loss)
        picture = client.fetch(job)

A job belongs to the connection that submitted it: the daemon cancels it when the client
disconnects. A detached job continues, and any later client can watch and fetch it. When the daemon
exits, the connection ends, and a new client is needed. A client must be used from one thread only.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import count
from types import TracebackType
from typing import Any, TypeVar

from impasto_shared.connection.transport import Transport
from impasto_shared.errors import (
    DaemonError,
    DaemonUnavailable,
    ErrorCode,
    ImpastoError,
    InvalidImage,
)
from impasto_shared.image import Image
from impasto_shared.messages import (
    Accepted,
    Cancel,
    Curve,
    CurveReport,
    DaemonMessage,
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
    Update,
    Watch,
    Welcome,
)
from impasto_shared.reports import CurvePoint, JobReport
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style

HELLO_TIMEOUT_S = 2.0
REPLY_TIMEOUT_S = 10.0
FETCH_TIMEOUT_S = 120.0
# The daemon sends an update at least every half second, so a longer silence means that it hangs.
# (The exit of the daemon is noticed at once, because the connection breaks.)
SILENCE_LIMIT_S = 5.0
# The time within which the last requests of a client are still sent, in the background.
_FAREWELL_S = 1.0
# Further reports push out the oldest, but no final one.
_MAX_UNREAD = 1000
# Messages received in a row before the caller regains control.
_MAX_PENDING = 1000

Reply = TypeVar("Reply", Welcome, Accepted, StatusReport, ForecastReport, CurveReport, Result)


class Client:
    """A connection to the daemon; opened by `Client.connect`, closed by `with` or `close`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._ids = count(1)
        self._unread: deque[JobReport] = deque()
        self._watched: set[str] = set()
        self._unfinished: set[str] = set()
        self._previews: dict[str, Image] = {}
        self._last_heard_s = time.monotonic()
        self.welcome: Welcome

    @classmethod
    def connect(
        cls,
        endpoint: str,
        *,
        name: str,
        timeout_s: float = HELLO_TIMEOUT_S,
        server_key: str | None = None,
        while_waiting: Callable[[], object] = lambda: None,
    ) -> Client:
        """Returns a client whose hello the daemon has answered within `timeout_s` seconds.

        server_key: the public key of a daemon at a TCP endpoint, 64 hexadecimal digits; None for
            the configured one; "" for an unencrypted connection on this machine.
        while_waiting: called ten times a second while the client waits for the daemon; an exception
            that it raises ends the wait.

        Raises:
            DaemonUnavailable: if no daemon answers at `endpoint`.
            UnsafeDirectory: if other users have access to the folder of its socket.
            AccessDenied: if the daemon does not authorise this client, or has another key.
            KeysUnusable: if this client has no key, or another machine's daemon no server key.
            ProtocolError: if the daemon speaks another version of the protocol.
        """
        client = cls(
            Transport(
                endpoint,
                send_timeout_s=timeout_s,
                server_key=server_key,
                while_waiting=while_waiting,
            )
        )
        try:
            client.welcome = client._request(
                Hello(id=client._next_id(), client=name), Welcome, timeout_s
            )
        except BaseException:
            client.close()
            raise
        return client

    def submit(
        self,
        content: Image,
        styles: Sequence[Style],
        settings: StyleSettings,
        previews: PreviewOptions | None = None,
        *,
        detached: bool = False,
    ) -> str:
        """Submits a job, `content` in the style of `styles`, and returns its name.

        previews: the size and rate of the previews for `take_preview`; None for no previews.
        detached: whether the job continues when this client disconnects.

        Raises:
            DaemonError: if the daemon refuses the job.
            InvalidImage: if an image exceeds the limits of the daemon.
        """
        for image in (content, *(image for style in styles for image in style.images)):
            self._check_limits(image)
        job = os.urandom(16).hex()
        request = Submit(self._next_id(), job, settings, content, tuple(styles), previews, detached)
        if not detached:
            self._unfinished.add(job)
        self._begin_watching(request, FETCH_TIMEOUT_S)
        return job

    def watch(self, job: str, previews: PreviewOptions | None = None) -> JobReport:
        """Subscribes `updates` and `poll` to a job that another client submitted.

        previews: as in `submit`; the latest choice applies to all subscribers of the job.

        Raises:
            DaemonError: if the daemon does not know the job.
        """
        return self._begin_watching(Watch(self._next_id(), job, previews), REPLY_TIMEOUT_S)

    def _begin_watching(self, request: Submit | Watch, timeout_s: float) -> JobReport:
        self._watched.add(request.job)
        self._last_heard_s = time.monotonic()
        try:
            return self._request(request, Accepted, timeout_s).report
        except BaseException:
            self._watched.discard(request.job)
            raise

    def updates(self, job: str) -> Iterator[JobReport]:
        """Yields the reports of a watched job as they arrive, up to the final one.

        Raises:
            DaemonUnavailable: if the daemon stops answering.
        """
        while True:
            report = next((report for report in self._unread if report.job == job), None)
            if report is None:
                if job not in self._watched:
                    raise DaemonUnavailable(
                        f"This client is not, or no longer, watching the job {job}."
                    )
                self._listen(timeout_s=0.5)
                continue
            self._unread.remove(report)
            yield report
            if report.state.is_final:
                return

    def poll(self, timeout_s: float = 0.0) -> list[JobReport]:
        """Returns the reports since the last call, waiting up to `timeout_s` for the first.

        Raises:
            DaemonUnavailable: if the daemon stops answering while a watched job is unfinished.
        """
        self._listen(0 if self._unread else timeout_s)
        reports = list(self._unread)
        self._unread.clear()
        return reports

    @property
    def silent_s(self) -> float:
        """Seconds since the last message of the daemon while a watched job is unfinished, else 0.

        The daemon sends an update twice a second: a silence of two seconds means trouble, and after
        five seconds the client gives up.
        """
        return time.monotonic() - self._last_heard_s if self._watched else 0.0

    def take_preview(self, job: str) -> Image | None:
        """Returns the latest preview of a job, once; None if there is no new one."""
        return self._previews.pop(job, None)

    def fetch(self, job: str) -> Image:
        """Returns the picture of a job that is done; raises DaemonError if there is none."""
        return self._request(Fetch(self._next_id(), job), Result, FETCH_TIMEOUT_S).image

    def curve(self, job: str) -> tuple[CurvePoint, ...]:
        """Returns the loss curve of a job in any state."""
        return self._request(Curve(self._next_id(), job), CurveReport).points

    def cancel(self, job: str) -> JobReport:
        """Cancels a job and returns its report; has no effect on a finished job."""
        return self._request(Cancel(self._next_id(), job), Accepted).report

    def keep(self, job: str) -> JobReport:
        """Finishes a running job early, with the picture painted so far, and returns its report.

        Raises DaemonError if nothing has been painted yet.
        """
        return self._request(Keep(self._next_id(), job), Accepted).report

    def forget(self, job: str) -> None:
        """Lets the daemon free the memory of a finished job."""
        self._request(Forget(self._next_id(), job), Accepted)

    def status(self, timeout_s: float = REPLY_TIMEOUT_S) -> StatusReport:
        """Returns the jobs and the state of the daemon."""
        return self._request(Status(self._next_id()), StatusReport, timeout_s)

    def jobs(self) -> list[JobReport]:
        """Returns the reports of all jobs, oldest first; more than fit into one message."""
        reports: dict[str, JobReport] = {}
        skip = 0
        while True:
            status = self._request(Status(self._next_id(), skip), StatusReport)
            reports |= {report.job: report for report in status.jobs}
            skip += len(status.jobs)
            if not (status.omitted and status.jobs):
                return sorted(reports.values(), key=lambda report: -report.submitted_s)

    def forecast(
        self,
        settings: StyleSettings,
        width: int,
        height: int,
        timeout_s: float = REPLY_TIMEOUT_S,
    ) -> ForecastReport | None:
        """Returns the time and memory of a job whose content has `width` × `height` pixels.

        None if the daemon is too old to forecast; it can still paint.
        """
        request = Forecast(self._next_id(), settings, width, height)
        try:
            return self._request(request, ForecastReport, timeout_s)
        except DaemonError as error:
            if error.code is ErrorCode.UNKNOWN_TYPE:
                return None
            raise

    def close(self) -> None:
        """Closes the connection; the daemon cancels this client's jobs, except detached ones.

        It notices the exit of a program on its own machine by itself. A connection over a network
        may also be lost, so that its jobs would continue for a while.
        """
        is_network = self._transport.is_network and self._transport.is_connected
        unfinished, self._unfinished = self._unfinished if is_network else set(), set()
        with suppress(ImpastoError):
            for job in unfinished:
                self._transport.send(Cancel(self._next_id(), job))
        self._transport.close(_FAREWELL_S if unfinished else 0.0)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _next_id(self) -> str:
        return str(next(self._ids))

    def _check_limits(self, image: Image) -> None:
        limits = self.welcome.limits
        frame_bytes = memoryview(image.pixels).nbytes
        if image.width * image.height > limits.pixels or frame_bytes > limits.frame_bytes:
            raise InvalidImage(
                f"An image of {image.width} × {image.height} pixels is larger than this daemon "
                f"accepts ({limits.pixels / 1e6:.0f} megapixels). Scale it down first."
            )

    def _request(
        self, request: Any, kind: type[Reply], timeout_s: float = REPLY_TIMEOUT_S
    ) -> Reply:
        """Sends a request and returns its reply; updates that arrive before it stay unread."""
        self._transport.send(request)
        deadline_s = time.monotonic() + timeout_s
        while (remaining_s := deadline_s - time.monotonic()) > 0:
            if not self._transport.wait_for_message(remaining_s):
                if not self._transport.is_connected:
                    break
                continue
            message = self._receive()
            if isinstance(message, ErrorReply) and message.re in (request.id, None):
                problem = message.problem
                raise DaemonError(problem.message, problem.code, problem.field)
            if isinstance(message, kind) and message.re == request.id:
                return message
        raise self._transport.unavailable()

    def _receive(self) -> DaemonMessage | None:
        """Returns the next message, if its type is known; sorts updates and previews in."""
        message = self._transport.receive()
        self._last_heard_s = time.monotonic()
        if isinstance(message, Update) and message.report.job in self._watched:
            if message.report.state.is_final:
                self._watched.discard(message.report.job)
                self._unfinished.discard(message.report.job)
                self._previews.pop(message.report.job, None)
            self._unread.append(message.report)
            self._limit_unread()
        elif isinstance(message, Preview) and message.job in self._watched:
            self._previews[message.job] = message.image
        return message

    def _limit_unread(self) -> None:
        if len(self._unread) > _MAX_UNREAD:
            oldest = next((each for each in self._unread if not each.state.is_final), None)
            if oldest is not None:
                self._unread.remove(oldest)

    def _listen(self, timeout_s: float) -> None:
        """Receives all pending messages, waiting up to `timeout_s` for the first."""
        if self._transport.wait_for_message(timeout_s):
            self._receive()
        for _ in range(_MAX_PENDING):
            if not self._transport.wait_for_message(0):
                break
            self._receive()
        is_lost = self.silent_s > SILENCE_LIMIT_S or not self._transport.is_connected
        if self._watched and is_lost:
            raise DaemonUnavailable(
                "The Impasto daemon has stopped answering in the middle of the job: it crashed, "
                "hangs or was ended. Try again; if that does not help, see the daemon's log "
                "(impasto doctor says where it is)."
            )
