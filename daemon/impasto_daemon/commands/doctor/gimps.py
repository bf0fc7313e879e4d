"""Which GIMPs there are on this machine, where each keeps its plug-ins, and who runs them.

A Flatpak's GIMP keeps its settings in ~/.config/GIMP/VERSION where that folder exists, as other
GIMPs do, else in its own folder below ~/.var/app.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from impasto_daemon.commands.doctor.finding import (
    Finding,
    answer_of,
    note,
    ok,
    problem,
    run_to_mend,
)

FLATPAK = "org.gimp.GIMP"
_COMMAND = re.compile(r"gimp(-console)?(-\d+(\.\d+)?)?")
_VERSION = re.compile(r"\b(\d+)\.(\d+)(?:\.\d+)?")


@dataclass(frozen=True)
class Gimp:
    """A GIMP.

    version: of its profile, such as 3.0.
    exact_version: such as 3.0.4.
    command: starts it.
    is_flatpak: whether it runs in Flatpak's sandbox.
    """

    version: str
    exact_version: str
    command: tuple[str, ...]
    is_flatpak: bool = False

    @property
    def is_new_enough(self) -> bool:
        """Whether it can run plug-ins in Python 3."""
        return self.version.startswith("3.")

    @property
    def profile(self) -> Path:
        """The folder of its settings and plug-ins."""
        usual = config_home() / "GIMP" / self.version
        if self.is_flatpak and not usual.is_dir():
            return Path.home() / ".var/app" / FLATPAK / "config/GIMP" / self.version
        return usual

    def make_profile(self) -> None:
        """Starts it without a window: only itself takes over the settings of an older one."""
        run_to_mend([*self._console_command(), "--no-interface", "--quit"])
        self.profile.mkdir(parents=True, exist_ok=True)

    def _console_command(self) -> tuple[str, ...]:
        """The program beside it that needs no screen, as over ssh, if there is one."""
        program, *rest = self.command
        if self.is_flatpak or "console" in Path(program).name:
            return self.command
        name = Path(program).name.replace("gimp", "gimp-console", 1)
        console = Path(program).with_name(name)
        return (str(console), *rest) if os.access(console, os.X_OK) else self.command


def config_home() -> Path:
    """$XDG_CONFIG_HOME, or what it is without."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")


def installed_gimps() -> list[Gimp]:
    """The GIMPs on the PATH and in Flatpak's folders, each version of each once."""
    found: dict[tuple[str, bool], Gimp] = {}
    for command, is_flatpak in [*_commands(), *_flatpak_commands()]:
        match = _VERSION.search(answer_of([*command, "--version"]) or "")
        if match:
            version = f"{match[1]}.{match[2]}"
            found.setdefault((version, is_flatpak), Gimp(version, match[0], command, is_flatpak))
    return [found[key] for key in sorted(found)]


def _commands() -> Iterator[tuple[tuple[str, ...], bool]]:
    names = {
        path.name
        for folder in os.get_exec_path()
        if Path(folder).is_dir()
        for path in Path(folder).iterdir()
        if _COMMAND.fullmatch(path.name)
    }
    for name in sorted(names):
        if program := shutil.which(name):
            yield (program,), False


def _flatpak_commands() -> Iterator[tuple[tuple[str, ...], bool]]:
    if flatpak_folder() is not None and shutil.which("flatpak"):
        yield ("flatpak", "run", FLATPAK), True


def flatpak_folder() -> Path | None:
    """Where GIMP's Flatpak is installed, for this user or for all."""
    data_home = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share")
    folders = [data_home / "flatpak", Path("/var/lib/flatpak")]
    return next((path for path in folders if (path / "app" / FLATPAK).is_dir()), None)


def profiles() -> list[Path]:
    """The folders of settings that GIMPs of version 3 have made."""
    homes = (
        config_home() / "GIMP",
        Path.home() / ".var/app" / FLATPAK / "config/GIMP",
        Path.home() / "snap/gimp/current/.config/GIMP",
    )
    return sorted(path for home in homes for path in home.glob("3.*") if path.is_dir())


def check_gimps(gimps: list[Gimp]) -> Iterator[Finding]:
    """Whether there is a GIMP that can run the plug-in, and has a profile to put it into."""
    new_enough = [gimp for gimp in gimps if gimp.is_new_enough]
    for gimp in gimps:
        where = "Flatpak" if gimp.is_flatpak else gimp.command[0]
        topic = f"GIMP {gimp.exact_version}"
        if not gimp.is_new_enough:
            yield note(topic, f"{where} is too old for this plug-in")
        elif gimp.profile.is_dir():
            yield ok(topic, f"{where}, with its plug-ins in {gimp.profile / 'plug-ins'}")
        else:
            yield problem(
                topic,
                f"{where} was never started, so there is no folder {gimp.profile} yet",
                "Start GIMP once, then run: impasto doctor --mend",
                mend=gimp.make_profile,
            )
    if gimps and not new_enough:
        yield problem("GIMP", "there is no GIMP 3, only an older one", "Install GIMP 3.")
    elif not gimps and not profiles():
        yield note(
            "GIMP",
            "none is found, and no folder of one",
            "Install GIMP 3, or start its AppImage once; then run: impasto doctor --mend",
        )


def check_sandbox(gimps: list[Gimp], endpoint: str, unit: Path) -> Iterator[Finding]:
    """Whether a GIMP in a sandbox can reach the daemon's socket, and somebody starts it."""
    if not any(gimp.is_flatpak and gimp.is_new_enough for gimp in gimps):
        return
    permission = "xdg-run/impasto"
    if endpoint.startswith("ipc:") and permission not in _flatpak_permissions():
        change = ("flatpak", "override", "--user", f"--filesystem={permission}:create", FLATPAK)
        yield problem(
            "sandbox",
            "Flatpak keeps its GIMP from the daemon's socket",
            f"Run: {' '.join(change)}",
            mend=_command_to_mend(change),
        )
    else:
        yield ok("sandbox", "the GIMP of Flatpak can reach the daemon")
    if not unit.exists():
        yield note(
            "sandbox",
            "a GIMP in Flatpak's sandbox cannot start the daemon",
            "Run ./install.sh service in the Impasto folder, or impasto serve.",
        )


def _command_to_mend(command: tuple[str, ...]) -> Callable[[], None]:
    return lambda: run_to_mend(command)


def _flatpak_permissions() -> str:
    """The files in which GIMP's Flatpak is given access to folders, one after another."""
    data_home = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share")
    places = [
        home / "overrides" / FLATPAK for home in (data_home / "flatpak", Path("/var/lib/flatpak"))
    ]
    folder = flatpak_folder()
    if folder is not None:
        places.append(folder / "app" / FLATPAK / "current/active/metadata")
    return "\n".join(path.read_text() for path in places if path.is_file())
