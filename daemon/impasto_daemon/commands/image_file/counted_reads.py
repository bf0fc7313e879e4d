"""Files that refuse to be read for ever: a decoder's work is bounded by how often it reads.

Decoders read the parts of a file one by one: a header byte by byte (PPM), its segments, chunks,
blocks or boxes. Each takes microseconds, but a small file can have millions.
"""

from __future__ import annotations

import io
from pathlib import Path

from impasto_shared.errors import InvalidImage

MAX_READS = 1_000_000
"""They take a second or two. A photo with a film in it needs thousands."""
READS_PER_PIXEL = 4
"""Of a format that is decoded in Python, such as BMP in runs."""


class _Counted:
    """Counts reads, and raises InvalidImage beyond a number of them that no picture needs."""

    def __init__(self, path: Path | str) -> None:
        self._path = path
        self._left = MAX_READS

    def allow_for(self, pixels: int) -> None:
        """Allows the reads that a picture of that many pixels may need."""
        self._left += READS_PER_PIXEL * pixels

    def count(self) -> None:
        """Counts a read."""
        self._left -= 1
        if self._left < 0:
            raise InvalidImage(
                f"{self._path} would take too long to read: it is stored in far more parts than a "
                "picture needs. Open it in another program, and save it again."
            )


class CountedFile(io.BufferedReader):
    """A file, opened for a decoder; raises OSError."""

    def __init__(self, path: Path | str) -> None:
        super().__init__(io.FileIO(path))
        self.reads = _Counted(path)

    def read(self, size: int | None = -1, /) -> bytes:
        """Reads; raises InvalidImage once that is done too often."""
        self.reads.count()
        return super().read(size)


class CountedBytes(io.BytesIO):
    """The content of a file that has been read before, for a decoder."""

    def __init__(self, path: Path | str, data: bytes) -> None:
        super().__init__(data)
        self.reads = _Counted(path)

    def read(self, size: int | None = -1, /) -> bytes:
        """Reads; raises InvalidImage once that is done too often."""
        self.reads.count()
        return super().read(size)
