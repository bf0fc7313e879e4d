"""The user's display for one picture of a series, whose progress is shown as a whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from impasto_gimp.jobs.session import Progress, ProgressDisplay, UserAction
from impasto_shared.image import Image
from impasto_shared.protocol.messages import PreviewOptions


class SeriesDisplay:
    """The display for the session that paints picture `number` of `count`, from 0.

    Stopping early cancels this picture: with fewer steps it would look unlike the others.

    text_of: makes the text for the series from that of the picture's progress.
    has_pictures: whether there are finished ones, which can be kept.
    """

    def __init__(
        self,
        display: ProgressDisplay,
        number: int,
        count: int,
        text_of: Callable[[str], str],
        *,
        has_pictures: bool,
    ) -> None:
        self._display, self._number, self._count = display, number, count
        self._text_of = text_of
        self._has_pictures = has_pictures
        self.is_stopped = False

    @property
    def previews(self) -> PreviewOptions | None:
        """The previews that the user's display asks for."""
        return self._display.previews

    def show(self, progress: Progress) -> None:
        """Shows the progress of the series."""
        text = self._text_of(progress.text)
        fraction = (self._number + (progress.fraction or 0.0)) / self._count
        self._display.show(
            replace(progress, text=text, fraction=fraction, can_keep=self._has_pictures)
        )

    def show_picture(self, picture: Image) -> None:
        """Shows a preview."""
        self._display.show_picture(picture)

    def user_action(self) -> UserAction:
        """Returns what the user has chosen."""
        action = self._display.user_action()
        if action is UserAction.KEEP:
            self.is_stopped = True
            return UserAction.CANCEL
        return action
