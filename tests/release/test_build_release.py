"""The wheel, the plug-in's zip and their checksums have every file, and are the same each time."""

from __future__ import annotations

import hashlib
import re
import subprocess
import tomllib
import zipfile
from datetime import date
from email.parser import Parser
from pathlib import Path

import pytest

from build_release import (
    CHECKSUMS,
    PLUGIN,
    ROOT,
    build_plugin_zip,
    build_wheel,
    main,
    plugin_files,
    version,
    write_checksums,
)
from impasto_daemon.setup.plugin_files import files_below, packaged_plugin
from impasto_shared import __version__
from impasto_shared.installation import package_index

PACKAGES = ("shared/impasto_shared", "daemon/impasto_daemon")


def tracked(folder: str) -> set[str]:
    """Returns the names, below the folder's parent, of its files that belong to the sources."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", folder]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    parent = Path(folder).parent
    return {str(Path(n).relative_to(parent)) for n in listed.splitlines() if (ROOT / n).exists()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


def test_wheel_has_every_file_of_its_packages_and_no_other(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}

    own = {name for name in names if "/plug_in/" not in name}
    assert own == {name for folder in PACKAGES for name in tracked(folder)}
    assert "impasto_daemon/commands/explore/templates/page.html.j2" in names


def test_wheel_says_what_it_is(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    folder = f"impasto-{__version__}.dist-info"
    metadata = Parser().parsestr(archive.read(f"{folder}/METADATA").decode())

    assert wheel.name == f"impasto-{__version__}-py3-none-any.whl"
    assert metadata["Version"] == __version__
    assert metadata["Author"] == "The Impasto maintainers"
    assert metadata["License-Expression"] == "GPL-3.0-or-later"
    assert any("Programming Language" in line for line in metadata.get_all("Classifier", []))
    assert archive.read(f"{folder}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()
    assert "impasto = impasto_daemon.commands.main:main" in (
        archive.read(f"{folder}/entry_points.txt").decode()
    )


def test_plugin_zip_has_what_git_has_and_a_program_that_can_be_run(tmp_path: Path) -> None:
    archive = zipfile.ZipFile(build_plugin_zip(tmp_path))
    folders = ("gimp_plugin/impasto_gimp", "shared/impasto_shared", "assets/styles")

    expected = {"impasto-gimp.py", "LICENSE"}.union(*map(tracked, folders))
    assert set(archive.namelist()) == {f"impasto-gimp/{name}" for name in expected}
    modes = {entry.filename: entry.external_attr >> 16 for entry in archive.infolist()}
    assert modes.pop("impasto-gimp/impasto-gimp.py") == 0o100755
    assert set(modes.values()) == {0o100644}


def test_plugin_zip_has_what_the_setup_installs() -> None:
    source = packaged_plugin()

    assert source is not None
    assert dict(plugin_files()) == files_below(source) | {"LICENSE": ROOT / "LICENSE"}


def test_plugin_zip_names_the_index_of_the_release(tmp_path: Path) -> None:
    archive = zipfile.ZipFile(build_plugin_zip(tmp_path, "https://example.org/simple"))

    name = package_index._OF_A_RELEASE.relative_to(ROOT / "shared")
    assert archive.read(f"impasto-gimp/{name}") == b"https://example.org/simple\n"


def test_wheel_has_the_plugin_for_the_setup(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    places = {f"impasto_daemon/plug_in/{name}": path for name, path in plugin_files()}
    shared = "impasto_daemon/plug_in/impasto_shared/"  # is there anyway
    del places["impasto_daemon/plug_in/LICENSE"]

    expected = {place for place in places if not place.startswith(shared)}
    assert {name for name in archive.namelist() if "/plug_in/" in name} == expected
    for place in expected:
        assert archive.read(place) == places[place].read_bytes()


def test_same_sources_give_the_same_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([str(tmp_path / "a")])
    printed = capsys.readouterr().out.split()
    main([str(tmp_path / "b")])

    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert sorted(Path(path).name for path in printed) == names
    assert names == ["SHA256SUMS", *sorted(name for name in names if name.startswith("impasto"))]
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_checksums_are_those_of_every_file(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"1")
    (tmp_path / "two").write_bytes(b"2")

    write_checksums(tmp_path)
    sums = write_checksums(tmp_path).read_text()

    one, two = (hashlib.sha256(data).hexdigest() for data in (b"1", b"2"))
    assert sums == f"{one}  one\n{two}  two\n"


def test_changelog_begins_with_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    heading = re.findall(r"^## (\S+) \((.*)\)$", text, re.MULTILINE)[0]

    assert version() == __version__
    released, development = re.fullmatch(r"(\d+\.\d+\.\d+)(\.dev0)?", __version__).groups()  # type: ignore[union-attr]
    assert heading[0] == released
    if development:
        assert heading[1] == "unreleased"
    else:
        assert date.fromisoformat(heading[1])


def test_metadata_names_the_pythons_that_it_runs_on() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    oldest = project["requires-python"].removeprefix(">=")

    assert f"Programming Language :: Python :: {oldest}" in project["classifiers"]
    assert "Programming Language :: Python :: 3.10" not in project["classifiers"]


@pytest.mark.parametrize("name", ["impasto-0.0.9-py3-none-any.whl", f"{PLUGIN}-{version()}.1.zip"])
def test_folder_with_files_of_another_version_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()

    with pytest.raises(SystemExit, match=re.escape(name)):
        main([str(tmp_path)])

    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_folder_of_this_version_is_built_again(tmp_path: Path) -> None:
    main([str(tmp_path)])
    before = (tmp_path / CHECKSUMS).read_text()

    main([str(tmp_path)])

    assert (tmp_path / CHECKSUMS).read_text() == before
