"""A video as a film: frames are painted in a folder next to the new one, until that is whole."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from impasto_daemon.commands.batch.films import Film
from impasto_daemon.commands.batch.naming import picture_name
from impasto_daemon.commands.batch.plan import Choices, Picture
from impasto_daemon.commands.batch.record import Record, Source
from impasto_daemon.commands.image_file import read_image
from impasto_daemon.commands.image_file.reading import reason_of
from impasto_daemon.commands.output import say, warn
from impasto_daemon.commands.video_file.library import InvalidVideo
from impasto_daemon.commands.video_file.reading import Video
from impasto_daemon.commands.video_file.writing import read_comment, write_video
from impasto_shared.errors import ImpastoError

_FRAMES = "{name}.frames"
_FRAME = "{number:06}.png"
# In a folder of frames, so that no other folder of that name is written to.
_MARK = ".impasto"


@dataclass(frozen=True, kw_only=True)
class VideoFrame(Picture):
    """A frame of a video, whose number is from 0; it is read as a PPM file."""

    video: Video
    number: int

    def read(self) -> bytes:
        """Returns a picture file of the frame. Raises InvalidVideo."""
        frame = self.video.frame(self.number)
        return b"P6 %d %d 255\n" % (frame.width, frame.height) + bytes(frame.pixels)


@dataclass(frozen=True)
class VideoFilm(Film):
    """A film that becomes a video.

    target: the new video. record: of its origin, which it will hold.
    """

    video: Video
    target: Path
    record: Record

    def finish(self) -> None:
        """Writes the video, and removes its frames. Raises InvalidVideo."""
        pictures = (read_image(frame.target) for frame in self.frames)
        text = self.record.text()
        write_video(self.target, self.video, pictures, text, lambda note: warn(f"impasto: {note}"))
        say(str(self.target))
        self._remove_frames()

    def close(self) -> None:
        """Closes the file of the video that is read."""
        self.video.close()

    def _remove_frames(self) -> None:
        folder = frames_folder(self.target)
        # Other files in it are the user's; then the folder stays.
        with suppress(OSError):
            for frame in self.frames:
                frame.target.unlink(missing_ok=True)
            (folder / _MARK).unlink(missing_ok=True)
            folder.rmdir()

    def reason_not_finished(self) -> str:
        """Returns that the video is not written."""
        return (
            f"{self.target} is not written, because frames are missing. To go on, run the same "
            "command again."
        )


def frames_folder(target: Path) -> Path:
    """Returns the folder of a new video's painted frames."""
    return target.with_name(_FRAMES.format(name=target.name))


def plan_videos(
    videos: Sequence[Path | ImpastoError], choices: Choices
) -> Iterator[VideoFilm | ImpastoError | None]:
    """Yields the film of each video, or why there is none; None if the new video is there."""
    originals = {os.path.realpath(video) for video in videos if isinstance(video, Path)}
    video_of: dict[Path, Path] = {}
    for number, video in enumerate(videos, 1):
        if isinstance(video, ImpastoError):
            yield video
            continue
        target = choices.folder
        if not choices.is_video:
            first = choices.paintings[0].path if choices.paintings else None
            target /= picture_name(choices.template, video, first, number)
        try:
            if os.path.realpath(target) in originals:
                raise InvalidVideo(f"{target} is one of the originals. Choose another name for -o.")
            if target in video_of:
                raise InvalidVideo(
                    f"{video} would have the same name as {video_of[target]}: {target}. Use "
                    "{number} in --name."
                )
            video_of[target] = video
            yield _film(video, target, choices)
        except ImpastoError as error:
            yield error


def _film(path: Path, target: Path, choices: Choices) -> VideoFilm | None:
    """Returns the film of the video at `path`; None if the new video is there.

    Raises InvalidVideo if it cannot be read, or the new one cannot be written, and InvalidImage for
    too large frames.
    """
    video = Video(path)
    sources = [painting.source for painting in choices.paintings]
    record = Record(Source(str(path), video.digest), sources, choices.settings)
    if target.exists():
        if record.is_told_by(read_comment(target)):
            return None
        if not choices.may_replace:
            raise InvalidVideo(
                f"{target} exists, and is not this video. Choose another name for -o, or add "
                "--overwrite."
            )
    folder = frames_folder(target)
    _make_folder(folder)
    frames = [
        VideoFrame(
            photo=Path(f"{path}, frame {number + 1}"),
            paintings=choices.paintings,
            settings=choices.settings,
            target=folder / _FRAME.format(number=number + 1),
            may_replace=True,  # of an attempt with other settings
            is_kept=False,
            video=video,
            number=number,
        )
        for number in range(video.count)
    ]
    return VideoFilm(frames, video, target, record)


def _make_folder(folder: Path) -> None:
    """Makes the folder of the frames, or continues with that of an earlier attempt.

    Raises InvalidVideo if it is another's.
    """
    try:
        folder.mkdir(exist_ok=True)
        if not (folder / _MARK).exists() and any(folder.iterdir()):
            raise InvalidVideo(
                f"{folder}, where the frames go until the video is whole, holds other files. Move "
                "it away, or choose another name for -o."
            )
        (folder / _MARK).touch()
    except OSError as error:
        raise InvalidVideo(f"{folder} cannot be made: {reason_of(error)}.") from error
