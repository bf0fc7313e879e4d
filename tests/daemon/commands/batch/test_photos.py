import errno
import glob
import io
from pathlib import Path

import pytest

from impasto_daemon.commands.batch.photos import NoPhotos, find_footage, find_photos
from impasto_shared.errors import InvalidImage


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("b.jpg", "a.PNG", "notes.txt", ".hidden.jpg", "raw.nef"):
        (tmp_path / name).touch()
    (tmp_path / "album.jpg").mkdir()
    (tmp_path / "album.jpg" / "c.webp").touch()
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_folder_has_its_pictures_in_order(folder: Path) -> None:
    assert list(find_photos([str(folder)], [])) == [folder / "a.PNG", folder / "b.jpg"]


def test_patterns_and_files_are_taken_as_they_come() -> None:
    found = list(find_photos(["notes.txt", "*.jpg", "missing.jpg"], []))

    assert found == [Path("notes.txt"), Path("b.jpg"), Path("missing.jpg")]


def test_file_whose_name_is_a_pattern_is_a_file(folder: Path) -> None:
    (folder / "[1].jpg").touch()

    assert list(find_photos(["[1].jpg"], [])) == [Path("[1].jpg")]


def test_photo_comes_once(folder: Path) -> None:
    assert list(find_photos(["b.jpg", ".", str(folder / "a.PNG")], [])) == [
        Path("b.jpg"),
        Path("a.PNG"),
    ]


@pytest.mark.parametrize("name", ["empty", "*.gif", "nowhere/*"])
def test_name_without_photos_is_told(name: str) -> None:
    found = list(find_photos([name, "b.jpg"], []))

    assert isinstance(found[0], NoPhotos)
    assert name in str(found[0])
    assert found[1] == Path("b.jpg")


@pytest.mark.parametrize("name", ["album.jpg", "*.jpg"])
def test_folder_that_cannot_be_read_is_told(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", name)

    monkeypatch.setattr(Path, "iterdir", refuse)
    monkeypatch.setattr(glob, "glob", refuse)

    refused, found = find_photos([name, "b.jpg"], [])

    assert str(refused) == f"{name} cannot be read: permission denied."
    assert found == Path("b.jpg")


def test_list_names_photos_and_folders(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "list.txt").write_text("b.jpg\n\nalbum.jpg\n")
    monkeypatch.setattr("sys.stdin", io.StringIO("a.PNG\n"))

    assert list(find_photos([], ["list.txt", "-"])) == [
        Path("b.jpg"),
        Path("album.jpg/c.webp"),
        Path("a.PNG"),
    ]


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe"])
def test_unusable_list_is_told(folder: Path, content: bytes | None) -> None:
    if content is not None:
        (folder / "list.txt").write_bytes(content)

    (found,) = find_photos([], ["list.txt"])

    assert isinstance(found, InvalidImage | NoPhotos)
    assert "list.txt" in str(found)


def test_each_folder_and_pattern_is_a_film_and_all_files_are_one(tmp_path: Path) -> None:
    for name in ("one/2.png", "one/1.png", "two/1.png", "3.png", "4.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "list").write_text(f"{tmp_path}/two/*.png\n{tmp_path}/4.png\n")

    names = [f"{tmp_path}/3.png", f"{tmp_path}/one"]
    footage = list(find_footage(names, [f"{tmp_path}/list", f"{tmp_path}/none"]))

    found = [
        (each.name, [p.name if isinstance(p, Path) else "error" for p in each.photos])
        for each in footage
    ]
    assert found == [
        ("one", ["1.png", "2.png"]),
        ("two", ["1.png"]),
        (None, ["3.png", "4.png", "error"]),
    ]
