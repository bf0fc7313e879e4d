"""The photos and paintings of all benchmarks."""

from __future__ import annotations

from pathlib import Path

from impasto_daemon.commands.image_file import read_image
from impasto_shared.image import Image

_ASSETS = Path(__file__).parents[1] / "assets"


def photo_names() -> list[str]:
    """Returns the names of all photos."""
    return sorted(file.stem for file in (_ASSETS / "photos").glob("*.jpg"))


def painting_names() -> list[str]:
    """Returns the names of all paintings."""
    return sorted(file.stem for file in (_ASSETS / "styles").glob("*.jpg"))


def photo(name: str) -> Path:
    """Returns the file of a photo."""
    return _ASSETS / f"photos/{name}.jpg"


def painting(name: str) -> Path:
    """Returns the file of a painting."""
    return _ASSETS / f"styles/{name}.jpg"


def four_by_three(name: str) -> Image:
    """Returns the top of a photo, cropped so that it is no taller than 4 : 3."""
    image = read_image(photo(name))
    rows = min(image.height, image.width * 3 // 4)
    row_bytes = image.width * image.format.bytes_per_pixel
    return Image(image.width, rows, image.format, bytes(image.pixels)[: rows * row_bytes])
