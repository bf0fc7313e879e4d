"""The place where the user follows a painting."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from impasto_gimp.dialogs.gimp_progress import ProgressBar
from impasto_gimp.image.painted_area import PaintedArea
from impasto_gimp.jobs.session import ProgressDisplay
from impasto_gimp.translation import gettext


class Progress(ProgressDisplay, Protocol):
    """A progress display whose window may have been closed before the painting is done."""

    @property
    def is_left(self) -> bool:
        """True if the painting continues without a window."""

    def show_area(self, area: PaintedArea) -> None:
        """Shows the area that is painted next, until there is a picture of it."""


def progress_for(
    area: PaintedArea, *, interactive: bool, is_left: bool = False, of_several: str = ""
) -> AbstractContextManager[Progress]:
    """Returns the place where the user follows the painting of `area`.

    is_left: whether the user has left an earlier one of several paintings to the background.
    of_several: which of them it is, for people.
    """
    if not interactive:
        return ProgressBar(gettext("Neural Style") + of_several)
    from impasto_gimp.dialogs.progress_window import BackgroundProgress, window_for_area

    return BackgroundProgress() if is_left else window_for_area(area, of_several)
