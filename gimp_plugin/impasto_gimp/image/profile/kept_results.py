"""Records of the pictures that the daemon keeps: their image, their recipe.

The daemon has the pixels, by the name of the job. A record is written when a job is accepted, so
that its picture is found again if GIMP ends before the job does.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from impasto_shared.files.atomic_write import write_atomically
from impasto_shared.files.paths import cache_dir, make_private

_RECORD, _MASK, _THUMBNAIL = ".json", ".mask", ".png"


@dataclass(frozen=True)
class KeptResult:
    """The record of one picture.

    image: the id that GIMP stores in the image. file: the URI of its file; "" if it has none.
    name: that of the new layer. recipe: what that remembers, as JSON.
    width, height: the size of the layer that was painted.
    painted_at: the time of day at which it was begun, in seconds.
    """

    job: str
    image: str
    file: str
    name: str
    recipe: str
    width: int
    height: int
    painted_at: float

    def belongs_to(self, image: str, file: str) -> bool:
        """Returns whether it was painted from the image with this id, or from this file."""
        return self.image == image or bool(file and self.file == file)


class KeptResults:
    """The records in `folder`."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or cache_dir() / "impasto/results"

    def add(self, result: KeptResult, mask: bytes | None) -> None:
        """Stores a record and the mask of its layer.

        Raises:
            OSError: if the folder cannot be written to.
            UnsafeDirectory: if other users have access to it.
        """
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        make_private(self._folder)
        if mask is not None:
            write_atomically(self._path(result.job, _MASK), zlib.compress(mask, 1), is_synced=False)
        record = json.dumps(asdict(result)).encode()
        write_atomically(self._path(result.job, _RECORD), record, is_synced=False)

    def of_image(self, image: str, file: str) -> list[KeptResult]:
        """Returns the records that belong to an image, the newest first."""
        own = [result for result in self._all() if result.belongs_to(image, file)]
        return sorted(own, key=lambda result: -result.painted_at)

    def mask_of(self, result: KeptResult) -> bytes | None:
        """Returns the mask that was stored with a record; None if there was none."""
        try:
            return zlib.decompress(self._path(result.job, _MASK).read_bytes())
        except (OSError, zlib.error):
            return None

    def thumbnail_of(self, result: KeptResult) -> Path:
        """Returns the path at which a small picture can be stored."""
        return self._path(result.job, _THUMBNAIL)

    def remove(self, job: str) -> None:
        """Removes the record of a job, if there is one."""
        for ending in (_RECORD, _MASK, _THUMBNAIL):
            with suppress(OSError):
                self._path(job, ending).unlink(missing_ok=True)

    def _all(self) -> Iterator[KeptResult]:
        with suppress(OSError):
            for path in self._folder.glob(f"*{_RECORD}"):
                # A newer plug-in may have written it, or another program.
                with suppress(OSError, ValueError, TypeError):
                    yield KeptResult(**json.loads(path.read_bytes()))

    def _path(self, job: str, ending: str) -> Path:
        return self._folder / f"{job}{ending}"
