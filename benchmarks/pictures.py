"""Compares pictures with those of style-transfer-pytorch.

    python -m benchmarks pictures STP PHOTO PAINTING

STP is a clone of style-transfer-pytorch, run with its defaults at 362 pixels, except for 200
iterations at the coarsest scale and 90 at each other one, so that it ends within minutes; its own
are `--first 1000 --others 500`. PHOTO and PAINTING are names in assets. Prints a row of measures
(benchmarks/measures.py) for each program, and writes the pictures to build/benchmarks. Run with the
environment of the tests, on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path

import as_in_worker  # noqa: F401 - before torch

# isort: split
import device
import samples
from impasto_daemon.commands.image_file import read_image, write_image
from impasto_daemon.style_transfer.images.pixels import fit, from_image, resize
from impasto_daemon.style_transfer.stylize import stylize
from impasto_shared.settings import Quality, StyleSettings
from impasto_shared.style import Style
from measures import LABELS, evaluation_network, measure
from others import style_transfer_pytorch
from record import Table


def tabulate(arguments: Sequence[str]) -> Table:
    """Paints one pair with each program, and returns the measures of the pictures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("clone", type=Path)
    parser.add_argument("photo")
    parser.add_argument("painting")
    parser.add_argument("--size", type=int, default=362)
    parser.add_argument("--first", type=int, default=200)
    parser.add_argument("--others", type=int, default=90)
    options = parser.parse_args(arguments)
    photo, painting = samples.photo(options.photo), samples.painting(options.painting)
    folder = Path("build/benchmarks")
    folder.mkdir(parents=True, exist_ok=True)
    network = device.installed_network(StyleSettings().pooling)
    measuring = evaluation_network()
    content, style = read_image(photo), read_image(painting)
    photo_rgb = fit(from_image(content).rgb, options.size)
    painting_rgb = fit(from_image(style).rgb, options.size)

    rows = []

    def report(name: str, seconds: float, file: Path) -> None:
        picture = resize(from_image(read_image(file)).rgb, *photo_rgb.shape[2:])
        measures = astuple(measure(measuring, picture, photo_rgb, painting_rgb))
        rows.append((name, f"{seconds:.1f}", *(f"{value:.3f}" for value in measures)))

    reduced = folder / "photo.png"
    for quality in Quality:
        file = folder / f"{options.photo}_{options.painting}_{quality}_{options.size}.png"
        settings = StyleSettings(size=options.size, quality=quality)
        started_s = time.monotonic()
        write_image(stylize(network, content, [Style(style)], settings), file)
        report(f"Impasto, {quality}", time.monotonic() - started_s, file)
    write_image(content, reduced)
    file = folder / f"{options.photo}_{options.painting}_stp_{options.size}.png"
    started_s = time.monotonic()
    work = options.size, options.first, options.others
    for _ in style_transfer_pytorch(options.clone.resolve(), photo, painting, file, *work):
        pass
    report("style-transfer-pytorch", time.monotonic() - started_s, file)
    report("the photo itself", 0, reduced)
    return Table(("Program", "Seconds", *LABELS.values()), rows)
