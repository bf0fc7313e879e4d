"""The GIMPs that the tests can drive, and a home folder for each with the plug-in installed."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
KNOWN_VERSIONS = ("3.0", "3.2")
# The language of the homes whose GIMP starts with the record of its plug-ins.
_USUAL_LANGUAGE = "C"


@dataclass(frozen=True)
class Gimp:
    """A GIMP of a version such as 3.0; `prefix` precedes every command that uses it."""

    version: str
    prefix: tuple[str, ...] = ()


@cache
def exact_version(gimp: Gimp) -> str:
    """Returns a version such as 3.0.4."""
    command = [*gimp.prefix, f"gimp-console-{gimp.version}", "--version"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    match = re.search(r"\d+\.\d+\.\d+", answer)
    assert match, f"{command} said {answer!r}"
    return match.group()


def root_of(version: str) -> Path:
    """Returns the folder in which gimp_root.sh puts the GIMP of this version."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "impasto" / f"gimp-{version}"


def find_gimp(version: str) -> Gimp | None:
    """Returns an installed GIMP of this version, or one made by gimp_root.sh; else None."""
    if shutil.which(f"gimp-console-{version}"):
        return Gimp(version)
    if root_of(version).is_dir() and os.geteuid() == 0:
        return Gimp(version, (str(HERE / "in_gimp_root.sh"), version))
    return None


@dataclass(frozen=True)
class Home:
    """A home folder in /tmp, which is the same folder in GIMP's root.

    language: such as de_DE; C is English.
    has_screen_reader: whether GIMP reports its widgets to a screen reader.
    """

    gimp: Gimp
    folder: Path
    language: str = "C"
    has_screen_reader: bool = False

    @property
    def settings(self) -> Path:
        """GIMP's folder of settings."""
        return self.folder / ".config/GIMP" / self.gimp.version

    @property
    def plugin(self) -> Path:
        """The folder of the installed plug-in."""
        return self.settings / "plug-ins/impasto-gimp"

    @property
    def remembered_preview(self) -> Path:
        """The file in which the plug-in remembers whether previews are on."""
        return self.profile_file("impasto-preview")

    def profile_file(self, name: str) -> Path:
        """Returns one of the plug-in's own files in GIMP's folder of settings."""
        return self.plugin.parents[1] / "plug-in-settings" / name

    @property
    def endpoint(self) -> str:
        """The address at which the plug-in looks for the daemon."""
        return f"ipc://{self.folder}/run/impasto/daemon.sock"

    def prepare(self) -> None:
        """Installs the plug-in, a scripted daemon that it can start, and quiet settings."""
        (self.folder / "run").mkdir(mode=0o700)
        self.plugin.mkdir(parents=True)
        shutil.copy2(REPOSITORY / "gimp_plugin/impasto-gimp.py", self.plugin)
        for package in ("gimp_plugin/impasto_gimp", "shared/impasto_shared"):
            target = self.plugin / Path(package).name
            shutil.copytree(
                REPOSITORY / package, target, ignore=shutil.ignore_patterns("__pycache__")
            )
        shutil.copytree(REPOSITORY / "assets/styles", self.plugin / "styles")
        shutil.copytree(HERE / "gimp_python", self.folder / "gimp_python")
        self.write_gimprc()
        if self.language == _USUAL_LANGUAGE:
            shutil.copy(record_of_plug_ins(self.gimp), self.settings / "pluginrc")
        self._write_daemon_command()

    def write_gimprc(self) -> None:
        """Writes GIMP's quiet settings. In another language than the last, it asks all plug-ins."""
        self.settings.mkdir(parents=True, exist_ok=True)
        (self.settings / "gimprc").write_text(
            f'(prev-language "{self.language}.UTF-8")\n'
            f'(config-version "{exact_version(self.gimp)}")\n(show-welcome-dialog no)\n'
            "(check-updates no)\n(color-profile-policy keep)\n"
        )

    def _write_daemon_command(self) -> None:
        script = shutil.copy(HERE / "scripted_daemon.py", self.folder)
        command = self.folder / "impasto"
        command.write_text(f'#!/bin/sh\nPYTHONPATH={self.plugin} exec python3 {script} "$@"\n')
        command.chmod(0o755)

    def allow_packages(self) -> None:
        """Lets the plug-in import what is installed for this GIMP's Python, such as pyzmq."""
        shutil.rmtree(self.folder / "gimp_python")

    def environment(self) -> dict[str, str]:
        """Returns the environment variables of GIMP."""
        quiet = {} if self.has_screen_reader else {"NO_AT_BRIDGE": "1"}
        return {
            **quiet,
            "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME": str(self.folder),
            "LANG": f"{self.language}.UTF-8",
            "XDG_RUNTIME_DIR": str(self.folder / "run"),
            "PYTHONPATH": str(self.folder / "gimp_python"),
            "IMPASTO_COMMAND": str(self.folder / "impasto"),
        }

    def run(self, *command: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Runs a command in GIMP's root; raises CalledProcessError if it fails."""
        return subprocess.run(
            [*self.gimp.prefix, *command],
            env=self.outer_environment(),
            capture_output=True,
            text=True,
            check=True,
            **options,
        )

    def start(self, command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
        """Starts a command in GIMP's root, in a new process group."""
        with log.open("wb") as output:
            return subprocess.Popen(
                [*self.gimp.prefix, *command],
                env=self.outer_environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def plug_in_processes(self) -> list[int]:
        """Returns the processes that run a procedure; querying processes do not count."""
        script = str(self.plugin / "impasto-gimp.py").encode()
        processes = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(FileNotFoundError, ProcessLookupError):
                arguments = path.read_bytes().split(b"\0")
                if script in arguments and b"-run" in arguments:
                    processes.append(int(path.parent.name))
        return processes

    def batch(self, statements: str) -> list[str]:
        """Returns the options with which GIMP runs Python `statements`, near the tests' modules."""
        code = f"import sys; sys.path[:0] = [{str(self.folder)!r}, {str(self.plugin)!r}]"
        return ["--batch-interpreter=python-fu-eval", "-b", f"{code}; {statements}"]

    def outer_environment(self) -> Mapping[str, str]:
        """Returns the environment of the command that enters GIMP's root."""
        environment = self.environment()
        if self.gimp.prefix:  # in_gimp_root.sh finds the root by the real home folder
            environment["IMPASTO_GIMP_ROOTS"] = str(root_of(self.gimp.version).parent)
        return environment


def record_of_plug_ins(gimp: Gimp) -> Path:
    """Returns the pluginrc of a GIMP without this plug-in, made by its first start.

    With it the first start in a home asks one plug-in what it can do, instead of over a hundred.
    GIMP itself asks those again that have changed.
    """
    record = root_of(gimp.version).with_name(f"gimp-{gimp.version}.pluginrc")
    record.parent.mkdir(parents=True, exist_ok=True)
    with record.with_name(f"{record.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not record.exists():
            with tempfile.TemporaryDirectory(prefix="impasto-", dir="/tmp") as folder:
                home = Home(gimp, Path(folder))
                home.write_gimprc()
                home.run(f"gimp-console-{gimp.version}", "-i", "--quit")
                shutil.move(home.settings / "pluginrc", record)
    return record
