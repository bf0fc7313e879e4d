"""The reports that the daemon's messages carry: on jobs, on the daemon and on what went wrong."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from impasto_shared.errors import ErrorCode, ImpastoError
from impasto_shared.style import MAX_STYLES

MAX_NAME_CHARACTERS = 100
MAX_PROBLEM_CHARACTERS = 1000


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
class CurvePoint:
    """The `loss` that evaluation number `step` (from 1) found, `seconds` after the first one."""

    step: int
    seconds: float
    loss: float


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
