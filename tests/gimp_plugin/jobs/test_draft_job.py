"""Drafts from a scripted client, with a clock of its own; one from a real daemon."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from impasto_gimp.jobs.draft_job import (
    DRAFT_PX,
    QUICK_S,
    QUIET_S,
    RETRY_S,
    DraftChoice,
    Drafts,
    draft_settings,
)
from impasto_shared.errors import DaemonUnavailable, InvalidImage
from impasto_shared.image import Image, PixelFormat
from impasto_shared.protocol.messages import ForecastReport, PreviewOptions
from impasto_shared.protocol.reports import JobReport, JobState
from impasto_shared.settings import Quality, StyleSettings
from impasto_shared.style import Style
from integration.daemon_process import DaemonProcess, picture

TICK_S = 0.1
SETTINGS = StyleSettings()
STRONGER = replace(SETTINGS, style_strength=2.0)


def blank(width: int, height: int) -> Image:
    return Image(width, height, PixelFormat.RGB_U8, bytes(width * height * 3))


CONTENT, SKETCH, RESULT = blank(8, 6), blank(4, 3), blank(8, 6)


class Daemon:
    """A scripted daemon, the client of it, and the clock.

    `news` are the reports that the next poll brings; `calls` tells how the client was used.
    """

    def __init__(self, painting_s: float | None = 1.0, *, is_running: bool = True) -> None:
        self.painting_s, self.is_running = painting_s, is_running
        self.problem: InvalidImage | None = None
        self.now_s = 100.0
        self.calls: list[str] = []
        self.submitted: list[StyleSettings] = []
        self.news: list[JobReport] = []
        self.sketch: Image | None = None
        self.paintings = 0

    @property
    def job(self) -> str:
        return f"job {len(self.submitted)}"

    def connect(self) -> Any:  # the part of a client that drafts use
        self.calls.append("connect")
        if not self.is_running:
            raise DaemonUnavailable("No daemon.")
        return self

    def read(self) -> tuple[Image, Sequence[Style]]:
        self.calls.append("read")
        if self.problem:
            raise self.problem
        return CONTENT, [Style(blank(2, 2))]

    def submit(
        self,
        content: Image,
        styles: Sequence[Style],
        settings: StyleSettings,
        previews: PreviewOptions | None = None,
        *,
        warm_start: bool = False,
    ) -> str:
        assert warm_start
        assert content is CONTENT
        assert styles
        assert previews is not None
        assert previews.longest_side_px == DRAFT_PX
        self.submitted.append(settings)
        self.calls.append(f"submit {self.job}")
        return self.job

    def poll(self, timeout_s: float = 0.0) -> list[JobReport]:
        assert timeout_s == 0.0  # or the dialog would wait
        if not self.is_running:
            raise DaemonUnavailable("It was ended.")
        news, self.news = self.news, []
        return news

    def take_preview(self, job: str) -> Image | None:
        sketch, self.sketch = self.sketch, None
        return sketch if job == self.job else None

    def cancel(self, job: str) -> JobReport:
        self.calls.append(f"cancel {job}")
        return JobReport(job, JobState.CANCELLED)

    def forecast(
        self, settings: StyleSettings, width: int, height: int, *, paintings: int = 1
    ) -> ForecastReport | None:
        assert (width, height) == (CONTENT.width, CONTENT.height)
        self.paintings = paintings
        assert settings.quality is Quality.DRAFT
        return ForecastReport("1", self.painting_s, 0.0, 10**9, 10**10, 1)

    def fetch(self, job: str) -> Image:
        assert job == self.job
        return RESULT

    def forget(self, job: str) -> None:
        self.calls.append(f"forget {job}")

    def close(self) -> None:
        self.calls.append("close")

    def drafts(self, *, is_on: bool | None = True) -> Drafts:
        now_s = lambda: self.now_s  # noqa: E731 - the clock continues
        size = (CONTENT.width, CONTENT.height)
        return Drafts(self.connect, self.read, *size, is_on=is_on, now_s=now_s)

    def tick(self, drafts: Drafts, seconds: float = TICK_S) -> None:
        """Lets so much time pass, with ten ticks a second."""
        for _ in range(round(seconds / TICK_S)):
            self.now_s += TICK_S
            drafts.tick()


def chosen(settings: StyleSettings = SETTINGS, styles: object = "auvers") -> DraftChoice:
    return DraftChoice(settings, styles)


def test_draft_has_all_settings_of_the_picture_but_is_small_and_quick() -> None:
    settings = replace(STRONGER, quality=Quality.BEST, iterations=900, size=2048, seed=7)

    assert draft_settings(settings) == replace(
        settings, quality=Quality.DRAFT, iterations=0, size=DRAFT_PX
    )
    assert draft_settings(replace(settings, size=64)).size == 64


def test_draft_begins_when_nothing_has_changed_for_a_moment() -> None:
    daemon = Daemon()
    drafts = daemon.drafts()

    for strength in (1.1, 1.2, 1.3):  # a slider that is dragged
        drafts.choose(chosen(replace(SETTINGS, style_strength=strength)))
        daemon.tick(drafts, QUIET_S / 2)
    assert not daemon.submitted
    daemon.tick(drafts, QUIET_S)

    assert [settings.style_strength for settings in daemon.submitted] == [1.3]
    assert daemon.calls == ["connect", "read", "submit job 1"]


def test_pictures_are_there_as_they_come() -> None:
    daemon = Daemon()
    drafts = daemon.drafts()
    drafts.choose(chosen())
    daemon.tick(drafts, 2 * QUIET_S)
    assert drafts.picture is None

    daemon.news = [JobReport(daemon.job, JobState.RUNNING, step=3, steps=20, done=0.1)]
    daemon.sketch = SKETCH
    daemon.tick(drafts)
    assert drafts.picture is SKETCH
    assert drafts.text == "Step 3 of 20"

    daemon.news = [JobReport(daemon.job, JobState.DONE, step=20, steps=20, done=1.0)]
    daemon.tick(drafts)
    assert drafts.picture is RESULT
    assert "draft" in drafts.text
    assert daemon.calls[-1] == "forget job 1"


def finished_draft(daemon: Daemon) -> Drafts:
    """Returns the drafts of `daemon` after the first one is done."""
    drafts = daemon.drafts()
    drafts.choose(chosen())
    daemon.tick(drafts, 2 * QUIET_S)
    daemon.news = [JobReport(daemon.job, JobState.DONE)]
    daemon.tick(drafts)
    assert drafts.picture is RESULT
    return drafts


def test_painting_that_is_taken_away_and_chosen_again_is_painted_again() -> None:
    daemon = Daemon()
    drafts = finished_draft(daemon)

    drafts.choose(None)
    daemon.tick(drafts, 2 * QUIET_S)
    drafts.choose(chosen())
    daemon.tick(drafts, 2 * QUIET_S)

    assert daemon.calls[-1] == "submit job 2"


def test_another_area_is_painted_even_if_the_choice_is_the_same() -> None:
    daemon = Daemon()
    drafts = finished_draft(daemon)

    drafts.resize(CONTENT.width, CONTENT.height)
    assert drafts.picture is None
    daemon.tick(drafts, 2 * QUIET_S)

    assert daemon.calls[-1] == "submit job 2"


def test_change_cancels_the_older_draft_at_once_and_the_connection_is_kept() -> None:
    daemon = Daemon()
    drafts = daemon.drafts()
    drafts.choose(chosen())
    daemon.tick(drafts, 2 * QUIET_S)

    drafts.choose(chosen(STRONGER))
    daemon.tick(drafts)
    assert daemon.calls[-1] == "cancel job 1"
    daemon.news = [JobReport("job 1", JobState.CANCELLED)]
    daemon.tick(drafts, 2 * QUIET_S)

    assert daemon.calls == [
        *("connect", "read", "submit job 1"),
        *("cancel job 1", "read", "submit job 2"),
    ]
    assert daemon.submitted == [draft_settings(SETTINGS), draft_settings(STRONGER)]


@pytest.mark.parametrize(
    "settings",
    [
        replace(SETTINGS, size=4096),
        replace(SETTINGS, quality=Quality.BEST),
        replace(SETTINGS, iterations=77),
    ],
)
def test_change_that_no_draft_shows_changes_nothing(settings: StyleSettings) -> None:
    daemon = Daemon()
    drafts = daemon.drafts()
    drafts.choose(chosen())
    daemon.tick(drafts, 2 * QUIET_S)

    drafts.choose(chosen(settings))
    daemon.tick(drafts, 2 * QUIET_S)

    assert daemon.calls == ["connect", "read", "submit job 1"]


def test_other_painting_or_region_is_another_draft() -> None:
    daemon = Daemon()
    drafts = daemon.drafts()
    for styles in ("auvers", "poppies"):
        drafts.choose(chosen(styles=styles))
        daemon.tick(drafts, 2 * QUIET_S)

    assert daemon.job == "job 2"


def test_without_a_painting_nothing_is_painted_nor_shown() -> None:
    daemon = Daemon()
    drafts = daemon.drafts()
    drafts.choose(chosen())
    daemon.tick(drafts, 2 * QUIET_S)
    daemon.sketch = SKETCH
    daemon.tick(drafts)

    drafts.choose(None)
    daemon.tick(drafts, 2 * QUIET_S)

    assert daemon.calls[-1] == "cancel job 1"
    assert drafts.picture is None
    assert drafts.text.startswith("Choose a painting")


@pytest.mark.parametrize(
    ("forecast_s", "is_on"), [(QUICK_S - 1, True), (QUICK_S + 1, False), (None, True)]
)
def test_quick_drafts_are_on_by_default(forecast_s: float | None, is_on: bool) -> None:
    daemon = Daemon(forecast_s)
    drafts = daemon.drafts(is_on=None)
    drafts.choose(chosen())
    daemon.tick(drafts, 2 * QUIET_S)

    assert drafts.is_on is is_on
    assert drafts.forecast_s == forecast_s
    assert len(daemon.submitted) == is_on


def test_choice_of_the_user_counts_more_than_the_forecast() -> None:
    slow, quick = Daemon(QUICK_S * 9), Daemon(QUICK_S / 9)
    for daemon, is_on in ((slow, True), (quick, False)):
        drafts = daemon.drafts(is_on=is_on)
        drafts.choose(chosen())
        daemon.tick(drafts, 2 * QUIET_S)

        assert drafts.is_on is is_on
        assert len(daemon.submitted) == is_on


def test_switch_ends_a_draft_and_begins_one_without_delay() -> None:
    daemon = Daemon()
    drafts = daemon.drafts()
    drafts.choose(chosen())
    daemon.tick(drafts, 2 * QUIET_S)

    drafts.switch(is_on=False)
    daemon.tick(drafts)
    assert daemon.calls[-1] == "cancel job 1"
    assert drafts.text.startswith("Tick the box")
    drafts.switch(is_on=True)
    daemon.tick(drafts)

    assert daemon.calls[-1] == "submit job 2"


def test_previews_begin_when_a_daemon_has_come_up() -> None:
    daemon = Daemon(is_running=False)
    drafts = daemon.drafts(is_on=None)
    drafts.choose(chosen())
    daemon.tick(drafts, 2 * RETRY_S)
    assert drafts.text == "There is no preview while the daemon is not running."
    assert drafts.is_on is None
    assert daemon.calls.count("connect") <= 3

    daemon.is_running = True
    daemon.tick(drafts, RETRY_S)

    assert daemon.calls[-1] == "submit job 1"


def test_draft_is_painted_again_by_the_next_daemon() -> None:
    daemon = Daemon()
    drafts = daemon.drafts()
    drafts.choose(chosen())
    daemon.tick(drafts, 2 * QUIET_S)

    daemon.is_running = False
    daemon.tick(drafts)
    assert daemon.calls[-1] == "close"
    daemon.is_running = True
    daemon.tick(drafts, 2 * RETRY_S)

    assert daemon.calls[-1] == "submit job 2"


def test_error_is_said_once_and_the_next_choice_is_painted() -> None:
    daemon = Daemon()
    daemon.problem = InvalidImage("The file is broken.")
    drafts = daemon.drafts()
    drafts.choose(chosen(styles="broken"))
    daemon.tick(drafts, 3 * RETRY_S)
    assert drafts.text == "The file is broken."
    assert daemon.calls.count("read") == 1

    daemon.problem = None
    drafts.choose(chosen())
    daemon.tick(drafts, 2 * QUIET_S)

    assert daemon.calls[-1] == "submit job 1"


def test_failed_draft_says_why() -> None:
    daemon = Daemon()
    drafts = daemon.drafts()
    drafts.choose(chosen())
    daemon.tick(drafts, 2 * QUIET_S)

    daemon.news = [JobReport(daemon.job, JobState.FAILED)]
    daemon.tick(drafts)

    assert drafts.text.startswith("The daemon failed")
    assert drafts.picture is None


def test_end_of_the_dialog_closes_the_connection() -> None:
    daemon = Daemon()
    drafts = daemon.drafts()
    drafts.choose(chosen())
    daemon.tick(drafts, 2 * QUIET_S)

    drafts.close()

    assert daemon.calls[-1] == "close"


def test_real_daemon_paints_the_newest_choice_only(shared_daemon: DaemonProcess) -> None:
    content, style = picture(), Style(picture())
    drafts = Drafts(
        shared_daemon.client, lambda: (content, [style]), content.width, content.height, is_on=True
    )
    drafts.choose(chosen(replace(SETTINGS, iterations=10_000)))
    while not drafts.text.startswith("This is"):
        drafts.tick()
        if drafts.text == "The draft begins…":
            drafts.choose(chosen(STRONGER))
        time.sleep(TICK_S)
    drafts.close()

    with shared_daemon.client() as client:
        states = [job.state for job in client.jobs()[-2:]]
    assert states == [JobState.CANCELLED, JobState.DONE]
    assert drafts.picture is not None
    assert (drafts.picture.width, drafts.picture.height) == (content.width, content.height)


def test_forecast_is_for_the_number_of_paintings() -> None:
    daemon = Daemon()
    drafts = daemon.drafts()
    drafts.choose(replace(chosen(), paintings=3))
    daemon.tick(drafts, 2 * QUIET_S)

    assert daemon.paintings == 3


def test_finished_draft_is_that_of_the_present_choice() -> None:
    daemon = Daemon()
    drafts = daemon.drafts()
    drafts.choose(chosen())
    daemon.tick(drafts, 2 * QUIET_S)
    painting = drafts.finished
    daemon.news = [JobReport(daemon.job, JobState.DONE)]
    daemon.tick(drafts)
    painted = drafts.finished
    drafts.choose(chosen(STRONGER))
    after_a_change = drafts.finished
    drafts.choose(chosen())
    changed_back = drafts.finished
    drafts.switch(is_on=False)

    assert painting is None
    assert painted is changed_back is RESULT
    assert after_a_change is None
    assert drafts.finished is None
