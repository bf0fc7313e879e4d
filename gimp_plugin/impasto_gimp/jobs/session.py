"""The session of a run: finds the daemon, submits a job, follows it and fetches the picture.

Progress goes to a display, which also says what the user does. Knows neither GIMP, GTK nor sockets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from impasto_gimp.translation import gettext, ngettext
from impasto_shared.beginning import Beginning
from impasto_shared.errors import (
    DaemonError,
    ErrorCode,
    ImpastoError,
    ProtocolError,
)
from impasto_shared.image import Image
from impasto_shared.protocol.messages import PreviewOptions, StatusReport
from impasto_shared.protocol.reports import JobReport, JobState
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style
from impasto_shared.text.durations import format_duration

SILENCE_S = 2.0
"""The daemon reports twice a second: a longer silence is a problem that the user is shown."""
TICK_S = 0.1
"""The longest wait for a report: between waits the plug-in's windows must handle events."""


class JobCancelled(ImpastoError):
    """The job was cancelled by another client."""


class Abandoned(ImpastoError):
    """The user cancelled the painting."""


class AdjustmentWanted(Abandoned):
    """The user cancelled the painting to change its settings."""


class UserAction(Enum):
    """The user's last action in a progress display."""

    CONTINUE = auto()
    KEEP = auto()
    """Stop here, and keep the picture so far."""
    ADJUST = auto()
    """Cancel, and go back to the settings."""
    LEAVE = auto()
    """Close the window; the painting continues, and is added when it is done."""
    CANCEL = auto()


class PictureClient(Protocol):
    """The part of impasto_shared.client.Client that gets a picture painted."""

    def submit(
        self,
        content: Image,
        styles: Sequence[Style],
        settings: StyleSettings,
        previews: PreviewOptions | None = ...,
        *,
        warm_start: bool = ...,
        begin_from: Beginning | None = ...,
    ) -> str:
        """Starts a job and returns its name."""

    def poll(self, timeout_s: float = ...) -> list[JobReport]:
        """Returns the reports that have arrived."""

    def take_preview(self, job: str) -> Image | None:
        """Returns the newest preview if there is one since the last call."""

    def fetch(self, job: str) -> Image:
        """Returns the picture of a finished job."""

    def forget(self, job: str) -> None:
        """Lets the daemon free a finished job."""

    def close(self) -> None:
        """Closes the connection, which cancels an unfinished job."""


class JobClient(PictureClient, Protocol):
    """The part of impasto_shared.client.Client that a run uses."""

    @property
    def silent_s(self) -> float:
        """Seconds since the daemon's last message, while a job is in progress."""

    @property
    def is_connected(self) -> bool:
        """True if there is a connection; the client replaces a lost one."""

    def keep(self, job: str) -> JobReport:
        """Ends a job with the picture so far as its result."""

    def detach(self, job: str) -> JobReport:
        """Has a job continue when this client disconnects."""

    def watch(self, job: str, previews: PreviewOptions | None = ...) -> JobReport:
        """Has the previews of a job from now on like this."""

    def status(self) -> StatusReport:
        """Returns the state of the daemon, its jobs and its models."""


@dataclass(frozen=True)
class Progress:
    """The progress to show: a sentence, and the fraction done in [0, 1], or None if unknown.

    loss: the value of the objective, if known.
    can_keep: whether there is a picture that could be kept.
    """

    text: str
    fraction: float | None = None
    loss: float | None = None
    can_keep: bool = False


class ProgressDisplay(Protocol):
    """The place where the user watches the progress and can stop it."""

    @property
    def previews(self) -> PreviewOptions | None:
        """The size and rate of previews, which may change; None for none."""

    def show(self, progress: Progress) -> None:
        """Shows the progress."""

    def show_picture(self, picture: Image) -> None:
        """Shows the picture so far."""

    def user_action(self) -> UserAction:
        """Handles events and returns the last action; called ten times a second."""


class Connect(Protocol):
    """A function that finds or starts the daemon."""

    def __call__(
        self, *, on_start: Callable[[], None], while_waiting: Callable[[], object]
    ) -> JobClient:
        """Returns a client, as impasto_shared.launcher.connect_or_start does."""


@dataclass(frozen=True)
class Painting:
    """The picture of a finished job, which the daemon keeps as well.

    painted_px: the longest side at which it was painted, which is smaller than planned if it was
        kept early; 0 if the daemon does not say.
    """

    job: str
    picture: Image
    painted_px: int = 0


