"""How long a picture takes, by quality: python benchmarks/time_to_picture.py [QUALITY ...].

Run with the environment of the tests, on a machine that does nothing else. The network is loaded
before the clock starts, as it is in a daemon that has painted before.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import as_in_worker  # noqa: F401 - before torch

# isort: split
import torch

import samples
from impasto_daemon.image_file import read_image, write_image
from impasto_daemon.style_transfer.stylize import Step, stylize
from impasto_daemon.weights import load_network
from impasto_shared.settings import Model, Quality, StyleSettings
from impasto_shared.style import Style

PAIRS = (("summer_palace", "great_wave"), ("astronaut", "auvers"))
SIZE_PX = 512


def main() -> None:
    """Prints a row a picture, and writes the pictures to build/benchmarks."""
    folder = Path("build/benchmarks")
    folder.mkdir(parents=True, exist_ok=True)
    network = load_network(Model.VGG16_HED, StyleSettings().pooling)
    print(f"torch {torch.__version__}, {os.cpu_count()} cores, size {SIZE_PX}\n")
    print("| Picture | Quality | Evaluations | Seconds |\n| --- | --- | --- | --- |")
    for quality in sys.argv[1:] or list(Quality):
        for photo, painting in PAIRS:
            content = samples.four_by_three(photo)
            style, _ = read_image(samples.painting(painting))
            settings = StyleSettings(quality=Quality(quality), size=SIZE_PX)
            steps: list[Step] = []
            started_s = time.monotonic()
            picture = stylize(network, content, [Style(style)], settings, on_step=steps.append)
            seconds = time.monotonic() - started_s
            write_image(picture, folder / f"{photo}_{painting}_{quality}.png")
            print(f"| {photo}, {painting} | {quality} | {len(steps)} | {seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main()
