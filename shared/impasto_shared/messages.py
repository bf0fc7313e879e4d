"""The messages of the protocol, as data. PROTOCOL.md says what each is for.

A message is a frozen dataclass with a `type`, its name on the wire. The field `id` numbers a
request; `re` repeats it in the reply. Images are fields like any other: the codec moves their
pixels into frames of their own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

from impasto_shared.errors import ErrorCode, ImpastoError, ProtocolError
from impasto_shared.image import Image, check_size
from impasto_shared.settings import StyleSettings
from impasto_shared.style import MAX_STYLES, Style, check_styles

MAX_NAME_CHARACTERS = 100
MAX_PROBLEM_CHARACTERS = 1000
_JOB_ID = re.compile(r"[0-9a-f]{32}")


class JobState(StrEnum):
    """Where a job stands. The last three are final: a job never leaves them."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen to the job."""
        return self in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


@dataclass(frozen=True)
class Problem:
    """What went wrong: a code for programs, a sentence for people, the setting to blame."""

    code: ErrorCode
    message: str
    field: str | None = None

    @classmethod
    def of(cls, error: ImpastoError) -> Problem:
        """What an error says, cut to what a message has room for: it may repeat what it blames."""
        message = str(error)
        if len(message) > MAX_PROBLEM_CHARACTERS:
            message = message[: MAX_PROBLEM_CHARACTERS - 1] + "…"
        return cls(error.code, message, error.field and error.field[:MAX_NAME_CHARACTERS])


@dataclass(frozen=True)
class JobReport:
    """How far a job has come.

    `position` counts the jobs ahead of it. `step` of `steps` evaluations are done, 0 while the
    network is being loaded, and `done` of the whole work, in [0, 1]: later evaluations take
    longer. `loss` is that of the last step; `eta_s` is the time left in seconds.
    `problem` is set where the state is failed. `client` is the name of the program that submitted
    it, `submitted_s` seconds ago; it has been painted for `painted_s` seconds, and its picture is
    kept for `kept_s` seconds more, None where there is none.
    """

    job: str
    state: JobState
    position: int = 0
    step: int = 0
    steps: int = 0
    done: float = 0.0
    loss: float | None = None
    eta_s: float | None = None
    width: int = 0
    height: int = 0
    problem: Problem | None = None
    client: str = ""
    detached: bool = False
    submitted_s: float = 0.0
    painted_s: float | None = None
    kept_s: float | None = None

    @property
    def can_keep(self) -> bool:
        """Whether something is painted: the first step looks at the picture as it begins."""
        return self.step > 1


@dataclass(frozen=True)
class Limits:
    """What the daemon takes: bytes in a frame, pixels in an image, styles, jobs waiting at once.

    `queue` is for all clients together, `queue_of_one` for each.
    """

    frame_bytes: int
    pixels: int
    queue: int
    styles: int = MAX_STYLES
    queue_of_one: int = 64


@dataclass(frozen=True)
class WorkerReport:
    """The process that paints: its pid, device and loaded model, as far as there are any."""

    pid: int | None = None
    device: str | None = None
    model: str | None = None


@dataclass(frozen=True)
class Metrics:
    """What the daemon has done since it was started, and what it takes.

    `done`, `failed` and `cancelled` jobs; those done have waited `waited_s` seconds and been
    painted for `painted_s` on average. `queued` jobs wait. `workers` were started. Memory in bytes,
    None where the system does not say. Of `pictures` that are kept, `picture_bytes` in all,
    `picture_problem` says why the last could not be put on the disk.
    """

    done: int = 0
    failed: int = 0
    cancelled: int = 0
    waited_s: float | None = None
    painted_s: float | None = None
    queued: int = 0
    workers: int = 0
    server_bytes: int | None = None
    worker_bytes: int | None = None
    pictures: int = 0
    picture_bytes: int = 0
    picture_problem: str | None = None


@dataclass(frozen=True)
class PreviewWish:
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
    previews: PreviewWish | None = None
    detached: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_styles(self.styles, self.content, self.settings)


@dataclass(frozen=True)
class Watch(JobRequest):
    """Asks for the updates of a job that another connection submitted, and for `previews`."""

    type: ClassVar[str] = "watch"
    previews: PreviewWish | None = None


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
class CurvePoint:
    """The `loss` that evaluation number `step` (from 1) found, `seconds` after the first one."""

    step: int
    seconds: float
    loss: float


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
