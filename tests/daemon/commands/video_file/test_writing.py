"""Videos as they are written, by PyAV."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from daemon.commands.video_file.clips import RATE, grey, write_clip
from impasto_daemon.commands.video_file import writing
from impasto_daemon.commands.video_file.library import InvalidVideo
from impasto_daemon.commands.video_file.reading import Video
from impasto_daemon.commands.video_file.writing import can_write, read_comment, write_video
from impasto_shared.image import Image, PixelFormat

COUNT = 4


def frames(size: tuple[int, int] = (48, 32)) -> Iterator[Image]:
    for number in range(COUNT):
        yield Image(*size, PixelFormat.RGB_U8, grey(number, size).tobytes())


def source(folder: Path, **options: object) -> Video:
    write_clip(folder / "source.mkv", COUNT, **options)  # type: ignore[arg-type]
    return Video(folder / "source.mkv")


def write(path: Path, video: Video, size: tuple[int, int] = (48, 32)) -> list[str]:
    """Returns the notes."""
    notes: list[str] = []
    write_video(path, video, frames(size), '{"a": 1}', notes.append)
    return notes


def test_names_of_videos_that_can_be_written() -> None:
    assert can_write(Path("clip.MP4"))
    assert not can_write(Path("clip.webm"))


@pytest.mark.parametrize("name", ["new.mp4", "new.mov", "new.mkv"])
def test_video_has_the_frames_the_times_and_a_comment(tmp_path: Path, name: str) -> None:
    video = source(tmp_path, times=(0, 1000, 5000, 6000))

    assert write(tmp_path / name, video) == []

    written = Video(tmp_path / name)
    with av.open(str(tmp_path / name)) as container:
        base = container.streams.video[0].time_base
        assert container.streams.video[0].codec_context.name == "h264"
    assert [float(time * base) for time in written.times() if time is not None] == pytest.approx(
        [0, 1 / 24, 5 / 24, 6 / 24], abs=2e-3
    )
    for number in range(COUNT):
        shown = np.frombuffer(written.frame(number).pixels, np.uint8).reshape(32, 48, 3)
        assert np.abs(shown.astype(int) - grey(number)).max() <= 8
    assert read_comment(tmp_path / name) == '{"a": 1}'


def test_sides_are_even(tmp_path: Path) -> None:
    size = (51, 33)
    write(tmp_path / "new.mp4", source(tmp_path, size=size), size)

    frame = Video(tmp_path / "new.mp4").frame(0)

    assert (frame.width, frame.height) == (52, 34)
    shown = np.frombuffer(frame.pixels, np.uint8).reshape(34, 52, 3)
    assert np.abs(shown[-1, -1].astype(int) - 40).max() <= 8


def test_sound_is_as_it_was(tmp_path: Path) -> None:
    video = source(tmp_path, has_sound=True)

    write(tmp_path / "new.mp4", video)

    def sound(file: Path) -> list[bytes]:
        with av.open(str(file)) as container:
            return [bytes(packet) for packet in container.demux(audio=0) if packet.size]

    assert sound(tmp_path / "new.mp4") == sound(video.path) != []


def test_sound_that_the_format_does_not_take_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "_takes", lambda *_: False)

    (note,) = write(tmp_path / "new.mp4", source(tmp_path, has_sound=True))

    assert "new.mp4 has no sound: a .mp4 file cannot hold aac" in note
    with av.open(str(tmp_path / "new.mp4")) as container:
        assert not container.streams.audio


def test_another_encoder_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "_ENCODERS", ("none", "mpeg4"))

    (note,) = write(tmp_path / "new.mp4", source(tmp_path))

    assert "encoded as MPEG-4, since this FFmpeg has no encoder for H.264" in note
    assert Video(tmp_path / "new.mp4").count == COUNT
    with av.open(str(tmp_path / "new.mp4")) as container:
        assert container.streams.video[0].average_rate == RATE
    monkeypatch.setattr(writing, "_ENCODERS", ("none",))
    with pytest.raises(InvalidVideo, match=r"encodes neither H\.264 nor MPEG-4"):
        write(tmp_path / "new.mp4", source(tmp_path))


def test_video_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "new.mp4").write_bytes(b"old")
    video = source(tmp_path)

    def failing() -> Iterator[Image]:
        yield next(frames())
        raise OSError(28, "No space left on device")

    with pytest.raises(InvalidVideo, match=r"new\.mp4 cannot be written: no space left on device"):
        write_video(tmp_path / "new.mp4", video, failing(), "", lambda _: None)

    assert (tmp_path / "new.mp4").read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.mp4", "source.mkv"]
    with pytest.raises(InvalidVideo, match="cannot be written: no such file or directory"):
        write(tmp_path / "nowhere" / "new.mp4", video)


def test_comments_of_others_are_none(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("text")

    assert read_comment(tmp_path / "text.mp4") is None
    assert read_comment(source(tmp_path).path) is None


def test_missing_library_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)

    with pytest.raises(InvalidVideo, match="PyAV, which reads and writes videos, is not installed"):
        Video(tmp_path / "clip.mp4").frame(0)
