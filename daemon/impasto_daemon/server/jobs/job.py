"""A job of the daemon: the request, and its progress."""

from __future__ import annotations

from dataclasses import dataclass, field

from impasto_daemon.server.jobs.loss_curve import LossCurve
from impasto_daemon.server.jobs.results import Picture
from impasto_daemon.server.journal.records import InputFile
from impasto_daemon.style_transfer.planning.work import Work
from impasto_shared.protocol.messages import PreviewOptions, Segment, Submit
from impasto_shared.protocol.reports import JobState, Problem
from impasto_shared.settings import StyleSettings
from impasto_shared.text.sentences import sentence

# All detached jobs share their turns, so that a picture that a user waits for does not queue behind
# a folder full of them.
_DETACHED = b""


@dataclass(frozen=True)
class Origin:
    """The origin of a job: the connection, the name of the program, and the key of its user.

    user: "" for a program on this machine.
    """

    address: bytes
    client: str = ""
    user: str = ""


@dataclass(eq=False)
class Job:
    """A request and its progress; `submission`, its input, is dropped at the first step.

    number: its place in the order of submission.
    stalled_s: time without a step, if the worker is suspected to hang.
    is_accepted: whether its client may rely on it: a detached job must be in the journal first.
    refusal: the reason why it could not be stored there.
    starts: how often it was running when the daemon ended without being asked to.
    input_file: its input in the journal; None if it is not, or no longer, there.
    is_loading: whether that is being read.
    is_stored: whether it has a record in the journal.
    is_synced: whether its picture would survive a loss of power.
    begun_px: the longest side at which the picture that it begins from was painted; 0: none.
    follows: whether it is a frame of a video that keeps the paint of the one before it.
    store_again_s: the time at which to try again to store its picture; None: it is stored.
    paintings: their number, as far as is known.
    painted_px: the longest side at which it is being painted, or was at its end; 0: unknown.
    segments: whether it splits its content into regions; its settings do not matter then.
    is_warm: whether it may make fewer steps than its settings say, for its `warm_start`.
    """

    name: str
    submission: Submit | Segment | None
    origin: Origin
    settings: StyleSettings
    width: int
    height: int
    is_detached: bool
    previews: PreviewOptions | None
    submitted_s: float
    number: int = 0
    state: JobState = JobState.QUEUED
    step: int = 0
    steps: int = 0
    done: float = 0.0
    loss: float | None = None
    started_s: float | None = None
    first_step_s: float | None = None
    first_done: float = 0.0
    curve: LossCurve = field(default_factory=LossCurve)
    ended_s: float | None = None
    problem: Problem | None = None
    stalled_s: float | None = None
    picture: Picture | None = None
    removal_reason: str = sentence("picture-expired")
    is_accepted: bool = True
    refusal: Problem | None = None
    starts: int = 0
    input_file: InputFile | None = None
    is_loading: bool = False
    is_stored: bool = False
    is_synced: bool = False
    store_again_s: float | None = None
    is_warm: bool = False
    paintings: int = 1
    begun_px: int = 0
    follows: bool = False
    painted_px: int = 0
    segments: bool = False

    @property
    def work(self) -> Work:
        """The work, on which its time and its memory depend."""
        return Work(
            *(self.settings, self.width, self.height, self.paintings, self.begun_px, self.follows)
        )

    @property
    def turn_key(self) -> bytes:
        """The client in whose turn it runs."""
        return _DETACHED if self.is_detached else self.origin.address

    def belongs_to(self, address: bytes) -> bool:
        """Returns whether it is cancelled when this connection breaks."""
        return not self.is_detached and self.origin.address == address

    @property
    def is_storing(self) -> bool:
        """True if it is painted, but not done before its picture is in the journal."""
        return self.state is JobState.RUNNING and self.picture is not None

    @property
    def input_bytes(self) -> int:
        """The size of the images that it takes, or will take, in memory until it runs."""
        if self.submission is None:
            return 0 if self.input_file is None else self.input_file.size_bytes
        return sum(memoryview(image.pixels).nbytes for image in self.submission.images)


def new_job(submission: Submit | Segment, origin: Origin, submitted_s: float, number: int) -> Job:
    """Returns a job that was submitted at that time."""
    job = Job(
        submission.job,
        submission,
        origin,
        submission.settings if isinstance(submission, Submit) else StyleSettings(),
        submission.content.width,
        submission.content.height,
        submission.detached,
        submission.previews,
        submitted_s,
        number=number,
        segments=isinstance(submission, Segment),
    )
    if isinstance(submission, Submit):
        job.is_warm, job.begun_px = submission.warm_start, submission.begun_px
        job.paintings, job.follows = len(submission.styles), submission.follows
    return job
