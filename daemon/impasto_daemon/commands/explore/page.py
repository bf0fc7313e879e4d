"""The page with all sheets: one HTML file that any browser shows without a network or a script."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from impasto_daemon.commands.explore.loss_charts import (
    LossChart,
    chart_as_svg,
    loss_charts,
    sparkline,
)
from impasto_daemon.commands.explore.painted_tile import PaintedTile
from impasto_daemon.commands.explore.pictures import as_jpeg
from impasto_shared import __version__
from impasto_shared.explore.sheet_painting import PaintedSheet
from impasto_shared.image import Image
from impasto_shared.protocol.reports import CurvePoint
from impasto_shared.settings import StyleSettings

_CHART_PX = (640, 280)
_SPARKLINE_PX = (120, 28)


def page(
    sheets: Sequence[PaintedSheet[PaintedTile]],
    originals: Sequence[tuple[str, Image]],
    files: Sequence[str],
) -> str:
    """Returns the HTML of the page.

    originals: the pictures that all others are made from, with their captions.
    files: photo and painting as they are named on the command line.
    """
    environment = Environment(
        loader=PackageLoader("impasto_daemon.commands.explore"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        jpeg_uri=_jpeg_uri,
        sparkline=_sparkline,
        chart_svg=_chart_svg,
        loss_charts=loss_charts,
        command=lambda settings: _command(settings, files),
    )
    template = environment.get_template("page.html.j2")
    return template.render(sheets=sheets, originals=originals, version=__version__)


def _jpeg_uri(picture: Path | Image) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(as_jpeg(picture)).decode()


def _sparkline(curve: tuple[CurvePoint, ...], title: str) -> Markup:
    return Markup(sparkline(curve, title, *_SPARKLINE_PX))  # noqa: S704 - matplotlib escapes


def _chart_svg(chart: LossChart) -> Markup:
    return Markup(chart_as_svg(chart, *_CHART_PX))  # noqa: S704 - matplotlib escapes


def _command(settings: StyleSettings, files: Sequence[str]) -> str:
    """Returns the command that paints a picture again, without the settings at their defaults."""
    defaults = StyleSettings().to_json()
    options = [
        f"--{name.replace('_', '-')} {value}"
        for name, value in settings.to_json().items()
        if value != defaults[name]
    ]
    return " ".join(["impasto stylize", *map(shlex.quote, files), *options, "-o out.png"])
