"""How far styles bleed over the edge of a hard mask: python benchmarks/hard_mask.py.

Paints the left half of a photo after a red painting and the right half after the same in blue, and
prints how blue each strip of columns is. Then it paints a photo after two real paintings, as
docs/pictures/regions.jpg.
"""

from __future__ import annotations

from itertools import pairwise

import as_in_worker  # noqa: F401 - before torch

# isort: split
import numpy as np
from PIL import Image as PillowImage

import samples
from impasto_daemon.image_file import read_image, write_image
from impasto_daemon.style_transfer.network import Network
from impasto_daemon.style_transfer.stylize import stylize
from impasto_daemon.weights import load_network
from impasto_shared.image import Image, PixelFormat
from impasto_shared.settings import Model, Quality, StyleSettings
from impasto_shared.style import Style

RED, BLUE = (1.0, 0.25, 0.1), (0.1, 0.25, 1.0)
# Columns right of the edge, or left of it, that are taken together.
STRIPS_PX = (0, 2, 4, 8, 16, 64)
SIZE = (256, 192)
PAINTED_PX = 512


def tinted(name: str, colour: tuple[float, float, float]) -> Image:
    """A painting in shades of one colour, from black to it."""
    with PillowImage.open(samples.painting(name)) as picture:
        grey = np.asarray(picture.convert("L").resize(SIZE), dtype=np.float64)
    shades = (grey - grey.min()) / (grey.max() - grey.min())
    rgb = np.round(255 * shades[..., None] * colour).astype(np.uint8)
    return Image(*SIZE, PixelFormat.RGB_U8, rgb.tobytes())


def left_half(width: int, height: int) -> Image:
    """A mask with a hard edge down the middle."""
    row = bytes([255]) * 3 * (width // 2) + bytes(3 * (width - width // 2))
    return Image(width, height, PixelFormat.RGB_U8, row * height)


def blue_beside_red(network: Network, quality: Quality) -> list[float]:
    """How blue each strip is, from left to right: 0 as far from the edge in red, 1 in blue."""
    with PillowImage.open(samples.photo("summer_palace")) as picture:
        small = picture.convert("RGB").resize(SIZE)
    photo = Image(*SIZE, PixelFormat.RGB_U8, small.tobytes())
    styles = [
        Style(tinted("auvers", RED), region=left_half(*SIZE)),
        Style(tinted("auvers", BLUE)),
    ]
    painted = stylize(network, photo, styles, StyleSettings(size=SIZE[0], quality=quality))
    columns = np.frombuffer(painted.pixels, np.uint8).reshape(SIZE[1], SIZE[0], 3).mean(axis=0)
    edge = SIZE[0] // 2
    far = STRIPS_PX[-1]

    def blueness(strip: slice) -> float:
        red, _, blue = columns[strip].mean(axis=0)
        return float(blue / (red + blue))

    none, all_of_it = blueness(slice(0, edge - far)), blueness(slice(edge + far, SIZE[0]))
    bounds = [-px for px in reversed(STRIPS_PX)] + list(STRIPS_PX[1:])
    return [
        (blueness(slice(edge + start, edge + stop)) - none) / (all_of_it - none)
        for start, stop in pairwise(bounds)
    ]


def main() -> None:
    """Prints the table and writes the picture."""
    network = load_network(Model.VGG16_HED, StyleSettings().pooling)
    bounds = list(pairwise(STRIPS_PX))
    names = [f"{far}–{near} left" for near, far in reversed(bounds)]
    names += [f"{near}–{far} right" for near, far in bounds]
    print("| Quality | " + " | ".join(names) + " |")
    print("| --- |" + " ---: |" * len(names))
    for quality in (Quality.DRAFT, Quality.GOOD):
        found = blue_beside_red(network, quality)
        print(
            f"| {quality.value} | " + " | ".join(str(round(100 * share)) for share in found) + " |"
        )

    photo = read_image(samples.photo("summer_palace"))[0]
    left, right = (
        read_image(samples.painting(name))[0] for name in ("great_wave", "composition_viii")
    )
    styles = [Style(left, region=left_half(photo.width, photo.height)), Style(right)]
    painted = stylize(network, photo, styles, StyleSettings(size=PAINTED_PX))
    write_image(painted, "docs/pictures/regions.jpg")


if __name__ == "__main__":
    main()
