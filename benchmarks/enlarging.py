"""Measures the upsampling of a picture painted smaller than its photo.

    python -m benchmarks enlarging

The correct result is known, since the "painting" is the photo with other colours, made at full
size, then reduced and upsampled again: by bicubic interpolation, and guided by the photo. A piece
of a real picture (the photo, bicubic, guided) is written to docs/pictures/enlarging.jpg. Run with
the environment of the tests.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import as_in_worker  # noqa: F401 - before torch

# isort: split
import torch
from torch import Tensor
from torch.nn import functional

import samples
from impasto_daemon.commands.image_file import read_image, write_image
from impasto_daemon.models.weights import load_network
from impasto_daemon.style_transfer.images.guided_upsampling import GuidedUpsampler
from impasto_daemon.style_transfer.images.pixels import from_image, resize, to_image
from impasto_daemon.style_transfer.stylize import stylize
from impasto_shared.settings import Model, Quality, StyleSettings
from impasto_shared.style import Style
from record import Table

PHOTOS = ("astronaut", "chelsea", "coffee", "rocket", "summer_palace")
FACTORS = (2, 4)
_PIECE_PX = 150
_OUTPUT = Path(__file__).parents[1] / "docs/pictures/enlarging.jpg"
_TURN = torch.tensor([[0.1, 0.2, 0.8], [0.7, -0.2, 0.3], [-0.5, 1.1, 0.2]])


def tabulate(arguments: Sequence[str]) -> Table:
    """Returns a row for each photo and factor, and writes the picture."""
    del arguments
    rows = []
    for name in PHOTOS:
        photo = from_image(read_image(samples.photo(name))).rgb
        target = _repainted(photo)
        for factor in FACTORS:
            small = [length // factor for length in photo.shape[2:]]
            bicubic, guided = _both(resize(target, *small), photo)
            decibels = [f"{_decibel(result, target):.1f}" for result in (bicubic, guided)]
            halos = [f"{255 * _halo(result, target):.3f}" for result in (bicubic, guided)]
            rows.append((name, str(factor), *decibels, *halos))
    _write_piece()
    columns = ("Photo", "Factor", "Bicubic, dB", "Guided, dB", "Halo, bicubic", "Halo, guided")
    return Table(columns, rows)


def _repainted(photo: Tensor) -> Tensor:
    """Returns `photo` in very different colours, without new edges."""
    turned = torch.einsum("ij,njhw->nihw", _TURN, photo)
    return 0.5 + 0.5 * torch.sin(math.pi * (1.5 * turned - 0.5))


def _both(painted: Tensor, photo: Tensor) -> list[Tensor]:
    height, width = photo.shape[2:]
    guides = None, resize(photo, *painted.shape[2:])
    return [
        GuidedUpsampler(painted, guide, height, width).rows(photo, slice(0, height))
        for guide in guides
    ]


def _decibel(result: Tensor, target: Tensor) -> float:
    return -10 * math.log10((result - target).square().mean().item())


def _halo(result: Tensor, target: Tensor) -> float:
    """Returns the mean distance of `result` from the colours of `target` within four pixels."""
    highest = functional.max_pool2d(target, 9, 1, 4)
    lowest = -functional.max_pool2d(-target, 9, 1, 4)
    return torch.maximum(result - highest, lowest - result).clamp_min(0).mean().item()


def _write_piece() -> None:
    content = read_image(samples.photo("astronaut"))
    photo = from_image(content).rgb
    height, width = photo.shape[2:]
    settings = StyleSettings(quality=Quality.DRAFT, size=max(height, width) // 3)
    style = Style(read_image(samples.painting("auvers")))
    pieces = [photo]
    # Painted at exactly that size: the reduced photo is the entire layer.
    small = to_image(resize(photo, height // 3, width // 3))
    painted = stylize(load_network(Model.VGG19, settings.pooling), small, [style], settings)
    pieces += _both(from_image(painted).rgb, photo)
    top, left = 20, width // 2 - _PIECE_PX
    cut = [piece[:, :, top : top + 2 * _PIECE_PX, left : left + 2 * _PIECE_PX] for piece in pieces]
    write_image(to_image(torch.cat(cut, dim=3)), _OUTPUT)
