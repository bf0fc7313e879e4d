"""Paints every photo in assets after every painting, on one contact sheet.

    python benchmarks/gallery.py [--size PX] [--quality QUALITY] [--set NAME=VALUE ...] [--measures]
        [--pairs PHOTO,PAINTING ...]

The photos are reduced to the size, so that the pictures are as painted. They and the sheet are
written to a folder of build/gallery that is named after the settings and the source of the engine:
pictures that are there are not painted again. --measures writes the measures of each pair and their
means (benchmarks/measures.py) on standard output and below the pictures. Run with the environment
of the tests.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import astuple
from itertools import product
from pathlib import Path
from typing import NamedTuple

import as_in_worker  # noqa: F401 - before torch

# isort: split
from torch import Tensor

import device
import impasto_daemon
import samples
from contact_sheet import Cell, contact_sheet
from impasto_daemon.commands.image_file import read_image, write_image
from impasto_daemon.models.weights import load_network
from impasto_daemon.style_transfer.images.pixels import fit, from_image, to_image
from impasto_daemon.style_transfer.networks.network import Network
from impasto_daemon.style_transfer.networks.precision import number_type
from impasto_daemon.style_transfer.stylize import stylize
from impasto_shared.settings import Quality, StyleSettings
from impasto_shared.style import Style
from measures import LABELS, Measures, evaluation_network, mean, measure

CELL_PX = 320
_ENGINE = ("models", "style_transfer")


class Pair(NamedTuple):
    """A photo and a painting, by their names in assets."""

    photo: str
    painting: str


def main() -> None:
    """Paints the missing pictures, writing the sheet after each, and then measures all of them."""
    options = _parse()
    settings = _settings(options)
    folder = options.output / folder_name(settings)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "settings.json").write_text(json.dumps(settings.to_json(), indent=2))
    pairs = options.pairs or [Pair(*each) for each in product(options.photos, options.paintings)]
    for _ in paint_missing(pairs, settings, folder):
        write_sheet(pairs, folder, {})
    measures = measure_all(pairs, settings, folder) if options.measures else {}
    write_sheet(pairs, folder, measures)
    if measures:
        table = "\n".join(table_rows(measures))
        (folder / "measures.md").write_text(table + "\n")
        print(table)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=384)
    parser.add_argument("--quality", choices=list(Quality), default=Quality.GOOD)
    parser.add_argument("--set", nargs="+", action="extend", default=[], metavar="NAME=VALUE")
    parser.add_argument("--measures", action="store_true")
    parser.add_argument("--photos", nargs="+", default=samples.photo_names())
    parser.add_argument("--paintings", nargs="+", default=samples.painting_names())
    parser.add_argument("--pairs", nargs="+", type=_pair, metavar="PHOTO,PAINTING")
    parser.add_argument("--output", type=Path, default=Path("build/gallery"))
    return parser.parse_args()


def _settings(options: argparse.Namespace) -> StyleSettings:
    values = {"size": options.size, "quality": options.quality}
    for text in options.set:
        name, _, value = text.partition("=")
        values[name] = _value(value)
    return StyleSettings.from_json(values)


def _pair(text: str) -> Pair:
    photo, painting = text.split(",")
    return Pair(photo, painting)


def _value(text: str) -> object:
    """Returns a number or switch as JSON has it; all else is text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def folder_name(settings: StyleSettings) -> str:
    """Returns a name that differs if the settings or the engine's source do."""
    digest = hashlib.sha256(json.dumps(settings.to_json(), sort_keys=True).encode())
    package = Path(impasto_daemon.__file__).parent
    for file in sorted(path for name in _ENGINE for path in (package / name).rglob("*.py")):
        digest.update(file.read_bytes())
    return f"{settings.quality}_{settings.size}_{digest.hexdigest()[:8]}"


