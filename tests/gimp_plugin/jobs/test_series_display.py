from __future__ import annotations

import pytest

from impasto_gimp.jobs.series_display import SeriesDisplay
from impasto_gimp.jobs.session import Progress, UserAction
from impasto_shared.image import Image
from impasto_shared.protocol.messages import PreviewOptions


class Display:
    """The display of all pictures; the user does what `action` says."""

    previews: PreviewOptions | None = None

    def __init__(self, action: UserAction = UserAction.CONTINUE) -> None:
        self.shown: list[Progress] = []
        self._action = action

    def show(self, progress: Progress) -> None:
        self.shown.append(progress)

    def show_picture(self, picture: Image) -> None:
        raise NotImplementedError

    def user_action(self) -> UserAction:
        return self._action


def series(display: Display, *, has_pictures: bool = True) -> SeriesDisplay:
    return SeriesDisplay(display, 2, 4, "Third: {}".format, has_pictures=has_pictures)


@pytest.mark.parametrize("has_pictures", [False, True])
def test_progress_is_that_of_the_series(has_pictures: bool) -> None:
    display = Display()

    series(display, has_pictures=has_pictures).show(Progress("half way", 0.5, 7.0))

    assert display.shown == [Progress("Third: half way", 2.5 / 4, 7.0, has_pictures)]


def test_unknown_progress_is_none_of_this_picture() -> None:
    display = Display()

    series(display).show(Progress("waiting"))

    assert display.shown[0].fraction == 2 / 4


def test_stopping_early_cancels_this_picture() -> None:
    one = series(Display(UserAction.KEEP))

    assert (one.user_action(), one.is_stopped) == (UserAction.CANCEL, True)


@pytest.mark.parametrize("action", [UserAction.CONTINUE, UserAction.CANCEL])
def test_everything_else_is_passed_on(action: UserAction) -> None:
    one = series(Display(action))

    assert (one.user_action(), one.is_stopped) == (action, False)
