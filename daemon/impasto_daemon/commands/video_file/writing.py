"""Writing a video from painted frames: with the times, the pixels' shape and the sound of another.

It is written next to its place, and takes the name when it is whole.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from impasto_daemon.commands.video_file.library import InvalidVideo, pyav, reason_of
from impasto_daemon.commands.video_file.reading import Video, opened, video_stream
from impasto_shared.files.atomic_write import FileNotDurable, replacing
from impasto_shared.image import Image

FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
"""The formats that are written, by the end of a video's name."""

# H.264 by x264 or by Cisco's library; then what any FFmpeg has.
_ENCODERS = ("libx264", "libopenh264", "mpeg4")
_H264 = ("libx264", "libopenh264")
# Hardly to be told from the pictures; of x264 alone.
_QUALITY = {"crf": "17", "preset": "medium"}
_BITS_PER_PIXEL = 0.3
_USUAL_RATE = 25
_BT709 = 1
_HD_ROWS = 720


def can_write(path: Path) -> bool:
    """Returns whether a name is that of a video that can be written."""
    return path.suffix.lower() in FORMATS


def write_video(
    path: Path,
    source: Video,
    pictures: Iterable[Image],
    comment: str,
    on_note: Callable[[str], None],
) -> None:
    """Writes a video of pictures, which are shown when the frames of `source` are.

    comment: is stored in the file; see `read_comment`.
    on_note: told, in a sentence, what the video lacks.

    Raises:
        InvalidVideo: if it cannot be written; a file of that name is then as it was. Also if it is
            written, but may not survive a loss of power.
    """
    av = pyav()
    encoder = next((name for name in _ENCODERS if name in av.codecs_available), None)
    if encoder is None:
        raise InvalidVideo(
            f"{path} cannot be written: this FFmpeg encodes neither H.264 nor MPEG-4."
        )
    if encoder not in _H264:
        on_note(f"{path} is encoded as MPEG-4, since this FFmpeg has no encoder for H.264.")
    try:
        with opened(source.path) as original, replacing(path) as file:
            _Writer(path, file, original, encoder, on_note).write(source, pictures, comment)
    except FileNotDurable as error:
        raise InvalidVideo(
            f"{path} is written, but the disk did not confirm it: {reason_of(error)}. Check it."
        ) from error
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise InvalidVideo(f"{path} cannot be written: {reason_of(error)}.") from error


def read_comment(path: Path) -> str | None:
    """Returns the comment in a video; None if it has none, or cannot be read."""
    av = pyav()
    try:
        with av.open(str(path)) as container:
            comment = {key.lower(): text for key, text in container.metadata.items()}.get("comment")
            return None if comment is None else str(comment)
    except (av.error.FFmpegError, OSError, ValueError):
        return None


@dataclass
class _Writer:
    """The writing of one file; original: the video that the frames are of, opened."""

    path: Path
    file: BinaryIO
    original: Any
    encoder: str
    on_note: Callable[[str], None]

    def write(self, source: Video, pictures: Iterable[Image], comment: str) -> None:
        """Writes all of it."""
        stream = video_stream(self.original, source.path)
        sound = self._sound()
        form = FORMATS[self.path.suffix.lower()]
        with pyav().open(self.file, "w", format=form) as target:
            target.metadata["comment"] = comment
            writing = None
            audio = target.add_stream_from_template(sound) if sound is not None else None
            packets = _packets(self.original, sound, audio)
            for number, (picture, time) in enumerate(zip(pictures, source.times(), strict=True)):
                if writing is None:
                    writing = self._new_stream(target, picture, stream)
                frame = _frame(picture, writing)
                frame.time_base = stream.time_base
                frame.pts = _time_of(number, stream) if time is None else time
                if self.encoder not in _H264:  # has no fine units of time
                    frame.time_base, frame.pts = 1 / Fraction(_rate(stream)), number
                target.mux(_until(packets, frame.pts * frame.time_base))
                target.mux(writing.encode(frame))
            if writing is not None:
                target.mux(writing.encode())
            target.mux(list(packets))

    def _sound(self) -> Any:
        """Returns the sound track, if the format takes it as it is."""
        sounds = self.original.streams.audio
        if not sounds:
            return None
        name, form = sounds[0].codec_context.name, FORMATS[self.path.suffix.lower()]
        if _takes(form, sounds[0]):
            return sounds[0]
        self.on_note(
            f"{self.path} has no sound: a {self.path.suffix} file cannot hold {name}. Choose a "
            "name that ends in .mkv."
        )
        return None

    def _new_stream(self, target: Any, picture: Image, original: Any) -> Any:
        rate = _rate(original)
        options = _QUALITY if self.encoder == "libx264" else {}
        stream = target.add_stream(self.encoder, rate=rate, options=options)
        # The colours of two by two pixels are one: sides are even.
        stream.width, stream.height = (side + side % 2 for side in (picture.width, picture.height))
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        if self.encoder in _H264:
            context.time_base = original.time_base
        if not options:
            context.bit_rate = round(stream.width * stream.height * rate * _BITS_PER_PIXEL)
        aspect = original.sample_aspect_ratio
        if aspect and aspect != 1:
            is_turned = (picture.width > picture.height) != (original.width > original.height)
            context.sample_aspect_ratio = 1 / aspect if is_turned else aspect
        if stream.height >= _HD_ROWS:  # what players assume of smaller ones is what FFmpeg writes
            context.colorspace = context.color_primaries = context.color_trc = _BT709
        return stream


def _takes(form: str, sound: Any) -> bool:
    """Returns whether a format takes a sound track, by trying it."""
    av = pyav()
    try:
        with av.open(io.BytesIO(), "w", format=form) as trial:
            trial.add_stream_from_template(sound)
            trial.start_encoding()
    except (av.error.FFmpegError, ValueError):
        return False
    return True


def _packets(container: Any, sound: Any, target: Any) -> Iterator[Any]:
    """Yields the packets of a sound track, for the stream `target`."""
    if sound is None:
        return
    for packet in container.demux(sound):
        if packet.dts is not None:  # the last one is empty
            packet.stream = target
            yield packet


def _until(packets: Iterator[Any], time_s: Fraction) -> list[Any]:
    """Returns the next packets of sound, up to the first that is heard after `time_s`."""
    packets_until = []
    for packet in packets:
        packets_until.append(packet)
        if packet.dts * packet.time_base > time_s:
            break
    return packets_until


def _frame(picture: Image, stream: Any) -> Any:
    """Returns a picture as a frame of a stream, whose last row and column are repeated."""
    channels = picture.format.channels
    rgb = np.frombuffer(picture.pixels, np.uint8).reshape(picture.height, picture.width, channels)
    below, right = stream.height - picture.height, stream.width - picture.width
    rgb = np.pad(rgb[..., :3], ((0, below), (0, right), (0, 0)), "edge")
    frame = pyav().VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
    space = "ITU709" if stream.height >= _HD_ROWS else "ITU601"
    return frame.reformat(format="yuv420p", dst_colorspace=space)


def _rate(original: Any) -> Fraction:
    return Fraction(original.average_rate or original.guessed_rate or _USUAL_RATE)


def _time_of(number: int, original: Any) -> int:
    """Returns when a frame is shown if the file does not say so."""
    return int(number / _rate(original) / original.time_base)
