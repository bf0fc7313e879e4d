"""The page with all sheets: one file, which any browser shows without a network or a script."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Sequence
from html import escape

from impasto_daemon.commands.explore.chart import COLOURS, Chart
from impasto_daemon.commands.explore.curves import comparing_charts, sparkline
from impasto_daemon.commands.explore.painted_tile import PaintedSheet, PaintedTile
from impasto_daemon.commands.explore.sheet_image import as_jpeg
from impasto_shared import __version__
from impasto_shared.explore.contact_sheet import SheetTile
from impasto_shared.image import Image
from impasto_shared.settings import StyleSettings

_CHART_PX = (640, 280)
_SPARKLINE_PX = (120, 28)

_STYLE = """
:root { color-scheme: light dark; }
body { margin: 2rem auto; max-width: 90rem; padding: 0 1rem; font: 1rem/1.5 system-ui, sans-serif; }
h2 { margin: 3rem 0 0; }
h3 { margin: 1.5rem 0 0.25rem; font-size: 1rem; }
p { max-width: 45rem; margin: 0.5rem 0; }
nav a { margin-right: 1rem; }
.row { display: flex; flex-wrap: wrap; gap: 1rem; margin: 0.5rem 0; }
figure { margin: 0; max-width: 100%; }
figure img { display: block; max-width: 100%; height: auto; }
figcaption { font-size: 0.875rem; }
figcaption svg { display: block; }
details { font-size: 0.8rem; }
summary { cursor: pointer; opacity: 0.75; }
code { display: block; overflow-wrap: anywhere; }
svg { max-width: 100%; height: auto; }
svg text { font: 13px system-ui, sans-serif; fill: currentColor; }
.legend { display: flex; flex-wrap: wrap; gap: 1rem; font-size: 0.875rem; }
.legend b { display: inline-block; width: 1.5em; height: 0.25em; vertical-align: middle; }
.left-out { opacity: 0.75; }
"""


def page(
    sheets: Sequence[PaintedSheet], originals: Sequence[tuple[str, Image]], names: Sequence[str]
) -> str:
    """The page's HTML.

    originals: what was explored, each with what it is called on the page.
    names: the files of photo and painting as a command line has them.
    """
    links = "".join(
        f'<a href="#{painted.sheet.name}">{escape(painted.sheet.title)}</a>' for painted in sheets
    )
    shown = "".join(_figure(escape(name), as_jpeg(image), image.width) for name, image in originals)
    return "\n".join(
        (
            "<!DOCTYPE html>",
            '<html lang="en">',
            '<head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>What each setting does</title><style>{_STYLE}</style></head>",
            "<body><h1>What each setting does</h1>",
            f"<p>Painted by Impasto {escape(__version__)}. The line below a picture is its loss, "
            "the lowest so far, by evaluations.</p>",
            f'<nav>{links}</nav><div class="row">{shown}</div>',
            *(_section(painted, names) for painted in sheets),
            "</body></html>\n",
        )
    )


def _section(painted: PaintedSheet, names: Sequence[str]) -> str:
    sheet = painted.sheet
    parts = [f'<section id="{sheet.name}"><h2>{escape(sheet.title)}</h2>']
    parts.append(f"<p>{escape(sheet.shows)}</p>")
    for row in sheet.rows:
        tiles = [
            _tile(tile, painted.tiles[tile.name], names)
            for tile in row.tiles
            if tile.name in painted.tiles
        ]
        if tiles:
            heading = f"<h3>{escape(row.caption)}</h3>" if row.caption else ""
            parts.append(f'{heading}<div class="row">{"".join(tiles)}</div>')
    for title, chart in comparing_charts(painted, *_CHART_PX):
        parts.append(f"<h3>{escape(title)}</h3>{_svg(chart, title)}{_legend(chart)}")
    parts += [f'<p class="left-out">Left out: {escape(reason)}</p>' for reason in painted.reasons]
    return "\n".join([*parts, "</section>"])


def _tile(tile: SheetTile, painted: PaintedTile, names: Sequence[str]) -> str:
    caption = escape(tile.caption)
    if (chart := sparkline(painted.curve, *_SPARKLINE_PX)) is not None:
        caption += _svg(chart, f"Loss of {tile.caption}")
    caption += (
        f"<details><summary>settings, {escape(painted.model)}</summary>"
        f"<code>{escape(_command(tile.settings, names))}</code></details>"
    )
    return _figure(caption, as_jpeg(painted.file), tile.settings.size, escape(tile.caption))


def _figure(caption: str, jpeg: bytes, width: int, text: str | None = None) -> str:
    """A picture of so many pixels, its caption as HTML, and the text that stands for it."""
    source = "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()
    return (
        f'<figure style="width: {width}px"><img src="{source}" alt="{text or caption}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _command(settings: StyleSettings, names: Sequence[str]) -> str:
    """The command that paints it again, with what is not as usual."""
    usual = StyleSettings().to_json()
    options = [
        f"--{name.replace('_', '-')} {value}"
        for name, value in settings.to_json().items()
        if value != usual[name]
    ]
    return " ".join(["impasto stylize", *map(shlex.quote, names), *options, "-o out.png"])


def _svg(chart: Chart, title: str) -> str:
    frame = (
        f'<rect x="{chart.left}" y="{chart.top}" width="{chart.right - chart.left}" '
        f'height="{chart.bottom - chart.top}" fill="none" stroke="currentColor" opacity="0.4"/>'
        if chart.x_ticks
        else ""
    )
    return "".join(
        (
            f'<svg role="img" width="{chart.width}" height="{chart.height}" '
            f'viewBox="0 0 {chart.width} {chart.height}"><title>{escape(title)}</title>{frame}',
            *(
                f'<text x="{tick.place:.1f}" y="{chart.bottom + 16}" text-anchor="middle">'
                f"{tick.text}</text>"
                for tick in chart.x_ticks
            ),
            *(
                f'<text x="{chart.left - 6}" y="{tick.place + 4:.1f}" text-anchor="end">'
                f"{tick.text}</text>"
                for tick in chart.y_ticks
            ),
            *(
                f'<polyline fill="none" stroke="{_colour(number)}" stroke-width="2" points="'
                + " ".join(f"{x:.1f},{y:.1f}" for x, y in line.points)
                + '"/>'
                for number, line in enumerate(chart.lines)
            ),
            "</svg>",
        )
    )


def _legend(chart: Chart) -> str:
    entries = (
        f'<span><b style="background: {_colour(number)}"></b> {escape(line.name)}</span>'
        for number, line in enumerate(chart.lines)
    )
    return f'<div class="legend">{"".join(entries)}</div>'


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]
