"""The Python that GIMP runs the plug-in with: whether it knows GIMP, and ZeroMQ.

The plug-in's first line says which; as it is shipped, the first python3 on GIMP's PATH.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from impasto_daemon.commands.doctor.finding import (
    Finding,
    NotMended,
    answer_of,
    ok,
    problem,
    run_to_mend,
)
from impasto_daemon.commands.doctor.gimps import FLATPAK, Gimp
from impasto_daemon.commands.doctor.plugin import NAME, SCRIPT

OLDEST_PYTHON = (3, 11)
# As in pyproject.toml.
ZMQ_REQUIREMENT = "pyzmq>=26.0"
_ANY_PYTHON = "#!/usr/bin/env python3"
_LOOK = """
import json, sys
sys.path.append(sys.argv[1])
found = {"version": sys.version_info[:2], "lacks": {}}
try:
    import gi
except ImportError as error:
    found["lacks"]["gi"] = str(error)
try:
    import zmq
    found["zmq"] = [zmq.__file__, zmq.zmq_version()]
except (ImportError, AttributeError) as error:
    found["lacks"]["zmq"] = str(error)
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Python:
    """What a Python says of itself.

    lacks: of the modules gi and zmq those that it cannot import, and why.
    zmq: the file and the version of the other.
    """

    command: tuple[str, ...]
    version: tuple[int, ...]
    lacks: Mapping[str, str]
    zmq: tuple[str, str] | None

    def __str__(self) -> str:
        return f"{' '.join(self.command)} ({self.version_name})"

    @property
    def version_name(self) -> str:
        """Such as 3.13."""
        return ".".join(map(str, self.version))

    @property
    def can_run_plugins(self) -> bool:
        """Whether GIMP can run plug-ins with it."""
        return self.version >= OLDEST_PYTHON and "gi" not in self.lacks


def check_gimp_python(gimp: Gimp) -> Iterator[Finding]:
    """Whether the Python of a GIMP can run the plug-in in its profile."""
    topic = f"Python of GIMP {gimp.version}" + (" in Flatpak" if gimp.is_flatpak else "")
    folder = gimp.profile / "plug-ins" / NAME
    if not (folder / SCRIPT).is_file():
        return
    command = _python_of(gimp, folder / SCRIPT)
    python = _look(command, folder / "vendor") if command else None
    if python is None or not python.can_run_plugins:
        yield problem(
            topic,
            _why_not(command, python),
            "Install Python 3.11 or newer with gi (Debian: apt install python3-gi).",
            mend=None if gimp.is_flatpak else _choosing_another(folder),
        )
    elif python.zmq is None:
        yield problem(
            topic,
            f"{python} cannot use pyzmq ({python.lacks['zmq']}), which reaches the daemon",
            "Run ./install.sh plugin in the Impasto folder.",
            mend=_providing_zmq(folder, python.version_name),
        )
    else:
        file, version = python.zmq
        yield ok(topic, f"{python}, with gi, and libzmq {version} in {Path(file).parents[1]}")


def _why_not(command: Sequence[str] | None, python: Python | None) -> str:
    if python is None:
        return f"there is no {' '.join(command or ['python3'])} that runs"
    if python.version < OLDEST_PYTHON:
        return f"{python} is older than 3.11"
    return f"{python} has no gi, so GIMP cannot run any plug-in in Python with it"


def _python_of(gimp: Gimp, script: Path) -> tuple[str, ...] | None:
    if gimp.is_flatpak:
        return ("flatpak", "run", "--command=python3", FLATPAK)
    first_line = script.read_text(errors="replace").partition("\n")[0].strip()
    if first_line != _ANY_PYTHON:
        return tuple(shlex.split(first_line.removeprefix("#!")))
    return next(((path,) for path in _pythons()), None)


def _pythons() -> list[str]:
    """Every python3 on the PATH outside the environment that this program runs in."""
    own = Path(sys.prefix) / "bin" if sys.prefix != sys.base_prefix else None
    folders = [Path(folder) for folder in os.get_exec_path() if Path(folder) != own]
    found = (shutil.which("python3", path=str(folder)) for folder in folders)
    return [python for python in found if python is not None]


def _look(command: Sequence[str], vendor: Path) -> Python | None:
    """What a Python can do; None where it does not run."""
    answer = answer_of([*command, "-B", "-c", _LOOK, str(vendor)])
    try:
        found = json.loads(answer or "")
    except json.JSONDecodeError:
        return None
    zmq = tuple(found["zmq"]) if "zmq" in found else None
    return Python(tuple(command), tuple(found["version"]), found["lacks"], zmq)


def _choosing_another(folder: Path) -> Callable[[], None] | None:
    """Names in the plug-in's first line a Python that can run it, where there is one."""
    found = (_look([name], folder / "vendor") for name in _pythons())
    able = next((python for python in found if python and python.can_run_plugins), None)
    if able is None:
        return None
    (program,) = able.command

    def choose() -> None:
        script = folder / SCRIPT
        _, _, rest = script.read_text().partition("\n")
        script.write_text(f"#!{program}\n{rest}")

    return choose


def _providing_zmq(folder: Path, version: str) -> Callable[[], None]:
    """Puts a pyzmq beside the plug-in, for the Python of that version."""

    def provide() -> None:
        uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.prefix) / "bin"))
        if uv is None:
            raise NotMended("uv, which installs it, is missing. Run ./install.sh plugin")
        if (folder / "vendor").exists():
            shutil.rmtree(folder / "vendor")
        run_to_mend(
            [
                *(uv, "pip", "install", "--quiet", "--python", sys.executable),
                *("--python-version", version, "--only-binary", "pyzmq"),
                *("--target", str(folder / "vendor"), ZMQ_REQUIREMENT),
            ]
        )

    return provide
