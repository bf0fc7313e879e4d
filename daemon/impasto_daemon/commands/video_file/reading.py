"""Reading a video: any that PyAV can, one frame at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from impasto_daemon.commands.video_file.library import InvalidVideo, pyav, reason_of
from impasto_shared.image import Image, PixelFormat, check_size

SUFFIXES = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts"),
    *(".wmv", ".flv", ".ogv", ".3gp", ".mxf"),
)
_BLOCK_BYTES = 2**20


def is_video(path: Path) -> bool:
    """Returns whether a name is that of a video."""
    return path.suffix.lower() in SUFFIXES


class Video:
    """A video file that has been looked through once.

    path: its file. count: of its frames. digest: the SHA-256 of the file, in hexadecimal digits.
    """

    def __init__(self, path: Path) -> None:
        """Decodes all of it, so that damage is found before anything is painted.

        Raises InvalidVideo if it is no video, or damaged, and InvalidImage for too large frames.
        """
        pyav()
        self.path = path
        self.digest = _digest_of(path)
        self.count = 0
        self._frames: Generator[Any] | None = None
        self._next = 0
        for frame in self._decoded():
            check_size(frame.width, frame.height, name=str(path))
            self.count += 1
        if not self.count:
            raise InvalidVideo(f"{path} has no frames.")
        expected = self._expected_count()
        if self.count < expected:
            raise InvalidVideo(
                f"{path} is cut off: only {self.count} of its {expected} frames are there. Copy "
                f"the file again, or keep those: ffmpeg -i {path} -c copy OTHER{path.suffix}"
            )

    def frame(self, number: int) -> Image:
        """Returns a frame (from 0), upright; the next one costs least.

        Raises InvalidVideo if the file has changed.
        """
        if self._frames is None or number < self._next:
            self.close()
            self._frames = self._decoded()
        for frame in self._frames:
            self._next += 1
            if self._next > number:
                return _image(frame)
        raise InvalidVideo(f"{self.path} has changed: it has no frame {number + 1} any more.")

    def close(self) -> None:
        """Closes the file; the next frame opens it again, and decodes from its beginning."""
        if self._frames is not None:
            self._frames.close()
        self._frames, self._next = None, 0

    def times(self) -> Iterator[int | None]:
        """Yields when each frame is shown, in units of `time_base`; None if it does not say."""
        for frame in self._decoded():
            yield frame.pts

    def _decoded(self) -> Generator[Any]:
        with opened(self.path) as container:
            stream = video_stream(container, self.path)
            stream.thread_type = "AUTO"
            with _reading(self.path):
                yield from container.decode(stream)

    def _expected_count(self) -> int:
        """Returns how many frames the file says that it has; 0 if it says nothing."""
        with opened(self.path) as container:
            stream = video_stream(container, self.path)
            if not stream.frames or not stream.duration or not stream.average_rate:
                return 0
            # Of the frames, some may be before the beginning: only what is played counts.
            played = Fraction(stream.duration) * stream.time_base * stream.average_rate
            return min(int(stream.frames), int(played))


def opened(path: Path) -> Any:
    """Returns a video, opened by PyAV, as a context. Raises InvalidVideo."""
    with _reading(path):
        return pyav().open(str(path))


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turns errors of PyAV into InvalidVideo, within it."""
    av = pyav()
    try:
        yield
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise InvalidVideo(f"{path} cannot be read: {reason_of(error)}.") from error


def video_stream(container: Any, path: Path) -> Any:
    """Returns the stream of moving pictures; the cover of a song is none. Raises InvalidVideo."""
    for stream in container.streams.video:
        if not stream.disposition & pyav().stream.Disposition.attached_pic:
            return stream
    raise InvalidVideo(f"{path} has no video in it.")


def _image(frame: Any) -> Image:
    rgb = frame.to_ndarray(format="rgb24")
    # Counterclockwise, as NumPy turns.
    rgb = np.ascontiguousarray(np.rot90(rgb, round(frame.rotation / 90)))
    height, width = rgb.shape[:2]
    return Image(width, height, PixelFormat.RGB_U8, rgb.tobytes())


def _digest_of(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
    except OSError as error:
        raise InvalidVideo(f"{path} cannot be read: {reason_of(error)}.") from error
    return digest.hexdigest()
