"""The photos and paintings that a command line names."""

from pathlib import Path

import pytest

from impasto_daemon.commands.main import new_parser
from impasto_shared.errors import InvalidImage, InvalidSettings


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "holiday").mkdir()
    for name in ("a.jpg", "b.jpg", "wave.jpg", "holiday/c.jpg"):
        (tmp_path / name).write_text("no picture")
    monkeypatch.chdir(tmp_path)


def run(line: str) -> None:
    options = new_parser().parse_args(["batch", "-o", "painted", *line.split()])
    options.run(options)


@pytest.mark.parametrize(
    "line",
    [
        "a.jpg --style wave.jpg b.jpg",
        "holiday a.jpg --style wave.jpg b.jpg --size 64",
        "missing.jpg --style wave.jpg b.jpg",
        f"{'x' * 300} --style wave.jpg b.jpg",
        "a.jpg --each --style wave.jpg --style wave.jpg b.jpg",
    ],
)
def test_photo_behind_a_painting_is_not_taken_for_one(line: str) -> None:
    with pytest.raises(InvalidSettings, match=r"b\.jpg may be a photo.*--style b\.jpg$"):
        run(line)


def test_photos_that_paintings_have_taken_are_missed() -> None:
    with pytest.raises(InvalidSettings, match=r"No photo is given.*, before --style"):
        run("--style wave.jpg a.jpg b.jpg")


@pytest.mark.parametrize(
    "line",
    [
        "a.jpg --style wave.jpg",
        "--style wave.jpg -- a.jpg b.jpg",
        "a.jpg --style wave.jpg --style b.jpg",
        "a.jpg --style wave.jpg b.jpg --weights 1 2",
        "a.jpg --style wave.jpg b.jpg --each",
        "holiday --style wave.jpg b.jpg",
        "*.jpg --style wave.jpg b.jpg",
        "--list a.jpg --style wave.jpg b.jpg",
    ],
)
def test_paintings_that_are_meant_are_read(line: str) -> None:
    with pytest.raises(InvalidImage, match=r"wave\.jpg is not a picture"):
        run(line)


def test_paintings_given_one_by_one_all_count() -> None:
    with pytest.raises(InvalidSettings, match="one value for each painting: 2, not 1"):
        run("a.jpg --style wave.jpg --style b.jpg --weights 1")
