"""Paints drafts after drafts, warm and cold: python benchmarks/drafts.py [SIZE].

For each strength it prints the processor time of both, and how far their colours are apart,
compared with how much the strength changes them. It writes the pictures to build/benchmarks. With
OMP_NUM_THREADS=1, other programs disturb the times little.
"""

from __future__ import annotations

import sys
import time
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

PAIRS = (("summer_palace", "great_wave"), ("astronaut", "auvers"))
STRENGTHS = (1.3, 2.0, 0.5)


def main() -> None:
    """Prints a row for each pair and strength."""
    size = int(sys.argv[1]) if sys.argv[1:] else 256
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

    print("| Picture | Strength | Cold | Warm | Warm − cold | Change |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for photo_name, painting in PAIRS:
        photo = to_image(SourceImage(read_image(samples.photo(photo_name))).fitted(size).rgb)
        style, warm_start = Style(read_image(samples.painting(painting))), WarmStart()
        first, _ = painted(1.0, warm_start, f"{photo_name}_first")
        for strength in STRENGTHS:
            warm, warm_s = painted(strength, warm_start, f"{photo_name}_warm")
            cold, cold_s = painted(strength, COLD, f"{photo_name}_cold")
            differences = f"{_distance(warm, cold):.3f} | {_distance(first, cold):.3f}"
            row = f"{photo_name}, {painting} | {strength} | {cold_s:.1f} s | {warm_s:.1f} s"
            print(f"| {row} | {differences} |", flush=True)


def _distance(one: Image, other: Image) -> float:
    """Returns the root mean square difference of the colours."""
    return (from_image(one).rgb - from_image(other).rgb).square().mean().sqrt().item()


if __name__ == "__main__":
    main()
