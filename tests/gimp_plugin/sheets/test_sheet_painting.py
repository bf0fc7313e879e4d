"""The pictures of a sheet: one session after the other, on one display."""

from collections.abc import Callable, Sequence

import pytest

from gimp_plugin.jobs.test_session import PHOTO, ScriptedClient
from impasto_gimp.jobs.session import Abandoned, JobCancelled, Progress, UserAction
from impasto_gimp.sheets.sheet_painting import painted_sheet
from impasto_shared.errors import DaemonError, DaemonUnavailable, ErrorCode
from impasto_shared.explore.contact_sheet import ContactSheet, SheetRow, SheetTile
from impasto_shared.explore.sheet_painting import PaintedSheet
from impasto_shared.image import Image
from impasto_shared.protocol.messages import PreviewOptions
from impasto_shared.protocol.reports import JobReport, JobState, Problem
from impasto_shared.settings import Mode, Model, StyleSettings
from impasto_shared.style import Style

JOB = "a" * 32
DONE = JobReport(JOB, JobState.DONE, step=9, steps=9, done=1.0)
HALF_WAY = JobReport(JOB, JobState.RUNNING, step=5, steps=10, done=0.5, loss=2.0)
CANCELLED = JobReport(JOB, JobState.CANCELLED)
LOST = DaemonUnavailable("It exited.")
STYLES = [Style(PHOTO)]


def failed(code: ErrorCode, message: str) -> JobReport:
    return JobReport(JOB, JobState.FAILED, problem=Problem(code, message))


MISSING = failed(ErrorCode.WEIGHTS_MISSING, "There are no weights.")
TOO_LARGE = failed(ErrorCode.OUT_OF_MEMORY, "There is too little memory.")

CONTENT = SheetTile("content", "relu1_1", StyleSettings(size=32, mode=Mode.CONTENT))
BOTH = SheetTile("both", "Average", StyleSettings(size=32))
OTHER = SheetTile("other", "VGG-16", StyleSettings(size=32, model=Model.VGG16))
OTHER_TOO = SheetTile("other_too", "VGG-16", StyleSettings(size=32, model=Model.VGG16, seed=1))
LAST = SheetTile("last", "Maximum", StyleSettings(size=32, seed=2))


def sheet(*rows: tuple[str, Sequence[SheetTile]]) -> ContactSheet:
    return ContactSheet(
        "some", "Some", "", tuple(SheetRow(caption, tuple(tiles)) for caption, tiles in rows)
    )


class RecordingDisplay:
    """Records what is shown, and does what it is told."""

    previews = PreviewOptions(longest_side_px=64)

    def __init__(self) -> None:
        self.shown: list[Progress] = []
        self.sketched: list[Image] = []
        self.next_action = UserAction.CONTINUE

    def show(self, progress: Progress) -> None:
        self.shown.append(progress)

    def show_picture(self, picture: Image) -> None:
        self.sketched.append(picture)

    def user_action(self) -> UserAction:
        return self.next_action


class Daemon:
    """Gives each session a client that plays its batches; `on_connect` is told which it is."""

    def __init__(
        self,
        *scripts: list[JobReport] | DaemonUnavailable,
        models: tuple[str, ...] = (),
        on_connect: Callable[[int], object] = lambda _: None,
    ) -> None:
        self.clients: list[ScriptedClient] = []
        self._scripts = list(scripts)
        self._models = models
        self._on_connect = on_connect

    def connect(
        self, *, on_start: Callable[[], None], while_waiting: Callable[[], object]
    ) -> ScriptedClient:
        self._on_connect(len(self.clients))
        script = self._scripts[len(self.clients)]
        if isinstance(script, DaemonUnavailable):
            raise script
        client = ScriptedClient(*([report] for report in script), sketches=[PHOTO])
        client.models = self._models
        self.clients.append(client)
        return client.connect(on_start=on_start, while_waiting=while_waiting)


def paint(
    daemon: Daemon, sheet: ContactSheet, display: RecordingDisplay | None = None
) -> PaintedSheet[Image]:
    recording = display or RecordingDisplay()
    with painted_sheet(daemon.connect, recording, sheet, PHOTO, STYLES) as painted:
        assert not any("forget" in client.calls for client in daemon.clients)
        return painted


def test_each_picture_is_painted_with_its_settings_and_the_style_it_needs() -> None:
    daemon = Daemon([DONE], [DONE])

    painted = paint(daemon, sheet(("", [CONTENT, BOTH])))

    assert list(painted.pictures) == ["content", "both"]
    assert (painted.missing, painted.reasons) == (0, {})
    assert [client.submitted for client in daemon.clients] == [
        (PHOTO, [], CONTENT.settings),
        (PHOTO, STYLES, BOTH.settings),
    ]
    assert all(client.calls[-1] == "close" for client in daemon.clients)


