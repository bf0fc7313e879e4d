"""The client of the daemon, for the plug-in, the command line and scripts.

    with Client.connect(default_endpoint(), name="my script") as client:
        job = client.submit(content, [Style(painting)], StyleSettings(size=384))
        for report in client.updates(job):
            print(report.state, report.step, report.loss)
        picture = client.fetch(job)

A job belongs to the client that submitted it: the daemon cancels it when the client disconnects. A
detached job continues, and any later client can watch and fetch it.

A client whose connection is lost connects again by itself, within the calls of its methods, watches
its jobs again, and repeats the request under way. It gives up when the lease of the daemon is over
(`welcome.limits.lease_s`). A daemon that was started again has forgotten the jobs that were not
detached, and they end with a report that says so. On the daemon's own machine a connection ends
only with the daemon, and these jobs raise an error at once.

A client must be used from one thread only.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import TracebackType

from impasto_shared.beginning import Beginning
from impasto_shared.connection.conversation import Conversation
from impasto_shared.connection.lasting_connection import LastingConnection
from impasto_shared.connection.transport import Transport
from impasto_shared.errors import (
    DaemonError,
    DaemonUnavailable,
    ErrorCode,
    InvalidImage,
)
from impasto_shared.files.paths import local_path
from impasto_shared.image import Image
from impasto_shared.protocol.messages import (
    Accepted,
    Cancel,
    Curve,
    CurveReport,
    Detach,
    Fetch,
    Forecast,
    ForecastReport,
    Forget,
    Keep,
    PreviewOptions,
    Result,
    Segment,
    Status,
    StatusReport,
    Submit,
    Watch,
    Welcome,
)
from impasto_shared.protocol.reports import CurvePoint, JobReport
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style
from impasto_shared.text.sentences import sentence

HELLO_TIMEOUT_S = 2.0
REPLY_TIMEOUT_S = 10.0
PICTURE_TIMEOUT_S = 120.0
# The time within which the last requests of a client are still sent, in the background.
_FAREWELL_S = 1.0


class Client:
    """A client of the daemon; opened by `Client.connect`, closed by `with` or `close`."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._connection = conversation.connection
        self._jobs = conversation.jobs
        self._next_id = conversation.next_id

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
        while_waiting: called ten times a second while the client waits for the daemon, also later;
            an exception that it raises ends the wait.

        Raises:
            DaemonUnavailable: if no daemon answers at `endpoint`.
            UnsafeDirectory: if other users have access to the folder of its socket.
            AccessDenied: if the daemon does not authorise this client, or has another key.
            KeysUnusable: if this client has no key, or another machine's daemon no server key.
            ProtocolError: if the daemon speaks another version of the protocol.
        """
        transport = partial(
            Transport,
            endpoint,
            send_timeout_s=timeout_s,
            server_key=server_key,
            while_waiting=while_waiting,
        )
        connection = LastingConnection(transport, name, while_waiting)
        try:
            connection.connect(timeout_s)
        except BaseException:
            connection.close()
            raise
        return cls(Conversation(connection, is_network=local_path(endpoint) is None))

    @property
    def welcome(self) -> Welcome:
        """The daemon's latest answer to `hello`: its version and limits."""
        return self._connection.welcome

    def submit(
        self,
        content: Image,
        styles: Sequence[Style],
        settings: StyleSettings,
        previews: PreviewOptions | None = None,
        *,
        detached: bool = False,
        warm_start: bool = False,
        begin_from: Beginning | None = None,
    ) -> str:
        """Submits a job, `content` in the style of `styles`, and returns its name.

        previews: the size and rate of the previews for `take_preview`; None for no previews.
        detached: whether the job continues when this client disconnects.
        warm_start: whether it may begin with what the last such job of the same pictures has left:
            faster, but the picture depends a little on the one before.
        begin_from: a picture painted earlier, whose composition remains; None: from the start.

        Raises:
            DaemonError: if the daemon refuses the job.
            InvalidImage: if an image exceeds the limits of the daemon, or the picture to begin from
                has other proportions than `content`.
        """
        job = os.urandom(16).hex()
        what = content, tuple(styles)
        request = Submit(
            self._next_id(), job, settings, *what, previews, detached, warm_start, begin_from
        )
        for image in request.images:
            self._check_limits(image)
        self._conversation.watch(request, self._lasting_s(PICTURE_TIMEOUT_S))
        return job

    def segment(self, photo: Image, regions: int = 0) -> str:
        """Submits a job that splits a photo into regions such as sky and ground; returns its name.

        `segmentation.masks_of` finds the masks of the regions in what `fetch` returns.

        regions: their number, from 2 to 6; 0: as many as the photo has.

        Raises:
            DaemonError: if the daemon refuses the job; unknown-type if it is too old for such jobs.
            InvalidImage: if the photo is larger than such a job takes.
            InvalidSettings: for another number of regions.
        """
        request = Segment(self._next_id(), os.urandom(16).hex(), photo, regions)
        self._conversation.watch(request, self._lasting_s(PICTURE_TIMEOUT_S))
        return request.job

    def watch(self, job: str, previews: PreviewOptions | None = None) -> JobReport:
        """Subscribes `updates` and `poll` to a job that another client submitted.

        previews: as in `submit`; the latest choice applies to all subscribers of the job.

        Raises:
            DaemonError: if the daemon does not know the job.
        """
        request = Watch(self._next_id(), job, previews)
        return self._conversation.watch(request, self._lasting_s(REPLY_TIMEOUT_S)).report

    def updates(self, job: str) -> Iterator[JobReport]:
        """Yields the reports of a watched job as they arrive, up to the final one.

        Raises:
            DaemonUnavailable: if the daemon stops answering.
        """
        while True:
            report = self._jobs.next_report(job)
            if report is None:
                if job not in self._jobs:
                    raise DaemonUnavailable(sentence("job-not-watched", job=job))
                self._conversation.listen(timeout_s=0.5)
                continue
            yield report
            if report.state.is_final:
                return

    def poll(self, timeout_s: float = 0.0) -> list[JobReport]:
        """Returns the reports since the last call, waiting up to `timeout_s` for the first.

        Raises:
            DaemonUnavailable: if the daemon stops answering while a watched job is unfinished.
        """
        self._conversation.listen(0 if self._jobs.has_unread else timeout_s)
        return self._jobs.take_reports()

    @property
    def silent_s(self) -> float:
        """Seconds since the last message of the daemon while a watched job is unfinished, else 0.

        The daemon sends an update twice a second: a silence of two seconds means trouble. When it
        has lasted for the lease, the client gives up. Only time in which this process runs counts.
        """
        return self._connection.silent_s if self._jobs else 0.0

    @property
    def is_connected(self) -> bool:
        """True if there is a connection; if not, each call of `poll` tries to connect again."""
        return self._connection.is_connected

    def take_preview(self, job: str) -> Image | None:
        """Returns the latest preview of a job, once; None if there is no new one."""
        return self._jobs.take_preview(job)

    def fetch(self, job: str) -> Image:
        """Returns the picture of a job that is done; raises DaemonError if there is none."""
        timeout_s = self._lasting_s(PICTURE_TIMEOUT_S)
        request = Fetch(self._next_id(), job)
        return self._conversation.request(request, Result, timeout_s).image

    def curve(self, job: str) -> tuple[CurvePoint, ...]:
        """Returns the loss curve of a job in any state."""
        timeout_s = self._lasting_s(REPLY_TIMEOUT_S)
        request = Curve(self._next_id(), job)
        return self._conversation.request(request, CurveReport, timeout_s).points

    def cancel(self, job: str) -> JobReport:
        """Cancels a job and returns its report; has no effect on a finished job."""
        return self._change(Cancel(self._next_id(), job))

    def keep(self, job: str) -> JobReport:
        """Finishes a running job early, with the picture painted so far, and returns its report.

        Raises DaemonError if nothing has been painted yet.
        """
        return self._change(Keep(self._next_id(), job))

    def detach(self, job: str) -> JobReport:
        """Has a job of this client continue when that disconnects, and returns its report.

        It does not outlast the daemon, but its picture does. Raises DaemonError if the daemon is
        too old.
        """
        report = self._change(Detach(self._next_id(), job))
        self._jobs.disown(report)
        return report

    def _change(self, request: Cancel | Detach | Keep) -> JobReport:
        timeout_s = self._lasting_s(REPLY_TIMEOUT_S)
        return self._conversation.request(request, Accepted, timeout_s).report

    def forget(self, job: str) -> None:
        """Lets the daemon free the memory of a finished job."""
        request, number = Forget(self._next_id(), job), self._connection.number
        try:
            self._conversation.request(request, Accepted, REPLY_TIMEOUT_S)
        except DaemonError as error:
            # Through an earlier connection it may have succeeded.
            if error.code is not ErrorCode.UNKNOWN_JOB or number == self._connection.number:
                raise

    def status(self, timeout_s: float = REPLY_TIMEOUT_S) -> StatusReport:
        """Returns the jobs and the state of the daemon."""
        return self._conversation.request(Status(self._next_id()), StatusReport, timeout_s)

    def jobs(self) -> list[JobReport]:
        """Returns the reports of all jobs, oldest first; more than fit into one message."""
        reports: dict[str, JobReport] = {}
        skip = 0
        while True:
            request = Status(self._next_id(), skip)
            status = self._conversation.request(request, StatusReport, REPLY_TIMEOUT_S)
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
        *,
        paintings: int = 1,
        begun_px: int = 0,
        segments: bool = False,
        follows: bool = False,
    ) -> ForecastReport | None:
        """Returns the time and memory of a job whose content has `width` × `height` pixels.

        begun_px: the longest side at which the picture to begin from was painted; 0: there is none.
        segments: whether the job is one of `segment`, for which the settings do not matter.
        follows: whether it is a frame of a video that keeps the paint of the one before it.

        None if the daemon is too old to forecast; it can still paint.
        """
        request = Forecast(
            *(self._next_id(), settings, width, height, paintings, begun_px, segments, follows)
        )
        try:
            return self._conversation.request(request, ForecastReport, timeout_s)
        except DaemonError as error:
            if error.code is ErrorCode.UNKNOWN_TYPE:
                return None
            raise

    def close(self) -> None:
        """Closes the connection; the daemon cancels this client's jobs, except detached ones.

        It notices the exit of a program on its own machine by itself. A connection over a network
        may also be lost, so that its jobs would continue for a while.
        """
        unfinished = self._conversation.take_leave()
        self._connection.close(_FAREWELL_S if unfinished else 0.0)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _lasting_s(self, timeout_s: float) -> float:
        """Returns the time for a request that outlasts the loss of a connection, in seconds."""
        return max(timeout_s, self._conversation.patience_s)

    def _check_limits(self, image: Image) -> None:
        limits = self.welcome.limits
        frame_bytes = memoryview(image.pixels).nbytes
        if image.width * image.height > limits.pixels or frame_bytes > limits.frame_bytes:
            raise InvalidImage(
                sentence(
                    "image-too-large",
                    width=image.width,
                    height=image.height,
                    limit=f"{limits.pixels / 1e6:.0f}",
                )
            )
