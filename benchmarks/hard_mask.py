"""Measures how far styles bleed over the edge of a hard mask: python -m benchmarks hard_mask.

Paints the left half of a photo after a red painting and the right half after the same painting in
blue, and prints how blue each strip of columns is. Then it paints a photo after two real paintings,
as docs/pictures/regions.jpg.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import as_in_worker  # noqa: F401 - before torch

# isort: split
import torch

import samples
from impasto_daemon.commands.image_file import read_image, write_image
from impasto_daemon.models.weights import load_network
from impasto_daemon.style_transfer.images.colours import luminance
from impasto_daemon.style_transfer.images.pixels import from_image, resize, to_image
from impasto_daemon.style_transfer.networks.network import Network
from impasto_daemon.style_transfer.stylize import stylize
from impasto_shared.image import Image, PixelFormat
from impasto_shared.settings import Model, Quality, StyleSettings
from impasto_shared.style import Style
from record import Table

RED, BLUE = (1.0, 0.25, 0.1), (0.1, 0.25, 1.0)
# The strips of columns on either side of the edge, by their distance from it.
BOUNDS_PX = (0, 2, 4, 8, 16, 64)
WIDTH, HEIGHT = 256, 192
PAINTED_PX = 512


def tinted(name: str, colour: tuple[float, float, float]) -> Image:
    """Returns a painting in shades of `colour`, from black."""
    painting = resize(from_image(read_image(samples.painting(name))).rgb, HEIGHT, WIDTH)
    return to_image(luminance(painting) * torch.tensor(colour).view(1, 3, 1, 1))


def left_half(width: int, height: int) -> Image:
    """Returns a mask with a hard edge down the middle."""
    row = bytes([255]) * 3 * (width // 2) + bytes(3 * (width - width // 2))
    return Image(width, height, PixelFormat.RGB_U8, row * height)


def blueness_of_strips(network: Network, quality: Quality) -> list[float]:
    """Returns how blue each strip is, from left to right: from 0, all red, to 1, all blue."""
    photo = to_image(
        resize(from_image(read_image(samples.photo("summer_palace"))).rgb, HEIGHT, WIDTH)
    )
    styles = [
        Style(tinted("auvers", RED), region=left_half(WIDTH, HEIGHT)),
        Style(tinted("auvers", BLUE)),
    ]
    painted = stylize(network, photo, styles, StyleSettings(size=WIDTH, quality=quality))
    columns = from_image(painted).rgb[0].mean(dim=1)
    edge, far = WIDTH // 2, BOUNDS_PX[-1]

    def blueness(strip: slice) -> float:
        red, _, blue = columns[:, strip].mean(dim=1).tolist()
        return float(blue / (red + blue))

    lowest, highest = blueness(slice(0, edge - far)), blueness(slice(edge + far, WIDTH))
    bounds = [-px for px in reversed(BOUNDS_PX)] + list(BOUNDS_PX[1:])
    return [
        (blueness(slice(edge + start, edge + stop)) - lowest) / (highest - lowest)
        for start, stop in pairwise(bounds)
    ]


def tabulate(arguments: Sequence[str]) -> Table:
    """Returns a row for each quality, and writes the picture."""
    del arguments
    network = load_network(Model.VGG19, StyleSettings().pooling)
    bounds = list(pairwise(BOUNDS_PX))
    names = [f"{far}–{near} left" for near, far in reversed(bounds)]
    names += [f"{near}–{far} right" for near, far in bounds]
    rows = []
    for quality in (Quality.DRAFT, Quality.GOOD):
        shares = blueness_of_strips(network, quality)
        rows.append((quality.value, *(str(round(100 * share)) for share in shares)))

    photo = read_image(samples.photo("summer_palace"))
    left, right = (
        read_image(samples.painting(name)) for name in ("great_wave", "composition_viii")
    )
    styles = [Style(left, region=left_half(photo.width, photo.height)), Style(right)]
    painted = stylize(network, photo, styles, StyleSettings(size=PAINTED_PX))
    write_image(painted, "docs/pictures/regions.jpg")
    return Table(("Quality", *names), rows)
