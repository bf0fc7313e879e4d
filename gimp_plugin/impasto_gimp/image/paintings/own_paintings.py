"""The folder of the user's own paintings, to which the gallery adds pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from impasto_gimp.translation import gettext
from impasto_shared.errors import InvalidImage
from impasto_shared.files.atomic_write import create_atomically

MAX_BYTES = 256 * 2**20
"""The largest file that is copied: more than any camera's picture has."""


def add_painting(file: Path, folder: Path, is_picture: Callable[[Path], bool]) -> Path:
    """Returns the copy of a picture in `folder`: a new one, or one of the same name and content.

    is_picture: whether a file is a picture that the plug-in can read.

    Raises:
        InvalidImage: if it is no picture, or cannot be read or copied.
    """
    if file.parent.resolve() == folder.resolve() and file.is_file():
        return file
    try:
        if not file.is_file() or file.stat().st_size > MAX_BYTES or not is_picture(file):
            raise InvalidImage(
                gettext("{file} is no picture that can join the gallery.").format(file=file.name)
            )
        return _copied(file.read_bytes(), file.name, folder)
    except OSError as error:
        raise InvalidImage(
            gettext("{file} could not be added to the gallery: {error}").format(
                file=file.name, error=error
            )
        ) from error


def _copied(data: bytes, name: str, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for copy in _names(folder, name):
        try:
            create_atomically(copy, data)
        except FileExistsError:
            if copy.is_file() and copy.read_bytes() == data:
                return copy
        else:
            return copy
    raise AssertionError  # there is no end of names


def _names(folder: Path, name: str) -> Iterator[Path]:
    """Yields the file of this name, and others with a number."""
    file, number = folder / name, 1
    while True:
        yield file
        number += 1
        file = folder / f"{Path(name).stem} {number}{Path(name).suffix}"
