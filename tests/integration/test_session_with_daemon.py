"""The plug-in's side of a job with the real client, a real daemon and the installed network."""

import os
import signal
from collections.abc import Callable, Iterator

import pytest

from impasto_gimp.jobs.session import Connect, JobClient, Progress, Session, UserAction
from impasto_shared.errors import DaemonError, DaemonUnavailable, InvalidImage
from impasto_shared.image import Image, PixelFormat
from impasto_shared.launcher import connect_or_start
from impasto_shared.protocol.messages import PreviewOptions
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style
from integration.daemon_process import (
    ENDLESS,
    SMALL,
    DaemonProcess,
    is_alive,
    picture,
    wait_for,
)

STARTING = Progress("Starting the daemon…")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[DaemonProcess]:
    """A machine that this process is on, and no daemon yet; one that is started is ended."""
    machine = DaemonProcess()
    for name, value in machine.environment.items():
        monkeypatch.setenv(name, value)
    yield machine
    if machine.answers():
        daemon = daemon_pid(machine)
        os.kill(daemon, signal.SIGTERM)
        wait_for(lambda: not is_alive(daemon), "the daemon's end")
    machine.end()


def daemon_pid(machine: DaemonProcess) -> int:
    with machine.client() as client:
        return client.status().pid


def client_of(daemon: DaemonProcess) -> Connect:
    """Returns a function that connects to a running daemon."""
    return lambda **_: daemon.client()


class RecordingDisplay:
    """Remembers what it was shown; `then` says what is wished after that."""

    previews: PreviewOptions | None = PreviewOptions(longest_side_px=32, interval_s=0.2)

    def __init__(
        self, then: Callable[["RecordingDisplay"], UserAction] = lambda _: UserAction.CONTINUE
    ) -> None:
        self.shown: list[Progress] = []
        self.pictures: list[Image] = []
        self._then = then

    def show(self, progress: Progress) -> None:
        self.shown.append(progress)

    def show_picture(self, picture: Image) -> None:
        self.pictures.append(picture)

    def user_action(self) -> UserAction:
        return self._then(self)


def run(session: Session, photo: Image, settings: StyleSettings) -> Image:
    """Returns the painting of a photo in the style of `picture`."""
    with session.painted(photo, [Style(picture())], settings) as painting:
        return painting.picture


@pytest.mark.parametrize("form", [PixelFormat.RGB_U8, PixelFormat.RGBA_FLOAT])
def test_painting_has_the_photos_size_and_format(
    shared_daemon: DaemonProcess, form: PixelFormat
) -> None:
    photo = Image(40, 33, form, bytes(40 * 33 * form.bytes_per_pixel))
    session = Session(client_of(shared_daemon), RecordingDisplay())

    painting = run(session, photo, StyleSettings(**SMALL))

    assert (painting.width, painting.height, painting.format) == (40, 33, form)
    assert bytes(painting.pixels) != bytes(photo.pixels)


def test_progress_rises_to_the_whole(shared_daemon: DaemonProcess) -> None:
    display = RecordingDisplay()

    session = Session(client_of(shared_daemon), display)
    run(session, picture(), StyleSettings(size=64, iterations=30))

    fractions = [progress.fraction for progress in display.shown if progress.fraction is not None]
    assert len(fractions) > 1
    assert 0 < fractions[0] < 1
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert any(" of 30" in progress.text for progress in display.shown)


def test_picture_is_watched_and_kept_before_its_time(shared_daemon: DaemonProcess) -> None:
    def keep_the_third_picture(display: RecordingDisplay) -> UserAction:
        return UserAction.KEEP if len(display.pictures) >= 3 else UserAction.CONTINUE

    photo, display = picture(), RecordingDisplay(keep_the_third_picture)

    painting = run(Session(client_of(shared_daemon), display), photo, StyleSettings(**ENDLESS))

    assert {(sketch.width, sketch.height) for sketch in display.pictures} == {(32, 24)}
    assert len({bytes(sketch.pixels) for sketch in display.pictures}) > 1
    assert (painting.width, painting.height) == (photo.width, photo.height)
    assert bytes(painting.pixels) != bytes(photo.pixels)


def test_daemon_keeps_a_painting_until_it_is_safe(shared_daemon: DaemonProcess) -> None:
    session = Session(client_of(shared_daemon), RecordingDisplay())

    with (
        shared_daemon.client() as onlooker,
        session.painted(picture(), [Style(picture())], StyleSettings(**SMALL)) as painting,
    ):
        assert onlooker.fetch(painting.job).pixels == painting.picture.pixels

    with shared_daemon.client() as onlooker, pytest.raises(DaemonError, match="has expired"):
        onlooker.fetch(painting.job)


def test_daemon_keeps_a_painting_that_could_not_be_added(shared_daemon: DaemonProcess) -> None:
    session = Session(client_of(shared_daemon), RecordingDisplay())

    with (
        pytest.raises(InvalidImage),
        session.painted(picture(), [Style(picture())], StyleSettings(**SMALL)) as painting,
    ):
        raise InvalidImage("The image was closed.")

    with shared_daemon.client() as onlooker:
        assert onlooker.fetch(painting.job).pixels == painting.picture.pixels


def test_daemon_that_ends_in_the_middle_of_a_job_is_missed(daemon: DaemonProcess) -> None:
    ended: list[bool] = []

    def end_at_the_first_step(display: RecordingDisplay) -> UserAction:
        if display.shown[-1].can_keep and not ended:
            ended.append(True)
            os.kill(daemon.pid, signal.SIGKILL)
        return UserAction.CONTINUE

    session = Session(client_of(daemon), RecordingDisplay(end_at_the_first_step))

    with pytest.raises(DaemonUnavailable, match="in the middle of the job"):
        run(session, picture(), StyleSettings(**ENDLESS))

    assert ended


def test_absent_daemon_is_started_and_stays_for_the_next_run(machine: DaemonProcess) -> None:
    def connect(*, on_start: Callable[[], None], while_waiting: Callable[[], object]) -> JobClient:
        return connect_or_start(
            machine.endpoint,
            name="test",
            command=machine.command,
            on_start=on_start,
            while_waiting=while_waiting,
        )

    def run_once() -> tuple[Image, list[Progress]]:
        display = RecordingDisplay()
        painting = run(Session(connect, display), picture(), StyleSettings(**SMALL))
        return painting, display.shown

    painting, shown_first = run_once()
    first_daemon = daemon_pid(machine)
    _, shown_next = run_once()

    assert (painting.width, painting.height) == (64, 48)
    assert STARTING in shown_first
    assert STARTING not in shown_next
    assert daemon_pid(machine) == first_daemon
