"""Records of the pictures that the daemon keeps: their image, their recipe.

The daemon has the pixels, by the name of the job. A record is written when a job is accepted, so
that its picture is found again if GIMP ends before the job does.
"""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from impasto_shared.files.atomic_write import write_atomically
from impasto_shared.files.paths import cache_dir, make_private

_RECORD, _MASK, _REGION, _THUMBNAIL = ".json", ".mask", ".region", ".png"
# Longer than any daemon is likely to keep a picture: an older record is of no use.
_MAX_AGE_S = 30 * 86_400


@dataclass(frozen=True)
class KeptResult:
    """The record of one picture.

    image: the id that GIMP stores in the image. file: the URI of its file; "" if it has none.
    name: that of the new layer. recipe: what that remembers, as JSON.
    width, height: the size of the layer that was painted.
    painted_at: the time of day at which it was begun, in seconds.
    look: a small picture of that layer, as text; "" in the records of earlier versions, which have
        none of the following either.
    region: the tattoo of the channel that is to keep the selection, if that was a region; else 0.
    daemon: the endpoint of the daemon that has the picture.
    """

    job: str
    image: str
    file: str
    name: str
    recipe: str
    width: int
    height: int
    painted_at: float
    look: str = ""
    region: int = 0
    daemon: str = ""

    def belongs_to(self, image: str, file: str) -> bool:
        """Returns whether it was painted from the image with this id, or from this file."""
        return self.image == image or bool(file and self.file == file)

    def is_at(self, daemon: str) -> bool:
        """Returns whether the daemon with this endpoint has the picture, as far as is known."""
        return self.daemon in ("", daemon)


class KeptResults:
    """The records in `folder`."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or cache_dir() / "impasto/results"

    def add(self, result: KeptResult, mask: bytes | None, region: bytes | None = None) -> None:
        """Stores a record, the mask of its layer, and the values of the channel for its region.

        Records of last month are removed.

        Raises:
            OSError: if the folder cannot be written to.
            UnsafeDirectory: if other users have access to it.
        """
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        make_private(self._folder)
        for values, ending in ((mask, _MASK), (region, _REGION)):
            if values is not None:
                self._write(result.job, ending, zlib.compress(values, 1))
        self._write(result.job, _RECORD, json.dumps(asdict(result)).encode())
        for old in list(self._all()):
            if old.painted_at < time.time() - _MAX_AGE_S:
                self.remove(old.job)

    def of_image(self, image: str, file: str, daemon: str) -> list[KeptResult]:
        """Returns the records that belong to an image and a daemon, the newest first."""
        own = [result for result in self.of_daemon(daemon) if result.belongs_to(image, file)]
        return sorted(own, key=lambda result: -result.painted_at)

    def of_daemon(self, daemon: str) -> list[KeptResult]:
        """Returns the records of pictures of any image at the daemon with this endpoint."""
        return [result for result in self._all() if result.is_at(daemon)]

    def mask_of(self, result: KeptResult) -> bytes | None:
        """Returns the mask that was stored with a record; None if there was none."""
        return self._read(result.job, _MASK)

    def region_of(self, result: KeptResult) -> bytes | None:
        """Returns the values that were stored for its region; None if there were none."""
        return self._read(result.job, _REGION)

    def thumbnail_of(self, result: KeptResult) -> Path:
        """Returns the path of the small picture, which may not be there."""
        return self._path(result.job, _THUMBNAIL)

    def store_thumbnail(self, result: KeptResult, png: bytes) -> None:
        """Stores the small picture; raises OSError."""
        self._write(result.job, _THUMBNAIL, png)

    def remove(self, job: str) -> None:
        """Removes the record of a job, if there is one."""
        for ending in (_RECORD, _MASK, _REGION, _THUMBNAIL):
            with suppress(OSError):
                self._path(job, ending).unlink(missing_ok=True)

    def _all(self) -> Iterator[KeptResult]:
        with suppress(OSError):
            for path in self._folder.glob(f"*{_RECORD}"):
                # A newer plug-in may have written it, or another program.
                with suppress(OSError, ValueError, TypeError):
                    yield KeptResult(**json.loads(path.read_bytes()))

    def _read(self, job: str, ending: str) -> bytes | None:
        try:
            return zlib.decompress(self._path(job, ending).read_bytes())
        except (OSError, zlib.error):
            return None

    def _write(self, job: str, ending: str, data: bytes) -> None:
        write_atomically(self._path(job, ending), data, is_synced=False)

    def _path(self, job: str, ending: str) -> Path:
        return self._folder / f"{job}{ending}"
