"""A session against a scripted client; tests/integration has it against a real daemon."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pytest

from impasto_gimp.jobs.session import (
    Abandoned,
    AdjustmentWanted,
    JobCancelled,
    Progress,
    Session,
    UserAction,
    progress_of,
)
from impasto_shared.beginning import Beginning
from impasto_shared.errors import (
    DaemonError,
    DaemonUnavailable,
    ErrorCode,
    ImpastoError,
    ProtocolError,
)
from impasto_shared.image import Image, PixelFormat
from impasto_shared.protocol.messages import PreviewOptions, StatusReport
from impasto_shared.protocol.reports import JobReport, JobState, Problem, WorkerReport
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style

JOB = "a" * 32
OTHER_JOB = "b" * 32
SETTINGS = StyleSettings(iterations=100)
RUNNING = JobReport(JOB, JobState.RUNNING, step=50, steps=100, done=0.5)
DONE = JobReport(JOB, JobState.DONE, step=100, steps=100, done=1)
CANCELLED = JobReport(JOB, JobState.CANCELLED)
FAILED = JobReport(JOB, JobState.FAILED)
PREVIEWS = PreviewOptions(longest_side_px=64)
MINUTE_S = 60
HOUR_S = 3600


def blank(width: int, height: int) -> Image:
    return Image(width, height, PixelFormat.RGB_U8, bytes(width * height * 3))


PHOTO = blank(4, 3)
STYLE = blank(2, 2)
PAINTING = blank(4, 3)


class Broken(Exception):
    """An unexpected error."""


class ScriptedClient:
    """A client that plays a batch of reports at each poll, and the display that shows them.

    `sketches` are the previews that come with the batches, `actions` what the user does after them;
    `silences_s` are how long it has been silent then; `calls` tells in which order it was used;
    `failures` maps a moment to what happens at it.
    """

    def __init__(
        self,
        *batches: list[JobReport],
        picture: Image = PAINTING,
        failures: Mapping[str, Exception] | None = None,
        is_started: bool = False,
        sketches: Sequence[Image | None] = (),
        actions: Sequence[UserAction] = (),
        silences_s: Sequence[float] = (),
    ) -> None:
        self.calls: list[str] = []
        self.is_connected = True
        self.models: tuple[str, ...] = ()
        self.moves_frames = False
        self.on_poll: Callable[[], object] = lambda: None
        self.submitted: tuple[Image, list[Style], StyleSettings] | None = None
        self.begun_from: Beginning | None = None
        self.timeouts_s: list[float] = []
        self.shown: list[Progress] = []
        self.sketched: list[Image] = []
        self.asked_for: PreviewOptions | None = None
        self.previews: PreviewOptions | None = PREVIEWS
        self._sketches, self._actions = list(sketches), list(actions)
        self._silences_s = list(silences_s)
        self._batches = list(batches)
        self._picture = picture
        self._failures = failures or {}
        self._is_started = is_started

    def connect(
        self, *, on_start: Callable[[], None], while_waiting: Callable[[], object]
    ) -> "ScriptedClient":
        self._reach("connect")
        self.while_waiting = while_waiting
        if self._is_started:
            on_start()
        return self

    def submit(
        self,
        content: Image,
        styles: Sequence[Style],
        settings: StyleSettings,
        previews: PreviewOptions | None = None,
        *,
        warm_start: bool = False,
        begin_from: Beginning | None = None,
    ) -> str:
        assert not warm_start
        self._reach("submit")
        self.begun_from = begin_from
        self.asked_for = previews
        self.submitted = (content, list(styles), settings)
        return JOB

    def poll(self, timeout_s: float = 0.0) -> list[JobReport]:
        self._reach("poll")
        self.on_poll()
        self.timeouts_s.append(timeout_s)
        return self._batches.pop(0)

    @property
    def silent_s(self) -> float:
        return self._silences_s.pop(0) if self._silences_s else 0.0

    def take_preview(self, job: str) -> Image | None:
        assert job == JOB
        return self._sketches.pop(0) if self._sketches else None

    def keep(self, job: str) -> JobReport:
        self._reach("keep")
        assert job == JOB
        return RUNNING

    def detach(self, job: str) -> JobReport:
        self._reach("detach")
        assert job == JOB
        return RUNNING

    def watch(self, job: str, previews: PreviewOptions | None = None) -> JobReport:
        self._reach("watch")
        assert job == JOB
        self.asked_for = previews
        return RUNNING

    def fetch(self, job: str) -> Image:
        self._reach("fetch")
        assert job == JOB
        return self._picture

    def forget(self, job: str) -> None:
        self._reach("forget")
        assert job == JOB

    def status(self) -> StatusReport:
        self._reach("status")
        models, moves = self.models, self.moves_frames
        return StatusReport("1", 1, "1.0", 2.0, WorkerReport(), models=models, moves_frames=moves)

    def close(self) -> None:
        self._reach("close")

    def show(self, progress: Progress) -> None:
        self.shown.append(progress)
        # Before that there is nothing to close.
        if "connect" in self.calls and "show" in self._failures:
            raise self._failures["show"]

    def show_picture(self, picture: Image) -> None:
        self.sketched.append(picture)

    def user_action(self) -> UserAction:
        self._reach("user_action")
        return self._actions.pop(0) if self._actions else UserAction.CONTINUE

    def _reach(self, moment: str) -> None:
        self.calls.append(moment)
        if moment in self._failures:
            raise self._failures[moment]


def run(client: ScriptedClient) -> Image:
    session = Session(client.connect, client)
    with session.painted(PHOTO, [Style(STYLE)], SETTINGS) as painting:
        client.calls.append("deliver")
        return painting.picture


@pytest.mark.parametrize(
    ("is_connected", "text"),
    [
        (True, "The daemon has not responded for 3 s…"),
        (False, "No connection to the daemon for 3 s. Connecting again…"),
    ],
)
def test_silence_is_shown_until_the_daemon_responds(*, is_connected: bool, text: str) -> None:
    client = ScriptedClient([RUNNING], [], [], [RUNNING], [DONE], silences_s=[0.4, 1.9, 3.1, 0.0])
    client.is_connected = is_connected

    run(client)

    texts = [progress.text for progress in client.shown]
    assert texts.count(text) == 1
    assert texts.index(text) < len(texts) - 2


def test_painting_says_at_which_size_it_was_painted() -> None:
    client = ScriptedClient([RUNNING], [replace(DONE, step=30, painted_px=2)])
    session = Session(client.connect, client)

    with session.painted(PHOTO, [Style(STYLE)], SETTINGS) as painting:
        assert painting.painted_px == 2


def test_painting_is_returned_and_then_freed_at_the_daemon() -> None:
    client = ScriptedClient([DONE])

    picture = run(client)

    assert picture is PAINTING
    assert client.calls == [
        *("connect", "user_action", "submit", "poll", "fetch", "user_action"),
        *("deliver", "forget", "close"),
    ]


def test_painting_that_is_recorded_stays_at_the_daemon() -> None:
    client = ScriptedClient([DONE])
    session = Session(client.connect, client)
    recorded: list[str] = []

    with session.painted(PHOTO, [Style(STYLE)], SETTINGS, on_accepted=recorded.append) as painting:
        pass

    assert recorded == [painting.job] == [JOB]
    assert "forget" not in client.calls


def test_recorded_painting_that_the_user_abandons_is_freed_at_the_daemon() -> None:
    client = ScriptedClient([DONE], actions=[UserAction.CONTINUE, UserAction.CANCEL])
    session = Session(client.connect, client)

    with (
        pytest.raises(Abandoned),
        session.painted(PHOTO, [Style(STYLE)], SETTINGS, on_accepted=lambda _: None),
    ):
        pass

    assert client.calls[-2:] == ["forget", "close"]


def test_size_at_which_a_painting_was_stopped_is_known() -> None:
    client = ScriptedClient([replace(DONE, step=50, painted_px=181)])

    with Session(client.connect, client).painted(PHOTO, [Style(STYLE)], SETTINGS) as painting:
        pass

    assert painting.painted_px == 181


def test_job_that_the_user_leaves_is_detached_once_and_followed_to_its_end() -> None:
    leaves = [UserAction.CONTINUE, *[UserAction.LEAVE] * 4]
    client = ScriptedClient([RUNNING], [RUNNING], [DONE], actions=leaves)

    assert run(client) is PAINTING
    assert client.calls.count("detach") == 1


def test_job_that_was_left_and_is_then_cancelled_ends_without_an_error() -> None:
    leaves = [UserAction.CONTINUE, *[UserAction.LEAVE] * 4]
    client = ScriptedClient([RUNNING], [CANCELLED], actions=leaves)

    with pytest.raises(Abandoned):
        run(client)


def test_older_daemon_that_cannot_detach_a_job_paints_it_for_its_client() -> None:
    too_old = DaemonError("There is no such message.", ErrorCode.UNKNOWN_TYPE)
    leaves = [UserAction.CONTINUE, *[UserAction.LEAVE] * 4]
    client = ScriptedClient([RUNNING], [DONE], actions=leaves, failures={"detach": too_old})

    assert run(client) is PAINTING


def test_display_that_is_enlarged_gets_larger_previews() -> None:
    client = ScriptedClient([RUNNING], [RUNNING], [DONE], actions=[UserAction.CONTINUE] * 5)
    larger = PreviewOptions(longest_side_px=1024)
    client.on_poll = lambda: setattr(client, "previews", larger)

    run(client)

    assert client.calls.count("watch") == 1
    assert client.asked_for == larger


def test_painting_that_could_not_be_put_anywhere_stays_at_the_daemon() -> None:
    client = ScriptedClient([DONE])
    session = Session(client.connect, client)

    with pytest.raises(Broken), session.painted(PHOTO, [Style(STYLE)], SETTINGS):
        raise Broken

    assert client.calls[-2:] == ["user_action", "close"]


def test_painting_that_the_user_abandons_at_last_is_freed_at_the_daemon() -> None:
    client = ScriptedClient([DONE])
    session = Session(client.connect, client)

    with pytest.raises(Abandoned), session.painted(PHOTO, [Style(STYLE)], SETTINGS):
        raise Abandoned

    assert client.calls[-2:] == ["forget", "close"]


def test_picture_to_begin_from_reaches_the_daemon() -> None:
    client = ScriptedClient([DONE])
    beginning = Beginning(PAINTING, 256)

    with Session(client.connect, client).painted(PHOTO, [Style(STYLE)], SETTINGS, beginning):
        pass

    assert client.begun_from is beginning


def test_photo_style_and_settings_reach_the_daemon() -> None:
    client = ScriptedClient([DONE])

    run(client)

    assert client.submitted == (PHOTO, [Style(STYLE)], SETTINGS)


def test_every_stage_is_shown() -> None:
    client = ScriptedClient(
        [JobReport(JOB, JobState.QUEUED, position=2)],
        [JobReport(JOB, JobState.RUNNING, steps=100)],
        [JobReport(JOB, JobState.RUNNING, step=1, steps=100, done=0.01, loss=0.25)],
        [
            JobReport(JOB, JobState.RUNNING, step=50, steps=100, done=0.5, loss=0.125, eta_s=42.0),
            DONE,
        ],
    )

    run(client)

    assert client.shown == [
        Progress("Looking for the daemon…"),
        Progress("Sending the picture…"),
        Progress("Waiting for 2 other jobs"),
        Progress("Loading the network…"),
        Progress("Step 1 of 100", 0.01, 0.25),
        Progress("Step 50 of 100, 42 s left", 0.5, 0.125, can_keep=True),
        Progress("Fetching the picture…", 1.0),
    ]


def test_start_of_the_daemon_is_shown() -> None:
    client = ScriptedClient([DONE], is_started=True)

    run(client)

    assert [progress.text for progress in client.shown][:3] == [
        "Looking for the daemon…",
        "Starting the daemon…",
        "Sending the picture…",
    ]


def test_windows_are_kept_alive_while_the_client_waits() -> None:
    client = ScriptedClient([DONE])

    run(client)
    client.calls.clear()
    client.while_waiting()

    assert client.calls == ["user_action"]


def test_cancel_ends_a_wait_of_the_client() -> None:
    client = ScriptedClient([DONE])

    run(client)
    client._actions.append(UserAction.CANCEL)

    with pytest.raises(Abandoned):
        client.while_waiting()


def test_windows_are_kept_alive_while_no_news_comes() -> None:
    client = ScriptedClient([], [], [RUNNING], [DONE])

    run(client)

    waiting = client.calls[client.calls.index("submit") + 1 : client.calls.index("fetch")]
    assert waiting == ["poll", "user_action"] * 3 + ["poll"]
    assert 0 < max(client.timeouts_s) <= 0.1


@pytest.mark.parametrize(
    ("report", "progress"),
    [
        pytest.param(
            JobReport(JOB, JobState.QUEUED, position=1, steps=100),
            Progress("Waiting for 1 other job"),
            id="one job ahead",
        ),
        pytest.param(
            JobReport(JOB, JobState.QUEUED, position=3, steps=100),
            Progress("Waiting for 3 other jobs"),
            id="several jobs ahead",
        ),
        pytest.param(
            JobReport(JOB, JobState.QUEUED, steps=100),
            Progress("Loading the network…"),
            id="next in the queue",
        ),
        pytest.param(
            JobReport(JOB, JobState.RUNNING, steps=100),
            Progress("Loading the network…"),
            id="no step done",
        ),
        pytest.param(
            JobReport(JOB, JobState.RUNNING, step=25, steps=100, done=0.25),
            Progress("Step 25 of 100", 0.25, can_keep=True),
            id="neither time nor loss",
        ),
        pytest.param(
            JobReport(JOB, JobState.RUNNING, step=1, steps=4, done=0.25, loss=1234.5),
            Progress("Step 1 of 4", 0.25, 1234.5),
            id="loss only",
        ),
        pytest.param(
            JobReport(JOB, JobState.RUNNING, step=1, steps=4, done=0.25, loss=0.0),
            Progress("Step 1 of 4", 0.25, 0.0),
            id="no loss left",
        ),
        pytest.param(
            JobReport(JOB, JobState.RUNNING, step=3, steps=4, done=0.75, loss=0.5, eta_s=0.0),
            Progress("Step 3 of 4, 0 s left", 0.75, 0.5, can_keep=True),
            id="no time left",
        ),
        pytest.param(
            JobReport(JOB, JobState.RUNNING, step=5, steps=4, done=1),
            Progress("Step 5 of 4", 1.0, can_keep=True),
            id="more steps than announced",
        ),
    ],
)
def test_progress_says_what_the_job_does(report: JobReport, progress: Progress) -> None:
    assert progress_of(report) == progress


@pytest.mark.parametrize(
    ("eta_s", "words"),
    [
        (42.4, "42 s"),
        (99.4, "99 s"),
        (100, "2 min"),
        (12 * MINUTE_S, "12 min"),
        (59 * MINUTE_S, "59 min"),
        (HOUR_S - 1, "1 h 0 min"),
        (2 * HOUR_S + 5 * MINUTE_S, "2 h 5 min"),
        (30 * HOUR_S, "30 h 0 min"),
    ],
)
def test_time_left_is_said_as_people_say_it(eta_s: float, words: str) -> None:
    report = JobReport(JOB, JobState.RUNNING, step=1, steps=2, done=0.5, loss=0.5, eta_s=eta_s)

    assert progress_of(report).text == f"Step 1 of 2, {words} left"


@pytest.mark.parametrize("state", list(JobState))
def test_reports_of_other_jobs_are_ignored(state: JobState) -> None:
    of_another = JobReport(OTHER_JOB, state, position=9, step=7, steps=9, done=0.777778)
    client = ScriptedClient([of_another], [of_another, RUNNING, of_another], [of_another, DONE])

    picture = run(client)

    assert picture is PAINTING
    assert client.calls.count("poll") == 3
    assert [progress.text for progress in client.shown][2:] == [
        "Step 50 of 100",
        "Fetching the picture…",
    ]


def test_pictures_are_asked_for_and_shown_as_they_come() -> None:
    first, second = blank(2, 1), blank(3, 2)
    client = ScriptedClient([RUNNING], [], [RUNNING], [DONE], sketches=[first, None, second])

    run(client)

    assert client.asked_for == PREVIEWS
    assert client.sketched == [first, second]


def test_what_has_been_painted_is_kept_on_request() -> None:
    client = ScriptedClient(
        [RUNNING],
        [RUNNING],
        [RUNNING],
        [DONE],
        actions=[UserAction.CONTINUE, UserAction.KEEP, UserAction.KEEP],
    )

    picture = run(client)

    assert picture is PAINTING
    assert client.calls.count("keep") == 1
    assert [progress.text for progress in client.shown][-3:] == [
        "Step 50 of 100",
        "Finishing the picture…",
        "Fetching the picture…",
    ]


def test_wish_to_adjust_abandons_the_painting_and_says_so() -> None:
    client = ScriptedClient([RUNNING], [RUNNING], actions=[UserAction.CONTINUE, UserAction.ADJUST])

    with pytest.raises(AdjustmentWanted):
        run(client)

    assert "fetch" not in client.calls
    assert client.calls[-1] == "close"


@pytest.mark.parametrize(
    "actions",
    [
        [UserAction.CANCEL],
        [UserAction.CONTINUE, UserAction.CANCEL],
        [UserAction.CONTINUE, UserAction.KEEP, UserAction.CANCEL],
    ],
)
def test_painting_is_abandoned_on_cancel(actions: list[UserAction]) -> None:
    client = ScriptedClient([RUNNING], [RUNNING], [DONE], actions=actions)

    with pytest.raises(Abandoned):
        run(client)

    assert "fetch" not in client.calls
    assert client.calls[-1] == "close"


def test_painting_abandoned_while_it_is_fetched_is_not_returned() -> None:
    client = ScriptedClient([DONE], actions=[UserAction.CONTINUE, UserAction.CANCEL])

    with pytest.raises(Abandoned):
        run(client)

    assert client.calls[-4:] == ["fetch", "user_action", "forget", "close"]


def test_daemon_that_cannot_keep_goes_on_to_the_end() -> None:
    old = DaemonError("There is no message type 'keep'.", ErrorCode.UNKNOWN_TYPE)
    client = ScriptedClient(
        [RUNNING],
        [RUNNING],
        [DONE],
        actions=[UserAction.CONTINUE, UserAction.KEEP],
        failures={"keep": old},
    )

    assert run(client) is PAINTING


def test_failed_job_is_reported_in_the_daemons_words() -> None:
    problem = Problem(ErrorCode.OUT_OF_MEMORY, "Choose a smaller size.", "size")
    client = ScriptedClient([JobReport(JOB, JobState.FAILED, problem=problem)])

    with pytest.raises(DaemonError, match=r"^Choose a smaller size\.$") as caught:
        run(client)

    assert (caught.value.code, caught.value.field) == (ErrorCode.OUT_OF_MEMORY, "size")
    assert "fetch" not in client.calls


def test_failed_job_without_a_reason_is_reported_too() -> None:
    client = ScriptedClient([RUNNING, FAILED])

    with pytest.raises(DaemonError, match="gave no reason") as caught:
        run(client)

    assert caught.value.code is ErrorCode.INTERNAL
    assert "fetch" not in client.calls


def test_job_cancelled_elsewhere_is_said_to_be_cancelled() -> None:
    client = ScriptedClient([RUNNING], [CANCELLED])

    with pytest.raises(JobCancelled, match=r"cancelled outside GIMP\. Run the filter again"):
        run(client)

    assert "fetch" not in client.calls


@pytest.mark.parametrize(("width", "height"), [(5, 3), (4, 2), (3, 4)])
def test_painting_of_another_size_is_refused_with_both_sizes(width: int, height: int) -> None:
    client = ScriptedClient([DONE], picture=blank(width, height))

    with pytest.raises(ProtocolError, match=f"{width} × {height} pixels instead of 4 × 3"):
        run(client)

    assert "forget" not in client.calls


def test_daemon_that_is_not_there_is_reported() -> None:
    absent = DaemonUnavailable("There is none.")
    client = ScriptedClient(failures={"connect": absent})

    with pytest.raises(DaemonUnavailable) as caught:
        run(client)

    assert caught.value is absent
    assert client.calls == ["connect"]


@pytest.mark.parametrize("moment", ["submit", "poll", "fetch"])
def test_daemon_that_vanishes_before_the_painting_is_here_is_reported(moment: str) -> None:
    gone = DaemonUnavailable("It is gone.")
    client = ScriptedClient([DONE], failures={moment: gone})

    with pytest.raises(DaemonUnavailable) as caught:
        run(client)

    assert caught.value is gone
    assert client.calls[-2:] == [moment, "close"]


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(DaemonUnavailable("It is gone."), id="vanished"),
        pytest.param(DaemonError("It knows no such job.", ErrorCode.UNKNOWN_JOB), id="restarted"),
    ],
)
def test_painting_is_kept_where_the_daemon_can_no_longer_forget_it(error: ImpastoError) -> None:
    client = ScriptedClient([DONE], failures={"forget": error})

    picture = run(client)

    assert picture is PAINTING
    assert client.calls[-2:] == ["forget", "close"]


@pytest.mark.parametrize("moment", ["submit", "poll", "show", "user_action", "fetch", "forget"])
def test_connection_is_closed_whenever_something_breaks(moment: str) -> None:
    client = ScriptedClient([RUNNING], [DONE], failures={moment: Broken()})

    with pytest.raises(Broken):
        run(client)

    assert client.calls[-1] == "close"
    assert client.calls.count("close") == 1


@pytest.mark.parametrize(
    ("last", "picture"),
    [
        pytest.param(CANCELLED, PAINTING, id="cancelled"),
        pytest.param(FAILED, PAINTING, id="failed"),
        pytest.param(DONE, STYLE, id="another size"),
    ],
)
def test_connection_is_closed_however_the_job_ends(last: JobReport, picture: Image) -> None:
    client = ScriptedClient([last], picture=picture)

    with pytest.raises(ImpastoError):
        run(client)

    assert client.calls[-1] == "close"
    assert client.calls.count("close") == 1