def paint_missing(pairs: Sequence[Pair], settings: StyleSettings, folder: Path) -> Iterator[Pair]:
    """Yields the pairs that had no picture in the folder when painted, all with one network."""
    missing = [pair for pair in pairs if not _file(folder, pair).exists()]
    print(f"{folder}: {len(missing)} of {len(pairs)} to paint", file=sys.stderr)
    if not missing:
        return
    dtype = number_type(settings.precision, device.DEVICE)
    network = load_network(settings.model, settings.pooling, device=device.DEVICE, dtype=dtype)
    for pair in missing:
        started_s, started_cpu_s = time.monotonic(), time.process_time()
        _paint(network, pair, settings, folder)
        wall_s, cpu_s = time.monotonic() - started_s, time.process_time() - started_cpu_s
        print(f"{', '.join(pair)}: {wall_s:.1f} s, {cpu_s:.1f} CPU s", file=sys.stderr)
        yield pair


def _paint(network: Network, pair: Pair, settings: StyleSettings, folder: Path) -> None:
    content = to_image(_photo(pair, settings))
    style = read_image(samples.painting(pair.painting))
    picture = stylize(network, content, [Style(style)], settings)
    # An interrupted run leaves no incomplete picture.
    incomplete = folder / "incomplete.png"
    write_image(picture, incomplete)
    incomplete.replace(_file(folder, pair))


def measure_all(
    pairs: Sequence[Pair], settings: StyleSettings, folder: Path
) -> dict[Pair, Measures]:
    """Returns the measures of each pair's picture; photo and painting are of the same scale."""
    network = evaluation_network()
    measures = {}
    for pair in pairs:
        picture = from_image(read_image(_file(folder, pair))).rgb
        painting = from_image(read_image(samples.painting(pair.painting))).rgb
        photo = _photo(pair, settings)
        measures[pair] = measure(network, picture, photo, fit(painting, settings.size))
    return measures


def table_rows(measures: dict[Pair, Measures]) -> Iterator[str]:
    """Yields the lines of a Markdown table: each pair, the means of each photo, and of all."""
    yield f"| Picture | {' | '.join(LABELS.values())} |"
    yield f"| --- |{' ---: |' * len(LABELS)}"
    for pair, values in measures.items():
        yield _row(", ".join(pair), values)
    for photo in dict.fromkeys(pair.photo for pair in measures):
        of_photo = [values for pair, values in measures.items() if pair.photo == photo]
        yield _row(f"*{photo}, mean*", mean(of_photo))
    yield _row("**mean**", mean(list(measures.values())))


def _row(name: str, measures: Measures) -> str:
    return f"| {name} | {' | '.join(f'{value:.3f}' for value in astuple(measures))} |"


def write_sheet(pairs: Sequence[Pair], folder: Path, measures: dict[Pair, Measures]) -> None:
    """Writes the sheet: paintings along the top, photos along the left."""
    photos = dict.fromkeys(pair.photo for pair in pairs)
    paintings = dict.fromkeys(pair.painting for pair in pairs)
    rows = [[Cell(), *(Cell(samples.painting(name), name) for name in paintings)]]
    for photo in photos:
        row = [Pair(photo, painting) for painting in paintings]
        cells = [Cell(_file(folder, pair), _caption(measures.get(pair))) for pair in row]
        rows.append([Cell(samples.photo(photo), photo), *cells])
    contact_sheet(rows, CELL_PX).save(folder / "sheet.jpg", quality=92)


def _caption(measures: Measures | None) -> str:
    if measures is None:
        return ""
    return (
        f"style {measures.style:.3f}  deep {measures.deep_structure:.3f}  "
        f"edges kept {measures.edges_kept:.2f}"
    )


def _photo(pair: Pair, settings: StyleSettings) -> Tensor:
    return fit(from_image(read_image(samples.photo(pair.photo))).rgb, settings.size)


def _file(folder: Path, pair: Pair) -> Path:
    return folder / f"{pair.photo}_{pair.painting}.png"


if __name__ == "__main__":
    main()
