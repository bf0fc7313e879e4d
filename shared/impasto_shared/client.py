"""The one client of the daemon: the plug-in, the command line and scripts all use it.

    with Client.connect(default_endpoint(), name="my script") as client:
        job = client.submit(content, [Style(painting)], StyleSettings(size=384))
        for report in client.updates(job):
            print(report.state, report.step, report.loss)
        picture = client.fetch(job)

A job belongs to the connection that submitted it: when the client closes or dies, the daemon
cancels it. One that was submitted as detached goes on, and any later client can watch and fetch it.
When the daemon ends, so does the connection: a new client is needed. A client is used from one
thread.
"""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from types import TracebackType
from typing import Any, TypeVar

import zmq

from impasto_shared.codec import decode, encode
from impasto_shared.configuration.resolution import client_options
from impasto_shared.errors import (
    AccessDenied,
    DaemonError,
    DaemonUnavailable,
    ErrorCode,
    ImpastoError,
    InvalidImage,
    ProtocolError,
)
from impasto_shared.image import Image
from impasto_shared.keys import KeysUnusable, Role, load_keys
from impasto_shared.liveness import notice_lost_peers
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
from impasto_shared.paths import check_private, is_loopback, socket_path
from impasto_shared.reports import CurvePoint, JobReport
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style

HELLO_TIMEOUT_S = 2.0
REPLY_TIMEOUT_S = 10.0
FETCH_TIMEOUT_S = 120.0
# The daemon sends an update at least every half second: one that is silent as long as this hangs.
# (One that has ended is noticed at once: its connection breaks.)
SILENCE_LIMIT_S = 5.0
# How often whoever waits is called meanwhile: windows must be kept alive.
_PAUSE_S = 0.1

_HANDSHAKE_FAILED = (
    zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
)

Reply = TypeVar("Reply", Welcome, Accepted, StatusReport, ForecastReport, CurveReport, Result)


