"""Finished pictures: on the disk as far as it has room, so that the server stays small.

Their files have no name: no other program can open or shorten them, and the system frees them when
the server ends, however it ends.
"""

from __future__ import annotations

import logging
import mmap
import os
import weakref
from collections import deque
from pathlib import Path

from impasto_daemon.worker.result_file import MIN_FILE_BYTES
from impasto_shared.errors import ImpastoError
from impasto_shared.image import Image, PixelFormat
from impasto_shared.paths import make_private

logger = logging.getLogger(__name__)

# What is written at once: the server answers between two of them.
_CHUNK_BYTES = 8 * 2**20


class Picture:
    """A finished picture: in memory until it is written, then in its file."""

    def __init__(self, width: int, height: int, form: PixelFormat) -> None:
        self._width, self._height, self._format = width, height, form
        self.size_bytes = width * height * form.bytes_per_pixel
        self._pixels: memoryview | None = None
        self._file: int | None = None
        self._written_bytes = 0
        self._mapped: weakref.ref[mmap.mmap] | None = None

    @classmethod
    def in_memory(cls, image: Image) -> Picture:
        """One that is not written yet."""
        picture = cls(image.width, image.height, image.format)
        picture._pixels = memoryview(image.pixels).cast("B")
        return picture

    @property
    def is_in_memory(self) -> bool:
        """Whether its pixels are in this process's memory."""
        return self._pixels is not None

    @property
    def image(self) -> Image:
        """The picture itself; its pixels may be those of the file, shared by all who ask."""
        pixels = self._pixels if self._pixels is not None else memoryview(self._mapping())
        return Image(self._width, self._height, self._format, pixels)

    def write_some(self, folder: Path) -> bool:
        """Writes the next part; whether all is written. Raises OSError, and stays in memory."""
        if self._pixels is None:
            return True
        if self._file is None:
            self._file = _open_nameless(folder)
        try:
            chunk = self._pixels[self._written_bytes :][:_CHUNK_BYTES]
            self._written_bytes += os.write(self._file, chunk)
        except OSError:
            self._close()
            raise
        if self._written_bytes < self.size_bytes:
            return False
        self._pixels = None
        return True

    def drop(self) -> None:
        """Frees memory and file; who has its pixels still keeps them."""
        self._pixels = self._mapped = None
        self._close()

    def _mapping(self) -> mmap.mmap:
        """The file's bytes; mapped anew when nobody has them, as what was read counts as ours."""
        mapped = self._mapped() if self._mapped is not None else None
        if mapped is None:
            if self._file is None:
                raise ValueError("the picture was dropped")
            mapped = mmap.mmap(self._file, self.size_bytes, prot=mmap.PROT_READ)
            self._mapped = weakref.ref(mapped)
        return mapped

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file)
        self._file, self._written_bytes = None, 0


class ResultFile:
    """A file without a name, for another process of this user to write one picture to.

    So a picture of a hundred megabytes crosses one socket less, and the server writes nothing.
    Raises OSError where there can be none.
    """

    def __init__(self, folder: Path) -> None:
        self._file: int | None = _open_nameless(folder)
        self.path = f"/proc/{os.getpid()}/fd/{self._file}"
        """Where it can be opened as long as it is neither taken nor dropped."""

    def take(self, width: int, height: int, form: PixelFormat) -> Picture:
        """The picture that was written; raises ValueError where it was not, or not whole."""
        picture = Picture(width, height, form)
        if self._file is None or os.fstat(self._file).st_size != picture.size_bytes:
            raise ValueError(f"{self.path} does not hold {width} × {height} pixels")
        picture._file, self._file = self._file, None
        return picture

    def drop(self) -> None:
        """Frees the file of a picture that was not taken."""
        if self._file is not None:
            os.close(self._file)
        self._file = None


class Results:
    """Writes pictures to files in `folder`, part by part."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._unwritten: deque[Picture] = deque()
        self.problem: str | None = None
        """Why the last picture could not be written; None where it could."""

    def keep(self, image: Image) -> Picture:
        """A picture that is written as `write_some` is called."""
        picture = Picture.in_memory(image)
        if picture.size_bytes >= MIN_FILE_BYTES:
            self._unwritten.append(picture)
        return picture

    def new_file(self) -> ResultFile | None:
        """A file for the next picture; None where there can be none, which `problem` explains."""
        try:
            return ResultFile(self._folder)
        except (OSError, ImpastoError) as error:
            self.problem = str(error)
            return None

    def take(self, result_file: ResultFile, width: int, height: int, form: PixelFormat) -> Picture:
        """The picture on a result_file; raises ValueError where it is not there, or not whole."""
        picture = result_file.take(width, height, form)
        self.problem = None
        return picture

    @property
    def is_writing(self) -> bool:
        """Whether there is something to be written."""
        return bool(self._unwritten)

    def write_some(self) -> None:
        """Writes the next part of the next picture; one that cannot be written stays in memory."""
        if not self._unwritten:
            return
        try:
            if not self._unwritten[0].write_some(self._folder):
                return
            self.problem = None
        except (OSError, ImpastoError) as error:
            self.problem = str(error)
            logger.warning("a picture stays in memory, it cannot be written: %s", error)
        self._unwritten.popleft()


def _open_nameless(folder: Path) -> int:
    """A new file of this user's alone in `folder`, which is made; raises OSError."""
    make_private(folder)
    # With a name for a moment: not every file system can do without.
    path = folder / os.urandom(8).hex()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    path.unlink()
    return descriptor
