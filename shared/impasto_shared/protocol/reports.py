"""The contents of the daemon's messages: reports on jobs, on the daemon and on errors."""

from __future__ import annotations

from dataclasses import dataclass

from impasto_shared.errors import DaemonError, ErrorCode, ImpastoError
from impasto_shared.str_enum import StrEnum
from impasto_shared.style import MAX_STYLES
from impasto_shared.text.sentences import LONGEST_VALUE, Sentence, said_again

MAX_NAME_CHARACTERS = 100
MAX_PROBLEM_CHARACTERS = 1000


class JobState(StrEnum):
    """The state of a job. The last three are final: a job never leaves them."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """True if the job is finished, successfully or not."""
        return self in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


@dataclass(frozen=True)
class ProblemValue:
    """A value in the sentence of a problem, by its name."""

    name: str
    text: str


@dataclass(frozen=True)
class Problem:
    """An error: a code for programs, a sentence for people, and the field at fault, if any.

    reason, values: the code of the sentence, and what it contains: for programs that say it in
        another language. Empty if it has none.
    """

    code: ErrorCode
    message: str
    field: str | None = None
    reason: str = ""
    values: tuple[ProblemValue, ...] = ()

    @classmethod
    def of(cls, error: ImpastoError) -> Problem:
        """Returns the problem of an error, shortened, as the text may quote input of any length."""
        message = str(error)
        if len(message) > MAX_PROBLEM_CHARACTERS:
            message = message[: MAX_PROBLEM_CHARACTERS - 1] + "…"
        field = error.field and error.field[:MAX_NAME_CHARACTERS]
        text = error.args[0] if error.args else message
        return cls(error.code, message, field, *_parts(text))

    @classmethod
    def saying(cls, code: ErrorCode, sentence: str) -> Problem:
        """Returns the problem of a sentence."""
        message = sentence[:MAX_PROBLEM_CHARACTERS]
        return cls(code, message, None, *_parts(sentence))

    @property
    def text(self) -> str:
        """The sentence in the language of this process, or else the message."""
        if not self.reason:
            return self.message
        return said_again(self.reason, {each.name: each.text for each in self.values}, self.message)

    @property
    def error(self) -> DaemonError:
        """The problem as an error."""
        return DaemonError(self.text, self.code, self.field)


def _parts(text: object) -> tuple[str, tuple[ProblemValue, ...]]:
    """Returns the code and the values of a sentence; of another text, none."""
    if not isinstance(text, Sentence):
        return "", ()
    values = (ProblemValue(name, value[:LONGEST_VALUE]) for name, value in text.values.items())
    return text.code, tuple(values)


@dataclass(frozen=True)
class JobReport:
    """The state and the progress of a job.

    position: number of jobs ahead of it in the queue.
    step, steps: evaluations done, 0 while the network is being loaded, and evaluations in all.
    done: fraction of the work that is done, in [0, 1]; late evaluations are the longest.
    loss: the loss at the last step.
    eta_s: estimated time to completion.
    width, height: size of the picture in pixels.
    problem: the reason, if the state is failed, or cancelled by the daemon itself.
    client: name of the program that submitted the job.
    detached: whether the job continues when its client disconnects.
    submitted_s: time since it was submitted.
    painted_s: time for which it has been painted; None before it starts.
    kept_s: time for which its picture will still be kept; None if there is no picture.
    painted_px: longest side at which it is being painted, or was at its end; 0 until known.
    stalled_s: time without a step, if it is suspiciously long: the painting process may hang.
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
    stalled_s: float | None = None
    painted_px: int = 0

    @property
    def can_keep(self) -> bool:
        """True if there is a picture to keep: the first step only evaluates the initial image."""
        return self.step > 1


@dataclass(frozen=True)
class CurvePoint:
    """The `loss` of evaluation number `step` (from 1), `seconds` after the first one."""

    step: int
    seconds: float
    loss: float


@dataclass(frozen=True)
class Limits:
    """The limits of the daemon.

    frame_bytes: size of a frame.
    pixels: pixels of an image.
    queue, queue_of_one: waiting jobs of all clients together, and of each client.
    styles: styles of a job.
    lease_s: seconds for which a job continues after the connection of its client has been lost.
    """

    frame_bytes: int
    pixels: int
    queue: int
    styles: int = MAX_STYLES
    queue_of_one: int = 64
    lease_s: float = 60.0


@dataclass(frozen=True)
class WorkerReport:
    """A painting process: its pid, device and loaded model, None if there is none.

    job: the job that it paints; None if it is idle.
    """

    pid: int | None = None
    device: str | None = None
    model: str | None = None
    job: str | None = None


@dataclass(frozen=True)
class Metrics:
    """Counters since the start of the daemon, and its use of resources.

    done, failed, cancelled: finished jobs.
    waited_s, painted_s: mean time in the queue, and mean duration, of the jobs done.
    queued: waiting jobs.
    workers: workers started.
    server_bytes, worker_bytes: memory of the server and of all workers; None if the system does not
        report it.
    pictures, picture_bytes: number and total size of the pictures kept.
    picture_problem: the reason why the last picture could not be stored on disk, if so.
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
