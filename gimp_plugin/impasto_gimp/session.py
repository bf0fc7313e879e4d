"""One run: find the daemon, submit, follow, fetch. It knows neither GIMP nor GTK nor sockets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from impasto_shared.errors import (
    DaemonError,
    ErrorCode,
    ImpastoError,
    ProtocolError,
)
from impasto_shared.image import Image
from impasto_shared.messages import JobReport, JobState
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style

TICK_S = 0.1
"""How long a look for news may take: between looks GIMP's windows must be kept alive."""


class JobCancelled(ImpastoError):
    """Somebody else ended the job."""


class JobClient(Protocol):
    """What a run needs of impasto_shared.client.Client."""

    def submit(self, content: Image, styles: Sequence[Style], settings: StyleSettings) -> str:
        """Starts a job and names it."""

    def poll(self, timeout_s: float = ...) -> list[JobReport]:
        """The reports that have come."""

    def fetch(self, job: str) -> Image:
        """The picture of a finished job."""

    def forget(self, job: str) -> None:
        """Lets the daemon free a finished job."""

    def close(self) -> None:
        """Ends the connection, and with it an unfinished job."""


@dataclass(frozen=True)
class Progress:
    """What to show: a sentence, and how much is done in [0, 1], None where nobody knows."""

    text: str
    fraction: float | None = None


class Session:
    """One style transfer by the daemon.

    `connect` gives a client, and calls the function it is given before it starts a daemon.
    `show` is called at every change; `keep_alive` ten times a second while the job runs.
    """

    def __init__(
        self,
        connect: Callable[[Callable[[], None]], JobClient],
        *,
        show: Callable[[Progress], None],
        keep_alive: Callable[[], None],
    ) -> None:
        self._connect = connect
        self._show = show
        self._keep_alive = keep_alive

    def run(self, content: Image, style: Image, settings: StyleSettings) -> Image:
        """`content` in the manner of the painting `style`.

        Raises:
            DaemonUnavailable: where no daemon answers and none can be started, or it vanishes.
            DaemonError: where the daemon refuses the job or fails at it.
            JobCancelled: where it was cancelled from outside.
            ProtocolError: where the painting has another size than `content`.
        """
        self._show(Progress("Neural Style: looking for the daemon…"))
        client = self._connect(lambda: self._show(Progress("Neural Style: starting the daemon…")))
        try:
            self._show(Progress("Neural Style: sending the picture…"))
            job = client.submit(content, [Style(style)], settings)
            self._follow(client, job)
            self._show(Progress("Neural Style: fetching the painting…", 1.0))
            picture = client.fetch(job)
            # The painting is here, whatever becomes of the daemon now.
            with suppress(ImpastoError):
                client.forget(job)
            return _checked(picture, content)
        finally:
            client.close()

    def _follow(self, client: JobClient, job: str) -> None:
        """Shows the job's reports until it is done; raises where it ends otherwise."""
        while True:
            for report in client.poll(TICK_S):
                if report.job != job:
                    continue
                _check_alive(report)
                if report.state is JobState.DONE:
                    return
                self._show(progress_of(report))
            self._keep_alive()


def progress_of(report: JobReport) -> Progress:
    """What to show of a job that has not ended."""
    if report.state is JobState.QUEUED and report.position:
        return Progress(f"Neural Style: waiting, {_jobs(report.position)} before this one")
    if report.step == 0:
        return Progress("Neural Style: loading the network…")
    text = f"Neural Style: step {report.step} of {report.steps}"
    if report.eta_s is not None:
        text += f", {_duration(report.eta_s)} left"
    elif report.loss is not None:
        text += f", loss {report.loss:.3g}"
    return Progress(text, report.done)


def _checked(picture: Image, content: Image) -> Image:
    """The picture; raises ProtocolError where it is none of `content`."""
    if (picture.width, picture.height) != (content.width, content.height):
        raise ProtocolError(
            f"The daemon painted {picture.width} × {picture.height} pixels instead of "
            f"{content.width} × {content.height}. Plug-in and daemon do not fit together: "
            "run ./install.sh plugin in the Impasto folder."
        )
    return picture


def _check_alive(report: JobReport) -> None:
    if report.state is JobState.CANCELLED:
        raise JobCancelled("The job was cancelled at the daemon. Run Neural Style again.")
    if report.state is JobState.FAILED:
        if report.problem is None:
            raise DaemonError("The daemon failed and did not say why.", ErrorCode.INTERNAL)
        raise DaemonError(report.problem.message, report.problem.code, report.problem.field)


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count} jobs"


def _duration(seconds: float) -> str:
    """42 s, 12 min or 2 h 5 min."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"
