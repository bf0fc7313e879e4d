from pathlib import Path

import pytest

from impasto_gimp.image.paintings.own_paintings import add_painting
from impasto_shared.errors import InvalidImage


def is_picture(file: Path) -> bool:
    return file.suffix == ".jpg"


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    file = tmp_path / "wave.jpg"
    file.write_bytes(b"a wave")
    return file


def test_picture_is_copied_into_a_new_folder(tmp_path: Path, picture: Path) -> None:
    copy = add_painting(picture, tmp_path / "own/styles", is_picture)

    assert copy == tmp_path / "own/styles/wave.jpg"
    assert copy.read_bytes() == b"a wave"
    assert picture.exists()


def test_same_picture_is_copied_once_and_another_gets_a_number(
    tmp_path: Path, picture: Path
) -> None:
    folder = tmp_path / "own"
    first = add_painting(picture, folder, is_picture)
    again = add_painting(picture, folder, is_picture)
    picture.write_bytes(b"another wave")
    other = add_painting(picture, folder, is_picture)

    assert first == again
    assert other == folder / "wave 2.jpg"
    assert sorted(folder.iterdir()) == [folder / "wave 2.jpg", folder / "wave.jpg"]


def test_picture_that_is_in_the_folder_stays(tmp_path: Path, picture: Path) -> None:
    assert add_painting(picture, tmp_path, is_picture) == picture


@pytest.mark.parametrize("name", ["notes.txt", "missing.jpg", "folder.jpg"])
def test_what_is_no_picture_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "folder.jpg").mkdir()

    with pytest.raises(InvalidImage, match=f"{name} is no picture"):
        add_painting(tmp_path / name, tmp_path / "own", is_picture)
    assert not (tmp_path / "own").exists()


def test_folder_that_cannot_be_written_is_told(tmp_path: Path, picture: Path) -> None:
    (tmp_path / "own").write_text("a file in its place")

    with pytest.raises(InvalidImage, match=r"wave.jpg could not be added"):
        add_painting(picture, tmp_path / "own", is_picture)
