"""Loss curves, drawn with matplotlib: as SVG for the page, as an image for a contact sheet."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from html import escape

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from impasto_daemon.commands.explore.painted_tile import PaintedTile
from impasto_shared.explore.sheet_painting import PaintedSheet
from impasto_shared.image import Image, PixelFormat
from impasto_shared.protocol.reports import CurvePoint

# Distinct for colour-blind readers too, on light and dark backgrounds (Okabe and Ito 2008).
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
# Becomes the text colour of the page, which may be dark.
_INK = "#202020"
_DPI = 96  # a CSS pixel
_FONT_PT = 9.5
# matplotlib rounds the size of an image down.
_ROUNDING_PX = 0.01
_MOST_SPARKLINES = 256

_AXES: tuple[tuple[str, Callable[[CurvePoint], float]], ...] = (
    ("evaluations", lambda point: float(point.step)),
    ("seconds since the first step", lambda point: point.seconds),
)

# Parts of matplotlib's SVG that an element of a page must not have: namespaces, a style sheet,
# identifiers, which several charts would share, and fonts other than the page's.
_NOT_INLINE = re.compile(
    r"<metadata>.*?</metadata>|<defs>.*?</defs>|font-family: [^;]*; "
    r'| (?:id|xmlns(?::\w+)?)="[^"]*"',
    re.DOTALL,
)


@dataclass(frozen=True)
class LossCurve:
    """A named curve through points (x, loss), with losses above 0."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class LossChart:
    """Loss curves to be compared; none of them is empty."""

    title: str
    curves: Sequence[LossCurve]


def loss_charts(painted: PaintedSheet[PaintedTile]) -> list[LossChart]:
    """Returns charts of the lowest losses, by evaluations and by time, if they can be compared."""
    if not painted.sheet.compares_losses:
        return []
    charts = []
    for name, axis in _AXES:
        curves = [
            LossCurve(tile.caption, lowest_losses(painted.pictures[tile.name].curve, axis))
            for row in painted.rows
            for tile in row.tiles
        ]
        if curves := [curve for curve in curves if curve.points]:
            charts.append(LossChart(f"Lowest loss so far, by {name}", curves))
    return charts


def lowest_losses(
    curve: Sequence[CurvePoint], axis: Callable[[CurvePoint], float] = _AXES[0][1]
) -> list[tuple[float, float]]:
    """Returns points (x, lowest loss so far); a loss of 0 is dropped, since it has no logarithm."""
    points: list[tuple[float, float]] = []
    for point in curve:
        if point.loss > 0:
            lowest = min(point.loss, points[-1][1]) if points else point.loss
            points.append((axis(point), lowest))
    return points


def chart_as_image(chart: LossChart, width_px: int, height_px: int) -> Image:
    """Returns a chart on white."""
    with _figure(width_px + _ROUNDING_PX, height_px + _ROUNDING_PX) as figure:
        _plot(figure, chart)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        pixels = bytes(canvas.buffer_rgba())
    return Image(width_px, height_px, PixelFormat.RGBA_U8, pixels)


def chart_as_svg(chart: LossChart, width_px: int, height_px: int) -> str:
    """Returns a chart as an `svg` element for a page, without a background."""
    with _figure(width_px, height_px) as figure:
        _plot(figure, chart)
        return _inline_svg(figure, chart.title)


@lru_cache(_MOST_SPARKLINES)
def sparkline(curve: tuple[CurvePoint, ...], title: str, width_px: int, height_px: int) -> str:
    """Returns a curve alone, by evaluations, as an `svg` element; an empty text without a loss."""
    points = lowest_losses(curve)
    if not points:
        return ""
    with _figure(width_px, height_px) as figure:
        axes = figure.add_axes((0, 0, 1, 1))
        _draw_curves(axes, [LossCurve("", points)])
        axes.set_axis_off()
        return _inline_svg(figure, title)


@contextmanager
def _figure(width_px: float, height_px: float) -> Iterator[Figure]:
    """Opens a figure of this size; our style lasts as long as the context."""
    style = matplotlib.rc_context(
        {
            "axes.edgecolor": _INK,
            "text.color": _INK,
            "xtick.color": _INK,
            "ytick.color": _INK,
            "font.size": _FONT_PT,
            "svg.fonttype": "none",  # text stays text
            "text.parse_math": False,
        }
    )
    with style:
        yield Figure((width_px / _DPI, height_px / _DPI), dpi=_DPI)


def _plot(figure: Figure, chart: LossChart) -> None:
    figure.set_layout_engine("constrained")
    axes = figure.add_subplot()
    _draw_curves(axes, chart.curves)
    axes.tick_params(left=False, bottom=False)
    # Round losses, written as such: powers of ten alone would often be a single one.
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:.3g}"))
    axes.legend(loc="upper right", frameon=False)


def _draw_curves(axes: Axes, curves: Sequence[LossCurve]) -> None:
    axes.set_yscale("log")
    drawn = [loss for curve in curves for _, loss in curve.points]
    lowest, highest = min(drawn), max(drawn)
    if math.isclose(lowest, highest):  # matplotlib's own limits might be one number
        axes.set_ylim(lowest / 2, highest * 2)
    for number, curve in enumerate(curves):
        xs, losses = zip(*curve.points, strict=True)
        colour = _COLOURS[number % len(_COLOURS)]
        axes.plot(xs, losses, color=colour, label=curve.name, linewidth=1.5, clip_on=False)
    longest = max(x for curve in curves for x, _ in curve.points)
    axes.set_xlim(0, longest or 1)


def _inline_svg(figure: Figure, title: str) -> str:
    stream = io.StringIO()
    figure.savefig(stream, format="svg", transparent=True)
    _, start, rest = stream.getvalue().partition("<svg")
    drawing = _NOT_INLINE.sub("", rest).replace(_INK, "currentColor")
    return f'{start} role="img" aria-label="{escape(title)}"{drawing}'
