"""GIMP's own progress bar, for scripts and repeated filters. It needs no screen."""

from __future__ import annotations

from impasto_gimp.dialogs.main_loop import handle_events
from impasto_gimp.image.painted_area import PaintedArea
from impasto_gimp.introspection import Gimp
from impasto_gimp.jobs.session import Progress, UserAction
from impasto_shared.image import Image
from impasto_shared.protocol.messages import PreviewOptions


class ProgressBar:
    """GIMP's progress bar as a display without a picture; `title` names the picture."""

    previews: PreviewOptions | None = None
    is_left = False

    def __init__(self, title: str) -> None:
        self._title = title

    def __enter__(self) -> ProgressBar:
        Gimp.progress_init(self._title)
        return self

    def __exit__(self, *_: object) -> None:
        Gimp.progress_end()

    def show(self, progress: Progress) -> None:
        """Moves the bar."""
        Gimp.progress_set_text(f"{self._title}: {progress.text}")
        if progress.fraction is None:
            Gimp.progress_pulse()
        else:
            Gimp.progress_update(progress.fraction)

    def show_picture(self, picture: Image) -> None:
        """Does nothing: a bar has no room for a picture."""

    def show_area(self, area: PaintedArea) -> None:
        """Does nothing, for the same reason."""

    def user_action(self) -> UserAction:
        """Returns CONTINUE: the button Cancel of GIMP's bar kills the plug-in's process."""
        handle_events()
        return UserAction.CONTINUE
