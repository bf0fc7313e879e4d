"""The daemon as a service of systemd."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from impasto_daemon.commands.output import say
from impasto_daemon.setup.failure import SetupFailed
from impasto_daemon.setup.gimps import config_home
from impasto_daemon.setup.programs import run, succeeds
from impasto_daemon.setup.running_daemon import stop_daemon
from impasto_shared.files.atomic_write import drafts_below, write_atomically
from impasto_shared.files.paths import fits_socket, home_dir, sandbox_endpoint
from impasto_shared.installation.environment import Environment

UNIT = "impasto.service"
SOCKET = "impasto.socket"
_UNITS = (SOCKET, UNIT)  # in the order of their start
_SYSTEMCTL = ("systemctl", "--user")
_PLACEHOLDER = "@ENVIRONMENT@"
_SANDBOX = "%h/.cache/impasto/sandbox/"


def service_unit() -> Path:
    """Returns the path of the unit that starts the daemon."""
    return _folder() / UNIT


def socket_unit() -> Path:
    """Returns the path of the unit of the sockets at which systemd starts the daemon."""
    return _folder() / SOCKET


def _folder() -> Path:
    return config_home() / "systemd/user"


def check_unit() -> None:
    """Raises SetupFailed if a unit is a link: it is not written through."""
    for unit in (service_unit(), socket_unit()):
        if unit.is_symlink():
            raise SetupFailed(f"{unit} is a link to {unit.readlink()}. Remove the link first.")


def install(environment: Environment) -> None:
    """Writes the units, and has systemd start the daemon."""
    check_unit()
    unit = service_unit()
    for folder in (unit.parent, home_dir() / ".cache/impasto"):  # the unit may write to the second
        folder.mkdir(parents=True, exist_ok=True)
    write_atomically(unit, unit_text(environment).encode(errors="surrogateescape"))
    write_atomically(socket_unit(), socket_text().encode())
    say(f"Service: wrote {unit} and {SOCKET}")
    if has_systemd():
        run([*_SYSTEMCTL, "daemon-reload"])
        stop(environment)
        run([*_SYSTEMCTL, "enable", "--now", *_UNITS])
        say("Service: running, and started at every login, and when a program needs it")
    else:
        say(
            "Service: systemd cannot be reached from here. In your login session, run:",
            f"  systemctl --user enable --now {' '.join(_UNITS)}",
            "Until then, Impasto starts the daemon when it is needed.",
        )


def socket_text() -> str:
    """Returns the unit of the sockets; without the one for sandboxes if its path is too long."""
    text = Path(__file__).with_name(SOCKET).read_text()
    if fits_socket(sandbox_endpoint().removeprefix("ipc://")):
        return text
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if _SANDBOX not in line)


def unit_text(environment: Environment) -> str:
    """Returns the unit for the daemon of an environment."""
    # As systemd.syntax(7) has it: between quotation marks, and with specifiers and variables.
    folder = str(environment.folder)
    for character, escaped in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%"), ("$", "$$")):
        folder = folder.replace(character, escaped)
    template = Path(__file__).with_name(UNIT).read_text()
    return template.replace(_PLACEHOLDER, folder)


def stop(environment: Environment) -> None:
    """Ends the daemon of an environment, and has systemd start none while that is changed."""
    if _is_for(environment) and has_systemd():
        run([*_SYSTEMCTL, "stop", *_installed()])
    stop_daemon(environment)


def start_again(environment: Environment) -> None:
    """Starts what `stop` has ended, unless the user has disabled it."""
    if not (_is_for(environment) and has_systemd()):
        return
    is_enabled = [*_SYSTEMCTL, "is-enabled", "--quiet"]
    if units := [unit for unit in _installed() if succeeds([*is_enabled, unit])]:
        run([*_SYSTEMCTL, "start", *units])


def uninstall() -> None:
    """Removes the units, and says so."""
    for draft in drafts_below(_folder()):
        draft.unlink(missing_ok=True)
    units = _installed()
    if not units:
        return
    if has_systemd():
        run([*_SYSTEMCTL, "disable", "--now", *units])
    for unit in units:
        (_folder() / unit).unlink()
        say(f"Removed {_folder() / unit}")
    for name in (".cache/impasto/sandbox", ".cache/impasto", ".cache"):
        with suppress(OSError):  # they are not empty
            (home_dir() / name).rmdir()


def _installed() -> list[str]:
    """Returns the names of the units that are there: earlier versions had one."""
    return [unit for unit in _UNITS if (_folder() / unit).is_file()]


def _is_for(environment: Environment) -> bool:
    """Returns whether the installed unit starts the daemon of an environment."""
    (start,) = re.findall(r"^ExecStart=.*$", unit_text(environment), re.MULTILINE)
    unit = service_unit()
    return unit.is_file() and start in unit.read_text(errors="surrogateescape").splitlines()


def has_systemd() -> bool:
    """Returns whether this user's systemd can be reached."""
    return succeeds([*_SYSTEMCTL, "show-environment"])


def is_listening() -> bool:
    """Returns whether this user's systemd listens at the sockets."""
    return succeeds([*_SYSTEMCTL, "is-active", "--quiet", SOCKET])
