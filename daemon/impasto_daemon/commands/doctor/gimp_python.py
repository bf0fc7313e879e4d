"""The check of the Python that runs the plug-in: its version, and gi.

The plug-in's first line names it; as shipped, it is the first python3 on GIMP's PATH.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from impasto_daemon.commands.doctor.finding import Finding, ok, output_of, problem
from impasto_daemon.commands.doctor.gimps import FLATPAK, Gimp
from impasto_daemon.commands.doctor.plugin import NAME, SCRIPT
from impasto_shared.files.atomic_write import write_atomically

# As in pyproject.toml; a test compares them.
OLDEST_PYTHON = (3, 10)
_OLDEST = ".".join(map(str, OLDEST_PYTHON))
_ANY_PYTHON = "#!/usr/bin/env python3"
# It runs isolated from the current folder, and therefore adds the folders that GIMP's Python has.
_PROBE = """
import json, os, site, sys
sys.path += [path for path in os.environ.get("PYTHONPATH", "").split(":") if path.startswith("/")]
if sys.prefix == sys.base_prefix:
    site.addsitedir(site.getusersitepackages())
try:
    import gi
    has_gi = True
except ImportError:
    has_gi = False
print(json.dumps({"version": sys.version_info[:2], "has_gi": has_gi}))
"""


@dataclass(frozen=True)
class Python:
    """A Python interpreter, as reported by itself.

    has_gi: whether it can import gi.
    """

    command: tuple[str, ...]
    version: tuple[int, ...]
    has_gi: bool

    def __str__(self) -> str:
        return f"{' '.join(self.command)} ({'.'.join(map(str, self.version))})"

    @property
    def can_run_plugins(self) -> bool:
        """Returns whether GIMP can run plug-ins with it."""
        return self.version >= OLDEST_PYTHON and self.has_gi


def check_gimp_python(gimp: Gimp) -> Iterator[Finding]:
    """Checks that the Python of a GIMP can run the plug-in in its profile."""
    topic = f"Python of GIMP {gimp.version}" + (" in Flatpak" if gimp.is_flatpak else "")
    folder = gimp.profile / "plug-ins" / NAME
    if not (folder / SCRIPT).is_file():
        return
    command = _python_of(gimp, folder / SCRIPT)
    python = _probe(command) if command else None
    if python is None or not python.can_run_plugins:
        yield problem(
            topic,
            _why_unusable(command, python),
            f"Install Python {_OLDEST} or newer with gi (Debian: apt install python3-gi).",
            fix=None if gimp.is_flatpak else _choice_of_another(folder),
        )
    else:
        yield ok(topic, f"{python}, with gi")


def _why_unusable(command: Sequence[str] | None, python: Python | None) -> str:
    if python is None:
        return f"no working {' '.join(command or ['python3'])} was found"
    if python.version < OLDEST_PYTHON:
        return f"{python} is older than {_OLDEST}"
    return f"{python} has no gi, so GIMP cannot run plug-ins in Python with it"


def _python_of(gimp: Gimp, script: Path) -> tuple[str, ...] | None:
    if gimp.is_flatpak:
        return ("flatpak", "run", "--command=python3", FLATPAK)
    first_line = script.read_text(errors="replace").partition("\n")[0].strip()
    if first_line != _ANY_PYTHON:
        return tuple(shlex.split(first_line.removeprefix("#!")))
    return next(((path,) for path in _pythons()), None)


def _pythons() -> list[str]:
    """Returns each python3 on the PATH, except that of this program's environment."""
    environment = Path(sys.prefix) / "bin" if sys.prefix != sys.base_prefix else None
    folders = [Path(folder) for folder in os.get_exec_path() if Path(folder) != environment]
    paths = (shutil.which("python3", path=str(folder)) for folder in folders)
    return [str(Path(path).absolute()) for path in paths if path is not None]


def _probe(command: Sequence[str]) -> Python | None:
    """Returns the report of a Python on itself; None if it does not run."""
    output = output_of([*command, "-I", "-B", "-c", _PROBE])
    try:
        report = json.loads(output or "")
    except ValueError:
        return None
    return Python(tuple(command), tuple(report["version"]), report["has_gi"])


def _choice_of_another(folder: Path) -> Callable[[], None] | None:
    """Returns a fix that has the plug-in use another Python that can run it, if there is one."""
    pythons = (_probe([name]) for name in _pythons())
    able = next((python for python in pythons if python and python.can_run_plugins), None)
    if able is None:
        return None
    (program,) = able.command
    return partial(_use_python, folder / SCRIPT, program)


def _use_python(script: Path, program: str) -> None:
    _, _, rest = script.read_text().partition("\n")
    write_atomically(script, f"#!{program}\n{rest}".encode())
