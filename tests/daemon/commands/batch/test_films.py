"""Films: which frame is next, and which one it begins from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from impasto_daemon.commands.batch.films import Film, Walk, plan_films
from impasto_daemon.commands.batch.photos import Footage
from impasto_daemon.commands.batch.plan import Choices, Picture
from impasto_daemon.commands.batch.results import Batch
from impasto_daemon.commands.image_file import write_image
from impasto_shared.errors import ImpastoError
from impasto_shared.image import Image, PixelFormat
from impasto_shared.settings import Mode, StyleSettings

SETTINGS = StyleSettings(mode=Mode.CONTENT)
NAMES = ("a", "b", "c")


@dataclass(frozen=True)
class Finishing(Film):
    """A film that becomes something."""

    finished: list[int] = field(default_factory=list)
    fails: bool = False

    def finish(self) -> None:
        self.finished.append(len(self.frames))
        if self.fails:
            raise ImpastoError("The disk is full.")

    def reason_not_finished(self) -> str:
        return "It is not whole."


def image(number: int) -> Image:
    return Image(4, 3, PixelFormat.RGB_U8, bytes([number]) * 36)


@pytest.fixture
def frames(tmp_path: Path) -> list[Picture]:
    for number, name in enumerate(NAMES):
        write_image(image(number), tmp_path / f"{name}.png")
    return [
        Picture(tmp_path / f"{name}.png", [], SETTINGS, tmp_path / f"{name}.jpg", False)
        for name in NAMES
    ]


def batch_of(frames: list[Picture]) -> Batch:
    return Batch({str(picture.target): picture for picture in frames})


def paint(walk: Walk) -> str:
    """Paints the next frame, and returns its name and that of the one before it."""
    frame, former = walk.frame, walk.former
    assert frame is not None
    write_image(image(9), frame.picture.target, frame.record.text())
    walk.finish()
    return f"{'' if former is None else former.picture.photo.stem}>{frame.picture.photo.stem}"


def test_each_frame_follows_the_one_before(frames: list[Picture]) -> None:
    batch, film = batch_of(frames), Finishing(frames)
    walk = Walk(batch, film)

    assert [paint(walk) for _ in NAMES] == [">a", "a>b", "b>c"]
    assert walk.frame is None is walk.frame
    assert film.finished == [3]
    assert (batch.painted, batch.pending, batch.failures) == (3, {}, [])


def test_painted_frames_are_found_again(frames: list[Picture]) -> None:
    walk = Walk(batch_of(frames), Film(frames))
    paint(walk)
    paint(walk)
    batch = batch_of(frames)

    walk = Walk(batch, Film(frames))

    assert paint(walk) == "b>c"
    assert walk.frame is None
    assert (batch.painted, batch.were_there) == (1, 2)


def test_frame_after_one_that_failed_begins_from_scratch(frames: list[Picture]) -> None:
    batch = batch_of(frames)
    walk = Walk(batch, Film(frames))
    paint(walk)
    assert walk.frame is not None
    walk.fail(ImpastoError("It is black."))

    assert paint(walk) == ">c"
    assert walk.frame is None
    assert [str(error) for error in batch.failures] == ["It is black."]


def test_film_that_needs_all_frames_ends_with_the_first_that_fails(frames: list[Picture]) -> None:
    batch, film = batch_of(frames), Finishing(frames)
    walk = Walk(batch, film)
    paint(walk)
    assert walk.frame is not None
    walk.fail(ImpastoError("It is black."))

    assert walk.frame is None
    assert (film.finished, batch.pending) == ([], {})
    assert [str(error) for error in batch.failures] == ["It is black.", "It is not whole."]


def test_unreadable_frame_fails(frames: list[Picture]) -> None:
    frames[1].photo.unlink()
    batch = batch_of(frames)
    walk = Walk(batch, Film(frames))

    assert [paint(walk) for _ in range(2)] == [">a", ">c"]
    assert walk.frame is None
    (error,) = batch.failures
    assert "b.png cannot be read" in str(error)


def test_film_that_cannot_be_finished_fails(frames: list[Picture]) -> None:
    batch = batch_of(frames[:1])
    walk = Walk(batch, Finishing(frames[:1], fails=True))
    paint(walk)

    assert walk.frame is None
    assert [str(error) for error in batch.failures] == ["The disk is full."]


def choices(folder: Path) -> Choices:
    return Choices(SETTINGS, [], False, folder, "{photo}.png", False)


def test_several_films_have_a_folder_each(tmp_path: Path) -> None:
    out = tmp_path / "out"
    error = ImpastoError("no photo")
    one = Footage("one", [Path("one/1.png"), Path("one/2.png")])
    others = Footage(None, [Path("3.png"), error])

    ((film, failures),) = plan_films([one], choices(out))
    planned = list(plan_films([one, others, one], choices(out)))

    assert [frame.target for frame in film.frames] == [out / "1.png", out / "2.png"]
    assert not failures
    targets = [[frame.target for frame in film.frames] for film, _ in planned]
    assert targets == [[out / "one/1.png", out / "one/2.png"], [out / "3.png"], []]
    assert (out / "one").is_dir()
    assert planned[1][1] == [error]
    ((refused,),) = [failures for _, failures in planned[2:]]
    assert "Two films would have the same folder" in str(refused)
