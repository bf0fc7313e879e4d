"""The messages of the protocol, as data. PROTOCOL.md says what each is for.

A message is a frozen dataclass with a `type`, its name on the wire. The field `id` numbers a
request; `re` repeats it in the reply. Images are fields like any other: the codec moves their
pixels into frames of their own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import ClassVar

from impasto_shared.errors import ProtocolError
from impasto_shared.image import Image, check_size
from impasto_shared.reports import (
    MAX_NAME_CHARACTERS,
    CurvePoint,
    JobReport,
    Limits,
    Metrics,
    Problem,
    WorkerReport,
)
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style, check_styles

_JOB_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class PreviewOptions:
    """How a client wants to watch a picture being painted.

    longest_side_px: of the pictures sent, in [16, 512]; smaller ones come as they are.
    interval_s: at most one comes in this time, in [0.2, 60].

    Raises ProtocolError where a field is out of range.
    """

    longest_side_px: int = 512
    interval_s: float = 0.5

    def __post_init__(self) -> None:
        for name, low, high in (("longest_side_px", 16, 512), ("interval_s", 0.2, 60)):
            if not low <= getattr(self, name) <= high:
                raise ProtocolError(
                    f"{name} of the previews must lie between {low} and {high}.", field=name
                )


def _check_name(name: str, value: str) -> None:
    if not 1 <= len(value) <= MAX_NAME_CHARACTERS:
        raise ProtocolError(f"{name} must have 1 to {MAX_NAME_CHARACTERS} characters.", field=name)


@dataclass(frozen=True)
class Request:
    """What every message of a client has: a number of its own."""

    id: str

    def __post_init__(self) -> None:
        _check_name("id", self.id)


@dataclass(frozen=True)
class JobRequest(Request):
    """A request about one job, named by 32 hexadecimal digits that the client chose."""

    job: str

    def __post_init__(self) -> None:
        super().__post_init__()
        if not _JOB_ID.fullmatch(self.job):
            raise ProtocolError("A job is named by 32 hexadecimal digits.", field="job")


@dataclass(frozen=True)
class Hello(Request):
    """Opens a conversation; `client` names the program for people."""

    type: ClassVar[str] = "hello"
    client: str

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_name("client", self.client)
        # It is shown in terminals and written into the log.
        if not self.client.isprintable():
            raise ProtocolError("client must be printable, on one line.", field="client")


@dataclass(frozen=True)
class Submit(JobRequest):
    """Asks for `content` in the manner of `styles`. Sent twice, it runs once.

    `previews` are sent where they are wished for. A `detached` job goes on without its client.
    """

    type: ClassVar[str] = "submit"
    settings: StyleSettings
    content: Image
    styles: tuple[Style, ...]
    previews: PreviewOptions | None = None
    detached: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_styles(self.styles, self.content, self.settings)


@dataclass(frozen=True)
class Watch(JobRequest):
    """Asks for the updates of a job that another connection submitted, and for `previews`."""

    type: ClassVar[str] = "watch"
    previews: PreviewOptions | None = None


@dataclass(frozen=True)
class Cancel(JobRequest):
    """Ends a job; one that has ended stays as it is."""

    type: ClassVar[str] = "cancel"


@dataclass(frozen=True)
class Keep(JobRequest):
    """Ends a job that runs; what has been painted by then is its picture."""

    type: ClassVar[str] = "keep"


@dataclass(frozen=True)
class Status(Request):
    """Asks what the daemon is doing."""

    type: ClassVar[str] = "status"


@dataclass(frozen=True)
class Forecast(Request):
    """Asks what a job with a content of `width` × `height` pixels would take."""

    type: ClassVar[str] = "forecast"
    settings: StyleSettings
    width: int
    height: int

    def __post_init__(self) -> None:
        super().__post_init__()
        check_size(self.width, self.height, "The content")


@dataclass(frozen=True)
class Fetch(JobRequest):
    """Asks for the picture of a job that is done."""

    type: ClassVar[str] = "fetch"


@dataclass(frozen=True)
class Forget(JobRequest):
    """Frees the memory that a finished job holds."""

    type: ClassVar[str] = "forget"


@dataclass(frozen=True)
class Curve(JobRequest):
    """Asks how the loss of a job came down, as far as it has come."""

    type: ClassVar[str] = "curve"


@dataclass(frozen=True)
class Welcome:
    """Answers hello. `boot` is drawn anew at every start of the daemon."""

    type: ClassVar[str] = "welcome"
    re: str
    boot: str
    version: str
    limits: Limits


@dataclass(frozen=True)
class Accepted:
    """Answers submit, watch, cancel, keep and forget with the state of the job."""

    type: ClassVar[str] = "accepted"
    re: str
    report: JobReport


@dataclass(frozen=True)
class StatusReport:
    """Answers status; `models` are those whose weights are on the daemon's machine."""

    type: ClassVar[str] = "status-report"
    re: str
    pid: int
    version: str
    uptime_s: float
    worker: WorkerReport
    jobs: tuple[JobReport, ...] = field(default=())
    metrics: Metrics = field(default=Metrics())
    models: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class ForecastReport:
    """Answers forecast: how long painting would take, None where this machine has painted nothing.

    `waiting_s`: how long until the job could begin, None where that is not known. The painting
    process would have `needed_bytes` of memory at most, a GPU's where it paints on one, of
    `available_bytes` (None where the system, or the GPU, has not said), and see the picture in so
    many `tiles`.
    """

    type: ClassVar[str] = "forecast-report"
    re: str
    painting_s: float | None
    waiting_s: float | None
    needed_bytes: int
    available_bytes: int | None
    tiles: int


@dataclass(frozen=True)
class CurveReport:
    """Answers curve: the evaluations of the job, or of a long one some at even distances.

    Losses of different scales cannot be compared.
    """

    type: ClassVar[str] = "curve-report"
    re: str
    job: str
    points: tuple[CurvePoint, ...]


@dataclass(frozen=True)
class Result:
    """Answers fetch with the picture."""

    type: ClassVar[str] = "result"
    re: str
    job: str
    image: Image


@dataclass(frozen=True)
class ErrorReply:
    """Answers a request that could not be met; `re` is null where its id could not be read."""

    type: ClassVar[str] = "error"
    re: str | None
    problem: Problem


@dataclass(frozen=True)
class Update:
    """Tells whoever watches a job how far it has come, twice a second or more often.

    The last update of a job has a final state.
    """

    type: ClassVar[str] = "update"
    report: JobReport


@dataclass(frozen=True)
class Preview:
    """Shows whoever watches a job what the picture looks like after `step`."""

    type: ClassVar[str] = "preview"
    job: str
    step: int
    image: Image


ClientMessage = Hello | Submit | Watch | Cancel | Keep | Status | Forecast | Fetch | Forget | Curve
DaemonMessage = (
    Welcome
    | Accepted
    | StatusReport
    | ForecastReport
    | CurveReport
    | Result
    | ErrorReply
    | Update
    | Preview
)