class Client:
    """A connection to the daemon; make one with `Client.connect`, close it with `with`."""

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        endpoint: str,
        while_waiting: Callable[[], object] = lambda: None,
    ) -> None:
        self._socket = socket
        self._while_waiting = while_waiting
        self._monitor = socket.get_monitor_socket(zmq.EVENT_DISCONNECTED | _HANDSHAKE_FAILED)
        self._is_connected = True
        self._refusal: str | None = None
        self._endpoint = endpoint
        self._ids = count(1)
        self._unread: deque[JobReport] = deque()
        self._watched: set[str] = set()
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
        """A client whose hello has been answered within `timeout_s` seconds.

        server_key: the public key of a daemon at a TCP endpoint, 64 hexadecimal digits; None: the
            configured one, if any; "": the connection is not encrypted, and stays on this machine.
        while_waiting: called ten times a second as long as the client waits for the daemon; what
            it raises ends the wait.

        Raises:
            DaemonUnavailable: where no daemon answers at `endpoint`.
            UnsafeDirectory: where others than this user can enter its socket's folder.
            AccessDenied: where one does not let this client in, or has another key.
            KeysUnusable: where there is a server key but no key of this client, or no server key
                for another machine.
            ProtocolError: where it speaks another version of the protocol.
        """
        path = socket_path(endpoint)
        if path is not None and not path.exists():
            raise DaemonUnavailable(f"No Impasto daemon is running (there is no {path}).")
        if path is not None:
            check_private(path.parent)  # else somebody else could pose as the daemon
        # With its monitor, before it connects: a refusal may come at once, and only once.
        client = cls(_dealer(endpoint, timeout_s, server_key), endpoint, while_waiting)
        try:
            client._open()
            client.welcome = client._request(
                Hello(id=client._next_id(), client=name), Welcome, timeout_s
            )
        except BaseException:
            client.close()
            raise
        return client

    def _open(self) -> None:
        try:
            self._socket.connect(self._endpoint)
        except zmq.ZMQError as error:
            raise DaemonUnavailable(
                f"{self._endpoint} is not an address of a daemon: {error}."
            ) from error

    def submit(
        self,
        content: Image,
        styles: Sequence[Style],
        settings: StyleSettings,
        previews: PreviewOptions | None = None,
        *,
        detached: bool = False,
    ) -> str:
        """Asks for `content` in the manner of `styles`; returns the job's name.

        previews: how `take_preview` is to be supplied; None: not at all.
        detached: whether the job goes on when this client closes or dies.

        Raises:
            DaemonError: where the daemon refuses it.
            InvalidImage: where an image is larger than the daemon takes.
        """
        for image in (content, *(image for style in styles for image in style.images)):
            self._check_limits(image)
        job = os.urandom(16).hex()
        request = Submit(self._next_id(), job, settings, content, tuple(styles), previews, detached)
        self._begin_watching(request, FETCH_TIMEOUT_S)
        return job

    def watch(self, job: str, previews: PreviewOptions | None = None) -> JobReport:
        """From now on `updates` and `poll` tell of a job that another client has submitted.

        previews: as in `submit`; the last wish of those who watch a job is what all of them get.

        Raises:
            DaemonError: where the daemon does not know the job.
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
        """The reports of a job of this client, as they come, up to the final one.

        Raises:
            DaemonUnavailable: where the daemon has gone.
        """
        while True:
            report = next((report for report in self._unread if report.job == job), None)
            if report is None:
                if job not in self._watched:
                    raise DaemonUnavailable(f"There is nothing more to hear of the job {job}.")
                self._listen(timeout_s=0.5)
                continue
            self._unread.remove(report)
            yield report
            if report.state.is_final:
                return

    def poll(self, timeout_s: float = 0.0) -> list[JobReport]:
        """The reports that have come since the last call, waiting `timeout_s` for the first.

        Raises:
            DaemonUnavailable: where a job of this client is under way and the daemon has gone.
        """
        self._listen(0 if self._unread else timeout_s)
        reports = list(self._unread)
        self._unread.clear()
        return reports

    @property
    def silent_s(self) -> float:
        """Seconds since the daemon was heard last, while a job of this client is under way.

        It says something twice a second: after two seconds something is wrong. After five the
        client gives up.
        """
        return time.monotonic() - self._last_heard_s if self._watched else 0.0

    def take_preview(self, job: str) -> Image | None:
        """The last preview that has come since it was taken before, or None."""
        return self._previews.pop(job, None)

    def fetch(self, job: str) -> Image:
        """The picture of a job that is done; raises DaemonError where there is none."""
        return self._request(Fetch(self._next_id(), job), Result, FETCH_TIMEOUT_S).image

    def curve(self, job: str) -> tuple[CurvePoint, ...]:
        """How the loss of a job came down, whatever has become of it."""
        return self._request(Curve(self._next_id(), job), CurveReport).points

    def cancel(self, job: str) -> JobReport:
        """Ends a job; one that has ended already stays as it is."""
        return self._request(Cancel(self._next_id(), job), Accepted).report

    def keep(self, job: str) -> JobReport:
        """Ends a job that runs; what has been painted by then will be its picture.

        Raises DaemonError where nothing has been painted yet.
        """
        return self._request(Keep(self._next_id(), job), Accepted).report

    def forget(self, job: str) -> None:
        """Lets the daemon free the memory of a finished job."""
        self._request(Forget(self._next_id(), job), Accepted)

    def status(self, timeout_s: float = REPLY_TIMEOUT_S) -> StatusReport:
        """What the daemon is doing."""
        return self._request(Status(self._next_id()), StatusReport, timeout_s)

    def forecast(
        self,
        settings: StyleSettings,
        width: int,
        height: int,
        timeout_s: float = REPLY_TIMEOUT_S,
    ) -> ForecastReport | None:
        """What a job with a content of `width` × `height` pixels would take.

        None where the daemon is too old to say; it can paint all the same.
        """
        request = Forecast(self._next_id(), settings, width, height)
        try:
            return self._request(request, ForecastReport, timeout_s)
        except DaemonError as error:
            if error.code is ErrorCode.UNKNOWN_TYPE:
                return None
            raise

    def close(self) -> None:
        """Ends the connection; the daemon cancels what was submitted here and is not detached."""
        if not self._socket.closed:
            self._socket.disable_monitor()
            self._monitor.close(linger=0)
        self._socket.close(linger=0)

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
                f"takes ({limits.pixels / 1e6:.0f} megapixels). Scale it down first."
            )

    def _request(
        self, request: Any, kind: type[Reply], timeout_s: float = REPLY_TIMEOUT_S
    ) -> Reply:
        """Sends a request and waits for its reply; updates that come between are kept."""
        if not self._is_connected:
            raise self._unavailable()
        try:
            self._socket.send_multipart(encode(request), copy=False)
        except zmq.Again as error:
            raise self._unavailable() from error
        deadline_s = time.monotonic() + timeout_s
        while (left_s := deadline_s - time.monotonic()) > 0:
            if not self._wait_for_message(left_s):
                if not self._is_connected:
                    break
                continue
            message = self._receive()
            if isinstance(message, ErrorReply) and message.re in (request.id, None):
                problem = message.problem
                raise DaemonError(problem.message, problem.code, problem.field)
            if isinstance(message, kind) and message.re == request.id:
                return message
        raise self._unavailable()

    def _receive(self) -> DaemonMessage | None:
        """The next message; None for one that only newer clients know."""
        frames = self._socket.recv_multipart(copy=False)
        self._last_heard_s = time.monotonic()
        try:
            message: DaemonMessage = decode([frame.buffer for frame in frames], DaemonMessage)
        except ProtocolError as error:
            if error.code is ErrorCode.UNKNOWN_TYPE:
                return None
            raise
        if isinstance(message, Update):
            if message.report.state.is_final:
                self._watched.discard(message.report.job)
                self._previews.pop(message.report.job, None)
            self._unread.append(message.report)
        elif isinstance(message, Preview) and message.job in self._watched:
            self._previews[message.job] = message.image
        return message

    def _wait_for_message(self, timeout_s: float) -> bool:
        """Whether a message has come within `timeout_s`; ends early where the daemon has gone."""
        deadline_s = time.monotonic() + timeout_s
        while not self._has_message(max(0, min(deadline_s - time.monotonic(), _PAUSE_S))):
            if not self._is_connected or time.monotonic() >= deadline_s:
                return False
            self._while_waiting()
        return True

    def _has_message(self, timeout_s: float) -> bool:
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        if self._is_connected:
            poller.register(self._monitor, zmq.POLLIN)
        ready = dict(poller.poll(int(timeout_s * 1000) + 1 if timeout_s else 0))
        if self._monitor in ready:
            # pyzmq's own reader would load asyncio, for 40 ms.
            event, _ = self._monitor.recv_multipart()
            self._note(int.from_bytes(event[:2], sys.byteorder))
            # What it said before it went is still there to be read.
            return bool(self._socket.poll(0))
        return self._socket in ready

    def _listen(self, timeout_s: float) -> None:
        """Receives what has come, waiting `timeout_s` for the first message."""
        if self._wait_for_message(timeout_s):
            self._receive()
        while self._wait_for_message(0):
            self._receive()
        if self._watched and (self.silent_s > SILENCE_LIMIT_S or not self._is_connected):
            raise DaemonUnavailable(
                "The Impasto daemon has stopped answering in the middle of the job: it has "
                "crashed or was ended. Try again; its log says more."
            )

    def _note(self, event: int) -> None:
        """What has become of the connection; libzmq tells of a refusal before it breaks it."""
        if event == zmq.EVENT_DISCONNECTED:
            self._is_connected = False
        elif event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
            self._refusal = (
                f"The daemon at {self._endpoint} does not know this client's key. On its machine, "
                "run impasto keys add, with the key that impasto keys shows here."
            )
        elif socket_path(self._endpoint) is None:
            self._refusal = (
                f"The daemon at {self._endpoint} has broken off the connection. Where it serves "
                "other machines, its key, which impasto keys shows there, must be the server_key "
                "configured here; where it serves its own only, there must be none."
            )

    def _unavailable(self) -> ImpastoError:
        if self._refusal is not None:
            return AccessDenied(self._refusal)
        return DaemonUnavailable(f"No Impasto daemon answers at {self._endpoint}.")


def _dealer(endpoint: str, timeout_s: float, server_key: str | None) -> zmq.Socket[bytes]:
    """A DEALER that does not hang at its end.

    IMMEDIATE is left alone: with it libzmq throws away, when the daemon ends, what it had sent
    and nobody has read yet, such as its last words.
    """
    keys = _curve_options(endpoint, server_key) if endpoint.startswith("tcp:") else {}
    socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.DEALER)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.SNDTIMEO, int(timeout_s * 1000))
    notice_lost_peers(socket)
    for option, key in keys.items():
        socket.setsockopt(option, key)
    return socket


def _curve_options(endpoint: str, server_key: str | None) -> dict[int, bytes]:
    """What makes a socket talk to the daemon of this key alone; nothing where there is no key."""
    if server_key is None:
        server_key = client_options().server_key
    if not server_key:
        if not is_loopback(endpoint):
            raise KeysUnusable(
                f"{endpoint} is on another machine, where pictures go encrypted only. Set "
                "server_key in the configuration to the daemon's key, which impasto keys shows "
                "there."
            )
        return {}
    keys = load_keys(Role.CLIENT)
    return {
        zmq.CURVE_SERVERKEY: bytes.fromhex(server_key),
        zmq.CURVE_PUBLICKEY: keys.public,
        zmq.CURVE_SECRETKEY: keys.secret,
    }
