"""The lines that a sheet's loss curves are: by evaluations, by seconds, and of a single tile."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from impasto_daemon.commands.explore.chart import Chart, Line, new_chart, new_sparkline
from impasto_daemon.commands.explore.painted_tile import PaintedSheet
from impasto_shared.reports import CurvePoint

_AXES: tuple[tuple[str, Callable[[CurvePoint], float]], ...] = (
    ("evaluations", lambda point: float(point.step)),
    ("seconds after the first one", lambda point: point.seconds),
)


def comparing_charts(painted: PaintedSheet, width: int, height: int) -> list[tuple[str, Chart]]:
    """Charts with the lowest losses of all tiles, by each of the axes; none where they differ."""
    if not painted.sheet.compares_losses:
        return []
    charts = []
    for name, axis in _AXES:
        lines = [
            Line(tile.caption, _lowest(painted.tiles[tile.name].curve, axis))
            for tile in painted.sheet.tiles
            if tile.name in painted.tiles
        ]
        if (chart := new_chart(lines, width, height)) is not None:
            charts.append((f"Lowest loss so far, by {name}", chart))
    return charts


def sparkline(curve: Sequence[CurvePoint], width: int, height: int) -> Chart | None:
    """The lowest loss of one tile, by evaluations; None where there is no loss."""
    return new_sparkline(Line("", _lowest(curve, _AXES[0][1])), width, height)


def _lowest(
    curve: Sequence[CurvePoint], axis: Callable[[CurvePoint], float]
) -> list[tuple[float, float]]:
    """The lowest loss so far: that of the picture that would be kept. A loss of 0 has no place."""
    points: list[tuple[float, float]] = []
    for point in curve:
        if point.loss > 0:
            lowest = min(point.loss, points[-1][1]) if points else point.loss
            points.append((axis(point), lowest))
    return points
