"""The scripts in docs/examples, run by real GIMPs as their first lines say."""

from __future__ import annotations

import re
import shutil
import struct
from pathlib import Path

import pytest

from gimp.gimps import REPOSITORY, Home

pytestmark = pytest.mark.gimp

EXAMPLES = REPOSITORY / "docs/examples"


def run_example(home: Home, name: str) -> None:
    """Runs an example next to the pictures, as its user would."""
    text = (EXAMPLES / name).read_text()
    match = re.search(r"gimp-console (.*)\\\n;? *(-b .*)", text)
    assert match, "the first lines do not say how to run it"
    shutil.copy(EXAMPLES / name, home.folder)
    command = f"gimp-console-{home.gimp.version} {match[1]} {match[2]}"
    home.run("sh", "-c", f"cd {home.folder} && {command}", timeout=120)


def size_of(file: Path) -> tuple[int, int]:
    """Returns the width and the height of an XCF file."""
    width, height = struct.unpack_from(">II", file.read_bytes(), 14)
    return width, height


def layers_of(file: Path) -> int:
    """Returns the number of layers of an XCF file: its offsets follow the image properties."""
    data = file.read_bytes()
    width_of_offsets = 8 if data[9:13] >= b"v011" else 4
    position = 14 + 3 * 4 + (4 if data[9:13] >= b"v004" else 0)
    while True:
        kind, length = struct.unpack_from(">II", data, position)
        position += 8 + length
        if kind == 0:
            break
    count = 0
    while any(data[position : position + width_of_offsets]):
        count, position = count + 1, position + width_of_offsets
    return count


def test_a_folder_is_painted(fresh_home: Home) -> None:
    photos = fresh_home.folder / "photos"
    photos.mkdir()
    for name in ("chelsea", "coffee"):
        shutil.copy(REPOSITORY / f"assets/photos/{name}.jpg", photos)
    shutil.copy(REPOSITORY / "assets/styles/auvers.jpg", fresh_home.folder / "painting.jpg")

    shutil.copy(fresh_home.folder / "turned.jpg", photos)

    run_example(fresh_home, "paint_folder.py")

    painted = sorted((fresh_home.folder / "painted").iterdir())
    assert [file.name for file in painted] == ["chelsea.xcf", "coffee.xcf", "turned.xcf"]
    assert [layers_of(file) for file in painted] == [2, 2, 2]
    assert size_of(painted[-1]) == (8, 16)  # of 16 × 8 pixels before it was turned upright


def test_script_fu_paints_a_layer(fresh_home: Home) -> None:
    shutil.copy(REPOSITORY / "assets/photos/coffee.jpg", fresh_home.folder / "photo.jpg")
    shutil.copy(REPOSITORY / "assets/styles/auvers.jpg", fresh_home.folder / "painting.jpg")

    run_example(fresh_home, "paint_layer.scm")

    assert layers_of(fresh_home.folder / "painted.xcf") == 2
