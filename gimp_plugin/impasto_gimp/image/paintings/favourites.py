"""The paintings that the user wants to see first, by their paths, in a file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from impasto_gimp.translation import gettext
from impasto_shared.errors import InvalidSettings

FILE_NAME = "impasto-favourites.json"


class Favourites:
    """The paths of favourites, read from `file` and written by `store`."""

    def __init__(self, file: Path, store: Callable[[Path, bytes], None]) -> None:
        self._file, self._store = file, store
        self.problem: InvalidSettings | None = None
        """What is wrong with the file, if it cannot be read; then it is not written either."""
        self._paths: list[str] = []
        self._read()

    def _read(self) -> None:
        """Reads the file, which another dialog may have changed since it was read."""
        self.problem = None
        try:
            self._paths = _paths(self._file.read_bytes())
        except FileNotFoundError:
            self._paths = []
        except (OSError, ValueError, TypeError) as error:
            self.problem = InvalidSettings(
                "favourites",
                gettext(
                    "The favourites cannot be read, and are left as they are ({error}). To begin "
                    "again, delete the file {file}."
                ).format(error=error, file=self._file),
            )

    def __contains__(self, path: str) -> bool:
        """Returns whether a painting is a favourite."""
        return path in self._paths

    @property
    def first(self) -> Path | None:
        """The first favourite that is a file; None if there is none."""
        return next((Path(path) for path in self._paths if Path(path).is_file()), None)

    def toggle(self, path: str) -> None:
        """Makes a painting a favourite, or no longer.

        Raises:
            InvalidSettings: if the file cannot be read or written; nothing has changed then.
        """
        is_favourite = path not in self
        self._read()
        if self.problem:
            raise self.problem
        # As the user has seen it here, whatever another dialog has made of it.
        paths = [each for each in self._paths if each != path]
        if is_favourite:
            paths.append(path)
        try:
            self._store(self._file, json.dumps(paths, ensure_ascii=False).encode())
        except (OSError, ValueError) as error:
            raise InvalidSettings(
                "favourites",
                gettext("The favourites could not be stored in {file}: {error}").format(
                    file=self._file, error=error
                ),
            ) from error
        self._paths = paths


def _paths(stored: bytes) -> list[str]:
    paths = json.loads(stored)
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        message = "a list of paths is expected"
        raise TypeError(message)
    return paths
