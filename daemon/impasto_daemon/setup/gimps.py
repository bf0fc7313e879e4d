"""The GIMPs on this machine, and their profiles.

A GIMP in Flatpak keeps its settings in ~/.config/GIMP/VERSION if that folder exists, as other
GIMPs do, otherwise in its own folder below ~/.var/app.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from impasto_daemon.setup.programs import output_of, run_quietly
from impasto_shared.files.paths import home_dir, xdg_dir

FLATPAK = "org.gimp.GIMP"
_COMMAND = re.compile(r"gimp(-console)?(-\d+(\.\d+)?)?(\.exe)?")
# The folders of GIMP's installer for Windows, which are not on the PATH: for a user, and for all.
_WINDOWS = {"LOCALAPPDATA": "Programs/GIMP 3/bin", "PROGRAMFILES": "GIMP 3/bin"}
_VERSION = re.compile(r"\b(\d+)\.(\d+)(?:\.\d+)?")


@dataclass(frozen=True)
class Gimp:
    """An installed GIMP.

    version: the version of its profile, such as 3.0.
    exact_version: such as 3.0.4.
    command: the command that starts it.
    is_flatpak: whether it runs in Flatpak's sandbox.
    """

    version: str
    exact_version: str
    command: tuple[str, ...]
    is_flatpak: bool = False

    @property
    def is_new_enough(self) -> bool:
        """Returns whether it can run plug-ins in Python 3."""
        return self.version.startswith("3.")

    @property
    def profile(self) -> Path:
        """The folder of its settings and plug-ins."""
        usual = config_home() / "GIMP" / self.version
        if self.is_flatpak and not usual.is_dir():
            return home_dir() / ".var/app" / FLATPAK / "config/GIMP" / self.version
        return usual

    def make_profile(self) -> None:
        """Starts it without a window, so that it takes over the settings of an older version."""
        run_quietly([*self._console_command(), "--no-interface", "--quit"])
        self.profile.mkdir(parents=True, exist_ok=True)

    def _console_command(self) -> tuple[str, ...]:
        """Returns the command of its console program, if it has one: that runs without a screen."""
        program, *rest = self.command
        if self.is_flatpak or "console" in Path(program).name:
            return self.command
        name = Path(program).name.replace("gimp", "gimp-console", 1)
        console = Path(program).with_name(name)
        return (str(console), *rest) if os.access(console, os.X_OK) else self.command


def config_home() -> Path:
    """Returns $XDG_CONFIG_HOME or its default."""
    return xdg_dir("XDG_CONFIG_HOME", ".config")


def installed_gimps() -> list[Gimp]:
    """Returns the GIMPs on the PATH and in Flatpak, each version once."""
    gimps: dict[tuple[str, bool], Gimp] = {}
    for command, is_flatpak in [*_commands(), *_flatpak_commands()]:
        match = _VERSION.search(output_of([*command, "--version"]) or "")
        if match:
            version = f"{match[1]}.{match[2]}"
            gimps.setdefault((version, is_flatpak), Gimp(version, match[0], command, is_flatpak))
    return [gimps[key] for key in sorted(gimps)]


def _commands() -> Iterator[tuple[tuple[str, ...], bool]]:
    folders = [*os.get_exec_path(), *_folders_on_windows()]
    names = {
        path.name
        for folder in folders
        if Path(folder).is_dir()
        for path in Path(folder).iterdir()
        if _COMMAND.fullmatch(path.name)
    }
    for name in sorted(names):
        if program := shutil.which(name, path=os.pathsep.join(folders)):
            yield (str(Path(program).absolute()),), False


def _folders_on_windows() -> list[str]:
    if sys.platform != "win32":
        return []
    return [
        str(Path(os.environ[name], path)) for name, path in _WINDOWS.items() if name in os.environ
    ]


def _flatpak_commands() -> Iterator[tuple[tuple[str, ...], bool]]:
    if flatpak_folder() is not None and shutil.which("flatpak"):
        yield ("flatpak", "run", FLATPAK), True


def flatpak_folder() -> Path | None:
    """Returns the Flatpak installation, the user's or the system's, that has GIMP, if any."""
    data_home = xdg_dir("XDG_DATA_HOME", ".local/share")
    folders = [data_home / "flatpak", Path("/var/lib/flatpak")]
    return next((path for path in folders if (path / "app" / FLATPAK).is_dir()), None)


def profiles() -> list[Path]:
    """Returns the settings folders of all versions of GIMP 3 that have been started."""
    homes = (
        config_home() / "GIMP",
        home_dir() / ".var/app" / FLATPAK / "config/GIMP",
        home_dir() / "snap/gimp/current/.config/GIMP",
    )
    return sorted(path for home in homes for path in home.glob("3.*") if path.is_dir())
