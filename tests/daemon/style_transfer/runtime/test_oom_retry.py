import math

import pytest

from impasto_daemon.style_transfer.planning.memory_plan import Plan, ScaleWork, plans
from impasto_daemon.style_transfer.runtime.oom_retry import OomRetry
from impasto_shared.settings import Optimizer

WORK = ScaleWork(2000, 3000, 1000 * 1000, 20, Optimizer.LBFGS)
PLANS = plans(WORK)


class Attempts:
    """An attempt that runs out of memory with every plan above a limit, and records the plans."""

    def __init__(self, limit_bytes: float, error: Exception | None = None) -> None:
        self.plans: list[Plan] = []
        self._limit_bytes = limit_bytes
        self._error = error or MemoryError("too little")

    def __call__(self, plan: Plan) -> str:
        self.plans.append(plan)
        if plan.needed_bytes > self._limit_bytes:
            raise self._error
        return "painted"


def paint(oom_retry: OomRetry, work: ScaleWork, paint_with: Attempts) -> str:
    for attempt in oom_retry.attempts(work):
        with attempt as plan:
            result = paint_with(plan)
    return result


def test_the_fastest_plan_is_used_if_there_is_memory() -> None:
    attempt = Attempts(math.inf)

    assert paint(OomRetry(math.inf), WORK, attempt) == "painted"
    assert attempt.plans == PLANS[:1]


def test_the_plan_fits_the_available_memory() -> None:
    attempt = Attempts(math.inf)
    available_bytes = PLANS[3].needed_bytes

    paint(OomRetry(available_bytes), WORK, attempt)

    assert attempt.plans == [PLANS[3]]


def test_smaller_plans_follow_when_memory_runs_out(caplog: pytest.LogCaptureFixture) -> None:
    attempt = Attempts(PLANS[-1].needed_bytes)

    assert paint(OomRetry(math.inf), WORK, attempt) == "painted"

    needed = [plan.needed_bytes for plan in attempt.plans]
    assert needed == sorted(needed, reverse=True)
    assert len(set(needed)) == len(needed) > 1
    assert attempt.plans[-1] == PLANS[-1]
    assert "too little" in caplog.text


def test_later_scales_are_planned_with_less_memory() -> None:
    oom_retry = OomRetry(math.inf)
    first, second = Attempts(PLANS[5].needed_bytes), Attempts(math.inf)

    paint(oom_retry, WORK, first)
    paint(oom_retry, WORK, second)

    assert second.plans == first.plans[-1:]


def test_the_error_is_raised_if_the_smallest_plan_does_not_fit() -> None:
    attempt = Attempts(0)

    with pytest.raises(MemoryError, match="too little"):
        paint(OomRetry(math.inf), WORK, attempt)

    assert attempt.plans[-1] == PLANS[-1]


def test_other_errors_are_not_retried() -> None:
    attempt = Attempts(0, RuntimeError("shapes do not match"))

    with pytest.raises(RuntimeError, match="shapes do not match"):
        paint(OomRetry(math.inf), WORK, attempt)

    assert len(attempt.plans) == 1


def test_a_network_that_cannot_be_tiled_is_not_tried_if_no_plan_fits() -> None:
    work = ScaleWork(2000, 3000, 1000 * 1000, 20, Optimizer.LBFGS, untiled_bytes=5600)
    attempt = Attempts(math.inf)

    with pytest.raises(MemoryError, match="cannot be run in tiles"):
        paint(OomRetry(2e9), work, attempt)

    assert not attempt.plans
