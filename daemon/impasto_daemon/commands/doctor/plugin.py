"""The plug-in in a GIMP's profile: whether GIMP sees it there, and whether it is this one.

GIMP looks for plug-ins/NAME/NAME.py, executable. Everything else it passes over in silence.
"""

from __future__ import annotations

import filecmp
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from impasto_daemon.commands.doctor.finding import Finding, NotMended, ok, problem
from impasto_shared.paths import data_dir

NAME = "impasto-gimp"
SCRIPT = f"{NAME}.py"
_PARTS = (SCRIPT, "impasto_gimp", "impasto_shared", "styles")
_OTHERS = ("vendor", "__pycache__")
_PLUGIN_PATH = re.compile(r'^\(plug-in-path\s+"([^"]*)"', re.MULTILINE)


def plugin_source() -> dict[str, Path] | None:
    """The parts of the plug-in and where they are to be copied from; None where nowhere is.

    What install.sh has put aside, or the checkout that this program runs from.
    """
    aside = data_dir() / "plug-in"
    if (aside / SCRIPT).is_file():
        return {part: aside / part for part in _PARTS}
    checkout = Path(__file__).parents[4]
    if (checkout / "gimp_plugin" / SCRIPT).is_file():
        folders = ("gimp_plugin", "gimp_plugin", "shared", "assets")
        return {
            part: checkout / folder / part for part, folder in zip(_PARTS, folders, strict=True)
        }
    return None


def check_plugin(profile: Path) -> Iterator[Finding]:
    """What is wrong with the plug-in in a profile, each cause by its name."""
    topic = f"plug-in in {profile}"
    plugins = profile / "plug-ins"
    folder = plugins / NAME
    source = plugin_source()
    yield from _check_search_path(topic, profile)
    yield from _check_wrong_places(topic, plugins)
    wrong = _what_is_wrong(folder, source)
    if wrong is None:
        yield ok(topic, f"{_version(folder)}, in its place and executable")
    elif wrong == _NO_RUN_BIT:
        script = folder / SCRIPT
        yield problem(
            topic,
            wrong,
            f"Run: chmod +x '{script}'",
            mend=lambda: script.chmod(script.stat().st_mode | 0o111),
        )
    else:
        yield problem(
            topic,
            wrong,
            "Run ./install.sh plugin in the Impasto folder.",
            mend=_copying(source, folder),
        )


_NO_RUN_BIT = "it is not executable, so GIMP passes it over"


def _what_is_wrong(folder: Path, source: dict[str, Path] | None) -> str | None:
    if folder.is_symlink() and not folder.exists():
        return f"{folder} is a link to {folder.readlink()}, which is gone"
    if not folder.is_dir():
        return "it is not there"
    for path in (folder / part for part in _PARTS):
        if path.is_symlink() and not path.exists():
            return f"its {path.name} is a link to {path.readlink()}, which is gone"
        if not path.exists():
            return f"its {path.name} is missing"
    if not os.access(folder / SCRIPT, os.X_OK):
        return _NO_RUN_BIT
    if source is None:
        return None
    versions = _version(folder), _version(source["impasto_shared"].parent)
    if versions[0] != versions[1]:
        return f"it is of version {versions[0]}, and this is {versions[1]}"
    changed = next((part for part in _PARTS if not _is_same(folder / part, source[part])), None)
    return f"its {changed} is not the one that belongs to this Impasto" if changed else None


def _version(folder: Path) -> str:
    module = folder / "impasto_shared/__init__.py"
    found = re.search(r'__version__ = "([^"]+)"', module.read_text()) if module.is_file() else None
    return found[1] if found else "unknown"


def _is_same(here: Path, there: Path) -> bool:
    if here.is_file() and there.is_file():
        # The first line names the Python, which differs from machine to machine.
        return here.read_bytes().split(b"\n")[1:] == there.read_bytes().split(b"\n")[1:]
    return _names(here) == _names(there) and all(
        filecmp.cmp(here / name, there / name, shallow=False)
        for name in _names(here)
        if (here / name).is_file()
    )


def _names(folder: Path) -> set[Path]:
    return {
        path.relative_to(folder)
        for path in folder.rglob("*")
        if "__pycache__" not in path.relative_to(folder).parts
    }


def _copying(source: dict[str, Path] | None, folder: Path) -> Callable[[], None] | None:
    if source is None:
        return None

    def copy() -> None:
        if folder.is_symlink() or folder.is_file():
            folder.unlink()
        folder.mkdir(parents=True, exist_ok=True)
        for part, path in source.items():
            _remove(folder / part)
            if path.is_dir():
                shutil.copytree(path, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copyfile(path, folder / part)
        (folder / SCRIPT).chmod(0o755)

    return copy


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _check_wrong_places(topic: str, plugins: Path) -> Iterator[Finding]:
    """Copies of the plug-in where GIMP never looks: loose, or in a folder of another name."""
    if (plugins / SCRIPT).exists():
        loose = [plugins / part for part in _PARTS[:3] if (plugins / part).exists()]
        yield problem(
            topic,
            f"{SCRIPT} lies loose in {plugins}; GIMP wants it in a folder {NAME}",
            f"Remove it from {plugins}.",
            mend=_removing_all(loose),
        )
    for script in sorted({*plugins.glob(f"*/{SCRIPT}"), *plugins.glob(f"*/*/{SCRIPT}")}):
        top = plugins / script.relative_to(plugins).parts[0]
        if script.parent == plugins / NAME:
            continue
        yield problem(
            topic,
            f"{script} is in a folder where GIMP does not look; it wants {plugins / NAME}",
            f"Remove {top}.",
            mend=_removing(script.parent),
        )


def _removing_all(paths: Sequence[Path]) -> Callable[[], None]:
    def remove() -> None:
        for path in paths:
            _remove(path)

    return remove


def _removing(folder: Path) -> Callable[[], None]:
    """Removes a folder of the plug-in, unless it holds anything else, which may be dear."""

    def remove() -> None:
        others = sorted({path.name for path in folder.iterdir()} - {*_PARTS, *_OTHERS})
        if others:
            raise NotMended(f"{folder} holds other files as well ({others[0]}): look at it first")
        _remove(folder)

    return remove


def _check_search_path(topic: str, profile: Path) -> Iterator[Finding]:
    """Whether GIMP's preferences still name the folder that plug-ins are put into."""
    settings = profile / "gimprc"
    found = _PLUGIN_PATH.search(settings.read_text()) if settings.is_file() else None
    if found is None:
        return
    folders = [Path(name.replace("${gimp_dir}", str(profile))) for name in found[1].split(":")]
    if profile / "plug-ins" not in folders:
        yield problem(
            topic,
            f"GIMP is set to look for plug-ins elsewhere: {found[1]}",
            f"In GIMP's Edit > Preferences > Folders > Plug-ins add {profile / 'plug-ins'}.",
        )
