from daemon.server.fake_clock import FakeClock
from impasto_daemon.server.stall_watch import SHORTEST_STALL_S, SLOWEST, StallWatch
from impasto_shared.running_clock import RunningClock

LONG_STEP_S = 30.0


def run(clock: FakeClock, running: RunningClock, watch: StallWatch, seconds: float) -> None:
    for _ in range(round(seconds)):
        clock.now_s += 1
        running.look()
        watch.look()


def test_allowance_grows_with_the_longest_step_still_to_come() -> None:
    clock = FakeClock()
    running = RunningClock(clock)
    # Nine steps of a hundredth of the work each take a second; the last one is the remaining work.
    watch = StallWatch(running, lambda: 0, longest_step=0.3, expected_s=None)
    for number in range(1, 10):
        run(clock, running, watch, 1)
        watch.record_step(number / 100)

    assert watch.step_s == LONG_STEP_S
    run(clock, running, watch, SLOWEST * LONG_STEP_S - 1)
    assert watch.stalled_s is None
    run(clock, running, watch, 2)
    assert watch.stalled_s is not None


def test_pace_of_the_second_step_is_that_of_earlier_jobs() -> None:
    clock = FakeClock()
    running = RunningClock(clock)
    watch = StallWatch(running, lambda: None, longest_step=0.1, expected_s=10.0)
    watch.record_step(0.1)

    assert watch.step_s == 1.0
    run(clock, running, watch, SHORTEST_STALL_S)
    assert watch.stalled_s == SHORTEST_STALL_S


def test_process_whose_time_is_unknown_counts_as_active() -> None:
    clock = FakeClock()
    running = RunningClock(clock)
    watch = StallWatch(running, lambda: None, longest_step=0.1, expected_s=None)
    watch.record_sign()

    run(clock, running, watch, 10_000)

    assert (watch.stalled_s, watch.is_hopeless) == (None, False)
