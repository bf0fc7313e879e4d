"""Finished pictures: on the disk if it has room, so that the server's memory stays small.

Their files have no name: no other program can open or truncate them, and the system frees them when
the server exits, for whatever reason.
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

# Written at once; the server answers between two chunks.
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
        """Returns a picture that is not written yet."""
        picture = cls(image.width, image.height, image.format)
        picture._pixels = memoryview(image.pixels).cast("B")
        return picture

    @property
    def is_in_memory(self) -> bool:
        """True if its pixels are in this process's memory."""
        return self._pixels is not None

    @property
    def image(self) -> Image:
        """The picture itself; its pixels may be those of the file, shared by all callers."""
        pixels = self._pixels if self._pixels is not None else memoryview(self._mapping())
        return Image(self._width, self._height, self._format, pixels)

    def write_some(self, folder: Path) -> bool:
        """Writes the next chunk; returns whether it was the last. On OSError it stays in memory."""
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
        """Frees memory and file; pixels that were handed out stay valid."""
        self._pixels = self._mapped = None
        self._close()

    def _mapping(self) -> mmap.mmap:
        """Returns the file's bytes, mapped only while they are in use: pages read count as ours."""
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
    """A file without a name, to which another process of this user writes one picture.

    A picture of a hundred megabytes thus crosses one socket less, and the server writes nothing.
    Raises OSError if it cannot be created.
    """

    def __init__(self, folder: Path) -> None:
        self._file: int | None = _open_nameless(folder)
        self.path = f"/proc/{os.getpid()}/fd/{self._file}"
        """The path that opens it until it is taken or dropped."""

    def take(self, width: int, height: int, form: PixelFormat) -> Picture:
        """Returns the picture in the file; raises ValueError if it is missing or incomplete."""
        picture = Picture(width, height, form)
        if self._file is None or os.fstat(self._file).st_size != picture.size_bytes:
            raise ValueError(f"{self.path} does not hold {width} × {height} pixels")
        picture._file, self._file = self._file, None
        return picture

    def drop(self) -> None:
        """Closes the file, unless its picture was taken."""
        if self._file is not None:
            os.close(self._file)
        self._file = None


class Results:
    """Stores pictures in `folder`, chunk by chunk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._unwritten: deque[Picture] = deque()
        self.problem: str | None = None
        """The reason why the last picture could not be written; None if it was."""

    def keep(self, image: Image) -> Picture:
        """Returns a picture that later calls of `write_some` write to its file."""
        picture = Picture.in_memory(image)
        if picture.size_bytes >= MIN_FILE_BYTES:
            self._unwritten.append(picture)
        return picture

    def new_file(self) -> ResultFile | None:
        """Returns a file for the next picture; None if there can be none: see `problem`."""
        try:
            return ResultFile(self._folder)
        except (OSError, ImpastoError) as error:
            self.problem = str(error)
            return None

    def take(self, result_file: ResultFile, width: int, height: int, form: PixelFormat) -> Picture:
        """Returns the picture in a file; raises ValueError if it is missing or incomplete."""
        picture = result_file.take(width, height, form)
        self.problem = None
        return picture

    @property
    def is_writing(self) -> bool:
        """True if a picture is waiting to be written."""
        return bool(self._unwritten)

    def write_some(self) -> None:
        """Writes a chunk of the next picture, which stays in memory if it cannot be written."""
        if not self._unwritten:
            return
        try:
            if not self._unwritten[0].write_some(self._folder):
                return
            self.problem = None
        except (OSError, ImpastoError) as error:
            self.problem = str(error)
            logger.warning("a picture stays in memory, as it cannot be written: %s", error)
        self._unwritten.popleft()


def _open_nameless(folder: Path) -> int:
    """Creates a file in `folder` that only this user can open; raises OSError."""
    make_private(folder)
    # It has a name for a moment, as not every file system supports O_TMPFILE.
    path = folder / os.urandom(8).hex()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    path.unlink()
    return descriptor
