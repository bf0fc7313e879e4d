from daemon.server.fake_clock import FakeClock
from impasto_shared.running_clock import RunningClock


def test_suspended_machine_counts_as_a_moment() -> None:
    clock = FakeClock()
    running = RunningClock(clock)

    looks_s = []
    for seconds in (0.25, 3600.0, 0.25):
        clock.now_s += seconds
        looks_s.append(running.look())

    assert looks_s == [0.25, 1.25, 1.5]
    assert running.now_s == 1.5
