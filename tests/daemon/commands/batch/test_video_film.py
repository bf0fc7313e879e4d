"""Videos as films: planned, and written when their frames are painted."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.commands.video_file.clips import HEIGHT, WIDTH, write_clip
from impasto_daemon.commands.batch.plan import Choices
from impasto_daemon.commands.batch.video_film import VideoFilm, frames_folder, plan_videos
from impasto_daemon.commands.image_file import write_image
from impasto_daemon.commands.video_file.reading import Video
from impasto_shared.errors import ImpastoError
from impasto_shared.settings import Mode, StyleSettings

COUNT = 3


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    write_clip(tmp_path / "clip.mp4", COUNT)
    return tmp_path / "clip.mp4"


def choices(place: Path, *, may_replace: bool = False) -> Choices:
    settings = StyleSettings(mode=Mode.CONTENT)
    return Choices(settings, [], False, place, "{photo}.mkv", may_replace)


def planned(clip: Path, chosen: Choices) -> VideoFilm:
    (film,) = plan_videos([clip], chosen)
    assert isinstance(film, VideoFilm)
    return film


def test_frames_become_a_video(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    film = planned(clip, choices(tmp_path / "new.mp4"))
    for frame in film.frames:
        picture = frame.image(frame.read())
        assert (picture.width, picture.height) == (WIDTH, HEIGHT)
        assert frame.target.parent == frames_folder(tmp_path / "new.mp4")
        write_image(picture, frame.target)

    film.finish()

    assert capsys.readouterr().out == f"{tmp_path}/new.mp4\n"
    assert Video(tmp_path / "new.mp4").count == COUNT
    assert not frames_folder(tmp_path / "new.mp4").exists()
    # It is known by what it was made from.
    assert list(plan_videos([clip], choices(tmp_path / "new.mp4"))) == [None]


def test_folder_of_other_files_is_left_alone(clip: Path, tmp_path: Path) -> None:
    folder = frames_folder(tmp_path / "new.mp4")
    folder.mkdir()
    (folder / "000001.png").write_bytes(b"the user's")

    (refused,) = plan_videos([clip], choices(tmp_path / "new.mp4", may_replace=True))

    assert "holds other files" in str(refused)
    assert [path.name for path in folder.iterdir()] == ["000001.png"]
    (folder / "000001.png").unlink()
    film = planned(clip, choices(tmp_path / "new.mp4"))
    for frame in film.frames:
        write_image(frame.image(frame.read()), frame.target)
    (folder / "notes.txt").write_text("the user's")

    film.finish()

    assert [path.name for path in folder.iterdir()] == ["notes.txt"]


def test_closed_video_is_read_again(clip: Path, tmp_path: Path) -> None:
    first, second, _ = planned(clip, choices(tmp_path / "new.mp4")).frames
    film = planned(clip, choices(tmp_path / "new.mp4"))
    pixels = [frame.read() for frame in (first, second)]
    opened = len(list(Path("/proc/self/fd").iterdir()))

    film.frames[0].read()
    film.close()

    assert len(list(Path("/proc/self/fd").iterdir())) == opened
    assert [film.frames[number].read() for number in (1, 0)] == pixels[::-1]


def test_video_with_missing_frames_is_not_written(clip: Path, tmp_path: Path) -> None:
    film = planned(clip, choices(tmp_path / "new.mp4"))

    with pytest.raises(ImpastoError, match=r"000001\.png cannot be read"):
        film.finish()

    assert not (tmp_path / "new.mp4").exists()
    assert "new.mp4 is not written, because frames are missing" in film.reason_not_finished()


def test_videos_in_a_folder_have_names_of_their_own(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "clip.mkv").write_bytes(b"other")
    error = ImpastoError("no video")
    videos: list[Path | ImpastoError] = [clip, error, clip.with_name("clip.mkv")]

    refused, passed_on, same = plan_videos(videos, choices(tmp_path / "out"))
    film = planned(clip, choices(tmp_path / "out", may_replace=True))

    assert "clip.mkv exists, and is not this video" in str(refused)
    assert passed_on is error
    assert "would have the same name as" in str(same)
    assert film.target == tmp_path / "out" / "clip.mkv"
    (original,) = plan_videos([clip], choices(clip, may_replace=True))
    assert "is one of the originals" in str(original)
