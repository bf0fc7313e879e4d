"""The plug-in's files in a folder: installed, repaired and removed, whenever it is interrupted."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.setup.killing import killed_at
from impasto_daemon.setup import plugin_files
from impasto_daemon.setup.plugin_files import (
    PARTS,
    SCRIPT,
    files_below,
    install,
    is_plugin,
    link,
    remove,
)
from impasto_daemon.setup.pythons import ANY_PYTHON


@pytest.fixture
def source(tmp_path: Path) -> dict[str, Path]:
    """A small plug-in."""
    parts = {part: tmp_path / "source" / part for part in PARTS}
    for part, path in parts.items():
        file = path if part == SCRIPT else path / "inner/file"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{ANY_PYTHON}\n{part}\n")
    return parts


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != plugin_files.MANIFEST
    }


def test_installation_killed_at_any_change_is_completed_by_the_next(
    tmp_path: Path, source: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = {name: path.read_bytes() for name, path in files_below(source).items()}
    for number in range(1, 100):
        folder = tmp_path / f"profile-{number}/plug-ins/impasto-gimp"
        if not killed_at(number, monkeypatch, lambda: install(source, folder, ANY_PYTHON)):  # noqa: B023
            break
        assert is_plugin(folder)
        install(source, folder, ANY_PYTHON)
        assert contents(folder) == expected
        remove(folder)
        assert not folder.exists()
    assert number > 10


def test_removal_killed_at_any_change_is_completed_by_the_next(
    tmp_path: Path, source: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, 100):
        folder = tmp_path / f"profile-{number}/plug-ins/impasto-gimp"
        install(source, folder, ANY_PYTHON)
        if not killed_at(number, monkeypatch, lambda: remove(folder)):  # noqa: B023
            break
        assert is_plugin(folder)
        remove(folder)
        assert not folder.exists()
    assert number > 4


def test_plugin_from_the_zip_is_removed_with_its_license(
    tmp_path: Path, source: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin_files, "packaged_plugin", lambda: source)
    folder = tmp_path / "plug-in"
    install(source, folder, ANY_PYTHON)
    (folder / plugin_files.MANIFEST).unlink()
    (folder / "LICENSE").touch()

    remove(folder)

    assert not folder.exists()


def test_second_installation_changes_nothing(tmp_path: Path, source: dict[str, Path]) -> None:
    assert install(source, tmp_path / "plug-in", ANY_PYTHON)
    assert not install(source, tmp_path / "plug-in", ANY_PYTHON)


@pytest.mark.parametrize("name", ["../outside", "/outside", "styles/../../../outside"])
def test_list_with_names_outside_removes_nothing_there(
    tmp_path: Path, source: dict[str, Path], name: str
) -> None:
    folder = tmp_path / "plug-ins/impasto-gimp"
    install(source, folder, ANY_PYTHON)
    outside = tmp_path / "outside"
    outside.touch()
    (folder.parent / "outside").touch()
    absolute = str(outside) if name.startswith("/") else name
    (folder / plugin_files.MANIFEST).write_text(f"{absolute}\n")

    remove(folder)

    assert outside.exists()
    assert (folder.parent / "outside").exists()


def test_folder_with_other_files_only_is_not_the_plugin(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()

    assert not is_plugin(tmp_path)


def test_file_in_the_place_of_a_folder_is_replaced(tmp_path: Path, source: dict[str, Path]) -> None:
    folder = tmp_path / "plug-in"
    install(source, folder, ANY_PYTHON)
    remove(folder)
    folder.mkdir()
    (folder / SCRIPT).touch()
    (folder / "impasto_gimp").touch()

    install(source, folder, ANY_PYTHON)

    assert (folder / "impasto_gimp/inner/file").is_file()


def test_links_for_developers_replace_an_installation_and_are_replaced_by_one(
    tmp_path: Path, source: dict[str, Path]
) -> None:
    folder = tmp_path / "plug-in"
    install(source, folder, ANY_PYTHON)

    assert link(source, folder, ANY_PYTHON)
    assert not link(source, folder, ANY_PYTHON)
    assert all((folder / part).readlink() == source[part] for part in PARTS if part != SCRIPT)
    assert install(source, folder, ANY_PYTHON)
    assert not any((folder / part).is_symlink() for part in PARTS)
    assert all(path.exists() for path in source.values())
    link(source, folder, ANY_PYTHON)
    remove(folder)
    assert not folder.exists()
    assert all(path.exists() for path in source.values())


def test_installation_in_place_of_links_to_the_same_files_is_complete(
    tmp_path: Path, source: dict[str, Path]
) -> None:
    folder = tmp_path / "plug-ins/impasto-gimp"
    link(source, folder, ANY_PYTHON)

    assert install(source, folder, ANY_PYTHON)

    assert [name for name in files_below(source) if not (folder / name).is_file()] == []
    assert not install(source, folder, ANY_PYTHON)


def test_link_in_the_place_of_a_folder_within_is_not_written_through(
    tmp_path: Path, source: dict[str, Path]
) -> None:
    folder, own = tmp_path / "plug-ins/impasto-gimp", tmp_path / "own"
    install(source, folder, ANY_PYTHON)
    inner = folder / "impasto_gimp/inner"
    inner.rename(own)
    inner.symlink_to(own)
    (own / "file").write_text("of the user")

    assert install(source, folder, ANY_PYTHON)

    assert not inner.is_symlink()
    assert (own / "file").read_text() == "of the user"
    assert (inner / "file").is_file()
