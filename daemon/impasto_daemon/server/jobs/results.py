"""Finished pictures: in files of a private folder if the disk has room, else in memory."""

from __future__ import annotations

import logging
import os
import weakref
from pathlib import Path

from impasto_daemon.server.journal.pixel_files import read_pixels, remove_file
from impasto_shared.errors import ImpastoError
from impasto_shared.files.open_flags import NOFOLLOW, PLAIN
from impasto_shared.files.paths import make_private
from impasto_shared.image import Image, PixelFormat

logger = logging.getLogger(__name__)


class Picture:
    """A finished picture: in memory until it is stored, then in its file."""

    def __init__(self, width: int, height: int, form: PixelFormat) -> None:
        self.width, self.height, self.format = width, height, form
        self.size_bytes = width * height * form.bytes_per_pixel
        self._pixels: bytes | memoryview | None = None
        self._path: Path | None = None
        self._loaded: weakref.ref[memoryview] | None = None

    @classmethod
    def in_memory(cls, image: Image) -> Picture:
        """Returns a picture that is not stored yet."""
        picture = cls(image.width, image.height, image.format)
        picture._pixels = image.pixels
        return picture

    @classmethod
    def in_file(cls, path: Path, width: int, height: int, form: PixelFormat) -> Picture:
        """Returns the picture in a file."""
        picture = cls(width, height, form)
        picture._path = path
        return picture

    @property
    def is_in_memory(self) -> bool:
        """True if its pixels are in this process's memory."""
        return self._pixels is not None

    @property
    def pixels_in_memory(self) -> bytes | memoryview | None:
        """The pixels, if they are in memory."""
        return self._pixels

    @property
    def file_name(self) -> str | None:
        """The name of its file, if it has one."""
        return None if self._path is None else self._path.name

    def move_to(self, path: Path) -> None:
        """Frees the memory: the pixels have been written to `path`."""
        self._pixels, self._path = None, path

    def read(self) -> Image:
        """Returns the image; its pixels may be shared by all callers.

        Raises:
            OSError: if the file cannot be read.
            ValueError: if the picture was dropped.
        """
        pixels = self._pixels if self._pixels is not None else self._from_file()
        return Image(self.width, self.height, self.format, pixels)

    def drop(self) -> None:
        """Frees the memory; pixels that were handed out stay valid. The file is the caller's."""
        self._pixels = self._loaded = self._path = None

    def _from_file(self) -> memoryview:
        """Returns the pixels in the file, in memory only while anyone uses them."""
        path = self._path
        if path is None:
            raise ValueError("the picture was dropped")
        loaded = self._loaded() if self._loaded is not None else None
        if loaded is None:
            loaded = memoryview(read_pixels(path, self.size_bytes))
            self._loaded = weakref.ref(loaded)
        return loaded


class ResultFile:
    """A new file in `folder`, to which the worker writes the picture of a job.

    A picture of a hundred megabytes thus crosses one socket less, and the server writes nothing.
    Raises OSError if it cannot be created.
    """

    def __init__(self, folder: Path, job: str) -> None:
        make_private(folder)
        # A worker of an earlier daemon that still writes does not have this name.
        self._path: Path | None = folder / f"{job}-{os.urandom(4).hex()}.picture"
        self.path = str(self._path)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | NOFOLLOW | PLAIN
        os.close(os.open(self._path, flags, 0o600))

    def take(self, width: int, height: int, form: PixelFormat) -> Picture:
        """Returns the picture in the file; raises ValueError if it is missing or incomplete."""
        size_bytes = width * height * form.bytes_per_pixel
        if self._path is None or not _has_size(self._path, size_bytes):
            raise ValueError(f"{self.path} does not hold {width} × {height} pixels")
        path, self._path = self._path, None
        return Picture.in_file(path, width, height, form)

    def drop(self) -> None:
        """Removes the file, unless its picture was taken."""
        path, self._path = self._path, None
        if path is not None:
            remove_file(path)


class Results:
    """Creates the files of pictures in `folder`; None: there is none, for the reason `problem`."""

    def __init__(self, folder: Path | None, problem: str | None = None) -> None:
        self.folder = folder
        self.problem = problem
        """The reason why the last picture could not be stored; None if it was."""

    def new_file(self, job: str) -> ResultFile | None:
        """Returns a file for the picture of a job; None if there can be none: see `problem`."""
        if self.folder is None:
            return None
        try:
            return ResultFile(self.folder, job)
        except (OSError, ImpastoError) as error:
            self.problem = str(error)
            return None


def _has_size(path: Path, size_bytes: int) -> bool:
    try:
        return path.stat().st_size == size_bytes
    except OSError:
        return False
