"""Shows that a preview resembles the print: python -m benchmarks sizes SIZE [SIZE ...].

Paints a photo, enlarged to the largest size, as a draft at each size, and lays the pictures side
by side as docs/pictures/sizes.jpg. Run with the environment of the tests, on a machine that does
nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import as_in_worker  # noqa: F401 - before torch

# isort: split
import torch

import device
import samples
from impasto_daemon.commands.image_file import read_image
from impasto_daemon.style_transfer.images.pixels import from_image, resize, to_image
from impasto_daemon.style_transfer.stylize import stylize
from impasto_shared.settings import Quality, StyleSettings
from impasto_shared.style import Style
from record import Table

SHOWN_PX = 480


def tabulate(arguments: Sequence[str]) -> Table:
    """Returns the seconds of each size, and writes the sheet."""
    from PIL import Image

    sizes = [int(size) for size in arguments]
    rows = []
    rgb = from_image(read_image(samples.photo("summer_palace"))).rgb
    height, width = rgb.shape[2:]
    photo = to_image(resize(rgb, round(max(sizes) * height / width), max(sizes)))
    style = Style(read_image(samples.painting("great_wave")))
    network = device.installed_network(StyleSettings().pooling)
    shown = []
    for size in sizes:
        started_s = time.monotonic()
        settings = StyleSettings(size=size, quality=Quality.DRAFT)
        picture = from_image(stylize(network, photo, [style], settings)).rgb
        rows.append((str(size), f"{time.monotonic() - started_s:.0f}"))
        shown.append(resize(picture, round(SHOWN_PX * height / width), SHOWN_PX))
    sheet = to_image(torch.cat(shown, dim=3))
    pixels = bytes(sheet.pixels)
    Image.frombytes("RGB", (sheet.width, sheet.height), pixels).save(
        "docs/pictures/sizes.jpg", quality=90
    )
    return Table(("Size", "Seconds"), rows)
