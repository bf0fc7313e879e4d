"""The photos that a command line names: files, folders, patterns and lists."""

from __future__ import annotations

import glob
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from impasto_daemon.commands.image_file.reading import FORMATS, reason_of
from impasto_daemon.commands.image_file.writing import format_of
from impasto_shared.errors import ImpastoError, InvalidImage

_STANDARD_INPUT = "-"


class NoPhotos(ImpastoError):
    """A folder, a pattern or a list has no photos."""


def find_photos(names: Sequence[str], lists: Sequence[str]) -> Iterator[Path | ImpastoError]:
    """Yields each photo once, in the order of the command line, or why a name has none.

    names: files, folders (of which the pictures are taken, not those in folders within), patterns.
    lists: files with a name in each line; "-" for standard input.
    """
    earlier: set[Path] = set()
    for name in _all_names(names, lists):
        if isinstance(name, ImpastoError):
            yield name
            continue
        for photo in _of_name(name):
            if isinstance(photo, Path):
                if (key := photo.absolute()) in earlier:
                    continue
                earlier.add(key)
            yield photo


@dataclass
class Footage:
    """The photos of a film, in order, and the reasons why some are none.

    name: of their folder; None of files that are named one by one.
    """

    name: str | None
    photos: list[Path | ImpastoError] = field(default_factory=list)


def find_footage(names: Sequence[str], lists: Sequence[str]) -> Iterator[Footage]:
    """Yields what films are made of: one for each folder and pattern, one for all other files.

    names, lists: as in `find_photos`.
    """
    files = Footage(None)
    for name in _all_names(names, lists):
        if isinstance(name, ImpastoError):
            files.photos.append(name)
        elif Path(name).is_dir():
            yield Footage(Path(name).resolve().name, list(_of_name(name)))
        elif _is_pattern(name):
            yield Footage(Path(name).absolute().parent.name, list(_of_name(name)))
        else:
            files.photos += _of_name(name)
    if files.photos:
        yield files


def is_single_file(name: str) -> bool:
    """Returns whether a name is that of one file: neither a folder nor a pattern."""
    try:
        return not (Path(name).is_dir() or _is_pattern(name))
    except (OSError, ValueError):  # it is no possible name of one
        return True


def _all_names(names: Sequence[str], lists: Sequence[str]) -> Iterator[str | ImpastoError]:
    """Yields the names of a command line, and those in lists."""
    yield from names
    for name in lists:
        try:
            lines = _lines(name)
        except (OSError, UnicodeError) as error:
            yield InvalidImage(f"The list {name} cannot be read: {reason_of(error)}.")
            continue
        if not lines:
            yield NoPhotos(f"The list {name} is empty.")
        yield from lines


def _lines(name: str) -> list[str]:
    text = sys.stdin.read() if name == _STANDARD_INPUT else Path(name).read_text()
    return [line for line in text.splitlines() if line.strip()]


def _of_name(name: str) -> Iterator[Path | ImpastoError]:
    try:
        yield from _photos_of(name)
    except (OSError, ValueError) as error:  # a name that is too long or not possible, no access
        yield InvalidImage(f"{name} cannot be read: {reason_of(error)}.")


def _photos_of(name: str) -> Iterator[Path | ImpastoError]:
    if "\0" in name:
        raise ValueError("a name of a file has no null character")
    path = Path(name)
    if path.is_dir():
        photos = sorted(entry for entry in path.iterdir() if _looks_like_photo(entry))
        missing = f"The folder {name} has no pictures."
    elif _is_pattern(name):
        matches = sorted(glob.glob(name))  # noqa: PTH207 - absolute or relative
        photos = [Path(match) for match in matches if Path(match).is_file()]
        missing = f"No file matches {name}."
    else:
        yield path  # if it does not exist, reading it says so
        return
    yield from photos
    if not photos:
        yield NoPhotos(missing)


def _is_pattern(name: str) -> bool:
    """Returns whether a name is a pattern that no shell has replaced, and not that of a file."""
    return glob.has_magic(name) and not Path(name).exists()


def _looks_like_photo(path: Path) -> bool:
    return format_of(path) in FORMATS and not path.name.startswith(".") and path.is_file()
