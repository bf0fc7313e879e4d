import logging

import pytest

from daemon.server.fake_clock import FakeClock
from impasto_daemon.server.containment import PAUSE_S, REPEAT_S, Containment


def fail() -> None:
    raise OSError(12, "Cannot allocate memory")


def test_step_that_fails_costs_no_other_one(caplog: pytest.LogCaptureFixture) -> None:
    done: list[int] = []
    pauses: list[float] = []
    containment = Containment(FakeClock(0.0), pauses.append)

    containment.run(lambda: done.append(1), fail, lambda: done.append(2))

    assert done == [1, 2]
    assert pauses == [PAUSE_S]
    assert "Cannot allocate memory" in caplog.text
    assert "Traceback" in caplog.text


def test_round_without_an_error_does_not_pause(caplog: pytest.LogCaptureFixture) -> None:
    pauses: list[float] = []

    Containment(FakeClock(0.0), pauses.append).run(lambda: None)

    assert pauses == []
    assert caplog.text == ""


def test_error_of_each_round_does_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock(0.0)
    containment = Containment(clock, lambda _: None)
    with caplog.at_level(logging.ERROR):
        for _ in range(1000):
            containment.run(fail)
        clock.now_s += REPEAT_S
        containment.run(fail)

    assert len(caplog.records) == 2


def test_request_to_stop_is_not_contained() -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Containment(FakeClock(0.0), lambda _: None).run(stop)
