"""The daemon as a service of systemd."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from impasto_daemon.commands.output import say
from impasto_daemon.setup.failure import SetupFailed
from impasto_daemon.setup.gimps import config_home
from impasto_daemon.setup.programs import run, succeeds
from impasto_daemon.setup.running_daemon import stop_daemon
from impasto_shared.files.atomic_write import write_atomically
from impasto_shared.files.paths import home_dir
from impasto_shared.installation.environment import Environment

UNIT = "impasto.service"
_SYSTEMCTL = ("systemctl", "--user")
_PLACEHOLDER = "@ENVIRONMENT@"


def service_unit() -> Path:
    """Returns the path of the unit."""
    return config_home() / "systemd/user" / UNIT


def check_unit() -> None:
    """Raises SetupFailed if the unit is a link: it is not written through."""
    unit = service_unit()
    if unit.is_symlink():
        raise SetupFailed(f"{unit} is a link to {unit.readlink()}. Remove the link first.")


def install(environment: Environment) -> None:
    """Writes the unit, and has systemd start the daemon."""
    check_unit()
    unit = service_unit()
    for folder in (unit.parent, home_dir() / ".cache/impasto"):  # the unit may write to the second
        folder.mkdir(parents=True, exist_ok=True)
    write_atomically(unit, unit_text(environment).encode(errors="surrogateescape"))
    say(f"Service: wrote {unit}")
    if _has_systemd():
        stop_daemon(environment)
        run([*_SYSTEMCTL, "daemon-reload"])
        run([*_SYSTEMCTL, "enable", "--now", UNIT])
        say("Service: running, and started at every login")
    else:
        say(
            "Service: systemd cannot be reached from here. In your login session, run:",
            f"  systemctl --user enable --now {UNIT}",
            "Until then, Impasto starts the daemon when it is needed.",
        )


def unit_text(environment: Environment) -> str:
    """Returns the unit for the daemon of an environment."""
    # As systemd.syntax(7) has it: between quotation marks, and with specifiers and variables.
    folder = str(environment.folder)
    for character, escaped in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%"), ("$", "$$")):
        folder = folder.replace(character, escaped)
    template = Path(__file__).with_name(UNIT).read_text()
    return template.replace(_PLACEHOLDER, folder)


def start_again() -> None:
    """Starts the service if it is installed: its daemon was stopped for an update."""
    if service_unit().is_file() and _has_systemd():
        run([*_SYSTEMCTL, "start", UNIT])


def uninstall() -> None:
    """Removes the unit, and says so."""
    unit = service_unit()
    if not unit.is_file():
        return
    if _has_systemd():
        run([*_SYSTEMCTL, "disable", "--now", UNIT])
    unit.unlink()
    say(f"Removed {unit}")
    for folder in (home_dir() / ".cache/impasto", home_dir() / ".cache"):
        with suppress(OSError):  # they are not empty
            folder.rmdir()


def _has_systemd() -> bool:
    return succeeds([*_SYSTEMCTL, "show-environment"])
