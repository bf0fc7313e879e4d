"""The drafts of a dialog: small pictures of what its settings would paint, one at a time.

A newer choice cancels the draft of an older one, and starts warm from it where only the strength or
the smoothness differs. No daemon is started for a draft.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

from impasto_gimp.jobs.session import PictureClient, check_alive, progress_of
from impasto_gimp.translation import gettext
from impasto_shared.errors import DaemonUnavailable, ImpastoError
from impasto_shared.image import Image
from impasto_shared.protocol.messages import ForecastReport, PreviewOptions
from impasto_shared.protocol.reports import JobReport, JobState
from impasto_shared.settings import Quality, StyleSettings
from impasto_shared.style import Style

DRAFT_PX = 256
"""The longest side: the smallest size that has the composition of all larger ones."""
QUIET_S = 0.5
"""A draft begins so long after the last change of the choice."""
RETRY_S = 2.0
"""The time between two looks for a daemon that does not answer."""
QUICK_S = 5.0
"""Drafts that take less than this are painted without being asked for."""

_PREVIEWS = PreviewOptions(longest_side_px=DRAFT_PX, interval_s=0.2)
_IS_OFF = gettext("Tick the box to see a small draft of the painting here.")
_NO_PAINTING = gettext("Choose a painting to see a small draft here.")
_NO_DAEMON = gettext("There is no preview while the daemon is not running.")
_BEGINS = gettext("The draft begins…")
_IS_DONE = gettext("This is a small draft: a larger picture has finer strokes.")


class DraftClient(PictureClient, Protocol):
    """The part of impasto_shared.client.Client that drafts use."""

    def cancel(self, job: str) -> JobReport:
        """Cancels a job."""

    def forecast(
        self, settings: StyleSettings, width: int, height: int, *, paintings: int = ...
    ) -> ForecastReport | None:
        """Returns the time and memory of a job; None if the daemon is too old to forecast."""


@dataclass(frozen=True)
class DraftChoice:
    """The choice in a dialog: the settings, and the styles, as a value that identifies them.

    paintings: the number of the styles.
    """

    settings: StyleSettings
    styles: Hashable
    paintings: int = 1


def draft_settings(settings: StyleSettings) -> StyleSettings:
    """Returns the settings of the draft of a picture with `settings`."""
    size = min(settings.size, DRAFT_PX)
    return replace(settings, quality=Quality.DRAFT, iterations=0, size=size)


class Drafts:
    """The drafts of one layer, whose reduced picture has `width` × `height` pixels.

    connect: returns a client of the running daemon; raises DaemonUnavailable if none runs.
    read: returns that picture, and the chosen styles for it; raises ImpastoError.
    is_on: whether drafts are painted; None: if a draft is forecast to be quick, once that is known.
    now_s: a clock.
    """

    def __init__(
        self,
        connect: Callable[[], DraftClient],
        read: Callable[[], tuple[Image, Sequence[Style]]],
        width: int,
        height: int,
        *,
        is_on: bool | None = None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connect, self._read, self._now_s = connect, read, now_s
        self._width, self._height = width, height
        self.is_on = is_on
        self.forecast_s: float | None = None
        """The time that a draft with the latest settings takes; None if unknown."""
        self.text = ""
        """What the user should know: the progress, what is missing, or what is wrong."""
        self.picture: Image | None = None
        """The newest picture of the latest draft; None if there is none to be shown."""
        self._choice: DraftChoice | None = None
        self._painted: DraftChoice | None = None
        self._due_s: float | None = now_s()
        self._client: DraftClient | None = None
        self._job: str | None = None

    def choose(self, choice: DraftChoice | None) -> None:
        """Notes what is chosen now; None if that cannot be painted."""
        if choice is not None:
            choice = replace(choice, settings=draft_settings(choice.settings))
        if choice != self._choice:
            self._choice = choice
            self._due_s = self._now_s() + QUIET_S

    def resize(self, width: int, height: int) -> None:
        """Notes that another area of the layer is painted now, of which there is no picture yet."""
        self._width, self._height = width, height
        self._painted = self.picture = None
        self._due_s = self._now_s() + QUIET_S

    def switch(self, *, is_on: bool) -> None:
        """Has drafts painted, or no longer."""
        self.is_on = is_on
        self._painted = self.picture = None
        self._due_s = self._now_s()

    def tick(self) -> None:
        """Takes the next step; to be called some ten times a second. An error becomes the text."""
        try:
            if self._job is not None and not self._is_wanted:
                self._cancel()
            if self._due_s is not None and self._now_s() >= self._due_s:
                self._due_s = None
                self._begin()
            elif self._client is not None and self._job is not None:
                self._follow(self._client, self._job)
        except DaemonUnavailable:
            self._fail(_NO_DAEMON)
            self._due_s = self._now_s() + RETRY_S
        except ImpastoError as error:
            self._fail(str(error))

    def _fail(self, text: str) -> None:
        self.close()
        self.picture = None
        self.text = _IS_OFF if self.is_on is False else text

    def close(self) -> None:
        """Closes the connection, which cancels an unfinished draft."""
        if self._client is not None:
            self._client.close()
        self._client = self._job = self._painted = None

    @property
    def finished(self) -> Image | None:
        """The draft of exactly what is chosen now; None if it is not or not completely painted."""
        is_finished = self._job is None and self._painted is not None
        return self.picture if is_finished and self._is_wanted else None

    @property
    def _is_wanted(self) -> bool:
        """True if the draft in progress is still what is chosen."""
        return bool(self.is_on) and self._choice == self._painted

    def _cancel(self) -> None:
        job, self._job, self._painted = self._job, None, None
        self.text = _BEGINS
        if self._client is not None and job is not None:
            self._client.cancel(job)

    def _begin(self) -> None:
        """Submits the draft of the choice, if drafts are on and it is not yet painted."""
        choice = self._choice
        if choice is None:
            self._painted = self.picture = None
            self.text = _IS_OFF if self.is_on is False else _NO_PAINTING
            return
        if self._client is None:
            self._client = self._connect()
        self._foresee(self._client, choice)
        if not self.is_on:
            self.text = _IS_OFF
        elif choice != self._painted:
            self.text = _BEGINS
            content, styles = self._read()
            settings = choice.settings
            self._job = self._client.submit(content, styles, settings, _PREVIEWS, warm_start=True)
            self._painted = choice

    def _foresee(self, client: DraftClient, choice: DraftChoice) -> None:
        forecast = client.forecast(
            choice.settings, self._width, self._height, paintings=choice.paintings
        )
        self.forecast_s = None if forecast is None else forecast.painting_s
        if self.is_on is None:
            # If no time is known yet, the first draft will tell.
            self.is_on = self.forecast_s is None or self.forecast_s < QUICK_S

    def _follow(self, client: DraftClient, job: str) -> None:
        """Takes in what has arrived about the draft in progress."""
        for report in client.poll(0.0):
            if report.job != job:
                continue
            check_alive(report)
            if report.state is JobState.DONE:
                self._job, self.text = None, _IS_DONE
                self.picture = client.fetch(job)
                with suppress(ImpastoError):  # the picture has arrived
                    client.forget(job)
                return
            self.text = progress_of(report).text
        if preview := client.take_preview(job):
            self.picture = preview
