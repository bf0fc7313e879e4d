from itertools import pairwise

import pytest

from impasto_daemon.server.loss_curve import MAX_POINTS, LossCurve
from impasto_shared.codec import MAX_HEADER_BYTES, encode
from impasto_shared.messages import CurveReport
from impasto_shared.reports import CurvePoint


def curve_of(steps: int) -> LossCurve:
    curve = LossCurve()
    for step in range(1, steps + 1):
        curve.add(CurvePoint(step, step / 7, 1 / step))
    return curve


def test_before_the_first_step_there_is_nothing() -> None:
    assert LossCurve().points == ()


@pytest.mark.parametrize("steps", [1, 2, 100, MAX_POINTS - 1])
def test_of_a_short_job_every_step_is_there(steps: int) -> None:
    assert [point.step for point in curve_of(steps).points] == list(range(1, steps + 1))


@pytest.mark.parametrize("steps", [MAX_POINTS, MAX_POINTS + 1, 3000, 10_000])
def test_of_a_long_job_steps_are_there_at_even_distances(steps: int) -> None:
    points = curve_of(steps).points

    found = [point.step for point in points]
    assert (found[0], found[-1]) == (1, steps)
    assert MAX_POINTS / 2 <= len(found) <= MAX_POINTS
    assert len({after - before for before, after in pairwise(found[:-1])}) == 1
    assert all(point.loss == 1 / point.step for point in points)


def test_the_longest_fits_into_a_header() -> None:
    longest = CurvePoint(10_000, 123456.78901234567, 1.2345678901234567e-300)
    report = CurveReport("x" * 100, "0" * 32, (longest,) * MAX_POINTS)

    assert len(encode(report)[1]) < MAX_HEADER_BYTES
