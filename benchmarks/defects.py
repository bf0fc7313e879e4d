"""Shows the places where similar programs fail: python -m benchmarks defects.

Paints some pairs of the comparison, cuts out edges, flat areas and a corner, and lays the pieces
side by side, three times as large, as docs/pictures/defects.jpg. Prints the noise of each piece.
Run with the environment of the tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import as_in_worker  # noqa: F401 - before torch

# isort: split
from PIL import Image
from torch import Tensor

import device
import samples
from impasto_daemon.commands.image_file import read_image
from impasto_daemon.style_transfer.images.colours import luminance
from impasto_daemon.style_transfer.images.pixels import fit, from_image, to_image
from impasto_daemon.style_transfer.losses.image_losses import chroma
from impasto_daemon.style_transfer.stylize import stylize
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style
from record import Table

PIECE_PX, ENLARGED, COLUMNS = 110, 3, 3
GAP_PX = 6
PAINTED_PX = 320


class Piece(NamedTuple):
    """A square of PIECE_PX pixels of a picture: what it shows, and its top left corner."""

    name: str
    photo: str
    painting: str
    left: int
    top: int


PIECES = (
    Piece("face and hair", "astronaut", "moulin_de_la_galette", 95, 5),
    Piece("roof", "summer_palace", "great_wave", 45, 0),
    Piece("table and saucer", "coffee", "composition_viii", 205, 25),
    Piece("sky", "summer_palace", "great_wave", 190, 0),
    Piece("corner", "chelsea", "harvesters", 0, 103),
    Piece("eye and background", "chelsea", "auvers", 210, 30),
)


def tabulate(arguments: Sequence[str]) -> Table:
    """Returns a row for each piece and each painting, and writes the sheet."""
    del arguments
    network = device.installed_network(StyleSettings().pooling)
    pictures, paintings = {}, {}
    for photo, painting in dict.fromkeys((piece.photo, piece.painting) for piece in PIECES):
        content = to_image(fit(from_image(read_image(samples.photo(photo))).rgb, PAINTED_PX))
        style = read_image(samples.painting(painting))
        settings = StyleSettings(size=PAINTED_PX)
        pictures[photo, painting] = from_image(
            stylize(network, content, [Style(style)], settings)
        ).rgb
        paintings[painting] = fit(from_image(style).rgb, PAINTED_PX)
    squares = [
        pictures[piece.photo, piece.painting][
            :, :, piece.top : piece.top + PIECE_PX, piece.left : piece.left + PIECE_PX
        ]
        for piece in PIECES
    ]
    _sheet(squares).save("docs/pictures/defects.jpg", quality=90)
    rows = [(piece.name, *_noise(square)) for piece, square in zip(PIECES, squares, strict=True)]
    rows += [(f"the painting, {name}", *_noise(rgb)) for name, rgb in paintings.items()]
    return Table(("Piece", "Luminance", "Red–green", "Blue–yellow"), rows)


def _noise(rgb: Tensor) -> list[str]:
    """Returns the root mean squares of the Laplacians of luminance and chroma, borders excluded."""
    red_green, blue_yellow = chroma(rgb)[0]
    rms = [_rms_laplacian(plane) for plane in (luminance(rgb)[0, 0], red_green, blue_yellow)]
    return [f"{value:.3f}" for value in rms]


def _rms_laplacian(plane: Tensor) -> float:
    neighbours = plane[:-2, 1:-1] + plane[2:, 1:-1] + plane[1:-1, :-2] + plane[1:-1, 2:]
    return (4 * plane[1:-1, 1:-1] - neighbours).square().mean().sqrt().item()


def _sheet(squares: Sequence[Tensor]) -> Image.Image:
    side = PIECE_PX * ENLARGED
    rows = -(-len(squares) // COLUMNS)
    sheet_size = (COLUMNS * (side + GAP_PX) - GAP_PX, rows * (side + GAP_PX) - GAP_PX)
    sheet = Image.new("RGB", sheet_size, "white")
    for number, square in enumerate(squares):
        image = to_image(square)
        piece = Image.frombytes("RGB", (PIECE_PX, PIECE_PX), bytes(image.pixels))
        row, column = divmod(number, COLUMNS)
        corner = (column * (side + GAP_PX), row * (side + GAP_PX))
        sheet.paste(piece.resize((side, side), Image.Resampling.NEAREST), corner)
    return sheet
