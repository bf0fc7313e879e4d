from itertools import pairwise

import pytest

from impasto_daemon.server.jobs.loss_curve import MAX_POINTS, LossCurve
from impasto_shared.protocol.codec import MAX_HEADER_BYTES, encode
from impasto_shared.protocol.messages import CurveReport
from impasto_shared.protocol.reports import CurvePoint


def curve_of(steps: int) -> LossCurve:
    curve = LossCurve()
    for step in range(1, steps + 1):
        curve.add(CurvePoint(step, step / 7, 1 / step))
    return curve


def test_curve_is_empty_before_the_first_step() -> None:
    assert LossCurve().points == ()


@pytest.mark.parametrize("steps", [1, 2, 100, MAX_POINTS - 1])
def test_curve_of_a_short_job_has_every_step(steps: int) -> None:
    assert [point.step for point in curve_of(steps).points] == list(range(1, steps + 1))


@pytest.mark.parametrize("steps", [MAX_POINTS, MAX_POINTS + 1, 3000, 10_000])
def test_curve_of_a_long_job_has_evenly_spaced_steps(steps: int) -> None:
    points = curve_of(steps).points

    steps_kept = [point.step for point in points]
    assert (steps_kept[0], steps_kept[-1]) == (1, steps)
    assert MAX_POINTS / 2 <= len(steps_kept) <= MAX_POINTS
    assert len({after - before for before, after in pairwise(steps_kept[:-1])}) == 1
    assert all(point.loss == 1 / point.step for point in points)


def test_longest_curve_fits_into_a_header() -> None:
    longest = CurvePoint(10_000, 123456.78901234567, 1.2345678901234567e-300)
    report = CurveReport("x" * 100, "0" * 32, (longest,) * MAX_POINTS)

    assert len(encode(report)[1]) < MAX_HEADER_BYTES
