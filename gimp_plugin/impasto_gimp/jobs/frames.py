"""The frames of an animation, painted in order: one session for each, on one display.

Each begins from the one before it, which the daemon moves as its subject has moved. Knows no GIMP,
no GTK.
"""

from __future__ import annotations

from collections.abc import Sequence

from impasto_gimp.jobs.series_display import SeriesDisplay
from impasto_gimp.jobs.session import (
    Abandoned,
    Connect,
    Painting,
    ProgressDisplay,
    Session,
    UserAction,
)
from impasto_gimp.translation import gettext
from impasto_shared.beginning import Beginning
from impasto_shared.errors import DaemonError, ErrorCode
from impasto_shared.image import Image
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style

_CANNOT_MOVE = gettext(
    "The Impasto daemon cannot follow the motion from frame to frame: it lacks OpenCV, or is older "
    "than this plug-in. “Films” in docs/batch.md says how to install OpenCV."
)


class FramePainter:
    """Paints `count` frames; `display` is that of all of them."""

    def __init__(self, connect: Connect, display: ProgressDisplay, count: int) -> None:
        self._connect, self._display, self._count = connect, display, count
        self._number = 0
        self._former: tuple[Image, Image] | None = None

    def check(self) -> None:
        """Raises DaemonError if the daemon cannot move frames, and what `Session.status` raises."""
        if not Session(self._connect, self._display).status().moves_frames:
            raise DaemonError(_CANNOT_MOVE, ErrorCode.INVALID_SETTINGS)

    def paint(
        self,
        content: Image,
        styles: Sequence[Style],
        settings: StyleSettings,
        first: Beginning | None = None,
    ) -> Painting | None:
        """Returns the next frame, `content`, painted; None if the user stops before its end.

        first: the picture that the first frame begins from, if there is one. A frame that has
            another size than the one before it begins from nothing.

        Raises what `Session.painted` raises.
        """
        display = _FrameDisplay(self._display, self._number, self._count)
        beginning = self._beginning(content, settings.size) if self._number else first
        try:
            with Session(self._connect, display).painted(
                content, styles, settings, beginning
            ) as painting:
                self._former = content, painting.picture
        except Abandoned:
            if not display.is_stopped:
                raise
            return None
        self._number += 1
        return painting

    def _beginning(self, content: Image, size: int) -> Beginning | None:
        if self._former is None:
            return None
        photo, painted = self._former
        if (photo.width, photo.height) != (content.width, content.height):
            return None
        return Beginning(painted, size, photo=photo)


class _FrameDisplay(SeriesDisplay):
    """The user's display for frame `number` of `count`, from 0."""

    def __init__(self, display: ProgressDisplay, number: int, count: int) -> None:
        def text_of(progress: str) -> str:
            text = gettext("Frame {number} of {count}: {progress}")
            return text.format(number=number + 1, count=count, progress=progress)

        super().__init__(display, number, count, text_of, has_pictures=number > 0)

    def user_action(self) -> UserAction:
        """Returns what the user has chosen."""
        action = super().user_action()
        # A single frame is of no use after the end of GIMP.
        return UserAction.CONTINUE if action is UserAction.LEAVE else action
