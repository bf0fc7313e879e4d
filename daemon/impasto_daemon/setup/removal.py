"""The end of what was installed, and what stays."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from impasto_daemon.commands.output import say
from impasto_daemon.setup import environment as environments
from impasto_daemon.setup import plugin, service
from impasto_daemon.setup.running_daemon import stop_daemon
from impasto_shared.files.atomic_write import drafts_below
from impasto_shared.files.paths import cache_dir, config_dir, data_dir, log_path
from impasto_shared.installation.environment import Environment, program_record
from impasto_shared.installation.installation import PYTHON_FOLDER


def remove_all(environment: Environment) -> None:
    """Ends the daemon, and removes service, plug-in and, if the setup made it, the environment."""
    service.uninstall()
    stop_daemon(environment)
    plugin.uninstall()
    program_record().unlink(missing_ok=True)
    environments.uninstall(environment)
    remove_downloads(data_dir())
    say_what_stays()


def remove_downloads(folder: Path) -> None:
    """Removes the uv that the plug-in has downloaded, its Python, and what is not finished."""
    for place in folder.glob("uv-*"):
        if place.is_dir() and {path.name for path in place.iterdir()} <= {"uv", "uv.new"}:
            shutil.rmtree(place)
    shutil.rmtree(folder / PYTHON_FOLDER, ignore_errors=True)
    for draft in (*folder.glob("uv.whl.part"), *drafts_below(folder)):
        draft.unlink(missing_ok=True)


def _cache_of_uv() -> Path:
    configured = os.environ.get("UV_CACHE_DIR", "")
    return Path(configured) if configured else cache_dir() / "uv"


def say_what_stays() -> None:
    """Prints the folders of the person's own things."""
    say(
        "Kept: your settings and keys, your own styles and pictures, downloaded networks, the log "
        "and the cache."
    )
    folders = {
        config_dir(): "settings, keys and authorised clients",
        log_path().parent: "the log",
        cache_dir() / "impasto": "pictures and the speed of this machine",
        _cache_of_uv(): "the packages that uv has downloaded, for any program; it can be removed",
    }
    for folder, contents in folders.items():
        if folder.exists():
            say(f"  {folder}: {contents}")
