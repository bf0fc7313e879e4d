"""The checks of the plug-in in a GIMP's profile: that GIMP loads it, and that it is this version.

GIMP loads an executable plug-ins/NAME/NAME.py and silently ignores everything else.
"""

from __future__ import annotations

import filecmp
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from impasto_daemon.commands.doctor.finding import Finding, FixFailed, ok, problem
from impasto_daemon.setup import plugin_files
from impasto_daemon.setup.plugin_files import MANIFEST, NAME, PARTS, SCRIPT, STYLES, packaged_plugin
from impasto_daemon.setup.pythons import ANY_PYTHON

_GENERATED = ("__pycache__", MANIFEST, "vendor")  # the last by earlier versions
_AGAIN = f"Run: impasto {'doctor --fix' if sys.platform == 'win32' else 'setup'}"
_PLUGIN_PATH = re.compile(r'^\(plug-in-path\s+"([^"]*)"', re.MULTILINE)


def check_plugin(profile: Path) -> Iterator[Finding]:
    """Checks the plug-in in a profile, and names each reason why GIMP would not show it."""
    topic = f"plug-in in {profile}"
    plugins = profile / "plug-ins"
    folder = plugins / NAME
    source = packaged_plugin()
    yield from _check_search_path(topic, profile)
    yield from _check_misplaced_copies(topic, plugins)
    defect = _defect(folder, source)
    if defect is None:
        yield ok(topic, f"{_version(folder)}, installed and executable")
    elif defect == _NOT_EXECUTABLE:
        script = folder / SCRIPT
        yield problem(
            topic,
            defect,
            f"Run: chmod +x '{script}'",
            fix=lambda: script.chmod(script.stat().st_mode | 0o111),
        )
    else:
        yield problem(
            topic,
            defect,
            _AGAIN,
            fix=None if source is None else partial(_install, source, folder),
        )


_NOT_EXECUTABLE = "it is not executable, so GIMP ignores it"


def _defect(  # noqa: PLR0911 - one for each defect
    folder: Path, source: dict[str, Path] | None
) -> str | None:
    if folder.is_symlink() and not folder.exists():
        return f"{folder} is a link to {folder.readlink()}, which does not exist"
    if not folder.is_dir():
        return "not installed"
    for path in (folder / part for part in PARTS):
        if path.is_symlink() and not path.exists():
            return f"its {path.name} is a link to {path.readlink()}, which does not exist"
        if not path.exists():
            return f"its {path.name} is missing"
    if not os.access(folder / SCRIPT, os.X_OK):
        return _NOT_EXECUTABLE
    if source is None:
        return None
    versions = _version(folder), _version(source["impasto_shared"].parent)
    if versions[0] != versions[1]:
        return f"its version is {versions[0]}, not {versions[1]}"
    changed = next((part for part in PARTS if not _is_same(folder / part, source[part])), None)
    return f"its {changed} differs from this version's" if changed else None


def _version(folder: Path) -> str:
    module = folder / "impasto_shared/__init__.py"
    match = (
        re.search(r'__version__ = "([^"]+)"', module.read_text(errors="replace"))
        if module.is_file()
        else None
    )
    return match[1] if match else "unknown"


def _is_same(installed: Path, source: Path) -> bool:
    if installed.is_file() and source.is_file():
        # The first line names the Python, which differs from machine to machine.
        return installed.read_bytes().split(b"\n")[1:] == source.read_bytes().split(b"\n")[1:]
    missing, added = _names(source) - _names(installed), _names(installed) - _names(source)
    if missing or (added and source.name != STYLES):
        return False
    return all(
        filecmp.cmp(installed / name, source / name, shallow=False)
        for name in _names(source)
        if (source / name).is_file()
    )


def _names(folder: Path) -> set[Path]:
    return {
        path.relative_to(folder)
        for path in folder.rglob("*")
        if "__pycache__" not in path.relative_to(folder).parts
    }


def _install(source: Mapping[str, Path], folder: Path) -> None:
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    plugin_files.install(source, folder, ANY_PYTHON)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _check_misplaced_copies(topic: str, plugins: Path) -> Iterator[Finding]:
    """Finds copies where GIMP does not look: not in a folder, or in one of another name."""
    if (plugins / SCRIPT).exists():
        loose = [plugins / part for part in PARTS[:3] if (plugins / part).exists()]
        yield problem(
            topic,
            f"{SCRIPT} lies directly in {plugins}; GIMP expects it in a folder {NAME} there",
            f"Remove it from {plugins}.",
            fix=partial(_remove_all, loose),
        )
    for script in sorted({*plugins.glob(f"*/{SCRIPT}"), *plugins.glob(f"*/*/{SCRIPT}")}):
        top = plugins / script.relative_to(plugins).parts[0]
        if script.parent == plugins / NAME:
            continue
        yield problem(
            topic,
            f"{script} is in a folder where GIMP does not look; it expects {plugins / NAME}",
            f"Remove {top}.",
            fix=partial(_remove_plugin_folder, script.parent),
        )


def _remove_all(paths: Sequence[Path]) -> None:
    for path in paths:
        _remove(path)


def _remove_plugin_folder(folder: Path) -> None:
    """Removes a folder of the plug-in; raises FixFailed if it holds files of the person's."""
    others = sorted({path.name for path in folder.iterdir()} - {*PARTS, *_GENERATED})
    if others:
        raise FixFailed(f"{folder} also holds other files ({others[0]}). Move them away first.")
    _remove(folder)


def _check_search_path(topic: str, profile: Path) -> Iterator[Finding]:
    """Checks that GIMP's preferences still name the folder where plug-ins are installed."""
    settings = profile / "gimprc"
    match = (
        _PLUGIN_PATH.search(settings.read_text(errors="replace")) if settings.is_file() else None
    )
    if match is None:
        return
    folders = [
        Path(name.replace("${gimp_dir}", str(profile))) for name in match[1].split(os.pathsep)
    ]
    if profile / "plug-ins" not in folders:
        yield problem(
            topic,
            f"GIMP's preferences name only other folders for plug-ins: {match[1]}",
            f"In GIMP's Edit > Preferences > Folders > Plug-ins add {profile / 'plug-ins'}.",
        )