class Session:
    """A style transfer by the daemon that `connect` finds."""

    def __init__(self, connect: Connect, display: ProgressDisplay) -> None:
        self._connect = connect
        self._display = display

    @contextmanager
    def painted(
        self,
        content: Image,
        styles: Sequence[Style],
        settings: StyleSettings,
        begin_from: Beginning | None = None,
        *,
        on_accepted: Callable[[str], None] | None = None,
    ) -> Iterator[Painting]:
        """Opens a context with `content` painted in `styles`, in which it is put somewhere safe.

        begin_from: as in `Client.submit`.
        on_accepted: called with the name of the job, which the daemon keeps at the end. Without it
            the daemon forgets the painting, unless the context ends with an error.

        Raises:
            DaemonUnavailable: if no daemon answers and none can be started, or it exits.
            DaemonError: if the daemon refuses the job or fails.
            JobCancelled: if another client cancels the job.
            Abandoned: if the user cancels it; AdjustmentWanted to change its settings.
            ProtocolError: if the picture does not have the size of `content`.
        """
        show = self._display.show
        client = self._connected()
        try:
            self._raise_on_cancel()
            show(Progress(gettext("Sending the picture…")))
            job = client.submit(
                content, styles, settings, self._display.previews, begin_from=begin_from
            )
            if on_accepted is not None:
                on_accepted(job)
            final = self._follow(client, job)
            show(Progress(gettext("Fetching the picture…"), 1.0))
            picture = client.fetch(job)
            try:
                self._raise_on_cancel()
                yield Painting(job, _checked(picture, content), final.painted_px)
            except Abandoned:
                _forget(client, job)
                raise
            if on_accepted is None:
                _forget(client, job)
        finally:
            client.close()

    def status(self) -> StatusReport:
        """Returns the state of the daemon, of its jobs and its models.

        Raises:
            DaemonUnavailable: if no daemon answers and none can be started.
            Abandoned: if the user cancels.
        """
        client = self._connected()
        try:
            return client.status()
        finally:
            client.close()

    def _connected(self) -> JobClient:
        show = self._display.show
        show(Progress(gettext("Looking for the daemon…")))
        return self._connect(
            on_start=lambda: show(Progress(gettext("Starting the daemon…"))),
            while_waiting=self._raise_on_cancel,
        )

    def _follow(self, client: JobClient, job: str) -> JobReport:
        """Shows the job's reports until it is done, and returns the last; raises if it fails."""
        wishes = _Wishes(client, job, self._display)
        while True:
            for report in client.poll(TICK_S):
                if report.job == job and self._is_last(report, wishes):
                    return report
            if (silent_s := client.silent_s) > SILENCE_S:
                self._display.show(_silence(silent_s, is_connected=client.is_connected))
            if picture := client.take_preview(job):
                self._display.show_picture(picture)
            wishes.pass_on(self._raise_on_cancel())

    def _is_last(self, report: JobReport, wishes: _Wishes) -> bool:
        """Shows a report; returns whether its job is done, and raises if it has failed."""
        if wishes.is_detached and report.state is JobState.CANCELLED:
            raise Abandoned(gettext("Cancelled."))  # in the window of results
        check_alive(report)
        if report.state is JobState.DONE:
            return True
        if not wishes.is_kept:
            self._display.show(progress_of(report))
        return False

    def _raise_on_cancel(self) -> UserAction:
        """Returns the user's action; raises Abandoned if it is to cancel or to adjust."""
        action = self._display.user_action()
        if action is UserAction.ADJUST:
            raise AdjustmentWanted(gettext("Cancelled."))
        if action is UserAction.CANCEL:
            raise Abandoned(gettext("Cancelled."))
        return action


class _Wishes:
    """The wishes of the user for a job that runs: each is passed on to the daemon once."""

    def __init__(self, client: JobClient, job: str, display: ProgressDisplay) -> None:
        self._client, self._job, self._display = client, job, display
        self._previews = display.previews
        self.is_kept = self.is_detached = False

    def pass_on(self, action: UserAction) -> None:
        """Tells the daemon what is new."""
        # An older daemon cannot do all of this: then the job runs to its end, in its own way.
        with suppress(DaemonError):
            if action is UserAction.KEEP and not self.is_kept:
                self.is_kept = True
                self._display.show(Progress(gettext("Finishing the picture…"), 1.0))
                self._client.keep(self._job)
            if action is UserAction.LEAVE and not self.is_detached:
                self.is_detached = True
                self._client.detach(self._job)
            if self._display.previews != self._previews:
                self._previews = self._display.previews
                self._client.watch(self._job, self._previews)


def _silence(silent_s: float, *, is_connected: bool) -> Progress:
    """Returns what to show while nothing comes from the daemon."""
    if is_connected:
        text = gettext("The daemon has not responded for {time}…")
    else:
        text = gettext("No connection to the daemon for {time}. Connecting again…")
    return Progress(text.format(time=format_duration(silent_s, gettext)))


def _forget(client: JobClient, job: str) -> None:
    # The painting is safe or no longer needed; the daemon may fail now.
    with suppress(ImpastoError):
        client.forget(job)


def progress_of(report: JobReport) -> Progress:
    """Returns the progress of a job that has not ended."""
    if report.state is JobState.QUEUED and report.position:
        waiting = ngettext(
            "Waiting for {count} other job",
            "Waiting for {count} other jobs",
            report.position,
        )
        return Progress(waiting.format(count=report.position))
    if report.step == 0:
        return Progress(gettext("Loading the network…"))
    text = gettext("Step {step} of {steps}").format(step=report.step, steps=report.steps)
    if report.eta_s is not None:
        text += gettext(", {time} left").format(time=format_duration(report.eta_s, gettext))
    return Progress(text, report.done, report.loss, report.can_keep)


def _checked(picture: Image, content: Image) -> Image:
    """Returns `picture`; raises ProtocolError unless it has the size of `content`."""
    if (picture.width, picture.height) != (content.width, content.height):
        raise ProtocolError(
            gettext(
                "The daemon painted {width} × {height} pixels instead of {right_width} × "
                "{right_height}. The plug-in and the daemon have different versions: run "
                "./install.sh plugin in the Impasto folder, or impasto setup."
            ).format(
                width=picture.width,
                height=picture.height,
                right_width=content.width,
                right_height=content.height,
            )
        )
    return picture


def check_alive(report: JobReport) -> None:
    """Raises JobCancelled or DaemonError if a job has ended without a picture."""
    if report.state is JobState.CANCELLED:
        raise JobCancelled(gettext("The job was cancelled outside GIMP. Run the filter again."))
    if report.state is JobState.FAILED:
        if report.problem is None:
            message = gettext(
                "The daemon failed and gave no reason. Look in its log; impasto doctor says where "
                "it is."
            )
            raise DaemonError(message, ErrorCode.INTERNAL)
        raise report.problem.error
