"""Loss curves: where lines and numbers of a chart are. How they are drawn is for others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

# Told apart by people who see few colours as well (Okabe and Ito 2008), on light and dark grounds.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")

# No evaluation takes a nanosecond: what is shorter is nothing.
_SHORTEST = 1e-9

Point = tuple[float, float]


@dataclass(frozen=True)
class Line:
    """A named line through points (x, y), y above 0."""

    name: str
    points: Sequence[Point]


@dataclass(frozen=True)
class Tick:
    """A number along an axis: where it is in pixels, and how it is written."""

    place: float
    text: str


@dataclass(frozen=True)
class Chart:
    """Lines in a box, in pixels from the chart's top left corner; y grows downwards.

    left, top, right, bottom: the box that the lines are in; the numbers stand around it.
    """

    width: int
    height: int
    left: int
    top: int
    right: int
    bottom: int
    lines: Sequence[Line]
    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]


def new_chart(lines: Sequence[Line], width: int, height: int) -> Chart | None:
    """A chart with numbers around it: x from 0 on, y by its logarithm. None without a point."""
    points = [point for line in lines for point in line.points]
    if not points:
        return None
    ground = _ground(points, width, height, (58, 8, width - 12, height - 24))
    return ground.chart(lines, has_numbers=True)


def new_sparkline(line: Line, width: int, height: int) -> Chart | None:
    """A line alone. None without a point."""
    if not line.points:
        return None
    ground = _ground(line.points, width, height, (2, 2, width - 2, height - 2))
    return ground.chart([line], has_numbers=False)


@dataclass(frozen=True)
class _Ground:
    """Where points are: from 0 to `longest` along x, between two powers of ten along y."""

    width: int
    height: int
    box: tuple[int, int, int, int]
    longest: float
    lowest: float
    highest: float

    def chart(self, lines: Sequence[Line], *, has_numbers: bool) -> Chart:
        numbers = _round_numbers(self.longest) if has_numbers else []
        losses = _round_losses(self.lowest, self.highest) if has_numbers else []
        return Chart(
            self.width,
            self.height,
            *self.box,
            [Line(line.name, [(self._x(x), self._y(y)) for x, y in line.points]) for line in lines],
            [Tick(self._x(number), f"{number:g}") for number in numbers],
            [Tick(self._y(loss), f"{loss:.3g}") for loss in losses],
        )

    def _x(self, x: float) -> float:
        left, _, right, _ = self.box
        return left + x / self.longest * (right - left)

    def _y(self, y: float) -> float:
        _, top, _, bottom = self.box
        span = (self.highest - self.lowest) or 1.0
        return top + (self.highest - math.log10(y)) / span * (bottom - top)


def _ground(
    points: Sequence[Point], width: int, height: int, box: tuple[int, int, int, int]
) -> _Ground:
    losses = [math.log10(y) for _, y in points]
    longest = max(x for x, _ in points)
    if longest < _SHORTEST:
        longest = 1.0
    return _Ground(width, height, box, longest, min(losses), max(losses))


def _round_numbers(longest: float) -> list[float]:
    """From 0 to `longest`, at most seven, a round number apart."""
    power = 10 ** math.floor(math.log10(longest))
    step = next(step for step in (0.2, 0.5, 1, 2) if longest / (step * power) < 7) * power
    return [round(number * step, 12) for number in range(int(longest / step) + 1)]


def _round_losses(lowest: float, highest: float) -> list[float]:
    """Round numbers between two powers of ten: at least two where there are such."""
    for digits in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9)):
        found = [
            digit * 10.0**power
            for power in range(math.floor(lowest), math.ceil(highest) + 1)
            for digit in digits
            if lowest <= math.log10(digit * 10.0**power) <= highest
        ]
        if len(found) > 1:
            return found
    return [10**lowest]
