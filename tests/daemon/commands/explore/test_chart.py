import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impasto_daemon.commands.explore.chart import Line, new_chart, new_sparkline

WIDTH, HEIGHT = 640, 280

points = st.lists(st.tuples(st.floats(0, 1e5), st.floats(1e-9, 1e6)), min_size=1, max_size=20).map(
    sorted
)


@given(st.lists(points, min_size=1, max_size=4))
def test_every_line_and_number_is_where_it_can_be_seen(
    lines: list[list[tuple[float, float]]],
) -> None:
    chart = new_chart([Line(str(number), line) for number, line in enumerate(lines)], WIDTH, HEIGHT)

    assert chart is not None
    for line in chart.lines:
        for x, y in line.points:
            assert chart.left - 1e-6 <= x <= chart.right + 1e-6
            assert chart.top - 1e-6 <= y <= chart.bottom + 1e-6
    assert 2 <= len(chart.x_ticks) <= 11
    assert 1 <= len(chart.y_ticks) <= 20
    assert all(chart.left - 1 <= tick.place <= chart.right + 1 for tick in chart.x_ticks)
    assert all(chart.top - 1 <= tick.place <= chart.bottom + 1 for tick in chart.y_ticks)


@pytest.mark.parametrize("loss", [1.0, 0.1, 0.01, 0.001])
def test_a_loss_stands_at_its_own_number(loss: float) -> None:
    line = Line("L-BFGS", [(1, 1.0), (2, 0.1), (3, 0.01), (4, 0.001)])

    chart = new_chart([line], WIDTH, HEIGHT)

    assert chart is not None
    (tick,) = (tick for tick in chart.y_ticks if float(tick.text) == loss)
    place = {y: point for point, (_, y) in zip(chart.lines[0].points, line.points, strict=True)}
    assert math.isclose(tick.place, place[loss][1])


def test_numbers_along_x_begin_with_nothing_and_are_round() -> None:
    chart = new_chart([Line("L-BFGS", [(1, 1.0), (100, 0.1)])], WIDTH, HEIGHT)

    assert chart is not None
    assert [tick.text for tick in chart.x_ticks] == ["0", "20", "40", "60", "80", "100"]


def test_higher_losses_stand_higher_and_later_ones_further_right() -> None:
    chart = new_chart([Line("L-BFGS", [(0, 3.0), (5, 2.0), (9, 0.5)])], WIDTH, HEIGHT)

    assert chart is not None
    xs, ys = zip(*chart.lines[0].points, strict=True)
    assert list(xs) == sorted(xs)
    assert list(ys) == sorted(ys)


def test_without_a_point_there_is_no_chart() -> None:
    assert new_chart([Line("L-BFGS", [])], WIDTH, HEIGHT) is None
    assert new_sparkline(Line("", []), 120, 28) is None


def test_a_sparkline_has_no_numbers() -> None:
    chart = new_sparkline(Line("", [(1, 1.0)]), 120, 28)

    assert chart is not None
    assert not chart.x_ticks
    assert not chart.y_ticks
