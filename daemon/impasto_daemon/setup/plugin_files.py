"""The plug-in's files: where they come from, and their installation into one folder.

A folder may hold files of the person's, such as paintings, which are left alone. A list in it says
which files are Impasto's; it is written before any of them, so that an installation that is
interrupted at any moment is known as one, and can be repeated or removed.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from impasto_daemon.setup.failure import SetupFailed
from impasto_shared.files.atomic_write import drafts_below, write_atomically

NAME = "impasto-gimp"
SCRIPT = f"{NAME}.py"
PARTS = (SCRIPT, "impasto_gimp", "impasto_shared", "styles")
STYLES = "styles"
"""The folder to which people may add their own."""
MANIFEST = "installed-files"
"""The list of installed files in the plug-in's folder."""
_LICENSE = "LICENSE"  # in the zip, which has no list
_OBSOLETE = ("vendor",)  # of earlier versions
_PACKAGES = ("impasto_gimp", "impasto_shared", *_OBSOLETE)  # with nothing of the person's


def packaged_plugin() -> dict[str, Path] | None:
    """Returns the path of each part of the plug-in: of the wheel, or of the checkout.

    None if this program is neither.
    """
    package = Path(__file__).parents[1]
    inside = package / "plug_in"
    if (inside / SCRIPT).is_file():
        parts = {part: inside / part for part in PARTS}
        return parts | {"impasto_shared": package.parent / "impasto_shared"}
    checkout = package.parents[1]
    if (checkout / "gimp_plugin" / SCRIPT).is_file():
        folders = ("gimp_plugin", "gimp_plugin", "shared", "assets")
        return {part: checkout / top / part for part, top in zip(PARTS, folders, strict=True)}
    return None


def plugin_source() -> dict[str, Path]:
    """Returns `packaged_plugin`; raises SetupFailed if there is none."""
    source = packaged_plugin()
    if source is None:
        raise SetupFailed("The plug-in is missing in this installation. Install Impasto again.")
    return source


def files_below(source: Mapping[str, Path]) -> dict[str, Path]:
    """Returns the path of each file of the plug-in by its name in the plug-in's folder."""
    files = {}
    for part, path in source.items():
        if path.is_file():
            files[part] = path
        for file in sorted(path.rglob("*")):
            if file.is_file() and "__pycache__" not in file.relative_to(path).parts:
                files[f"{part}/{file.relative_to(path)}"] = file
    return files


def is_plugin(folder: Path) -> bool:
    """Returns whether the plug-in may be installed in a folder: it is there, or nothing is."""
    if folder.is_symlink():
        return False
    if not folder.exists():
        return True
    known = (folder / MANIFEST, folder / SCRIPT)
    if not folder.is_dir():
        return False
    return any(map(Path.is_file, known)) or {*folder.iterdir()} <= {*drafts_below(folder)}


def install(source: Mapping[str, Path], folder: Path, first_line: str) -> bool:
    """Installs the plug-in in a folder, and returns whether anything had to be changed.

    first_line: that of the script, which names its Python.
    """
    files = files_below(source)
    contents = {name: path.read_bytes() for name, path in files.items()}
    _, _, rest = contents[SCRIPT].partition(b"\n")
    contents[SCRIPT] = first_line.encode(errors="surrogateescape") + b"\n" + rest
    links = _links_among(contents, folder)
    changed = [
        name
        for name, data in contents.items()
        if not _has(folder / name, data) or not {*(folder / name).parents}.isdisjoint(links)
    ]
    stale = [name for name in _installed(folder) if name not in contents]
    empty = _folders_without(contents, folder)
    drafts = drafts_below(folder)
    if not (drafts or links or changed or stale or empty or not _is_executable(folder / SCRIPT)):
        return False
    folder.mkdir(parents=True, exist_ok=True)
    _write_manifest(folder, {*_installed(folder), *contents})
    for path in (*drafts, *links):
        path.unlink()
    _remove_files(folder, stale)
    for path in empty:
        _remove_tree(path)
    for name in sorted(changed, key=lambda name: name == SCRIPT):
        _make_folder((folder / name).parent)
        write_atomically(folder / name, contents[name], is_synced=False)
    (folder / SCRIPT).chmod(0o755)
    _write_manifest(folder, contents)
    return True


def link(source: Mapping[str, Path], folder: Path, first_line: str) -> bool:
    """Installs the plug-in as links to its source; returns whether anything had to be changed."""
    script = first_line.encode() + b"\n" + source[SCRIPT].read_bytes().partition(b"\n")[2]
    parts = {part: path for part, path in source.items() if part != SCRIPT}
    is_linked = all(_links_to(folder / part, path) for part, path in parts.items())
    if is_linked and _has(folder / SCRIPT, script) and _is_executable(folder / SCRIPT):
        return False
    folder.mkdir(parents=True, exist_ok=True)
    _write_manifest(folder, {*_installed(folder), SCRIPT, *parts})
    remove(folder, keeps_manifest=True)
    for part, path in parts.items():
        (folder / part).symlink_to(path)
    write_atomically(folder / SCRIPT, script, is_synced=False)
    (folder / SCRIPT).chmod(0o755)
    _write_manifest(folder, {SCRIPT, *parts})
    return True


