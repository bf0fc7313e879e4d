"""The Pythons that GIMP may run its plug-ins with: those on the PATH, their version, and gi.

The plug-in's first line names one; as shipped, it is the first python3 on GIMP's PATH.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from impasto_daemon.setup.programs import output_of

# As in pyproject.toml; a test compares them.
OLDEST_PYTHON = (3, 10)
OLDEST = ".".join(map(str, OLDEST_PYTHON))
ANY_PYTHON = "#!/usr/bin/env python3"
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


def pythons() -> list[str]:
    """Returns each python3 on the PATH, except that of this program's or an active environment."""
    environments = {sys.prefix} if sys.prefix != sys.base_prefix else set()
    environments.add(os.environ.get("VIRTUAL_ENV", ""))
    excluded = {Path(folder) / "bin" for folder in environments if folder}
    folders = [Path(folder) for folder in os.get_exec_path() if Path(folder) not in excluded]
    paths = (shutil.which("python3", path=str(folder)) for folder in folders)
    return [str(Path(path).absolute()) for path in paths if path is not None]


def probe(command: Sequence[str]) -> Python | None:
    """Returns the report of a Python on itself; None if it does not run."""
    output = output_of([*command, "-I", "-B", "-c", _PROBE])
    try:
        report = json.loads(output or "")
    except ValueError:
        return None
    return Python(tuple(command), tuple(report["version"]), report["has_gi"])


def chosen_python() -> str | None:
    """Returns the Python to run GIMP's plug-ins with: the first that can, or else the first."""
    paths = pythons()
    able = (path for path in paths if (python := probe([path])) and python.can_run_plugins)
    return next(able, paths[0] if paths else None)


def first_line_for(program: str | None) -> str:
    """Returns the first line of a script to be run by a Python, by its name if GIMP finds it so."""
    if program is None or program == next(iter(pythons()), None):
        return ANY_PYTHON
    return f"#!{program}"
