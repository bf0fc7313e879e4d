import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from daemon.commands.explore.painted_sheets import CURVE, painted_sheet
from impasto_daemon.commands.explore.loss_charts import (
    LossChart,
    LossCurve,
    chart_as_image,
    chart_as_svg,
    loss_charts,
    lowest_losses,
    sparkline,
)
from impasto_shared.protocol.reports import CurvePoint

WIDTH, HEIGHT = 640, 280

points = st.lists(st.tuples(st.floats(0, 1e5), st.floats(1e-9, 1e6)), min_size=1, max_size=20).map(
    sorted
)


def chart(*curves: list[tuple[float, float]]) -> LossChart:
    return LossChart(
        "Losses & more", [LossCurve(f"${number}$", curve) for number, curve in enumerate(curves)]
    )


def numbers(svg: str) -> list[str]:
    return [text for text in re.findall(r">([^<]+)</text>", svg) if not text.startswith("$")]


def strokes(svg: str) -> list[list[tuple[float, float]]]:
    """Returns the points of each curve in an SVG, in its own units."""
    paths = re.findall(r'<path d="([^"]*)" style="fill: none; stroke: #(?!202020)', svg)
    return [
        [(float(x), float(y)) for x, y in re.findall(r"[ML] ([\d.e-]+) ([\d.e-]+)", path)]
        for path in paths
    ]


def test_only_sheets_that_compare_losses_have_charts(tmp_path: Path) -> None:
    by_evaluations, by_time = loss_charts(painted_sheet(tmp_path, compares_losses=True))

    assert "evaluations" in by_evaluations.title
    assert "seconds" in by_time.title
    assert by_evaluations.curves == [LossCurve("One & <all>", [(1.0, 1.0), (2.0, 1.0)])]
    assert by_time.curves == [LossCurve("One & <all>", [(0.0, 1.0), (0.5, 1.0)])]
    assert loss_charts(painted_sheet(tmp_path)) == []


def test_the_lowest_loss_never_rises_and_is_never_zero() -> None:
    assert lowest_losses(CURVE) == [(1.0, 1.0), (2.0, 1.0)]


@settings(max_examples=20)
@given(st.lists(points, min_size=1, max_size=4))
@example([[(0.0, 99999.99999999999)]])
@example([[(0.0, 2.0), (1.0, 1.9999999999999998)]])
@example([[(0.0, 1.0)]])
def test_every_curve_lies_within_its_chart(curves: list[list[tuple[float, float]]]) -> None:
    svg = chart_as_svg(chart(*curves), WIDTH, HEIGHT)

    width, height = map(float, re.findall(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)[0])
    for x, y in (point for stroke in strokes(svg) for point in stroke):
        assert 0 <= x <= width
        assert 0 <= y <= height
    assert len(numbers(svg)) >= 2


def test_higher_losses_are_drawn_higher_and_later_ones_further_right() -> None:
    svg = chart_as_svg(chart([(0, 3.0), (5, 2.0), (9, 0.5)]), WIDTH, HEIGHT)

    xs, ys = zip(*strokes(svg)[0], strict=True)
    assert list(xs) == sorted(xs)
    assert list(ys) == sorted(ys)


def test_axes_have_round_numbers() -> None:
    svg = chart_as_svg(chart([(1, 1.0), (100, 0.1)]), WIDTH, HEIGHT)

    assert numbers(svg) == ["0", "20", "40", "60", "80", "100", "0.1", "0.2", "0.5", "1"]


def test_an_svg_is_an_element_that_needs_nothing_else() -> None:
    svg = chart_as_svg(chart([(1, 1.0), (2, 0.5)]), WIDTH, HEIGHT)

    root = ElementTree.fromstring(svg)  # noqa: S314 - our own
    assert root.tag == "svg"
    assert root.attrib["aria-label"] == "Losses & more"
    assert not re.search(r"https?:|url\(|\bid=|<style", svg)
    assert "currentColor" in svg
    assert "$0$" in svg  # a name is no formula


@pytest.mark.parametrize("size", [(640, 280), (561, 257), (257, 129)], ids=str)
def test_an_image_has_exactly_the_size_it_should(size: tuple[int, int]) -> None:
    image = chart_as_image(chart([(1, 1.0), (2, 0.5)]), *size)

    assert (image.width, image.height) == size
    assert bytes(image.pixels[:4]) == b"\xff" * 4


def test_a_sparkline_is_a_curve_without_numbers() -> None:
    svg = sparkline((CurvePoint(1, 0.0, 1.0), CurvePoint(2, 0.5, 0.5)), "Loss of <one>", 120, 28)

    assert len(strokes(svg)) == 1
    assert not numbers(svg)
    assert 'aria-label="Loss of &lt;one&gt;"' in svg


def test_without_a_loss_there_is_no_sparkline() -> None:
    assert sparkline((), "Loss", 120, 28) == ""
    assert sparkline((CurvePoint(1, 0.0, 0.0),), "Loss", 120, 28) == ""
