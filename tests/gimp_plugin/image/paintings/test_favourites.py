import json
from pathlib import Path

import pytest

from impasto_gimp.image.paintings.favourites import Favourites
from impasto_shared.errors import InvalidSettings
from impasto_shared.files.atomic_write import write_atomically


def favourites(file: Path) -> Favourites:
    return Favourites(file, write_atomically)


def test_favourites_are_remembered(tmp_path: Path) -> None:
    file = tmp_path / "favourites.json"
    first = favourites(file)
    first.toggle("/paintings/wave.jpg")
    first.toggle("/paintings/großer Turm.jpg")
    first.toggle("/paintings/wave.jpg")

    second = favourites(file)
    assert "/paintings/großer Turm.jpg" in second
    assert "/paintings/wave.jpg" not in second
    assert second.problem is None


@pytest.mark.parametrize("damaged", [b"", b"\xff", b"{}", b"[1]", b'["a"'])
def test_damaged_file_is_a_sentence_and_stays_as_it_is(tmp_path: Path, damaged: bytes) -> None:
    file = tmp_path / "favourites.json"
    file.write_bytes(damaged)
    broken = favourites(file)

    with pytest.raises(InvalidSettings, match=r"left as they are .*delete the file"):
        broken.toggle("/paintings/wave.jpg")
    assert str(file) in str(broken.problem)
    assert "/paintings/wave.jpg" not in broken
    assert file.read_bytes() == damaged


def test_favourite_that_cannot_be_stored_is_none(tmp_path: Path) -> None:
    missing = favourites(tmp_path / "missing/favourites.json")

    with pytest.raises(InvalidSettings, match="could not be stored"):
        missing.toggle("/paintings/wave.jpg")
    assert "/paintings/wave.jpg" not in missing


def test_file_has_the_paths(tmp_path: Path) -> None:
    file = tmp_path / "favourites.json"
    favourites(file).toggle("/a.jpg")

    assert json.loads(file.read_bytes()) == ["/a.jpg"]


def test_first_favourite_is_one_that_is_still_there(tmp_path: Path) -> None:
    file = tmp_path / "favourites.json"
    (tmp_path / "wave.jpg").touch()
    chosen = favourites(file)
    assert chosen.first is None
    for name in ("gone.jpg", "wave.jpg"):
        chosen.toggle(str(tmp_path / name))

    assert chosen.first == tmp_path / "wave.jpg"


def test_favourites_of_two_dialogs_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "favourites.json"
    one, other = favourites(file), favourites(file)
    one.toggle("/paintings/wave.jpg")
    other.toggle("/paintings/village.jpg")
    one.toggle("/paintings/wave.jpg")

    assert "/paintings/village.jpg" in favourites(file)
    assert "/paintings/wave.jpg" not in favourites(file)
