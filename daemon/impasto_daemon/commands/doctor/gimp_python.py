"""The check of the Python that runs the plug-in: its version, and gi."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from impasto_daemon.commands.doctor.finding import Finding, ok, problem
from impasto_daemon.setup.gimps import FLATPAK, Gimp
from impasto_daemon.setup.plugin_files import NAME, SCRIPT
from impasto_daemon.setup.pythons import ANY_PYTHON, OLDEST, OLDEST_PYTHON, Python, probe, pythons
from impasto_shared.files.atomic_write import write_atomically


def check_gimp_python(gimp: Gimp) -> Iterator[Finding]:
    """Checks that the Python of a GIMP can run the plug-in in its profile."""
    topic = f"Python of GIMP {gimp.version}" + (" in Flatpak" if gimp.is_flatpak else "")
    folder = gimp.profile / "plug-ins" / NAME
    if not (folder / SCRIPT).is_file():
        return
    command = _python_of(gimp, folder / SCRIPT)
    python = probe(command) if command else None
    if python is None or not python.can_run_plugins:
        yield problem(
            topic,
            _why_unusable(command, python),
            f"Install Python {OLDEST} or newer with gi (Debian: apt install python3-gi).",
            fix=None if gimp.is_flatpak else _choice_of_another(folder),
        )
    else:
        yield ok(topic, f"{python}, with gi")


def _why_unusable(command: Sequence[str] | None, python: Python | None) -> str:
    if python is None:
        return f"no working {' '.join(command or ['python3'])} was found"
    if python.version < OLDEST_PYTHON:
        return f"{python} is older than {OLDEST}"
    return f"{python} has no gi, so GIMP cannot run plug-ins in Python with it"


def _python_of(gimp: Gimp, script: Path) -> tuple[str, ...] | None:
    if gimp.is_flatpak:
        return ("flatpak", "run", "--command=python3", FLATPAK)
    if sys.platform == "win32":  # GIMP runs plug-ins with its own, whatever their first line is
        return (str(Path(gimp.command[0]).with_name("python.exe")),)
    first_line = script.read_text(errors="replace").partition("\n")[0].strip()
    if first_line != ANY_PYTHON:
        return tuple(shlex.split(first_line.removeprefix("#!")))
    return next(((path,) for path in pythons()), None)


def _choice_of_another(folder: Path) -> Callable[[], None] | None:
    """Returns a fix that has the plug-in use another Python that can run it, if there is one."""
    probed = (probe([name]) for name in pythons())
    able = next((python for python in probed if python and python.can_run_plugins), None)
    if able is None:
        return None
    (program,) = able.command
    return partial(_use_python, folder / SCRIPT, program)


def _use_python(script: Path, program: str) -> None:
    _, _, rest = script.read_text().partition("\n")
    write_atomically(script, f"#!{program}\n{rest}".encode())