def remove(folder: Path, *, keeps_manifest: bool = False) -> None:
    """Removes the plug-in from a folder, but no other file; the folder is removed if it is empty.

    Raises:
        SetupFailed: if one of the linked parts is a folder with files of the person's.
    """
    for part in PARTS[1:]:  # links of --dev, which must not be followed
        if (folder / part).is_symlink():
            (folder / part).unlink()
    for draft in drafts_below(folder):
        draft.unlink(missing_ok=True)
    _remove_files(folder, _known(folder))
    for package in (*_PACKAGES, "__pycache__"):
        _remove_tree(folder / package)
    if keeps_manifest:
        if (folder / STYLES).exists():
            raise SetupFailed(f"{folder / STYLES} holds files that are not Impasto's. Move them.")
        return
    (folder / MANIFEST).unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


def _installed(folder: Path) -> list[str]:
    """Returns the names of Impasto's files that are in a folder."""
    return [name for name in _known(folder) if (folder / name).is_file()]


def _known(folder: Path) -> list[str]:
    """Returns the names of Impasto's files in a folder, of any version, also of missing ones."""
    listed = folder / MANIFEST
    names = listed.read_text(errors="surrogateescape").splitlines() if listed.is_file() else []
    # Earlier versions wrote ./NAME.
    cleaned = (name.removeprefix("./") for name in names)
    inside = {name for name in cleaned if name and ".." not in Path(name).parts}
    inside = {name for name in inside if not Path(name).is_absolute()}
    if not listed.is_file() and (folder / SCRIPT).is_file():
        styles = packaged_plugin() or {}
        inside |= {name for name in files_below(styles) if name.startswith(f"{STYLES}/")}
        inside.add(_LICENSE)
    present = (path for package in _PACKAGES for path in _files_in(folder / package))
    inside |= {str(path.relative_to(folder)) for path in present}
    if (folder / SCRIPT).is_file():
        inside.add(SCRIPT)
    return sorted(inside)


def _files_in(folder: Path) -> Iterator[Path]:
    if not folder.is_symlink():
        for path in folder.rglob("*"):
            if not path.is_dir() and "__pycache__" not in path.relative_to(folder).parts:
                yield path


def _folders_without(names: Mapping[str, object], folder: Path) -> list[Path]:
    """Returns the folders of the packages in which none of these files will be."""
    needed = {folder / parent for name in names for parent in Path(name).parents}
    tops = [folder / package for package in _PACKAGES if not (folder / package).is_symlink()]
    folders = [path for top in tops for path in (top, *top.rglob("*")) if path.is_dir()]
    return [path for path in folders if path not in needed and path.name != "__pycache__"]


def _links_among(names: Iterable[str], folder: Path) -> list[Path]:
    """Returns the links in the places of files and of their folders; none behind another link."""
    places = {folder / part for part in PARTS}
    places |= {folder / parent for name in names for parent in Path(name).parents[:-1]}
    links = [place for place in places if place.is_symlink()]
    return [link for link in links if {*link.parents}.isdisjoint(links)]


def _write_manifest(folder: Path, names: Mapping[str, object] | set[str]) -> None:
    text = "".join(f"{name}\n" for name in sorted(names))
    data = text.encode(errors="surrogateescape")
    if not _has(folder / MANIFEST, data):
        write_atomically(folder / MANIFEST, data, is_synced=False)


def _remove_files(folder: Path, names: list[str]) -> None:
    """Removes files, and the folders that are empty then."""
    for name in names:
        path = folder / name
        if any(parent.is_symlink() for parent in (folder / part for part in Path(name).parents)):
            continue
        if path.is_symlink() or not path.is_dir():  # the list of --dev names folders, as links
            path.unlink(missing_ok=True)
        for parent in Path(name).parents[:-1]:
            _remove_tree(folder / parent / "__pycache__")
            with suppress(OSError):
                (folder / parent).rmdir()


def _make_folder(folder: Path) -> None:
    """Makes a folder, also in the place of a file."""
    for path in (*reversed(folder.parents), folder):
        if path.is_file():
            path.unlink()
    folder.mkdir(parents=True, exist_ok=True)


def _remove_tree(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)


def _has(path: Path, data: bytes) -> bool:
    """Returns whether there is a file with these bytes, and no link."""
    return path.is_file() and not path.is_symlink() and path.read_bytes() == data


def _links_to(path: Path, target: Path) -> bool:
    return path.is_symlink() and path.readlink() == target


def _is_executable(path: Path) -> bool:
    """Returns whether everybody may run a file; Windows has no such mode, and runs it anyway."""
    mode = 0o111 if os.name == "posix" else 0
    return path.is_file() and path.stat().st_mode & mode == mode
