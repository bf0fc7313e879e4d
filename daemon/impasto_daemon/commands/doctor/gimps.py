"""The checks of the GIMPs on this machine, and of what a sandbox shows to one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from impasto_daemon.commands.doctor.finding import Finding, note, ok, problem
from impasto_daemon.server.process.endpoint import Address
from impasto_daemon.setup.gimps import Gimp, profiles
from impasto_shared.errors import ImpastoError
from impasto_shared.files.paths import home_dir, sandbox_endpoint, socket_path, usual_endpoint


def check_gimps(gimps: list[Gimp]) -> Iterator[Finding]:
    """Checks for a GIMP that can run the plug-in and has a profile to install it in."""
    new_enough = [gimp for gimp in gimps if gimp.is_new_enough]
    for gimp in gimps:
        location = "Flatpak" if gimp.is_flatpak else gimp.command[0]
        topic = f"GIMP {gimp.exact_version}"
        if not gimp.is_new_enough:
            yield note(topic, f"this GIMP ({location}) is too old; the plug-in needs GIMP 3")
        elif gimp.profile.is_dir():
            yield ok(topic, f"{location}, with its plug-ins in {gimp.profile / 'plug-ins'}")
        else:
            yield problem(
                topic,
                f"this GIMP ({location}) has never been started, so it has no folder "
                f"{gimp.profile} yet",
                "Start GIMP once, then run: impasto doctor --fix",
                fix=gimp.make_profile,
            )
    if gimps and not new_enough:
        yield problem("GIMP", "only an older version is installed", "Install GIMP 3.")
    elif not gimps and not profiles():
        yield note(
            "GIMP",
            "not installed, and no settings folder exists",
            "Install GIMP 3, or start its AppImage once; then run: impasto doctor --fix",
        )


def check_sandbox(gimps: list[Gimp], endpoint: str, unit: Path) -> Iterator[Finding]:
    """Checks that a GIMP in a sandbox can reach the daemon's socket, and that systemd starts it."""
    if not any(gimp.is_flatpak and gimp.is_new_enough for gimp in gimps):
        return
    yield _reachable(endpoint)
    if not unit.exists():
        yield note(
            "sandbox",
            "the GIMP in Flatpak cannot start the daemon itself",
            "Run impasto setup --service, or impasto serve.",
        )


def _reachable(endpoint: str) -> Finding:
    """Returns whether a sandbox shows the socket of `endpoint`: it shows the home folder only."""
    is_usual = endpoint == usual_endpoint()
    try:
        path = socket_path(sandbox_endpoint() if is_usual else endpoint)
        if is_usual and path is not None and not path.is_socket():
            Address(sandbox_endpoint(), is_another=True).check()
            if Path(usual_endpoint().removeprefix("ipc://")).is_socket():
                return problem(
                    "sandbox",
                    f"the daemon has no socket for the GIMP in Flatpak, {path}",
                    "End the daemon, so that it starts again: its log says more.",
                )
    except (ImpastoError, OSError) as error:
        return problem("sandbox", f"the GIMP in Flatpak cannot reach the daemon: {error}")
    if path is None or home_dir() in path.parents:
        return ok("sandbox", f"the GIMP in Flatpak can reach the daemon at {path or endpoint}")
    return problem(
        "sandbox",
        f"the GIMP in Flatpak does not see the daemon's socket {path}",
        "Remove the option endpoint (impasto config), or choose a path in your home folder.",
    )