def test_progress_is_that_of_the_whole_sheet() -> None:
    display = RecordingDisplay()

    paint(Daemon([DONE], [HALF_WAY, DONE]), sheet(("", [CONTENT]), ("Both", [BOTH])), display)

    assert display.shown[0] == Progress("Picture 1 of 2, relu1_1: Looking for the daemon…", 0.0)
    expected = Progress("Picture 2 of 2, Both, Average: Step 5 of 10", 0.75, 2.0, can_keep=True)
    assert expected in display.shown
    fractions = [progress.fraction for progress in display.shown]
    assert fractions == sorted(fractions, key=lambda fraction: fraction or 0.0)
    assert display.sketched == [PHOTO]


def test_there_is_nothing_to_keep_before_a_picture_is_finished() -> None:
    display = RecordingDisplay()

    paint(Daemon([HALF_WAY, DONE]), sheet(("", [BOTH])), display)

    assert not any(progress.can_keep for progress in display.shown)


def test_network_that_the_daemon_lacks_is_not_asked_for() -> None:
    daemon = Daemon([], [DONE], models=("vgg19",))

    painted = paint(daemon, sheet(("", [OTHER, LAST])))

    assert list(painted.pictures) == ["last"]
    assert list(painted.reasons) == [
        "The network vgg16 is not on the daemon's machine. To download it there, run: "
        "impasto weights fetch vgg16"
    ]
    assert daemon.clients[0].calls[-2:] == ["status", "close"]
    assert daemon.clients[1].submitted == (PHOTO, STYLES, LAST.settings)


def test_network_that_the_daemon_has_is_used() -> None:
    daemon = Daemon([], [DONE], models=("vgg19", "vgg16"))

    assert list(paint(daemon, sheet(("", [OTHER]))).pictures) == ["other"]


def test_network_that_turns_out_to_be_missing_is_asked_for_once() -> None:
    daemon = Daemon([], [MISSING], [DONE])

    painted = paint(daemon, sheet(("", [OTHER]), ("", [OTHER_TOO, LAST])))

    assert list(painted.pictures) == ["last"]
    assert (painted.missing, list(painted.reasons)) == (2, ["There are no weights."])


def test_sheet_of_which_nothing_can_be_painted_says_why() -> None:
    with pytest.raises(DaemonError, match="There are no weights"):
        paint(Daemon([], [MISSING]), sheet(("", [OTHER, OTHER_TOO])))


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ([TOO_LARGE], "There is too little memory."),
        ([CANCELLED], "The job was cancelled outside GIMP. Run the filter again."),
        (LOST, "It exited."),
    ],
    ids=["fails", "is cancelled", "daemon exits"],
)
def test_finished_pictures_outlive_a_failure(
    script: list[JobReport] | DaemonUnavailable, reason: str
) -> None:
    painted = paint(Daemon([DONE], script), sheet(("", [CONTENT, BOTH, LAST])))

    assert list(painted.pictures) == ["content"]
    assert (painted.missing, list(painted.reasons)) == (2, [reason])


@pytest.mark.parametrize(
    ("script", "error"),
    [([TOO_LARGE], DaemonError), ([CANCELLED], JobCancelled), (LOST, DaemonUnavailable)],
    ids=["fails", "is cancelled", "daemon exits"],
)
def test_failure_of_the_first_picture_is_told(
    script: list[JobReport] | DaemonUnavailable, error: type[Exception]
) -> None:
    with pytest.raises(error):
        paint(Daemon(script), sheet(("", [CONTENT, BOTH])))


def acting(display: RecordingDisplay, action: UserAction, at: int) -> Callable[[int], object]:
    """Wishes something as soon as the picture of this number is begun."""

    def on_connect(number: int) -> None:
        if number == at:
            display.next_action = action

    return on_connect


def test_stop_and_keep_gives_the_finished_pictures() -> None:
    display = RecordingDisplay()
    daemon = Daemon([DONE], [HALF_WAY], on_connect=acting(display, UserAction.KEEP, at=1))

    painted = paint(daemon, sheet(("", [CONTENT, BOTH, LAST])), display)

    assert list(painted.pictures) == ["content"]
    assert painted.reasons == {}
    assert "keep" not in daemon.clients[1].calls
    assert daemon.clients[1].calls[-1] == "close"


def test_cancel_gives_nothing() -> None:
    display = RecordingDisplay()
    daemon = Daemon([DONE], [HALF_WAY], on_connect=acting(display, UserAction.CANCEL, at=1))

    with pytest.raises(Abandoned):
        paint(daemon, sheet(("", [CONTENT, BOTH])), display)

    assert daemon.clients[1].calls[-1] == "close"
