"""The messages of the protocol, as data; PROTOCOL.md explains their use.

A message is a frozen dataclass with a `type`, its name on the wire. The field `id` numbers a
request; `re` repeats it in the reply. Images are fields like any other: the codec moves their
pixels into frames of their own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import ClassVar

from impasto_shared.beginning import LARGEST_BEGUN_PX, Beginning, check_beginning
from impasto_shared.errors import ProtocolError
from impasto_shared.image import Image, check_size
from impasto_shared.protocol.reports import (
    MAX_NAME_CHARACTERS,
    CurvePoint,
    JobReport,
    Limits,
    Metrics,
    Problem,
    WorkerReport,
)
from impasto_shared.segmentation import check_segmentation
from impasto_shared.settings import StyleSettings
from impasto_shared.style import MAX_STYLES, Style, check_styles

MAX_SKIPPED_JOBS = 10**6
LARGEST_PREVIEW_PX = 1536
_JOB_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class PreviewOptions:
    """The size and the rate of the previews that a client asks for.

    longest_side_px: limit for the longest side, in [16, 1536]; smaller pictures are not scaled.
    interval_s: shortest time between two previews, in [0.2, 60].

    Raises ProtocolError if a field is out of range.
    """

    longest_side_px: int = 512
    interval_s: float = 0.5

    def __post_init__(self) -> None:
        for name, low, high in (
            ("longest_side_px", 16, LARGEST_PREVIEW_PX),
            ("interval_s", 0.2, 60),
        ):
            if not low <= getattr(self, name) <= high:
                raise ProtocolError(
                    f"{name} of the previews must lie between {low} and {high}.", field=name
                )


def _check_name(name: str, value: str) -> None:
    if not 1 <= len(value) <= MAX_NAME_CHARACTERS:
        raise ProtocolError(f"{name} must have 1 to {MAX_NAME_CHARACTERS} characters.", field=name)


@dataclass(frozen=True)
class Request:
    """Any message of a client; its `id` is repeated in the reply."""

    id: str

    def __post_init__(self) -> None:
        _check_name("id", self.id)


@dataclass(frozen=True)
class JobRequest(Request):
    """A request about a job, whose name is 32 hexadecimal digits that the client drew at random."""

    job: str

    def __post_init__(self) -> None:
        super().__post_init__()
        if not _JOB_ID.fullmatch(self.job):
            raise ProtocolError("The name of a job must be 32 hexadecimal digits.", field="job")


@dataclass(frozen=True)
class Hello(Request):
    """Opens a connection; `client` is the name of the program, shown to people."""

    type: ClassVar[str] = "hello"
    client: str

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_name("client", self.client)
        # The name is printed to terminals and to the log.
        if not self.client.isprintable():
            raise ProtocolError("client must be printable, on one line.", field="client")


@dataclass(frozen=True)
class Submit(JobRequest):
    """Submits a job: `content` in the style of `styles`. Submitting it again has no effect.

    previews: their size and rate; None for no previews.
    detached: whether the job continues when its client disconnects.
    warm_start: whether it may begin with what the last such job of the same pictures has left.
    begin_from: the picture to begin from; None: what the settings say.
    """

    type: ClassVar[str] = "submit"
    settings: StyleSettings
    content: Image
    styles: tuple[Style, ...]
    previews: PreviewOptions | None = None
    detached: bool = False
    warm_start: bool = False
    begin_from: Beginning | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_styles(self.styles, self.content, self.settings)
        if self.begin_from is not None:
            check_beginning(self.begin_from, self.content)

    @property
    def images(self) -> tuple[Image, ...]:
        """All images: the content, those of the styles, and those of the picture to begin from."""
        of_styles = (image for style in self.styles for image in style.images)
        last = () if self.begin_from is None else self.begin_from.images
        return (self.content, *of_styles, *last)

    @property
    def begun_px(self) -> int:
        """The longest side at which the picture to begin from was painted; 0: there is none."""
        return 0 if self.begin_from is None else self.begin_from.size

    @property
    def follows(self) -> bool:
        """True for a frame of a video that keeps the paint of the one before it."""
        return self.begin_from is not None and self.begin_from.is_frame


@dataclass(frozen=True)
class Segment(JobRequest):
    """Submits a job that splits the photo `content` into regions; its result has their masks.

    regions: their number, from 2 to 6; 0: as many as the photo has.
    """

    type: ClassVar[str] = "segment"
    previews: ClassVar[None] = None
    detached: ClassVar[bool] = False
    content: Image
    regions: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_segmentation(self.content, self.regions)

    @property
    def images(self) -> tuple[Image, ...]:
        """The content."""
        return (self.content,)


@dataclass(frozen=True)
class Watch(JobRequest):
    """Subscribes to the updates, and the `previews`, of a job submitted by another client."""

    type: ClassVar[str] = "watch"
    previews: PreviewOptions | None = None


@dataclass(frozen=True)
class Cancel(JobRequest):
    """Cancels a job; has no effect on a finished one."""

    type: ClassVar[str] = "cancel"


@dataclass(frozen=True)
class Keep(JobRequest):
    """Finishes a running job early, with the picture painted so far as its result."""

    type: ClassVar[str] = "keep"


@dataclass(frozen=True)
class Detach(JobRequest):
    """Has a job continue when its client disconnects; it does not outlast the daemon."""

    type: ClassVar[str] = "detach"


@dataclass(frozen=True)
class Status(Request):
    """Asks for the jobs and the state of the daemon, without the `skip` most recent jobs."""

    type: ClassVar[str] = "status"
    skip: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.skip <= MAX_SKIPPED_JOBS:
            raise ProtocolError(f"skip must lie between 0 and {MAX_SKIPPED_JOBS}.", field="skip")


@dataclass(frozen=True)
class Forecast(Request):
    """Asks for the time and memory of a job whose content has `width` × `height` pixels.

    paintings: their number.
    begun_px: the longest side at which the picture to begin from was painted; 0: there is none.
    segments: whether the job splits the content into regions; then only its size matters.
    follows: whether it is a frame of a video that keeps the paint of the one before it.
    """

    type: ClassVar[str] = "forecast"
    settings: StyleSettings
    width: int
    height: int
    paintings: int = 1
    begun_px: int = 0
    segments: bool = False
    follows: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_size(self.width, self.height)
        if not 0 <= self.paintings <= MAX_STYLES:
            raise ProtocolError(f"There can be 0 to {MAX_STYLES} paintings.", field="paintings")
        if not 0 <= self.begun_px <= LARGEST_BEGUN_PX:
            raise ProtocolError(
                f"begun_px must lie between 0 and {LARGEST_BEGUN_PX}.", field="begun_px"
            )


@dataclass(frozen=True)
class Fetch(JobRequest):
    """Asks for the result of a job that is done."""

    type: ClassVar[str] = "fetch"


@dataclass(frozen=True)
class Forget(JobRequest):
    """Lets the daemon free the memory of a finished job."""

    type: ClassVar[str] = "forget"


@dataclass(frozen=True)
class Curve(JobRequest):
    """Asks for the loss curve of a job, as far as it exists."""

    type: ClassVar[str] = "curve"


@dataclass(frozen=True)
class Welcome:
    """Answers hello. `boot` is drawn at random at each start of the daemon."""

    type: ClassVar[str] = "welcome"
    re: str
    boot: str
    version: str
    limits: Limits


@dataclass(frozen=True)
class Accepted:
    """Answers submit, watch, cancel, keep, detach and forget, with the state of the job."""

    type: ClassVar[str] = "accepted"
    re: str
    report: JobReport


@dataclass(frozen=True)
class StatusReport:
    """Answers status.

    worker: the first of `workers`, for clients that know of one only.
    models: the models whose weights are on the daemon's machine.
    omitted: the number of jobs that ended before those in `jobs`, and did not fit.
    moves_frames: whether frames of a video can be moved: OpenCV is installed.
    """

    type: ClassVar[str] = "status-report"
    re: str
    pid: int
    version: str
    uptime_s: float
    worker: WorkerReport
    jobs: tuple[JobReport, ...] = field(default=())
    metrics: Metrics = field(default=Metrics())
    models: tuple[str, ...] = field(default=())
    omitted: int = 0
    workers: tuple[WorkerReport, ...] = field(default=())
    moves_frames: bool = False


@dataclass(frozen=True)
class ForecastReport:
    """Answers forecast.

    painting_s: duration of the job; None until the pace of the daemon's machine is known.
    waiting_s: time until the job could start; None if unknown.
    needed_bytes: peak memory of the painting process; on a GPU, of the GPU's memory.
    available_bytes: memory that is available for it; None if unknown.
    tiles: number of tiles in which the network would process the picture.
    start_s: time until the painting process runs; 0 once it has been started.
    """

    type: ClassVar[str] = "forecast-report"
    re: str
    painting_s: float | None
    waiting_s: float | None
    needed_bytes: int
    available_bytes: int | None
    tiles: int
    start_s: float = 0.0


@dataclass(frozen=True)
class CurveReport:
    """Answers curve with the evaluations of the job; a long curve is sampled at even intervals.

    Losses of different scales are not comparable.
    """

    type: ClassVar[str] = "curve-report"
    re: str
    job: str
    points: tuple[CurvePoint, ...]


@dataclass(frozen=True)
class Result:
    """Answers fetch, with the picture."""

    type: ClassVar[str] = "result"
    re: str
    job: str
    image: Image


@dataclass(frozen=True)
class ErrorReply:
    """Answers a request that failed; `re` is null if the id of the request could not be read."""

    type: ClassVar[str] = "error"
    re: str | None
    problem: Problem


@dataclass(frozen=True)
class Update:
    """Reports the progress of a job to its subscribers, at least twice a second.

    The last update of a job has a final state.
    """

    type: ClassVar[str] = "update"
    report: JobReport


@dataclass(frozen=True)
class Preview:
    """Shows the subscribers of a job the picture after `step`."""

    type: ClassVar[str] = "preview"
    job: str
    step: int
    image: Image


ClientMessage = (
    Hello
    | Submit
    | Segment
    | Watch
    | Cancel
    | Keep
    | Detach
    | Status
    | Forecast
    | Fetch
    | Forget
    | Curve
)
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
