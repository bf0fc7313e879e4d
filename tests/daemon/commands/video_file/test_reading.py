"""Videos as they are read, by PyAV."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from daemon.commands.video_file.clips import HEIGHT, WIDTH, grey, write_clip
from impasto_daemon.commands.video_file.library import InvalidVideo, reason_of
from impasto_daemon.commands.video_file.reading import Video, is_video
from impasto_shared.image import Image

COUNT = 5


def pixels(frame: Image) -> np.ndarray:
    return np.frombuffer(frame.pixels, np.uint8).reshape(frame.height, frame.width, 3)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_clip(tmp_path / "clip.mp4", COUNT)
    return tmp_path / "clip.mp4"


def test_names_of_videos() -> None:
    assert is_video(Path("holiday/CLIP.MP4"))
    assert is_video(Path("clip.webm"))
    assert not is_video(Path("clip.gif"))
    assert not is_video(Path("mp4"))


def test_frames_are_read_in_any_order(file: Path) -> None:
    video = Video(file)

    assert video.count == COUNT
    for number in (0, 1, 4, 1, 0):
        frame = video.frame(number)
        assert (frame.width, frame.height) == (WIDTH, HEIGHT)
        assert np.abs(pixels(frame).astype(int) - grey(number)).max() <= 6
    with pytest.raises(InvalidVideo, match="has no frame 6 any more"):
        video.frame(COUNT)


def test_frames_are_upright(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4", 1, turned=90)

    frame = Video(tmp_path / "clip.mp4").frame(0)

    assert (frame.width, frame.height) == (HEIGHT, WIDTH)
    # The white quarter was at the left top, and is at the left bottom.
    turned = pixels(frame)
    assert turned[WIDTH // 2 + 4 :, : HEIGHT // 2 - 4].min() > 240
    assert turned[: WIDTH // 2 - 4].max() < 60


def test_frames_have_their_times(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4", 3, times=(0, 1001, 5005))

    assert list(Video(tmp_path / "clip.mp4").times()) == [0, 1001, 5005]


def test_cover_of_a_song_is_no_video(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "song.mp4"), "w") as container:
        sound = container.add_stream("aac", rate=48000, layout="mono")
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.int16), "s16", "mono")
        silence.sample_rate = 48000
        container.mux(sound.encode(silence))
        container.mux(sound.encode())

    with pytest.raises(InvalidVideo, match=r"song\.mp4 has no video in it"):
        Video(tmp_path / "song.mp4")


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "no such file"), (b"", "invalid data"), (b"no video at all", "invalid data")],
)
def test_what_is_no_video_is_a_sentence(tmp_path: Path, content: bytes | None, reason: str) -> None:
    if content is not None:
        (tmp_path / "clip.mp4").write_bytes(content)

    with pytest.raises(InvalidVideo, match=rf"clip\.mp4 cannot be read: {reason}"):
        Video(tmp_path / "clip.mp4")


def test_video_without_its_end_is_found_before_it_is_painted(tmp_path: Path) -> None:
    file = tmp_path / "clip.mp4"
    write_clip(file, 30, options={"movflags": "faststart"})
    file.write_bytes(file.read_bytes()[:-100])

    with pytest.raises(InvalidVideo, match=r"cut off: only \d+ of its \d+ frames are there"):
        Video(file)


def test_reasons_are_the_ends_of_sentences() -> None:
    assert reason_of(OSError(28, "No space left on device")) == "no space left on device"
    assert reason_of(ValueError("It is odd.")) == "it is odd"
    assert reason_of(ValueError()) == "ValueError"
