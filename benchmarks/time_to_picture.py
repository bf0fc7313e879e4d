"""Measures the time to a picture: python -m benchmarks time_to_picture [QUALITY ...] [SIZE ...].

Run with the environment of the tests, on a machine that does nothing else. The network has been
loaded and has painted before the clock starts, as in a daemon that is not new. Photos that are
smaller than the size are enlarged.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import as_in_worker  # noqa: F401 - before torch

# isort: split
import device
import samples
from impasto_daemon.commands.image_file import read_image, write_image
from impasto_daemon.style_transfer.images.pixels import from_image, resize, to_image
from impasto_daemon.style_transfer.stylize import Step, stylize
from impasto_shared.image import Image
from impasto_shared.settings import Quality, StyleSettings
from impasto_shared.style import Style
from record import Table

PAIRS = (("summer_palace", "great_wave"), ("astronaut", "auvers"))
SIZE_PX = 512


def tabulate(arguments: Sequence[str]) -> Table:
    """Returns a row for each picture, and writes the pictures to build/benchmarks."""
    folder = Path("build/benchmarks")
    folder.mkdir(parents=True, exist_ok=True)
    sizes = [int(word) for word in arguments if word.isdecimal()] or [SIZE_PX]
    qualities = [word for word in arguments if not word.isdecimal()] or list(Quality)
    network = device.installed_network(StyleSettings().pooling)
    first = read_image(samples.painting("auvers"))
    settings = StyleSettings(quality=Quality.DRAFT, size=sizes[0])
    stylize(network, _photo("astronaut", sizes[0]), [Style(first)], settings)
    rows = []
    for quality in qualities:
        for size, (photo, painting) in ((size, pair) for size in sizes for pair in PAIRS):
            content = _photo(photo, size)
            style = read_image(samples.painting(painting))
            settings = StyleSettings(quality=Quality(quality), size=size)
            steps: list[Step] = []
            started_s = time.monotonic()
            picture = stylize(network, content, [Style(style)], settings, on_step=steps.append)
            seconds = time.monotonic() - started_s
            write_image(picture, folder / f"{photo}_{painting}_{quality}_{size}.png")
            shown = f"{photo}, {painting} ({content.width} × {content.height})"
            rows.append((shown, str(quality), str(len(steps)), f"{seconds:.1f}"))
    return Table(("Picture", "Quality", "Evaluations", "Seconds"), rows)


def _photo(name: str, size: int) -> Image:
    rgb = from_image(samples.four_by_three(name)).rgb
    factor = size / max(rgb.shape[2:])
    return to_image(resize(rgb, *(round(length * factor) for length in rgb.shape[2:])))
