"""The photos that a command line names: files, folders, patterns and lists."""

from __future__ import annotations

import glob
import sys
from collections.abc import Iterable, Iterator, Sequence
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
    for photo in _all_of([*names], lists):
        if isinstance(photo, Path):
            if (key := photo.absolute()) in earlier:
                continue
            earlier.add(key)
        yield photo


def _all_of(names: Iterable[str], lists: Sequence[str]) -> Iterator[Path | ImpastoError]:
    for name in names:
        yield from _of_name(name)
    for name in lists:
        try:
            lines = _lines(name)
        except (OSError, UnicodeError) as error:
            yield InvalidImage(f"The list {name} cannot be read: {reason_of(error)}.")
            continue
        if not lines:
            yield NoPhotos(f"The list {name} is empty.")
        for line in lines:
            yield from _of_name(line)


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
    elif glob.has_magic(name) and not path.exists():  # where no shell replaces patterns
        matches = sorted(glob.glob(name))  # noqa: PTH207 - absolute or relative
        photos = [Path(match) for match in matches if Path(match).is_file()]
        missing = f"No file matches {name}."
    else:
        yield path  # if it does not exist, reading it says so
        return
    yield from photos
    if not photos:
        yield NoPhotos(missing)


def _looks_like_photo(path: Path) -> bool:
    return format_of(path) in FORMATS and not path.name.startswith(".") and path.is_file()
