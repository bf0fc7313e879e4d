"""The record in a painted file, by which a batch knows that it need not be painted again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from impasto_daemon.commands.image_file.notes import read_note
from impasto_shared.settings import StyleSettings

# Changes when pictures of the same settings are to be painted again.
_FORMAT = 1


@dataclass(frozen=True)
class Source:
    """A photo or a painting: the name and the SHA-256 of its file, in hexadecimal digits."""

    name: str
    sha256: str


@dataclass(frozen=True)
class PaintingSource(Source):
    """A painting, with its relative weight."""

    weight: float


@dataclass(frozen=True)
class Record:
    """The origin of a picture."""

    photo: Source
    paintings: Sequence[PaintingSource]
    settings: StyleSettings
    after: str | None = None
    """The digest of the frame before, of a frame that has begun from one."""

    def text(self) -> str:
        """Returns the record as a line of ASCII."""
        values = {"format": _FORMAT, **asdict(self), "settings": self.settings.to_json()}
        if self.after is None:
            del values["after"]
        return json.dumps(values, sort_keys=True)

    @property
    def digest(self) -> str:
        """The digest of all that the picture was made from, whatever the files are called."""
        values = _without_names(json.loads(self.text()))
        return digest_of(json.dumps(values, sort_keys=True).encode())

    def is_in(self, path: Path) -> bool:
        """Returns whether a file is the picture of the same photo, paintings and settings.

        The names of the files may have changed.
        """
        return self.is_told_by(read_note(path))

    def is_told_by(self, note: str | None) -> bool:
        """Returns whether the note in a file says so."""
        if note is None:
            return False
        try:
            return _without_names(json.loads(note)) == _without_names(json.loads(self.text()))
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
            return False  # of another program


def digest_of(data: bytes) -> str:
    """Returns the SHA-256 of the content of a file in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def _without_names(values: dict[str, Any]) -> dict[str, Any]:
    sources = [values["photo"], *values["paintings"]]
    for source in sources:
        del source["name"]
    return values
