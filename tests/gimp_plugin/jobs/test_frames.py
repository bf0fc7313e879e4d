"""The frames of an animation: one session after the other, on one display."""

from collections.abc import Callable

import pytest

from gimp_plugin.jobs.test_session import PAINTING, PHOTO, STYLE, ScriptedClient, blank
from gimp_plugin.sheets.test_sheet_painting import DONE, HALF_WAY, RecordingDisplay, failed
from impasto_gimp.jobs.frames import FramePainter
from impasto_gimp.jobs.session import Abandoned, AdjustmentWanted, UserAction
from impasto_shared.beginning import Beginning
from impasto_shared.errors import DaemonError, ErrorCode
from impasto_shared.image import Image
from impasto_shared.protocol.reports import JobReport
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style

SETTINGS = StyleSettings(size=64)
STYLES = [Style(STYLE)]


class Daemon:
    """Gives each session a client that plays a script, or the last one again."""

    def __init__(self, *scripts: list[JobReport], moves_frames: bool = True) -> None:
        self.clients: list[ScriptedClient] = []
        self.picture = PAINTING
        self._scripts, self._moves_frames = list(scripts), moves_frames

    def connect(
        self, *, on_start: Callable[[], None], while_waiting: Callable[[], object]
    ) -> ScriptedClient:
        script = self._scripts[min(len(self.clients), len(self._scripts) - 1)]
        client = ScriptedClient(*([report] for report in script), picture=self.picture)
        client.moves_frames = self._moves_frames
        self.clients.append(client)
        return client.connect(on_start=on_start, while_waiting=while_waiting)

    @property
    def beginnings(self) -> list[Beginning | None]:
        return [client.begun_from for client in self.clients]


def painter(daemon: Daemon, display: RecordingDisplay | None = None) -> FramePainter:
    return FramePainter(daemon.connect, display or RecordingDisplay(), 3)


def paint(painter: FramePainter, photo: Image = PHOTO) -> Image | None:
    painting = painter.paint(photo, STYLES, SETTINGS)
    return None if painting is None else painting.picture


def test_each_frame_begins_from_the_one_before_with_its_photo() -> None:
    daemon = Daemon([DONE])
    frames = painter(daemon)
    others = [blank(4, 3), blank(4, 3)]

    painted = [paint(frames, photo) for photo in (PHOTO, *others)]

    assert painted == [PAINTING] * 3
    first, second, third = daemon.beginnings
    assert first is None
    assert second == Beginning(PAINTING, 64, photo=PHOTO)
    assert third is not None
    assert third.photo is others[0]


def test_first_frame_begins_from_the_preview() -> None:
    daemon = Daemon([DONE])
    draft = Beginning(blank(4, 3), 32)
    frames = painter(daemon)

    for _ in range(2):
        frames.paint(PHOTO, STYLES, SETTINGS, draft)

    assert daemon.beginnings == [draft, Beginning(PAINTING, 64, photo=PHOTO)]


def test_frame_of_another_size_begins_from_nothing() -> None:
    daemon = Daemon([DONE])
    frames = painter(daemon)

    paint(frames)
    daemon.picture = blank(8, 6)
    paint(frames, daemon.picture)

    assert daemon.beginnings == [None, None]


def test_progress_is_that_of_all_frames() -> None:
    display = RecordingDisplay()
    frames = painter(Daemon([DONE], [HALF_WAY, DONE]), display)

    paint(frames)
    can_keep_first = any(progress.can_keep for progress in display.shown)
    paint(frames)

    half_way = next(progress for progress in display.shown if "Step 5 of 10" in progress.text)
    assert half_way.text == "Frame 2 of 3: Step 5 of 10"
    assert half_way.fraction == 0.5
    assert half_way.can_keep
    assert not can_keep_first


def test_stopping_cancels_the_frame_under_way_and_says_so() -> None:
    display = RecordingDisplay()
    daemon = Daemon([DONE], [HALF_WAY, DONE])
    frames = painter(daemon, display)

    paint(frames)
    display.next_action = UserAction.KEEP

    assert paint(frames) is None
    assert "keep" not in daemon.clients[1].calls
    assert daemon.clients[1].calls[-1] == "close"


@pytest.mark.parametrize(
    ("action", "error"),
    [(UserAction.CANCEL, Abandoned), (UserAction.ADJUST, AdjustmentWanted)],
)
def test_cancelling_ends_it_all(action: UserAction, error: type[Exception]) -> None:
    display = RecordingDisplay()
    display.next_action = action

    with pytest.raises(error):
        paint(painter(Daemon([HALF_WAY, DONE]), display))


def test_frame_goes_on_in_the_background_without_outlasting_gimp() -> None:
    display = RecordingDisplay()
    display.next_action = UserAction.LEAVE
    daemon = Daemon([HALF_WAY, DONE])

    assert paint(painter(daemon, display)) == PAINTING
    assert "detach" not in daemon.clients[0].calls


def test_failure_is_that_of_the_daemon() -> None:
    daemon = Daemon([failed(ErrorCode.OUT_OF_MEMORY, "There is too little memory.")])

    with pytest.raises(DaemonError, match="too little memory"):
        paint(painter(daemon))


def test_daemon_that_cannot_move_frames_is_named() -> None:
    painter(Daemon([DONE])).check()

    with pytest.raises(DaemonError, match="lacks OpenCV, or is older than this plug-in"):
        painter(Daemon([DONE], moves_frames=False)).check()
