"""The plug-in, installed in and removed from every profile of GIMP 3."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from impasto_daemon.commands.output import say
from impasto_daemon.setup import plugin_files
from impasto_daemon.setup.failure import SetupFailed
from impasto_daemon.setup.gimps import FLATPAK, flatpak_folder, installed_gimps, profiles
from impasto_daemon.setup.plugin_files import NAME, is_plugin
from impasto_daemon.setup.pythons import ANY_PYTHON, chosen_python, first_line_for
from impasto_daemon.setup.service import service_unit
from impasto_shared.files.paths import data_dir, home_dir


def folder_in(profile: Path) -> Path:
    """Returns the plug-in's folder in a profile."""
    return profile / "plug-ins" / NAME


def check_folders() -> None:
    """Raises SetupFailed if something else is in a place of the plug-in: a link, or a folder."""
    for folder in map(folder_in, profiles()):
        if folder.is_symlink():
            raise SetupFailed(
                f"{folder} is a link to {folder.readlink()}, and is left alone. Remove the link, "
                "and try again."
            )
        if not is_plugin(folder):
            raise SetupFailed(
                f"{folder} is not Impasto's, and is left alone. Move it away, and try again."
            )


def install(*, is_linked: bool = False, again: str, service: str) -> bool:
    """Installs the plug-in in every profile, and returns whether there is one.

    is_linked: whether it follows its source, for developers.
    again, service: the commands to name if there is no GIMP, and if one needs the service.
    """
    _remove_copy_of_earlier_versions()
    _make_missing_profiles()
    present = profiles()
    if not present:
        say(f"GIMP: no GIMP 3 found. Install GIMP 3, then run {again}")
        return False
    source = plugin_files.plugin_source()
    place = plugin_files.link if is_linked else plugin_files.install
    usual = first_line_for(chosen_python())
    for profile in present:
        folder = folder_in(profile)
        line = ANY_PYTHON if _is_sandboxed(profile) else usual
        has_changed = place(source, folder, line)
        say(f"Plug-in: {'installed' if has_changed else 'up to date'} in {folder}")
    if flatpak_folder() is not None and not service_unit().is_file():
        say(f"GIMP in Flatpak: it cannot start the daemon. Run {service}, so that systemd does.")
    return True


def uninstall() -> None:
    """Removes the plug-in from every profile, and says so."""
    _remove_copy_of_earlier_versions()
    for profile in profiles():
        folder = folder_in(profile)
        if not folder.is_dir():
            continue
        if not is_plugin(folder):
            say(f"Kept {folder}: it is a link, or was not made by Impasto")
            continue
        plugin_files.remove(folder)
        if folder.is_dir():
            say(f"Kept {folder}: it holds files that are not Impasto's")
        else:
            say(f"Removed {folder}")
        for parent in (profile / "plug-ins", profile):
            with suppress(OSError):
                parent.rmdir()


def _is_sandboxed(profile: Path) -> bool:
    """Returns whether a profile belongs to a GIMP in Flatpak, which has a Python of its own."""
    return home_dir() / ".var/app" / FLATPAK in profile.parents


def _make_missing_profiles() -> None:
    """Has GIMP create its folder: it adopts an older version's settings only if that is missing."""
    for gimp in installed_gimps():
        if not gimp.is_new_enough or gimp.profile.is_dir():
            continue
        say(f"GIMP {gimp.version}: never started yet; creating its folder {gimp.profile}")
        with suppress(SetupFailed):
            gimp.make_profile()
        gimp.profile.mkdir(parents=True, exist_ok=True)


def _remove_copy_of_earlier_versions() -> None:
    copy = data_dir() / "plug-in"
    if copy.is_dir() and is_plugin(copy):
        plugin_files.remove(copy)
