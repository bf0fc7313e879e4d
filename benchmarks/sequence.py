"""Paints a clip in order, and one by one: python -m benchmarks sequence [FRAMES] [PAINTING …].

Neighbouring frames are compared where both show the same, moved onto each other by the clip's true
motion, which painting in order does not know: it estimates its own. The differences of colours are
in thousandths of the range; the seconds are the processor's, for a frame after the first. The
frames go to build/benchmarks. With OMP_NUM_THREADS=1, other programs disturb the times little.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import as_in_worker  # noqa: F401 - before torch

# isort: split
import numpy as np
from numpy.typing import NDArray

import clip
import device
import samples
from impasto_daemon.commands.image_file import read_image, write_image
from impasto_daemon.style_transfer.stylize import stylize
from impasto_shared.beginning import Beginning
from impasto_shared.image import Image
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style
from record import Table

PAINTINGS = ("great_wave",)


def tabulate(arguments: Sequence[str]) -> Table:
    """Returns for each painting a row of both ways, and one of their ratio."""
    count, *paintings = arguments or ["10"]
    frames = [clip.frame(number) for number in range(int(count))]
    rows: list[tuple[str, ...]] = []
    for painting in paintings or PAINTINGS:
        figures = []
        for name, is_in_order in (("one by one", False), ("in order", True)):
            pictures, seconds = _painted(frames, painting, is_in_order=is_in_order)
            for number, picture in enumerate(pictures):
                file = f"clip_{painting}_{name.replace(' ', '_')}_{number:02}.png"
                write_image(picture, _folder() / file)
            mean, square = _differences(pictures)
            figures.append((1000 * mean, 1000 * square, seconds))
            cells = f"{1000 * mean:.1f}", f"{1000 * square:.1f}", f"{seconds:.1f}"
            rows.append((painting, name, *cells))
        ratios = [f"{second / first:.2f}" for first, second in zip(*figures, strict=True)]
        rows.append((painting, "ratio", *ratios))
    columns = ("Painting", "Frames", "Mean difference", "Root mean square", "Seconds a frame")
    return Table(columns, rows)


def _painted(
    frames: Sequence[Image], painting: str, *, is_in_order: bool
) -> tuple[list[Image], float]:
    """Returns the painted frames, and the processor's seconds for one after the first."""
    settings = StyleSettings(size=clip.WIDTH)
    network = device.installed_network(settings.pooling)
    style = Style(read_image(samples.painting(painting)))
    pictures: list[Image] = []
    began_s = 0.0
    for number, frame in enumerate(frames):
        if number == 1:
            began_s = time.process_time()
        beginning = None
        if pictures and is_in_order:
            beginning = Beginning(pictures[-1], settings.size, photo=frames[number - 1])
        pictures.append(stylize(network, frame, [style], settings, begin_from=beginning))
    return pictures, (time.process_time() - began_s) / (len(frames) - 1)


def _differences(pictures: Sequence[Image]) -> tuple[float, float]:
    """Returns the mean and the root mean square of the differences of neighbours."""
    means, squares = [], []
    for number in range(1, len(pictures)):
        motion = clip.motion(number)
        moved = clip.warped(_rgb(pictures[number - 1]), motion).clip(0, 255)
        difference = (_rgb(pictures[number]) - moved)[motion.is_visible] / 255
        means.append(np.abs(difference).mean())
        squares.append(np.square(difference).mean())
    return float(np.mean(means)), float(np.sqrt(np.mean(squares)))


def _rgb(image: Image) -> NDArray[np.uint8]:
    return np.frombuffer(image.pixels, np.uint8).reshape(image.height, image.width, 3)


def _folder() -> Path:
    folder = Path("build/benchmarks")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
