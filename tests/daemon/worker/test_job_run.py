from __future__ import annotations

import pytest

from daemon.server.fake_clock import FakeClock
from impasto_daemon.style_transfer.stylize import Step
from impasto_daemon.worker.job_run import JobRun
from impasto_daemon.worker.messages import (
    Painted,
    Previewed,
    Run,
    ServerMessage,
    Show,
    Stepped,
    Stop,
    Stopped,
    WorkerMessage,
)
from impasto_shared.image import Image, PixelFormat
from impasto_shared.protocol.messages import PreviewOptions
from impasto_shared.settings import StyleSettings

PIXEL = Image(1, 1, PixelFormat.RGB_U8, bytes(3))
JOB, OTHER_JOB = "a" * 32, "b" * 32


class FakeChannel:
    def __init__(self) -> None:
        self.sent: list[WorkerMessage] = []
        self.inbox: list[ServerMessage] = []

    def send(self, message: WorkerMessage) -> None:
        self.sent.append(message)

    def receive_pending(self) -> list[ServerMessage]:
        pending, self.inbox = self.inbox, []
        return pending


@pytest.fixture
def channel() -> FakeChannel:
    return FakeChannel()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def job_run(
    channel: FakeChannel, clock: FakeClock, previews: PreviewOptions | None = None
) -> JobRun:
    run = Run(JOB, StyleSettings(), PIXEL, (), previews)
    return JobRun(run, channel, clock)  # type: ignore[arg-type]


def step(number: int) -> Step:
    def preview(longest_side_px: int) -> Image:
        return Image(longest_side_px, 1, PixelFormat.RGB_U8, bytes(3 * longest_side_px))

    return Step(number, 10, 0.5, number / 10, 181, preview)


def test_each_step_is_reported(channel: FakeChannel, clock: FakeClock) -> None:
    job_run(channel, clock).on_step(step(3))

    assert channel.sent == [Stepped(JOB, 3, 10, 0.5, 0.3, 181)]


def test_previews_are_sent_at_the_requested_interval_and_size(
    channel: FakeChannel, clock: FakeClock
) -> None:
    job = job_run(channel, clock, PreviewOptions(64, 2.0))

    for number in range(1, 6):
        job.on_step(step(number))
        clock.now_s += 1

    previews = [message for message in channel.sent if isinstance(message, Previewed)]
    assert [preview.step for preview in previews] == [1, 3, 5]
    assert previews[0].image.width == 64


def test_previews_can_be_requested_later(channel: FakeChannel, clock: FakeClock) -> None:
    job = job_run(channel, clock)
    channel.inbox = [Show(OTHER_JOB, PreviewOptions(128, 1.0)), Show(JOB, PreviewOptions(64, 1.0))]

    assert not job.should_stop()
    job.on_step(step(1))

    assert isinstance(channel.sent[-1], Previewed)
    assert channel.sent[-1].image.width == 64


def test_job_stops_when_told_but_not_for_another_job(
    channel: FakeChannel, clock: FakeClock
) -> None:
    job = job_run(channel, clock)
    channel.inbox = [Stop(OTHER_JOB)]
    assert not job.should_stop()

    channel.inbox = [Stop(JOB)]
    assert job.should_stop()
    assert job.should_stop()  # the message is read only once


@pytest.mark.parametrize(
    ("stops", "result"),
    [
        ([], Painted(JOB, PIXEL)),
        ([Stop(JOB)], Stopped(JOB)),
        ([Stop(JOB, keeps_result=True)], Painted(JOB, PIXEL)),
        ([Stop(JOB, keeps_result=True), Stop(JOB)], Stopped(JOB)),
    ],
    ids=["finished", "cancelled", "kept", "cancelled after all"],
)
def test_result_is_dropped_only_if_the_job_was_cancelled(
    channel: FakeChannel, clock: FakeClock, stops: list[ServerMessage], result: WorkerMessage
) -> None:
    job = job_run(channel, clock)
    channel.inbox = stops
    job.should_stop()

    assert job.result(PIXEL) == result
