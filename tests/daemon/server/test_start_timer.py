from __future__ import annotations

from daemon.server.fake_clock import FakeClock
from impasto_daemon.server.start_timer import StartTimer


def test_start_is_that_of_the_process_and_of_its_network() -> None:
    clock = FakeClock()
    timer = StartTimer(clock)
    timer.record_work()
    clock.now_s += 3
    timer.record_ready()
    clock.now_s += 0.5

    assert timer.duration_s("vgg19") == 3.5


def test_time_in_which_a_ready_worker_has_nothing_to_do_does_not_count() -> None:
    clock = FakeClock()
    timer = StartTimer(clock)
    clock.now_s += 3
    timer.record_ready()
    clock.now_s += 100
    timer.record_work()
    clock.now_s += 0.5
    timer.record_ready()  # after the job that needed no network

    assert timer.duration_s("vgg19") == 3.5


def test_network_that_may_have_been_downloaded_tells_nothing() -> None:
    clock = FakeClock()
    timer = StartTimer(clock)
    timer.record_work()
    timer.record_ready()

    assert timer.duration_s("resnet50") is None


def test_worker_that_has_not_reported_tells_nothing() -> None:
    assert StartTimer(FakeClock()).duration_s("vgg19") is None
