"""Paints drafts after drafts, warm and cold: python -m benchmarks drafts [SIZE].

For each strength it prints the processor time of both, and how far their colours are apart,
compared with how much the strength changes them. It writes the pictures to build/benchmarks. With
OMP_NUM_THREADS=1, other programs disturb the times little.
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
from impasto_daemon.style_transfer.images.pixels import from_image, to_image
from impasto_daemon.style_transfer.images.source_image import SourceImage
from impasto_daemon.style_transfer.stylize import stylize
from impasto_daemon.style_transfer.warm_start import COLD, WarmStart
from impasto_shared.image import Image
from impasto_shared.settings import Quality, StyleSettings
from impasto_shared.style import Style
from record import Table

PAIRS = (("summer_palace", "great_wave"), ("astronaut", "auvers"))
STRENGTHS = (1.3, 2.0, 0.5)


def tabulate(arguments: Sequence[str]) -> Table:
    """Returns a row for each pair and strength."""
    size = int(arguments[0]) if arguments else 256
    folder = Path("build/benchmarks")
    folder.mkdir(parents=True, exist_ok=True)
    network = device.installed_network(StyleSettings().pooling)

    def painted(strength: float, warm_start: WarmStart, name: str) -> tuple[Image, float]:
        settings = StyleSettings(size=size, quality=Quality.DRAFT, style_strength=strength)
        began_s = time.process_time()
        picture = stylize(network, photo, [style], settings, warm_start=warm_start)
        seconds = time.process_time() - began_s
        write_image(picture, folder / f"{name}_{strength}.png")
        return picture, seconds

    rows = []
    for photo_name, painting in PAIRS:
        photo = to_image(SourceImage(read_image(samples.photo(photo_name))).fitted(size).rgb)
        style, warm_start = Style(read_image(samples.painting(painting))), WarmStart()
        first, _ = painted(1.0, warm_start, f"{photo_name}_first")
        for strength in STRENGTHS:
            warm, warm_s = painted(strength, warm_start, f"{photo_name}_warm")
            cold, cold_s = painted(strength, COLD, f"{photo_name}_cold")
            times = f"{cold_s:.1f} s", f"{warm_s:.1f} s"
            distances = f"{_distance(warm, cold):.3f}", f"{_distance(first, cold):.3f}"
            rows.append((f"{photo_name}, {painting}", str(strength), *times, *distances))
    return Table(("Picture", "Strength", "Cold", "Warm", "Warm − cold", "Change"), rows)


def _distance(one: Image, other: Image) -> float:
    """Returns the root mean square difference of the colours."""
    return (from_image(one).rgb - from_image(other).rgb).square().mean().sqrt().item()
