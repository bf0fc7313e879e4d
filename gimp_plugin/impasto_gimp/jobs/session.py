"""One run: finds the daemon, submits a job, follows it and fetches the picture.

Progress goes to a display, which also says what the user does. Knows neither GIMP, GTK nor sockets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from impasto_gimp.translation import gettext, ngettext
from impasto_shared.durations import format_duration
from impasto_shared.errors import (
    DaemonError,
    ErrorCode,
    ImpastoError,
    ProtocolError,
)
from impasto_shared.image import Image
from impasto_shared.messages import PreviewOptions, StatusReport
from impasto_shared.reports import JobReport, JobState
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style

SILENCE_S = 2.0
"""The daemon says something twice a second: after so long something is wrong, and is shown."""
TICK_S = 0.1
"""How long a look for news may take: between looks GIMP's windows must be kept alive."""


class JobCancelled(ImpastoError):
    """Somebody else ended the job."""


class Abandoned(ImpastoError):
    """The user does not want the painting any more."""


class UserAction(Enum):
    """What the user wants."""

    CONTINUE = auto()
    KEEP = auto()
    """Stop here, and keep what has been painted."""
    CANCEL = auto()


class JobClient(Protocol):
    """What a run needs of impasto_shared.client.Client."""

    def submit(
        self,
        content: Image,
        styles: Sequence[Style],
        settings: StyleSettings,
        previews: PreviewOptions | None = ...,
    ) -> str:
        """Starts a job and names it."""

    def poll(self, timeout_s: float = ...) -> list[JobReport]:
        """The reports that have come."""

    @property
    def silent_s(self) -> float:
        """Seconds since the daemon was heard last, while a job is under way."""

    def take_preview(self, job: str) -> Image | None:
        """What has been painted since this was asked before, if anything."""

    def keep(self, job: str) -> JobReport:
        """Ends a job with what has been painted."""

    def fetch(self, job: str) -> Image:
        """The picture of a finished job."""

    def forget(self, job: str) -> None:
        """Lets the daemon free a finished job."""

    def status(self) -> StatusReport:
        """What the daemon is doing, and has."""

    def close(self) -> None:
        """Ends the connection, and with it an unfinished job."""


@dataclass(frozen=True)
class Progress:
    """What to show: a sentence, and how much is done in [0, 1], None where nobody knows.

    loss: how far the picture is from what is wanted, where that is known.
    can_keep: whether there is something painted that could be kept.
    """

    text: str
    fraction: float | None = None
    loss: float | None = None
    can_keep: bool = False


class ProgressDisplay(Protocol):
    """Where a person watches the picture being painted."""

    @property
    def previews(self) -> PreviewOptions | None:
        """How the picture is to be shown; None: not at all."""

    def show(self, progress: Progress) -> None:
        """Shows how far it has come."""

    def show_picture(self, picture: Image) -> None:
        """Shows what has been painted so far."""

    def user_action(self) -> UserAction:
        """What the person wants now; called ten times a second, so that windows stay alive."""


class Connect(Protocol):
    """Finds or starts the daemon."""

    def __call__(
        self, *, on_start: Callable[[], None], while_waiting: Callable[[], object]
    ) -> JobClient:
        """A client of it; as impasto_shared.launcher.connect_or_start."""


class Session:
    """One style transfer by the daemon that `connect` finds."""

    def __init__(self, connect: Connect, display: ProgressDisplay) -> None:
        self._connect = connect
        self._display = display

    def run(self, content: Image, styles: Sequence[Style], settings: StyleSettings) -> Image:
        """`content` in `styles`.

        Raises:
            DaemonUnavailable: where no daemon answers and none can be started, or it vanishes.
            DaemonError: where the daemon refuses the job or fails at it.
            JobCancelled: where it was cancelled from outside.
            Abandoned: where the user cancels it.
            ProtocolError: where the painting has another size than `content`.
        """
        show = self._display.show
        client = self._connected()
        try:
            self._raise_on_cancel()
            show(Progress(gettext("Sending the picture…")))
            job = client.submit(content, styles, settings, self._display.previews)
            self._follow(client, job)
            show(Progress(gettext("Fetching the painting…"), 1.0))
            picture = client.fetch(job)
            self._raise_on_cancel()
            # The painting is here, whatever becomes of the daemon now.
            with suppress(ImpastoError):
                client.forget(job)
            return _checked(picture, content)
        finally:
            client.close()

    def models(self) -> tuple[str, ...]:
        """The models whose weights are on the daemon's machine; none where it does not say.

        Raises:
            DaemonUnavailable: where no daemon answers and none can be started.
            Abandoned: where the user cancels.
        """
        client = self._connected()
        try:
            return client.status().models
        finally:
            client.close()

    def _connected(self) -> JobClient:
        show = self._display.show
        show(Progress(gettext("Looking for the daemon…")))
        return self._connect(
            on_start=lambda: show(Progress(gettext("Starting the daemon…"))),
            while_waiting=self._raise_on_cancel,
        )

    def _follow(self, client: JobClient, job: str) -> None:
        """Shows the job's reports until it is done; raises where it ends otherwise."""
        is_kept = False
        while True:
            for report in client.poll(TICK_S):
                if report.job != job:
                    continue
                check_alive(report)
                if report.state is JobState.DONE:
                    return
                if not is_kept:
                    self._display.show(progress_of(report))
            if (silent_s := client.silent_s) > SILENCE_S:
                silent = gettext("The daemon is silent, for {time}…")
                self._display.show(Progress(silent.format(time=format_duration(silent_s, gettext))))
            if picture := client.take_preview(job):
                self._display.show_picture(picture)
            if self._raise_on_cancel() is UserAction.KEEP and not is_kept:
                is_kept = True
                self._display.show(Progress(gettext("Finishing what is painted…"), 1.0))
                # Where the daemon cannot, the job goes on to its end: nothing is lost.
                with suppress(DaemonError):
                    client.keep(job)

    def _raise_on_cancel(self) -> UserAction:
        """What is wished; raises Abandoned where it is to be cancelled."""
        action = self._display.user_action()
        if action is UserAction.CANCEL:
            raise Abandoned(gettext("Cancelled."))
        return action


def progress_of(report: JobReport) -> Progress:
    """What to show of a job that has not ended."""
    if report.state is JobState.QUEUED and report.position:
        waiting = ngettext(
            "Waiting, {count} job before this one",
            "Waiting, {count} jobs before this one",
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
    """The picture; raises ProtocolError where it is none of `content`."""
    if (picture.width, picture.height) != (content.width, content.height):
        raise ProtocolError(
            gettext(
                "The daemon painted {width} × {height} pixels instead of {right_width} × "
                "{right_height}. Plug-in and daemon do not fit together: run ./install.sh plugin "
                "in the Impasto folder."
            ).format(
                width=picture.width,
                height=picture.height,
                right_width=content.width,
                right_height=content.height,
            )
        )
    return picture


def check_alive(report: JobReport) -> None:
    """Raises JobCancelled or DaemonError where a job has ended without a picture."""
    if report.state is JobState.CANCELLED:
        raise JobCancelled(gettext("The job was cancelled at the daemon. Run the filter again."))
    if report.state is JobState.FAILED:
        if report.problem is None:
            message = gettext("The daemon failed and did not say why.")
            raise DaemonError(message, ErrorCode.INTERNAL)
        raise DaemonError(report.problem.message, report.problem.code, report.problem.field)
